"""What each call was: one tally a call while it runs, one row of the call table when it ends."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from api.conversation import Usage
from api.errors import StoreFailed
from api.news import News
from api.store import Store, ledger
from api.store.attempts import AttemptRow
from api.store.calls import CallRow

BATCH: Final = 500
FLUSH_SECONDS: Final = 1.0
LONGEST_WORDS: Final = 1000  # letters kept of what was said of a failure
KEPT: Final = 50_000  # rows held while the disk refuses; older ones are dropped rather than memory filled
log = logging.getLogger("morello.usage")


class Tally:
    """One call while it runs. It has never heard of a dialect. `pieces` counts the frames of its answer so far."""

    __slots__ = (
        "_began", "_first", "asked", "at", "bytes_in", "bytes_out", "dialect", "error", "pieces", "provider",
        "request_id", "route", "served", "status", "streamed", "usage",
    )  # fmt: skip

    def __init__(self, request_id: str, route: str, dialect: str, bytes_in: int) -> None:
        self.at, self._began = time.time(), time.monotonic()
        self.request_id, self.route, self.dialect, self.bytes_in = request_id, route, dialect, bytes_in
        self.asked: str | None = None
        self.provider: str | None = None
        self.served: str | None = None
        self.error: str | None = None
        self.usage: Usage | None = None
        self.status, self.bytes_out, self.pieces, self.streamed = 200, 0, 0, False
        self._first: float | None = None

    @property
    def has_spoken(self) -> bool:
        """Whether the answer began."""
        return self._first is not None

    def again(self) -> None:
        """Somebody else is asked: what was heard of the answer counts no more."""
        self._first, self.usage, self.pieces = None, None, 0

    def first_token(self) -> None:
        """Note that the answer began, if it had not yet."""
        if self._first is None:
            self._first = time.monotonic()

    def row(self) -> CallRow:
        """The finished call."""
        usage = self.usage
        return CallRow(
            self.at,
            self.request_id,
            self.route,
            self.dialect,
            self.asked,
            self.provider,
            self.served,
            self.status,
            self.error,
            self.streamed,
            usage.tokens_in if usage else None,
            usage.tokens_out if usage else None,
            None if self._first is None else (self._first - self._began) * 1000,
            (time.monotonic() - self._began) * 1000,
            self.bytes_in,
            self.bytes_out,
        )


class Ledger:
    """The call table: takes finished calls without waiting, writes them in batches off the hot path.

    The attempts in vain of a call are written with it. A kill of the process loses at most the last second of finished
    calls. `written` is given every batch that was committed; `redact` strikes secrets out.
    """

    def __init__(
        self,
        store: Store,
        news: News,
        written: Callable[[list[CallRow], list[AttemptRow]], None] = lambda _rows, _tries: None,
        redact: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._store, self._news, self._written, self._redact = store, news, written, redact
        self._waiting: list[CallRow] = []
        self._writing: list[CallRow] = []
        self._tries: list[AttemptRow] = []
        self._refused = False
        self._due = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to write."""
        self._writer = asyncio.create_task(self._write_on())

    def record(self, tally: Tally, tries: Sequence[AttemptRow] = ()) -> None:
        """Keep a finished call, and the attempts in vain that belong to it."""
        self._tries += map(self._redacted_attempt, tries)
        # A key pasted where a model's name belongs is refused by everybody: other calls need not pay for a search.
        self._waiting.append(self._redacted(tally.row()) if tally.error else tally.row())
        if len(self._waiting) == 1 or len(self._waiting) >= BATCH:
            self._due.set()

    def unwritten(self, count: int) -> list[CallRow]:
        """The last `count` finished calls that are not in the call table yet, newest first."""
        return (self._writing[-count:] + self._waiting[-count:])[: -count - 1 : -1]

    async def close(self) -> None:
        """Write what is left."""
        if self._writer:
            self._writer.cancel()
            with suppress(asyncio.CancelledError):
                await self._writer
        await self._flush()

    def _redacted(self, row: CallRow) -> CallRow:
        return replace(row, asked=self._redact(row.asked or "") or None, served=self._redact(row.served or "") or None)

    def _redacted_attempt(self, one: AttemptRow) -> AttemptRow:
        # What a provider says of a request that is wrong may quote it: nothing that was said is kept.
        words = "" if one.blame == "caller" else self._redact(one.words)[:LONGEST_WORDS]
        return replace(one, model=self._redact(one.model), words=words)

    async def _write_on(self) -> None:
        while True:
            await self._due.wait()
            if len(self._waiting) < BATCH or self._refused:
                await asyncio.sleep(FLUSH_SECONDS)
            self._due.clear()
            await self._flush()
            if self._waiting:
                self._due.set()

    async def _flush(self) -> None:
        if not self._waiting:
            return
        rows, self._waiting = self._waiting, []
        tries, self._tries = self._tries, []
        self._writing = rows
        try:
            await self._store.record(lambda db: ledger.write(db, rows, tries))
            self._refused = False
            self._written(rows, tries)
        except StoreFailed as error:
            if not self._refused:  # said once: the log may be on the same full disk
                log.error("%d calls could not be written to the call table yet. %s", len(rows), error)
            self._refused, self._waiting = True, (rows + self._waiting)[-KEPT:]
            self._tries = (tries + self._tries)[-KEPT:]
        except Exception:
            # Rows that can never be written must not end the writing of all that come after them.
            log.exception("%d calls were lost to the call table", len(rows))
        finally:
            self._writing = []
        self._news.tell()
