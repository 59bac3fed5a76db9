"""The calls in progress: who is being answered now, and how to cut them all at once."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from api.errors import GatewayError


class Call:
    """One call in progress. `broken` is why it was cut, if it was: its handler then says so to the caller."""

    __slots__ = ("broken", "streams", "task")

    def __init__(self, task: "asyncio.Task[object]") -> None:
        self.task, self.streams = task, False
        self.broken: GatewayError | None = None


class Calls:
    """Every call in progress on one listener."""

    def __init__(self) -> None:
        self._open: set[Call] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def streams(self) -> int:
        """How many of them are streams that have begun."""
        return sum(call.streams for call in self._open)

    @contextmanager
    def running(self) -> Iterator[Call]:
        """Count the current task as a call until it leaves."""
        task = asyncio.current_task()
        assert task is not None
        call = Call(task)
        self._open.add(call)
        self._empty.clear()
        try:
            yield call
        finally:
            self._open.discard(call)
            if not self._open:
                self._empty.set()

    def cut(self, reason: GatewayError) -> int:
        """End every call now; each handler tells its caller `reason`. Returns how many streams that ended."""
        streams = self.streams
        for call in self._open:
            if call.broken is None:
                call.broken = reason
                call.task.cancel()
        return streams

    async def finished(self, seconds: float) -> bool:
        """Wait until no call is left, at most `seconds`; whether that came true."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True
