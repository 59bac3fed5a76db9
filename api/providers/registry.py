"""The providers and which of them a model's name means.

A few dozen rows, held in memory and written through. Names resolve in this order: an id exactly as listed; a
known provider before the first `::`, `:` or `/`, the rest going to it as it is, listed or not; a bare name that
exactly one provider lists.
"""

import asyncio
import difflib
import re
import time
from collections.abc import Callable
from heapq import nlargest
from itertools import pairwise
from typing import Final

from api.errors import ProviderNotReady, ProviderRefused, UnknownModel
from api.providers import testing
from api.providers.catalog import Catalog, Fetch
from api.providers.local import MODEL as LOCAL_MODEL
from api.providers.provider import (
    LOCAL,
    TESTING,
    Model,
    Provider,
    Route,
    Secret,
    checked_base_url,
    checked_dialect,
    checked_id,
    checked_key,
    local_provider,
    testing_provider,
)
from api.store import Store
from api.store import providers as statements
from api.vault import Unreadable, Vault

LIKELY: Final = 20  # names that are looked at closely for a near miss
REMEMBERED: Final = 4096  # names whose route is kept, so that the hot path looks up one dictionary
# Their models have been there since Morello has: callers may sort by `created`, and it must not change.
BORN: Final = 1_763_856_000
_SPLIT: Final = re.compile(r"::|:|/")


class Providers:
    """Every provider, the built-in ones last."""

    def __init__(
        self, store: Store, vault: Vault, fetch: Fetch, changed: Callable[[], None], local_fault: str | None
    ) -> None:
        self._store, self._vault, self._told = store, vault, changed
        self._routes: dict[str, Route] = {}
        self._turn = asyncio.Lock()
        self._rows = {row.id: self._read(row) for row in store.load(statements.load)}
        self._built_in = {TESTING: testing_provider(BORN), LOCAL: local_provider(BORN, local_fault)}
        self.catalog = Catalog(store, fetch, self._changed)

    def all(self) -> list[Provider]:
        """The owner's providers, oldest first."""
        return list(self._rows.values())

    def find(self, provider: str) -> Provider | None:
        """The provider of that id, built-in ones included."""
        return self._rows.get(provider) or self._built_in.get(provider)

    async def add(
        self,
        id: str,
        dialect: str,
        base_url: str,
        key: str | None,
        *,
        name: str | None = None,
        own_ports: frozenset[int] = frozenset(),
    ) -> Provider:
        """Keep a new provider; nobody is called. `ProviderRefused` says which field is wrong and why."""
        async with self._turn:
            return await self._add(id, dialect, base_url, key, name, own_ports)

    async def _add(
        self, id: str, dialect: str, base_url: str, key: str | None, name: str | None, own_ports: frozenset[int]
    ) -> Provider:
        if checked_id(id) in self._rows:
            raise ProviderRefused(f"There is a provider “{id}” already. Choose another id, or remove that one.", "id")
        provider = Provider(
            id=id,
            name=name or id,
            dialects=(checked_dialect(dialect),),
            base_url=checked_base_url(base_url, dialect, own_ports),
            key=None if key is None else checked_key(key),
            created=time.time(),
        )
        row = self._write(provider)
        await self._store.write(lambda db: statements.add(db, row))
        self._rows[id] = provider
        self._changed()
        return provider

    async def remove(self, id: str) -> None:
        """Forget a provider and its key."""
        async with self._turn:
            if id not in self._rows:
                raise ProviderRefused(f"There is no provider “{id}”.", "id")
            await self._store.erase(lambda db: statements.remove(db, id))
            del self._rows[id]
            await self.catalog.forget(id)

    async def resolve(self, asked: str) -> Route:
        """Whom `asked` means. `UnknownModel` names near misses, `ProviderNotReady` what is missing."""
        route = self._routes.get(asked) or self._by_prefix(asked) or await self._by_bare_name(asked)
        if not route:
            raise UnknownModel(self._no_such_model(asked))
        if not route.provider.enabled:
            raise ProviderNotReady(f"The provider “{route.provider.id}” is switched off. Switch it on first.", "model")
        if route.provider.fault:
            raise ProviderNotReady(route.provider.fault, "model")
        if len(self._routes) < REMEMBERED:
            self._routes[asked] = route
        return route

    def listed(self) -> list[tuple[Provider, Model]]:
        """Every model of every enabled provider, as last fetched, the built-in ones last."""
        own = [(provider, model) for provider in self._rows.values() for model in self._models(provider)]
        return own + [(provider, model) for provider in self._built_in.values() for model in self._models(provider)]

    async def freshen(self, seconds: float | None = None) -> None:
        """Ask the providers whose model list is due."""
        due = [provider for provider in self._rows.values() if provider.enabled and not provider.fault]
        await (self.catalog.freshen(due) if seconds is None else self.catalog.freshen(due, seconds))

    def _models(self, provider: Provider) -> tuple[Model, ...]:
        if not provider.enabled or provider.fault:
            return ()
        if provider.id == TESTING:
            return testing.MODELS
        if provider.id == LOCAL:
            return (Model(LOCAL_MODEL, name="Gemma 3 270M: tiny, for a first answer"),)
        return self.catalog.of(provider)

    def _by_prefix(self, asked: str) -> Route | None:
        found = _SPLIT.search(asked)
        provider = self.find(asked[: found.start()]) if found else None
        model = asked[found.end() :] if found else ""
        if not provider or not model.strip():
            return None
        if provider.is_built_in and not provider.fault and all(known.id != model for known in self._models(provider)):
            return None
        return Route(provider, model)

    async def _by_bare_name(self, asked: str) -> Route | None:
        await self.freshen()
        routes = [Route(provider, model.id) for provider, model in self.listed() if model.id == asked]
        if len(routes) > 1:
            names = ", ".join(f"“{route.provider.id}:{asked}”" for route in routes)
            raise UnknownModel(f"More than one provider has a model “{asked}”. Say which: {names}.")
        return routes[0] if routes else None

    def _no_such_model(self, asked: str) -> str:
        # difflib takes a millisecond a name: among thousands it only sees those that share most pairs of letters.
        wanted = _pairs(asked)
        listed = (f"{provider.id}:{model.id}" for provider, model in self.listed())
        known = nlargest(LIKELY, listed, key=lambda name: len(wanted & _pairs(name)))
        bare = {name.partition(":")[2]: name for name in known}
        near = difflib.get_close_matches(asked, [*known, *bare], n=3, cutoff=0.5)
        names = list(dict.fromkeys(bare.get(name, name) for name in near))
        hint = f"Near to it: {', '.join(names)}." if names else "GET /v1/models lists every model there is."
        return f"There is no model “{asked[:100]}”. {hint}"

    def _changed(self) -> None:
        self._routes.clear()
        self._told()

    def _read(self, row: statements.ProviderRow) -> Provider:
        key, fault = None, None
        if row.secret is not None:
            try:
                key = Secret(self._vault.unseal(row.secret, _place(row.id)))
            except Unreadable:
                fault = f"The key of the provider “{row.id}” cannot be read any more. Remove it and add it again."
        return Provider(
            id=row.id,
            name=row.name,
            dialects=(row.dialect,),
            base_url=row.base_url,
            key=key,
            enabled=row.enabled,
            created=row.created,
            fault=fault,
        )

    def _write(self, provider: Provider) -> statements.ProviderRow:
        sealed = None if provider.key is None else self._vault.seal(provider.key, _place(provider.id))
        return statements.ProviderRow(
            provider.id,
            provider.name,
            provider.dialect,
            provider.base_url,
            sealed,
            provider.enabled,
            provider.created,
        )


def _pairs(text: str) -> set[tuple[str, str]]:
    return set(pairwise(text))


def _place(provider: str) -> str:
    return f"providers|{provider}|secret"
