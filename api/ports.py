"""Ports of this machine: take one, or say who has it."""

import asyncio
import errno
import socket
from contextlib import suppress
from typing import Final

import msgspec

from api.errors import Holder, OwnerError, PortRefused, PortTaken
from api.loopback import ADDRESS
from api.settings import HIGHEST_PORT

NEAR: Final = 50  # how many ports above a taken one are tried before giving up
GREETING_SECONDS: Final = 0.5
LARGEST_GREETING: Final = 16 * 1024
BACKLOG: Final = 1024  # callers that may wait while the loop is busy; the kernel caps it at its own limit


class Greeting(msgspec.Struct):
    """What a Morello says of itself on /health."""

    name: str
    dashboard: str | None = None


def bind(port: int) -> socket.socket:
    """A socket that listens on `port` of 127.0.0.1 (0 picks a free one); nobody is accepted yet.

    Raises `PortTaken` without a holder (see `explain`), or `PortRefused` with the system's reason.
    """
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Without it a rebind fails while old connections of ours are still closing.
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((ADDRESS, port))
        # Two sockets may be bound to a port as long as neither listens: only this proves that it is ours.
        door.listen(BACKLOG)
        door.setblocking(False)
    except OSError as error:
        door.close()
        raise _in_words(port, error) from error
    return door


def _in_words(port: int, error: OSError) -> OwnerError:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(port)
    if error.errno == errno.EACCES:
        return PortRefused(
            "This system lets only its administrator use port %(port)d. Choose one from 1024 up.", port=port
        )
    return PortRefused(
        "Port %(port)d cannot be used: %(reason)s. Choose another port.", port=port, reason=error.strerror
    )


async def explain(port: int) -> PortTaken:
    """Who holds `port`, whether that is another Morello, and which port near it is free."""
    held, greeting = await asyncio.gather(asyncio.to_thread(_holder, port), _greeting(port))
    if greeting and greeting.name == "Morello":
        held = msgspec.structs.replace(held, is_morello=True, dashboard=greeting.dashboard)
    return PortTaken(port, held, free_after(port))


def free_after(port: int) -> int | None:
    """The next port above `port` that could be bound, proved by binding it."""
    for candidate in range(port + 1, min(port + NEAR, HIGHEST_PORT) + 1):
        with suppress(OwnerError):
            bind(candidate).close()
            return candidate
    return None


def _holder(port: int) -> Holder:
    import psutil  # here, not above: 20 ms that a start without trouble does not pay

    for process in psutil.process_iter():
        # Another user's sockets are not shown to us on every system: then "another program" must do.
        with suppress(psutil.Error, OSError), process.oneshot():
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return Holder(process.name(), process.pid, process.username(), process.create_time())
    return Holder()


async def _greeting(port: int) -> Greeting | None:
    writer = None
    try:
        async with asyncio.timeout(GREETING_SECONDS):
            reader, writer = await asyncio.open_connection(ADDRESS, port)
            writer.write(b"GET /health HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % ADDRESS.encode())
            answer = b""
            while len(answer) < LARGEST_GREETING and (part := await reader.read(LARGEST_GREETING)):
                answer += part
        return msgspec.json.decode(answer.partition(b"\r\n\r\n")[2], type=Greeting)
    except (OSError, TimeoutError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    finally:
        if writer:
            writer.close()
