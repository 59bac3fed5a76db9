"""A file without a name: nobody else finds it, and a crash leaves nothing behind."""

import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from api.errors import GatewayError


class File:
    """Threads read and write it, and it is closed once the last of them is done with it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._busy: asyncio.Future[bytes] | None = None

    async def add(self, block: bytearray) -> None:
        """Write `block` at the end."""
        try:
            await self._do(self._put, block)
        except OSError as error:
            raise _not_kept(error) from error

    async def read(self, start: int, size: int) -> bytes:
        """`size` bytes from `start` on."""
        return await self._do(self.look, start, size)

    def look(self, start: int, size: int) -> bytes:
        """The same here and now, for a few bytes."""
        return os.pread(self._file.fileno(), size, start)

    def close(self) -> None:
        """Let the disk have its room back."""
        if self._busy is None or self._busy.done():
            self._file.close()
        else:  # a number that a thread still uses must not become another file's
            self._busy.add_done_callback(self._leave)

    def _leave(self, busy: asyncio.Future[bytes]) -> None:
        busy.exception()  # nobody waits for it any more
        self._file.close()

    def _put(self, block: bytearray) -> bytes:
        left = memoryview(block)
        while left:
            left = left[self._file.write(left) :]
        return b""

    async def _do(self, act: Callable[..., bytes], *given: object) -> bytes:
        self._busy = asyncio.get_running_loop().run_in_executor(None, act, *given)
        return await asyncio.shield(self._busy)


def open_in(folder: Path) -> File:
    """A new one, which lies in `folder`."""
    try:
        return File(_open(folder))
    except OSError as error:
        raise _not_kept(error) from error


def _open(folder: Path) -> IO[bytes]:
    return tempfile.TemporaryFile(dir=folder, buffering=0)


def _not_kept(error: OSError) -> GatewayError:
    return GatewayError(
        f"The form could not be kept on the disk while it is sent on: {error.strerror}. Make room there."
    )
