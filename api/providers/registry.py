"""The providers: added, changed, removed, found by a model's name (how a name is read is in resolving.py).

A few dozen rows, held in memory and written through. A call that has begun keeps the provider it was given: a
change is for the next one. What is removed is gone from the disk at once, and from memory when it can no longer be
undone.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Final, TypedDict, Unpack
from weakref import ref

from msgspec import Struct, structs

from api.dialects.quirks import NONE, Quirks
from api.errors import ProviderRefused, SaidInWords, UnknownModel
from api.providers import local_files, testing
from api.providers.catalog import Catalog, Fetch
from api.providers.near import no_such_model
from api.providers.provider import (
    LOCAL,
    TESTING,
    Check,
    Model,
    Provider,
    Route,
    checked_base_url,
    checked_dialects,
    checked_id,
    checked_key,
    checked_name,
    local_provider,
    origin,
    testing_provider,
)
from api.providers.resolving import by_bare_name, by_prefix, refuse_unready
from api.providers.rows import read, write
from api.store import Store
from api.store import providers as statements
from api.vault import Vault

UNDO_SECONDS: Final = 10.0  # how long what was removed can be restored
REMEMBERED: Final = 4096  # names whose route is kept, so that the hot path looks up one dictionary
# Their models have been there since Morello has: callers may sort by `created`, and it must not change.
BORN: Final = 1_763_856_000


class Changes(TypedDict, total=False):
    """What of a provider is to be another: only what is given."""

    name: str
    base_url: str
    dialect: str
    key: str | None
    quirks: Quirks


class Removed(Struct, frozen=True):
    """What is needed to restore a provider, and the timer that forgets it."""

    provider: Provider
    models: tuple[Model, ...]
    forgotten: asyncio.TimerHandle


class Providers:
    """Every provider, the built-in ones last."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        fetch: Fetch,
        changed: Callable[[], None],
        local_fault: SaidInWords | None,
        own_ports: Callable[[], frozenset[int]] = frozenset,
        let_go: Callable[[str], None] = lambda id: None,
        local_model: Model | None = None,
    ) -> None:
        self._store, self._vault, self._told = store, vault, changed
        self._own_ports, self._let_go = own_ports, let_go
        self._alive: tuple[ref[Provider], ...] = ()
        self._routes: dict[str, Route] = {}
        self._turn = asyncio.Lock()
        self._rows = {row.id: read(row, vault) for row in store.load(statements.load)}
        self._watch(*self._rows.values())
        self._built_in = {TESTING: testing_provider(BORN), LOCAL: local_provider(BORN, local_fault)}
        self._local_model = local_model or local_files.listed(None)
        self._removed: dict[str, Removed] = {}
        self._checks: dict[str, Check] = {}
        self.catalog = Catalog(store, fetch, self._changed)

    def all(self) -> list[Provider]:
        """The owner's providers, oldest first."""
        return list(self._rows.values())

    def built_in(self) -> list[Provider]:
        """Those that are part of Morello."""
        return list(self._built_in.values())

    def find(self, provider: str) -> Provider | None:
        """The provider of that id, built-in ones included."""
        return self._rows.get(provider) or self._built_in.get(provider)

    def known(self, id: str) -> Provider:
        """The same; `ProviderRefused` if there is none."""
        if provider := self.find(id):
            return provider
        raise self._no_such_provider(id)

    def secrets(self) -> Iterator[str]:
        """Every provider's key that is known, also one that was replaced or removed, while a call still uses it."""
        for provider in (reference() for reference in self._alive):
            if provider and provider.key:
                yield str(provider.key)

    def draft(
        self, id: str, dialect: str, base_url: str, key: str | None, *, name: str | None = None, quirks: Quirks = NONE
    ) -> Provider:
        """A provider as `add` would keep it. `ProviderRefused` says which field is wrong and why."""
        if checked_id(id) in self._rows:
            raise ProviderRefused(
                "There is a provider “%(id)s” already. Choose another id, or remove that one.", "id", id=id
            )
        dialects = checked_dialects(dialect)
        return Provider(
            id=id,
            name=checked_name(name or id),
            dialects=dialects,
            base_url=checked_base_url(base_url, dialects[0], self._own_ports()),
            key=None if key is None else checked_key(key),
            created=time.time(),
            quirks=quirks,
        )

    async def add(
        self, id: str, dialect: str, base_url: str, key: str | None, *, name: str | None = None, quirks: Quirks = NONE
    ) -> Provider:
        """Keep a new provider; nobody is called. `ProviderRefused` says which field is wrong and why.

        `dialect` may name several, with a “+” between them.
        """
        async with self._turn:
            return await self._keep(self.draft(id, dialect, base_url, key, name=name, quirks=quirks))

    def redraft(self, id: str, **changes: Unpack[Changes]) -> Provider:
        """The provider `id` as `edit` would keep it: what is not given stays, a `key` of None is no key.

        A key belongs to the host it was given for: whoever changes the host gives a key again, or a page that got
        hold of the owner's session could have it sent to itself.
        """
        old = self._own(id)
        dialects = checked_dialects(changes["dialect"]) if "dialect" in changes else old.dialects
        url = checked_base_url(changes.get("base_url", old.base_url), dialects[0], self._own_ports())
        new = structs.replace(
            old,
            name=checked_name(changes["name"]) if "name" in changes else old.name,
            dialects=dialects,
            base_url=url,
            quirks=changes.get("quirks", old.quirks),
        )
        if "key" not in changes:
            self._refuse_another_host(old, url)
            return new
        key = changes["key"]
        return structs.replace(new, key=None if key is None else checked_key(key), fault=None)

    async def edit(self, id: str, **changes: Unpack[Changes]) -> Provider:
        """Keep what `redraft` gives; nobody is called. What was known of it by asking is forgotten."""
        async with self._turn:
            old, new = self._own(id), self.redraft(id, **changes)
            await self._rewrite(new, with_key="key" in changes)
            if _address(new) != _address(old) or new.key != old.key:
                self._doubt(new, old)
            return new

    async def switch(self, id: str, enabled: bool) -> Provider:
        """Let a provider be asked, or not."""
        async with self._turn:
            new = structs.replace(self._own(id), enabled=enabled)
            await self._rewrite(new, with_key=False)
            return new

    async def remove(self, id: str) -> None:
        """Forget a provider and its key: on the disk at once, in memory when `UNDO_SECONDS` are over."""
        async with self._turn:
            provider = self._own(id)
            models = self.catalog.of(provider)
            await self._store.erase(lambda db: statements.remove(db, id))
            del self._rows[id]
            self._checks.pop(id, None)
            self._hold(provider, models)
            self.catalog.forget(id)

    def removed(self, id: str) -> Provider | None:
        """A provider that was just removed and can be restored."""
        removed = self._removed.get(id)
        return removed.provider if removed and id not in self._rows else None

    async def restore(self, id: str) -> Provider:
        """Put back a provider that was just removed, in its old place."""
        async with self._turn:
            removed = self._removed.get(id)
            if removed is None:
                raise ProviderRefused(
                    "“%(id)s” cannot be restored any more. Add it again, with its key.", "id", id=id[:40]
                )
            if id in self._rows:
                raise ProviderRefused("There is another provider “%(id)s” by now. Remove that one first.", "id", id=id)
            provider = await self._keep(removed.provider)
            self._forget_removed(id)
            if removed.models:
                await self.catalog.learn(provider, removed.models)
            return provider

    def checked(self, id: str) -> Check | None:
        """What came of the last test of a provider as it is now."""
        return self._checks.get(id)

    async def note(self, provider: Provider, check: Check, models: tuple[Model, ...]) -> None:
        """Remember a test of a provider, if it is one that is kept and has not changed meanwhile."""
        if self.find(provider.id) != provider:
            return
        self._checks[provider.id] = check
        if provider.is_built_in:
            self._told()
        elif check.error:
            self.catalog.miss(provider, check.error)
        else:
            await self.catalog.learn(provider, models)

    async def close(self) -> None:
        """End what is being fetched, and forget what was removed."""
        for id in list(self._removed):
            self._forget_removed(id)
        await self.catalog.close()

    async def resolve(self, asked: str, look: bool = True) -> Route:
        """Whom `asked` means. `UnknownModel` names near misses, `ProviderNotReady` what is missing.

        Without `look` no provider is asked for its models, even where its list is due.
        """
        if route := self._routes.get(asked):
            return route
        route = by_prefix(asked, self.find, self.models)
        if not route:
            if look:
                await self.freshen()
            route = by_bare_name(asked, self.listed())
        if not route:
            raise self._unknown(asked)
        refuse_unready(route.provider)
        if len(self._routes) < REMEMBERED:
            self._routes[asked] = route
        return route

    def listed(self) -> list[tuple[Provider, Model]]:
        """Every model of every enabled provider, as last fetched, the built-in ones last."""
        own = [(provider, model) for provider in self._rows.values() for model in self.models(provider)]
        return own + [(provider, model) for provider in self._built_in.values() for model in self.models(provider)]

    def serve_locally(self, fault: SaidInWords | None, model: Model) -> None:
        """Have the built-in provider serve `model` from now on; `fault` is why it cannot."""
        self._built_in[LOCAL] = local_provider(BORN, fault)
        self._local_model = model
        self._checks.pop(LOCAL, None)
        self._changed()

    async def freshen(self, seconds: float | None = None) -> None:
        """Ask the providers whose model list is due."""
        due = [provider for provider in self._rows.values() if provider.enabled and not provider.fault]
        await (self.catalog.freshen(due) if seconds is None else self.catalog.freshen(due, seconds))

    def models(self, provider: Provider) -> tuple[Model, ...]:
        """What `provider` listed when it was last asked; nothing if it cannot be asked now."""
        if not provider.enabled or provider.fault:
            return ()
        if provider.id == TESTING:
            return testing.MODELS
        if provider.id == LOCAL:
            return (self._local_model,)
        return self.catalog.of(provider)

    def _unknown(self, asked: str) -> UnknownModel:
        names = [f"{provider.id}:{model.id}" for provider, model in self.listed()]
        own = f"{LOCAL}:{self._local_model.id}"
        if not asked.startswith(f"{LOCAL}:") or own not in names:
            return no_such_model(asked, names)
        # It has one model, which the owner may have changed: the name of the other may be nothing like it.
        return UnknownModel(
            "There is no model “%(model)s”. The built-in provider has “%(name)s” now.", model=asked[:100], name=own
        )

    def _own(self, id: str) -> Provider:
        if id in self._built_in:
            raise ProviderRefused("“%(id)s” is part of Morello and stays as it is.", "id", id=id)
        if id not in self._rows:
            raise self._no_such_provider(id)
        return self._rows[id]

    def _no_such_provider(self, id: str) -> ProviderRefused:
        return ProviderRefused("There is no provider “%(id)s”.", "id", id=id[:40])

    def _refuse_another_host(self, old: Provider, base_url: str) -> None:
        # One whose key cannot be read has one all the same.
        if (old.key or old.fault) and origin(base_url) != origin(old.base_url):
            raise ProviderRefused(
                "The key was given for %(old)s and does not go to another host. Give the key for %(new)s, or say that "
                "the provider wants none.",
                "key",
                old=origin(old.base_url),
                new=origin(base_url),
            )

    async def _keep(self, provider: Provider) -> Provider:
        row = write(provider, self._vault)
        await self._store.write(lambda db: statements.add(db, row))
        self._watch(provider)
        rows = {**self._rows, provider.id: provider}
        self._rows = dict(sorted(rows.items(), key=lambda item: item[1].created))
        self._changed()
        return provider

    async def _rewrite(self, provider: Provider, with_key: bool) -> None:
        row = write(provider, self._vault)
        commit = self._store.erase if with_key else self._store.write
        await commit(lambda db: statements.change(db, row, with_key))
        self._watch(provider)
        self._rows[provider.id] = provider
        self._changed()

    def _watch(self, *providers: Provider) -> None:
        # A new tuple each time: whoever logs a line in another thread reads the old one to its end.
        living = [reference for reference in self._alive if reference() is not None]
        self._alive = (*living, *map(ref, providers))

    def _doubt(self, new: Provider, old: Provider) -> None:
        self._checks.pop(new.id, None)
        self._let_go(new.id)
        if _address(new) == _address(old):
            self.catalog.expire(new.id)
        else:
            self.catalog.forget(new.id)

    def _hold(self, provider: Provider, models: tuple[Model, ...]) -> None:
        self._forget_removed(provider.id)
        timer = asyncio.get_running_loop().call_later(UNDO_SECONDS, self._forget_removed, provider.id)
        self._removed[provider.id] = Removed(provider, models, timer)

    def _forget_removed(self, id: str) -> None:
        if removed := self._removed.pop(id, None):
            removed.forgotten.cancel()
            self._let_go(id)

    def _changed(self) -> None:
        self._routes.clear()
        self._told()


def _address(provider: Provider) -> tuple[object, ...]:
    """What decides where a provider is asked, and in which words: whoever has another one is somebody else."""
    quirks = provider.quirks
    return provider.base_url, provider.dialects, quirks.api_version, quirks.deployments
