"""How a command reaches the running process: a unix socket that only its owner can open.

One line of JSON goes in, one comes out. Being able to open the socket is the proof of being the owner.
"""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from api.home import refuse_others

LONGEST_PATH: Final = 100  # bytes; the kernels' own limit is 108 on Linux and 104 on macOS
LONGEST_LINE: Final = 16 * 1024 * 1024  # an import with hundreds of providers and names


class Order(Struct, frozen=True):
    """A command and what was given with it."""

    command: str
    given: dict[str, Any] = {}


class Report(Struct, frozen=True):
    """What came of it: data, or a sentence that says why not."""

    data: Any = None
    refused: str | None = None


def socket_path(home: Path) -> Path:
    """Where the socket of a home is: in it, or, where that path is too long, in a folder of the owner's."""
    path = home / "control.sock"
    if len(os.fsencode(path)) <= LONGEST_PATH:
        return path
    name = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]
    runtime = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(runtime) / f"morello-{os.geteuid()}-{name}" / "control.sock"


class Control:
    """The end of the socket in the running process."""

    def __init__(self, path: Path, obey: Callable[[Order], Awaitable[Report]]) -> None:
        self._path, self._obey = path, obey
        self._server: asyncio.AbstractServer | None = None
        self._busy: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Listen. The home's lock is ours, so a socket that lies there is a dead one."""
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        refuse_others(self._path.parent)
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=LONGEST_LINE)
        self._path.chmod(0o600)

    async def close(self) -> None:
        """Listen no more."""
        if self._server:
            self._server.close()
            for task in self._busy:
                task.cancel()
            await asyncio.gather(*self._busy, return_exceptions=True)
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        try:
            order = msgspec.json.decode(await reader.readline(), type=Order)
            writer.write(msgspec.json.encode(await self._obey(order)) + b"\n")
            await writer.drain()
        except (ConnectionError, msgspec.DecodeError, ValueError):
            pass  # a caller that went away or spoke nonsense gets no answer
        finally:
            self._busy.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def send(path: Path, order: Order) -> Report | None:
    """Give an order to the process that listens at `path`; None if none does."""
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST_LINE)
    except OSError:
        return None
    try:
        writer.write(msgspec.json.encode(order) + b"\n")
        line = await reader.readline()
    finally:
        writer.close()
    return msgspec.json.decode(line, type=Report) if line else None
