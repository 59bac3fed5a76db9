"""The calls in progress: who is being answered now, and how to cut them all at once."""

import asyncio

from api.errors import GatewayError


class Call:
    """One call in progress. `broken` is why it was cut, if it was: its handler then says so to the caller."""

    __slots__ = ("_calls", "broken", "streams", "task")

    def __init__(self, calls: "Calls", task: "asyncio.Task[object]") -> None:
        self._calls, self.task, self.streams = calls, task, False
        self.broken: GatewayError | None = None

    def __enter__(self) -> "Call":
        self._calls.open.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._calls.leave(self)


class Calls:
    """Every call in progress on one listener."""

    def __init__(self) -> None:
        self.open: set[Call] = set()
        self._empty: asyncio.Event | None = None

    def __len__(self) -> int:
        return len(self.open)

    @property
    def streams(self) -> int:
        """How many of them are streams that have begun."""
        return sum(call.streams for call in self.open)

    def running(self) -> Call:
        """The current task as a call: counted inside a `with` block."""
        task = asyncio.current_task()
        assert task is not None
        return Call(self, task)

    def leave(self, call: Call) -> None:
        """Count a call no more."""
        self.open.discard(call)
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
