"""One connection of a caller: Sanic's protocol with the few things it leaves out.

- `brake`: whoever writes straight to the socket hears when the caller reads too slowly.
- `linger`: a refusal sent before the body was read arrives. Closing a socket with unread bytes makes the kernel
  send a reset, and the caller would see that instead of our sentence.
"""

from collections.abc import Callable
from typing import Any, Final

from sanic import Request
from sanic.server.protocols.http_protocol import HttpProtocol

LINGER_SECONDS: Final = 2.0
LINGER_FROM: Final = 64 * 1024  # an unread body up to this size is read and thrown away, which keeps the connection


class Connection(HttpProtocol):
    """Sanic's HTTP/1.1 protocol. `close` and `abort` are safe to call in any state."""

    __slots__ = ("_lingering", "brake", "linger")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.brake: Callable[[bool], None] | None = None
        self.linger = self._lingering = False

    def pause_writing(self) -> None:
        super().pause_writing()  # type: ignore[no-untyped-call]
        if self.brake:
            self.brake(True)

    def resume_writing(self) -> None:
        super().resume_writing()  # type: ignore[no-untyped-call]
        if self.brake:
            self.brake(False)

    def write(self, data: bytes) -> None:
        """Send bytes now, past Sanic; nothing once the caller is gone."""
        if self.transport and not self.transport.is_closing():
            self.transport.write(data)

    async def caught_up(self) -> None:
        """Wait until the caller has read enough of what was written."""
        await self._can_write.wait()

    def data_received(self, data: bytes) -> None:
        if not self._lingering:
            super().data_received(data)

    def close(self, timeout: float | None = None) -> None:
        if not self.linger or self.transport is None or self.transport.is_closing():
            super().close(timeout=timeout)
        elif not self._lingering:
            self._lingering = True
            self.recv_buffer.clear()
            self.transport.write_eof()
            self.transport.resume_reading()
            self.loop.call_later(LINGER_SECONDS, super().close, 0)


def hang_up_if_unread(request: Request) -> None:
    """Refuse a large body without reading it, in a way that lets the refusal arrive."""
    stream: Any = request.stream
    if stream is None or not stream.request_body:
        return
    # Who waits for leave to send the body may now send another request instead; who streams one larger than other
    # bodies may be is cut off by Sanic, however little of it is left.
    leaves = stream.expecting_continue or (stream.request_bytes or 0) > stream.protocol.request_max_size
    if leaves or stream.request_body == "chunked" or (stream.request_bytes_left or 0) > LINGER_FROM:
        stream.request_body, stream.expecting_continue = None, False
        stream.keep_alive = False
        connection = request.transport.get_protocol()
        if isinstance(connection, Connection):
            connection.linger = True
