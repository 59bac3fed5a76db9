"""A sign of life after a silence."""

import asyncio
from collections.abc import Callable


class Heart:
    """Calls `beat` whenever `seconds` pass in which nothing was felt.

    The timer is set again only when it rings, so that feeling something costs one assignment, not a timer.
    """

    __slots__ = ("_beat", "_last", "_loop", "_seconds", "_timer")

    def __init__(self, seconds: float, beat: Callable[[], None]) -> None:
        self._seconds, self._beat = seconds, beat
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0

    def start(self) -> None:
        """Begin to count."""
        self._loop = asyncio.get_running_loop()
        self.felt()
        self._set(self._seconds)

    def felt(self) -> None:
        """Something was written: the silence begins anew."""
        self._last = self._loop.time()

    def stop(self) -> None:
        """Beat no more."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _set(self, seconds: float) -> None:
        self._timer = self._loop.call_later(seconds, self._ring)

    def _ring(self) -> None:
        left = self._last + self._seconds - self._loop.time()
        if left <= 0:
            self._beat()
            self.felt()
            left = self._seconds
        self._set(left)
