"""Which models each provider lists: fetched when first needed, kept an hour, and a failed fetch hides nothing."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import msgspec

from api.errors import GatewayError, SaidInWords, StoreFailed
from api.providers.provider import Model, Provider
from api.store import Store
from api.store import providers as statements

FRESH_SECONDS: Final = 3600.0
RETRY_SECONDS: Final = 60.0  # after a failed fetch
WAIT_SECONDS: Final = 3.0  # how long a caller is kept waiting for lists that were never fetched
log = logging.getLogger("morello.catalog")
_MODELS: Final = msgspec.json.Decoder(tuple[Model, ...])

Fetch = Callable[[Provider], Awaitable[tuple[Model, ...]]]


class Catalog:
    """The model lists of remote providers, in memory and in the store."""

    def __init__(self, store: Store, fetch: Fetch, changed: Callable[[], None]) -> None:
        self._store, self._fetch, self._changed = store, fetch, changed
        self._models: dict[str, tuple[Model, ...]] = {}
        self._due: dict[str, float] = {}  # when to ask again, by the monotonic clock
        self._asking: dict[str, asyncio.Task[None]] = {}
        self.faults: dict[str, SaidInWords] = {}
        for row in store.load(statements.load_catalog):
            self._models[row.provider] = _MODELS.decode(row.models)
            age = max(0.0, time.time() - row.fetched)
            self._due[row.provider] = time.monotonic() + FRESH_SECONDS - age

    def of(self, provider: Provider) -> tuple[Model, ...]:
        """What `provider` listed when it was last asked."""
        return self._models.get(provider.id, ())

    async def freshen(self, providers: Iterable[Provider], seconds: float = WAIT_SECONDS) -> None:
        """Ask those whose list is due, all at once, and wait for it at most `seconds`; the rest comes later."""
        asking = [self._ask(provider) for provider in providers if self._is_due(provider)]
        if asking:
            await asyncio.wait(asking, timeout=seconds)

    async def learn(self, provider: Provider, listed: Iterable[Model]) -> None:
        """Take what `provider` lists now."""
        models = tuple({model.id: model for model in listed}.values())  # some list a model twice
        self.faults.pop(provider.id, None)
        self._models[provider.id] = models
        self._due[provider.id] = time.monotonic() + FRESH_SECONDS
        self._changed()
        row = statements.CatalogRow(provider.id, msgspec.json.encode(models).decode(), time.time())
        try:
            await self._store.write(lambda db: statements.save_catalog(db, row, provider.base_url, provider.speaks))
        except StoreFailed as error:
            log.error("the models of %s could not be kept: %s", provider.id, error)

    def miss(self, provider: Provider, fault: SaidInWords) -> None:
        """Note why `provider` does not list its models now; those it listed before stay."""
        self.faults[provider.id] = fault
        self._due[provider.id] = time.monotonic() + RETRY_SECONDS
        self._changed()

    def forget(self, provider: str) -> None:
        """Drop what is known of a provider that was removed, or is somebody else now."""
        self._models.pop(provider, None)
        self.expire(provider)

    def expire(self, provider: str) -> None:
        """Ask a provider again when its models are next needed; what it listed is shown until then."""
        if asking := self._asking.pop(provider, None):
            asking.cancel()
        self._due.pop(provider, None)
        self.faults.pop(provider, None)
        self._changed()

    async def close(self) -> None:
        """End what is still being fetched."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def _is_due(self, provider: Provider) -> bool:
        return self._due.get(provider.id, 0.0) <= time.monotonic()

    def _ask(self, provider: Provider) -> "asyncio.Task[None]":
        if provider.id not in self._asking:
            task = asyncio.create_task(self._refresh(provider))
            self._asking[provider.id] = task
            task.add_done_callback(lambda _: self._answered(provider, task))
        return self._asking[provider.id]

    def _answered(self, provider: Provider, task: "asyncio.Task[None]") -> None:
        if self._asking.get(provider.id) is task:
            del self._asking[provider.id]

    async def _refresh(self, provider: Provider) -> None:
        try:
            listed = await self._fetch(provider)
        except GatewayError as error:
            self.miss(provider, error)
        except Exception:
            log.exception("the models of %s could not be listed", provider.id)
            self.miss(provider, SaidInWords("Morello could not read its model list. The log says more."))
        else:
            await self.learn(provider, listed)
