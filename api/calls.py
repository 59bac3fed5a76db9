"""The calls in progress: who is being answered now, and how to cut them all at once."""

import asyncio
import time
from collections import deque
from typing import Final

from msgspec import Struct

from api.errors import GatewayError
from api.usage import Tally

MINUTES: Final = 60  # for which the most streams at once are remembered


class InProgress(Struct, frozen=True):
    """What can be seen of one call before it ends.

    `tokens` is what the provider reported so far, or, where `estimated`, what it reported of the question and the
    pieces of the answer that have passed.
    """

    at: float
    asked: str | None
    provider: str | None
    served: str | None
    streams: bool
    tokens: int
    estimated: bool


class Call:
    """One call in progress. `broken` is why it was cut, if it was: its handler then says so to the caller."""

    __slots__ = ("_calls", "_streams", "broken", "tally", "task")

    def __init__(self, calls: "Calls", task: "asyncio.Task[object]", tally: Tally | None) -> None:
        self._calls, self.task, self.tally = calls, task, tally
        self._streams = False
        self.broken: GatewayError | None = None

    @property
    def streams(self) -> bool:
        """Whether it is a stream that has begun."""
        return self._streams

    @streams.setter
    def streams(self, begun: bool) -> None:
        """Count it as a stream, or no more."""
        self._calls.peaks.move(begun - self._streams)
        self._streams = begun

    def __enter__(self) -> "Call":
        self._calls.open[self] = None
        return self

    def __exit__(self, *_: object) -> None:
        self.streams = False
        self._calls.leave(self)


class Peaks:
    """The most streams at once in each of the last minutes, counted since `since`: no row of the call table has it."""

    __slots__ = ("_minute", "_most", "now", "since")

    def __init__(self) -> None:
        self.now = 0
        self._begin(time.time())

    def move(self, by: int) -> None:
        """Count streams that began, or ended."""
        if by:
            self._catch_up()
            self.now += by
            self._most[-1] = max(self._most[-1], self.now)

    def look(self) -> tuple[int, ...]:
        """One number a minute, this one last."""
        self._catch_up()
        return tuple(self._most)

    def _begin(self, at: float) -> None:
        self.since, self._minute = at, int(at // 60)
        self._most = deque([0] * (MINUTES - 1) + [self.now], maxlen=MINUTES)

    def _catch_up(self) -> None:
        at = time.time()
        passed = int(at // 60) - self._minute
        if passed < 0:  # the clock was set back: what was counted belongs to no minute that is past
            return self._begin(at)
        # Nothing began or ended since: as many streams as now are open ran through every minute that went by.
        self._most.extend([self.now] * min(passed, MINUTES))
        self._minute += passed
        return None


class Calls:
    """Every call in progress on one listener."""

    def __init__(self) -> None:
        self.open: dict[Call, None] = {}  # a set that keeps its order
        self.peaks = Peaks()
        self._empty: asyncio.Event | None = None

    def __len__(self) -> int:
        return len(self.open)

    @property
    def streams(self) -> int:
        """How many of them are streams that have begun."""
        return self.peaks.now

    def running(self, tally: Tally | None = None) -> Call:
        """The current task as a call: counted inside a `with` block, and seen if it has a tally."""
        task = asyncio.current_task()
        assert task is not None
        return Call(self, task, tally)

    def in_progress(self) -> list[InProgress]:
        """Every call that has a tally, the latest first."""
        return [_see(call, call.tally) for call in reversed(self.open) if call.tally]

    def leave(self, call: Call) -> None:
        """Count a call no more."""
        self.open.pop(call, None)
        if self._empty and not self.open:
            self._empty.set()

    def cut(self, reason: GatewayError) -> int:
        """End every call now; each handler tells its caller `reason`. Returns how many streams that ended."""
        streams = self.streams
        for call in self.open:
            if call.broken is None:
                call.broken = reason
                call.task.cancel()
        return streams

    async def finished(self, seconds: float) -> bool:
        """Wait until no call is left, at most `seconds`; whether that came true."""
        self._empty = asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                while self.open:
                    await self._empty.wait()
                    self._empty.clear()
        except TimeoutError:
            return False
        finally:
            self._empty = None
        return True


def _see(call: Call, tally: Tally) -> InProgress:
    came = tally.usage.tokens_in or 0 if tally.usage else 0
    went = tally.usage.tokens_out or 0 if tally.usage else 0
    return InProgress(
        at=tally.at,
        asked=tally.asked,
        provider=tally.provider,
        served=tally.served,
        streams=call.streams,
        tokens=came + max(went, tally.pieces),
        estimated=tally.pieces > went,
    )
