"""The responses that callers may come back to: kept in memory for an hour, for the key they were made with."""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

import msgspec
from msgspec import Raw

from api.shelf import Shelf, StoredResponse

__all__ = ["Responses", "StoredResponse", "identity", "items_in", "listed"]

MOST: Final = 1000  # responses
MOST_BYTES: Final = 64 * 1024 * 1024
KEPT_SECONDS: Final = 3600.0
SWEEP_SECONDS: Final = 60.0  # a response may be kept that much longer


class Responses:
    """What is kept: the oldest goes when there is no room. `shelf` is where it outlives the process."""

    def __init__(self, shelf: Shelf | None = None, clock: Callable[[], float] = time.time) -> None:
        self._kept: OrderedDict[str, StoredResponse] = OrderedDict()
        self._shelf, self._clock = shelf, clock
        self._bytes = 0
        self._sweeper: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def now(self) -> float:
        """The time as this room sees it."""
        return self._clock()

    async def open(self, owner: bytes) -> None:
        """Take back what `owner` has had kept before, and begin to let go of what is too old."""
        if self._shelf:
            for stored in await self._shelf.open(self._clock() - KEPT_SECONDS, owner):
                self._hold(stored)
        self._sweeper = asyncio.create_task(self._sweep())

    async def close(self) -> None:
        """Put on the disk what is not there yet."""
        if self._sweeper:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        if self._shelf:
            await self._shelf.close()

    async def settle(self) -> None:
        """Wait until the disk holds what is kept, and nothing else."""
        if self._shelf:
            await self._shelf.settle()

    def keep(self, stored: StoredResponse) -> None:
        """Keep a response; one that is larger than all there is room for is not kept."""
        if stored.size > MOST_BYTES:
            return
        self._hold(stored)
        if self._shelf:
            self._shelf.put(stored)
        self._make_room()

    def find(self, id: str, owner: bytes) -> StoredResponse | None:
        """The response of that id, if it is `owner`'s and still kept."""
        self._make_room()
        stored = self._kept.get(id)
        return stored if stored and stored.owner == owner else None

    def forget(self, id: str, owner: bytes) -> bool:
        """Forget a response at once; whether there was one."""
        found = self.find(id, owner)
        if found:
            self._drop([id])
        return found is not None

    async def clear(self) -> None:
        """Forget every one, on the disk too."""
        self._drop(list(self._kept))
        await self.settle()

    def _hold(self, stored: StoredResponse) -> None:
        if before := self._kept.pop(stored.id, None):
            self._bytes -= before.size
        self._kept[stored.id] = stored
        self._bytes += stored.size

    async def _sweep(self) -> None:
        while True:
            self._make_room()
            if self._shelf:
                self._shelf.go_on()
            await asyncio.sleep(SWEEP_SECONDS)

    def _make_room(self) -> None:
        too_old, gone, left, size = self._clock() - KEPT_SECONDS, [], len(self._kept), self._bytes
        for id, stored in self._kept.items():
            if left <= MOST and size <= MOST_BYTES and stored.at > too_old:
                break
            gone.append(id)
            left, size = left - 1, size - stored.size
        self._drop(gone)

    def _drop(self, ids: list[str]) -> None:
        for id in ids:
            self._bytes -= self._kept.pop(id).size
        if ids and self._shelf:
            self._shelf.take_away(ids)


def identity(key: str) -> bytes:
    """Who a key is, from which nobody learns the key."""
    return hashlib.blake2b(key.encode(), digest_size=16, person=b"morello.owner").digest()


# Items of the Responses dialect

_ITEMS: Final = msgspec.json.Decoder(list[Raw])
_ITEM: Final = msgspec.json.Decoder(dict[str, Any])
# By the kind of an item, how OpenAI begins its id; a kind that is not named begins as it is called.
_BEGINNINGS: Final = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "reasoning": "rs",
}
_SPEECH: Final = {"assistant": "output_text"}


def items_in(said: Raw) -> tuple[Raw, ...]:
    """The `input` of a request as a list of items: a text is a message of the user. `ValueError` if it is neither."""
    text = bytes(said)
    if text == b"null":
        return ()
    if text.startswith(b'"'):
        return (Raw(b'{"type":"message","role":"user","content":[{"type":"input_text","text":%b}]}' % text),)
    items = tuple(raw.copy() for raw in _ITEMS.decode(text))
    if any(bytes(memoryview(item)[:1]) != b"{" for item in items):
        raise ValueError("An item is an object.")
    return items


def listed(items: Iterable[Raw]) -> list[dict[str, Any]]:
    """Items as a list of them is told: each with an id, the same one every time, and messages with parts."""
    return [_listed(number, raw) for number, raw in enumerate(items)]


def _listed(number: int, raw: Raw) -> dict[str, Any]:
    item = _ITEM.decode(raw)
    kind = item.setdefault("type", "message" if "role" in item else "item_reference")
    if not item.get("id"):
        mark = hashlib.blake2b(bytes(raw) + number.to_bytes(4, "big"), digest_size=12).hexdigest()
        item["id"] = f"{_BEGINNINGS.get(kind, kind)}_{mark}"
    if kind == "message":
        item.setdefault("status", "completed")
        if isinstance(text := item.get("content"), str):
            item["content"] = [{"type": _SPEECH.get(item.get("role", ""), "input_text"), "text": text}]
    elif kind.endswith(("_call", "_output")):
        item.setdefault("status", "completed")
    return item
