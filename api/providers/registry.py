"""The providers: added, changed, removed, found by a model's name (how a name is read is in resolving.py).

A few dozen rows, held in memory and written through. A call that has begun keeps the provider it was given: a
change is for the next one. What is removed is gone from the disk at once, and from memory when it can no longer be
undone.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypedDict, Unpack
from weakref import ref

from msgspec import Struct, structs

from api.dialects.quirks import NONE, Quirks
from api.errors import ProviderRefused, SaidInWords
from api.facts import Known, Table, bundled
from api.providers import local_files, testing
from api.providers.catalog import Catalog, Fetch
from api.providers.chosen import USUAL, Choosing, Chosen, checked_model
from api.providers.credentials import KeyChanges, with_changed_key, with_key, without_key
from api.providers.describing import described_by
from api.providers.groups import Group, Groups, Plan, Policy, checked_group, row_of
from api.providers.measuring import Found, Measured, with_measured
from api.providers.planning import Planner
from api.providers.pool import Pools
from api.providers.provider import (
    LOCAL,
    TESTING,
    Check,
    Credential,
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
    pooled,
    testing_provider,
)
from api.providers.rows import read, write, write_keys
from api.store import Store
from api.store import providers as statements
from api.upstream.proxies import checked_proxy, retyped
from api.vault import Vault

MOST_FACTS: Final = 50_000  # models whose facts are kept together
REFRESH_SECONDS: Final = 30.0  # that whoever wants all lists anew is kept waiting
UNDO_SECONDS: Final = 10.0  # how long what was removed can be restored
# Their models have been there since Morello has: callers may sort by `created`, and it must not change.
BORN: Final = 1_763_856_000


class Changes(TypedDict, total=False):
    """What of a provider is to be another: only what is given."""

    name: str
    base_url: str
    dialect: str
    key: str | None
    quirks: Quirks
    proxy: str | None


class Removed(Struct, frozen=True):
    """What is needed to restore a provider, and the timer that forgets it."""

    provider: Provider
    models: tuple[Model, ...]
    chosen: dict[str, Chosen]
    forgotten: asyncio.TimerHandle


class Refreshed(Struct, frozen=True):
    """What became of a provider's list: models that are new, and gone; `fault` where it could not be fetched."""

    provider: str
    added: tuple[str, ...]
    gone: tuple[str, ...]
    fault: SaidInWords | None


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
        self._turn = asyncio.Lock()
        self._rows = _read_all(store, vault)
        self.groups = Groups(store)
        self.pools = Pools(changed)
        self._watch(*self._rows.values())
        self._built_in = {TESTING: testing_provider(BORN), LOCAL: local_provider(BORN, local_fault)}
        self._local_model = local_model or local_files.listed(None)
        self._removed: dict[str, Removed] = {}
        self._checks: dict[str, Check] = {}
        self.catalog = Catalog(store, fetch, self._changed)
        self.choosing = Choosing(store)
        self.measured = Measured(store)
        self.table: Callable[[], Table] = bundled
        self._facts: dict[tuple[str, Model], Known] = {}
        self._planner = Planner(
            *(self.find, self.groups.find, self.models, self.listed),
            *(self.choosing.is_off, self.groups.names, self.freshen),
        )

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
            if provider:
                yield from (str(credential.key) for credential in provider.credentials)

    def draft(
        self, id: str, dialect: str, base_url: str, key: str | None, *, name: str | None = None, quirks: Quirks = NONE
    ) -> Provider:
        """A provider as `add` would keep it. `ProviderRefused` says which field is wrong and why."""
        self._refuse_taken(checked_id(id))
        dialects, now = checked_dialects(dialect), time.time()
        provider = Provider(
            id=id,
            name=checked_name(name or id),
            dialects=dialects,
            base_url=checked_base_url(base_url, dialects[0], self._own_ports()),
            created=now,
            quirks=quirks,
        )
        return provider if key is None else pooled(provider, (Credential(checked_key(key), created=now),))

    async def add(
        self, id: str, dialect: str, base_url: str, key: str | None, *, name: str | None = None, quirks: Quirks = NONE
    ) -> Provider:
        """Keep a new provider; nobody is called. `ProviderRefused` says which field is wrong and why.

        `dialect` may name several, with a “+” between them.
        """
        async with self._turn:
            return await self._keep(self.draft(id, dialect, base_url, key, name=name, quirks=quirks))

    def redraft(self, id: str, **changes: Unpack[Changes]) -> Provider:
        """The provider `id` as `edit` would keep it: what is not given stays, a `key` of None is no key at all.

        A `proxy` of None is that of the settings, an empty one none; its password may stand there as it was shown.

        A `key` takes the place of the first one.

        A key belongs to the host it was given for: whoever changes the host gives a key again, or a page that got
        hold of the owner's session could have it sent to itself.
        """
        old = self._own(id)
        dialects = checked_dialects(changes["dialect"]) if "dialect" in changes else old.dialects
        url = checked_base_url(changes.get("base_url", old.base_url), dialects[0], self._own_ports())
        proxy = changes.get("proxy", old.proxy)
        new = structs.replace(
            old,
            name=checked_name(changes["name"]) if "name" in changes else old.name,
            dialects=dialects,
            base_url=url,
            quirks=changes.get("quirks", old.quirks),
            proxy=checked_proxy(retyped(proxy, old.proxy or "")) if proxy else proxy,
        )
        if "key" not in changes:
            self._refuse_another_host(old, url)
            return new
        new = structs.replace(new, fault=None)
        if (key := changes["key"]) is None:
            return pooled(new, ())
        first = Credential(checked_key(key), created=time.time())
        moved = origin(url) != origin(old.base_url)  # the other keys were given for another host
        return pooled(new, (first, *(() if moved else old.credentials[1:])))

    async def edit(self, id: str, **changes: Unpack[Changes]) -> Provider:
        """Keep what `redraft` gives; nobody is called. What was known of it by asking is forgotten."""
        async with self._turn:
            old, new = self._own(id), self.redraft(id, **changes)
            await self._rewrite(new, with_key="key" in changes)
            if _address(new) != _address(old) or new.pool != old.pool:
                self._doubt(new, old)
            return new

    async def add_key(self, id: str, key: str, label: str = "", weight: int = 1) -> Provider:
        """Give a provider another key, the last of its pool; `ProviderRefused` says what is wrong with it."""
        async with self._turn:
            return await self._repool(with_key(self._own(id), key, label, weight))

    async def edit_key(self, id: str, number: int, **changes: Unpack[KeyChanges]) -> Provider:
        """Change what is given of a provider's key; one that is switched on rests no more."""
        async with self._turn:
            new = await self._repool(with_changed_key(self._own(id), number, changes))
            if changes.get("enabled"):
                self.pools.wake(new, number)
            return new

    async def remove_key(self, id: str, number: int) -> Provider:
        """Forget one of a provider's keys: it is gone from the disk when this returns."""
        async with self._turn:
            new = await self._repool(without_key(self._own(id), number))
            self.pools.wake(new, number)
            return new

    async def adopt(
        self,
        providers: Sequence[Provider],
        groups: Sequence[Group] = (),
        also: Callable[[Any], object] = lambda db: None,
    ) -> None:
        """Keep new providers, as `draft` gives them, and groups: all of them, or none. `also` is written with them."""
        async with self._turn:
            for provider in providers:
                self._refuse_taken(provider.id)
            rows = [(write(provider, self._vault), write_keys(provider, self._vault)) for provider in providers]

            def keep(db: Any) -> None:
                statements.adopt(db, rows, [row_of(group) for group in groups])
                also(db)

            await self._store.write(keep)
            self._watch(*providers)
            self._rows |= {provider.id: provider for provider in providers}
            self.groups.take(groups)
            self._changed()

    async def group(self, name: str, models: Sequence[str], policy: Policy) -> Group:
        """Have `name` stand for `models`; `ProviderRefused` says which field is wrong and why."""
        async with self._turn:
            group = checked_group(name, models, policy)
            if name in self._rows:
                raise ProviderRefused("There is a provider “%(name)s” already. Choose another name.", "name", name=name)
            for model in group.models:
                if self.groups.find(model):
                    raise ProviderRefused(
                        "“%(model)s” is an alias or group itself. Choose models.", "models", model=model
                    )
            kept = await self.groups.put(group)
            self._changed()
            return kept

    async def regroup(self, name: str) -> Group:
        """Put back the group that was removed last."""
        gone = self.groups.removed(name)
        return await self.group(gone.name, gone.models, gone.policy)

    async def ungroup(self, name: str) -> Group:
        """Forget a group."""
        async with self._turn:
            group = await self.groups.remove(name)
            self._changed()
            return group

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
            models, chosen = self.catalog.of(provider), dict(self.choosing.of(id))
            await self._store.erase(lambda db: statements.remove(db, id))
            del self._rows[id]
            self._checks.pop(id, None)
            self._hold(provider, models, chosen)
            self.choosing.forget(id)
            self.measured.forget(id)
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
            await self.choosing.put_back(id, removed.chosen)
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
        """Whom `asked` means, or asks first. `UnknownModel` names near misses, `ProviderNotReady` what is missing."""
        return (await self.plan(asked, look)).routes[0]

    async def plan(self, asked: str, look: bool = True) -> Plan:
        """Whom to ask for `asked`, in order; raises as `resolve` does.

        Without `look` no provider is asked for its models, even where its list is due.
        """
        return await self._planner.plan(asked, look)

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
        return self.choosing.offered(provider.id, self.catalog.of(provider))

    def every_model(self, provider: Provider) -> tuple[Model, ...]:
        """What `provider` listed when it was last asked, and what was added, switched off or not."""
        return self.choosing.known(provider.id, self.catalog.of(provider) or self.models(provider))

    def first(self, group: Group) -> Route | None:
        """The model of a group that is asked first, as far as that is known."""
        return self._planner.first(group)

    def facts(self, provider: Provider, model: Model) -> Known:
        """What is known of a model, and from whom."""
        known = self._facts.get((provider.id, model))
        if known is None:
            own = self.choosing.of(provider.id).get(model.id, USUAL).facts
            found = self.measured.of(provider.id, model.id)
            known = with_measured(described_by(self.table(), own, provider, model), found)
            if len(self._facts) < MOST_FACTS:
                self._facts[provider.id, model] = known
        return known

    def facts_of_others(self, provider: Provider, model: Model) -> Known:
        """What is known of a model without the owner's word."""
        found = self.measured.of(provider.id, model.id)
        return with_measured(described_by(self.table(), USUAL.facts, provider, model), found)

    async def measure(self, id: str, model: str, found: Found) -> None:
        """Keep what a model of a provider was found to do, or not to do."""
        async with self._turn:
            self.known(id)
            await self.measured.put(id, model, found)
            self._changed()

    def forget_facts(self) -> None:
        """Something is known better now."""
        self._facts.clear()

    def why_not(self, model: str) -> SaidInWords | None:
        """Why a model of that name could not be asked now, as far as that is known."""
        return self._planner.why_not(model)

    async def choose(self, provider: str, model: str, chosen: Chosen) -> None:
        """Keep what the owner chose for a model. `ProviderRefused` where there is no such provider, or no such name."""
        async with self._turn:
            self._own(provider)
            await self.choosing.put(provider, checked_model(model), chosen)
            self._changed()

    async def refresh(self, ids: Iterable[str] | None = None) -> list[Refreshed]:
        """Ask providers for their models now: all that can be asked, or those of `ids`. What became of their lists."""
        asked = [self.known(id) for id in ids] if ids is not None else self.all()
        asked = [provider for provider in asked if provider.enabled and not provider.fault and not provider.is_built_in]
        before = {provider.id: {model.id for model in self.catalog.of(provider)} for provider in asked}
        for provider in asked:
            self.catalog.expire(provider.id)
        await self.catalog.freshen(asked, REFRESH_SECONDS)
        return [self._refreshed(provider, before[provider.id]) for provider in asked]

    def _refreshed(self, provider: Provider, before: set[str]) -> Refreshed:
        now = {model.id for model in self.catalog.of(provider)}
        fault = self.catalog.faults.get(provider.id)
        return Refreshed(provider.id, tuple(sorted(now - before)), tuple(sorted(before - now)), fault)

    def _refuse_taken(self, id: str) -> None:
        if id in self._rows:
            raise ProviderRefused(
                "There is a provider “%(id)s” already. Choose another id, or remove that one.", "id", id=id
            )
        if self.groups.find(id):
            raise ProviderRefused("“%(id)s” is an alias or group. Choose another id.", "id", id=id)

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
        row, keys = write(provider, self._vault), write_keys(provider, self._vault)
        await self._store.write(lambda db: statements.add(db, row, keys))
        self._watch(provider)
        rows = {**self._rows, provider.id: provider}
        self._rows = dict(sorted(rows.items(), key=lambda item: item[1].created))
        self._changed()
        return provider

    async def _repool(self, new: Provider) -> Provider:
        old, keys = self._rows[new.id], write_keys(new, self._vault)
        await self._store.erase(lambda db: statements.give(db, new.id, keys))
        self._watch(new)
        self._rows[new.id] = new
        self._let_go(new.id)
        if new.key != old.key:
            self._checks.pop(new.id, None)
        self._changed()
        return new

    async def _rewrite(self, provider: Provider, with_key: bool) -> None:
        row, keys = write(provider, self._vault), write_keys(provider, self._vault) if with_key else None
        commit = self._store.erase if with_key else self._store.write
        await commit(lambda db: statements.change(db, row, keys))
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
        self.pools.forget(new.id)
        if _address(new) == _address(old):
            self.catalog.expire(new.id)
        else:
            self.catalog.forget(new.id)
            self.measured.forget(new.id)

    def _hold(self, provider: Provider, models: tuple[Model, ...], chosen: dict[str, Chosen]) -> None:
        self._forget_removed(provider.id)
        timer = asyncio.get_running_loop().call_later(UNDO_SECONDS, self._forget_removed, provider.id)
        self._removed[provider.id] = Removed(provider, models, chosen, timer)

    def _forget_removed(self, id: str) -> None:
        if removed := self._removed.pop(id, None):
            removed.forgotten.cancel()
            self._let_go(id)
            self.pools.forget(id)

    def _changed(self) -> None:
        self._planner.forget()
        self._facts.clear()
        self._told()


def _read_all(store: Store, vault: Vault) -> dict[str, Provider]:
    keys: dict[str, list[statements.CredentialRow]] = {}
    for key in store.load(statements.load_credentials):
        keys.setdefault(key.provider, []).append(key)
    return {row.id: read(row, keys.get(row.id, ()), vault) for row in store.load(statements.load)}


def _address(provider: Provider) -> tuple[object, ...]:
    """What decides where a provider is asked, and in which words: whoever has another one is somebody else."""
    quirks = provider.quirks
    return provider.base_url, provider.dialects, quirks.api_version, quirks.deployments
