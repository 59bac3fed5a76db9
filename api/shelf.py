"""Stored responses on the disk, where the owner wants them there: each sealed, written while nobody waits."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct

from api.errors import StoreFailed
from api.store import Store
from api.store import responses as statements
from api.store.responses import ResponseRow
from api.vault import Unreadable, Vault

OVERHEAD: Final = 100  # bytes an item takes beside its text: a body may hold millions of empty ones
log = logging.getLogger("morello.stored")


class StoredResponse(Struct, frozen=True):
    """One response as its caller got it, with everything that was read for it.

    `owner` is the key's identity, `native` the provider that keeps it too, `at` seconds since 1970. `items` are the
    input as it was sent, earlier turns first; `output` are the answer's own items.
    """

    id: str
    owner: bytes
    body: Raw
    items: tuple[Raw, ...]
    output: tuple[Raw, ...]
    native: str | None
    at: float

    @property
    def size(self) -> int:
        """Its bytes, each item counted although several responses share it."""
        items = (*self.items, *self.output)
        return len(memoryview(self.body)) + sum(len(memoryview(raw)) + OVERHEAD for raw in items)


_STORED: Final = msgspec.json.Decoder(StoredResponse)


class Shelf:
    """What outlives the process. A change is noted at once and written soon; `settle` waits until it is.

    A disk that takes no more is said once: new responses are then in memory only, and what was to be erased is tried
    again with the next change.
    """

    def __init__(self, store: Store, vault: Vault, is_wanted: Callable[[], bool]) -> None:
        self._store, self._vault, self._is_wanted = store, vault, is_wanted
        self._noted: dict[str, StoredResponse | None] = {}  # None is to be erased
        self._writer: asyncio.Task[None] | None = None
        self._was_refused = False

    async def open(self, since: float, owner: bytes) -> list[StoredResponse]:
        """What `owner` has had kept after `since`, oldest first; everything else is erased."""
        if not self._is_wanted():
            return []
        try:
            rows = await self._store.erase(lambda db: statements.load(db, since))
        except StoreFailed as error:
            log.error("stored responses could not be read from the disk. %s", error)
            return []
        kept = await asyncio.to_thread(lambda: [self._opened(row) for row in rows])
        mine = [stored for stored in kept if stored and stored.owner == owner and stored.at > since]
        self.take_away({row.id for row in rows} - {stored.id for stored in mine})
        return mine

    def put(self, stored: StoredResponse) -> None:
        """Keep a response."""
        self._note({stored.id: stored})

    def take_away(self, ids: Iterable[str]) -> None:
        """Erase responses."""
        self._note(dict.fromkeys(ids))

    def go_on(self) -> None:
        """Try again what could not be written."""
        if self._noted and self._writer is None:
            self._writer = asyncio.create_task(self._write_noted())

    async def settle(self) -> None:
        """Wait until everything that was noted so far is on the disk, or refused by it."""
        for _ in range(2):  # what is being written, and what was noted meanwhile
            if self._writer:
                await asyncio.shield(self._writer)

    async def close(self) -> None:
        """Write what is left."""
        await self.settle()
        self.go_on()
        await self.settle()

    def _note(self, changes: Mapping[str, StoredResponse | None]) -> None:
        if self._is_wanted():  # else there is nothing: it was erased when the owner said no
            self._noted.update(changes)
            self.go_on()

    async def _write_noted(self) -> None:
        changes, self._noted = self._noted, {}
        gone = [id for id, stored in changes.items() if stored is None]
        try:
            await self._write(gone, [stored for stored in changes.values() if stored])
        except StoreFailed as error:
            self._refuse(gone, error)
        else:
            self._was_refused = False
        finally:
            self._writer = None
        if not self._was_refused:
            self.go_on()

    async def _write(self, gone: list[str], kept: list[StoredResponse]) -> None:
        write = self._store.erase if gone else self._store.record
        await write(lambda db: statements.change(db, gone, [self._sealed(stored) for stored in kept]))

    def _refuse(self, gone: list[str], error: StoreFailed) -> None:
        self._noted = {**dict.fromkeys(gone), **self._noted}
        if not self._was_refused:  # said once: the log may be on the same full disk
            log.error("stored responses could not be written to the disk, and are kept in memory only. %s", error)
        self._was_refused = True

    def _sealed(self, stored: StoredResponse) -> ResponseRow:
        sealed = self._vault.seal_bytes(msgspec.json.encode(stored), _place(stored.id))
        return ResponseRow(stored.id, stored.at, sealed)

    def _opened(self, row: ResponseRow) -> StoredResponse | None:
        try:
            return _STORED.decode(self._vault.unseal_bytes(row.sealed, _place(row.id)))
        except (Unreadable, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


def _place(id: str) -> str:
    return f"responses|{id}|sealed"
