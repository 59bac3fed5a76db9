"""A stream that is held back while another model could still be asked instead.

Until something was really said, its head and what it said so far stay here. Then, or after a while so that nobody
waits in silence, all of it goes out, and there is no way back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

LONGEST_SECONDS: Final = 10.0  # some clients give up after 20 s of silence, and signs of life need a head before them


class Holding:
    """What is held back; `open` sends the head and `write` bytes after it."""

    def __init__(self, open: Callable[[], Awaitable[None]], write: Callable[[bytes], None]) -> None:
        self._open, self._write = open, write
        self._held: list[bytes] = []
        self._going: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(LONGEST_SECONDS, self.go)

    @property
    def goes(self) -> bool:
        """Whether it is on its way out already."""
        return self._going is not None

    def add(self, data: bytes) -> None:
        """Hold `data` back too."""
        self._held.append(data)

    def go(self) -> None:
        """Let it out, soon."""
        self._timer.cancel()
        self._going = self._going or asyncio.create_task(self._let_out())

    async def out(self) -> None:
        """Let it out now."""
        self.go()
        assert self._going is not None
        await self._going

    def drop(self) -> None:
        """Nobody shall hear it."""
        self._timer.cancel()
        if self._going:
            self._going.cancel()

    async def _let_out(self) -> None:
        await self._open()
        for data in self._held:
            self._write(data)
