"""Something changed: told in the process, so that an open page can follow."""

import asyncio


class News:
    """A bell without a message: whoever waits looks again for themselves, so nothing can be missed or stale."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._count = 0

    @property
    def count(self) -> int:
        """How often the bell has rung; pass it to `after` to miss nothing in between."""
        return self._count

    def tell(self) -> None:
        """Ring."""
        self._count += 1
        self._rung.set()
        self._rung = asyncio.Event()

    async def after(self, count: int) -> int:
        """Wait until the bell has rung more than `count` times; return how often it has."""
        while self._count <= count:
            await self._rung.wait()
        return self._count
