"""How a stream reaches the caller: its head through Sanic, its bytes straight to the socket."""

from collections.abc import Callable
from typing import Any, cast

import msgspec
from sanic import HTTPResponse, Request

from api.connection import Connection
from api.dialects import sse


class Prepared(HTTPResponse):
    """An answer whose headers are ours or passed llhttp: Sanic's search for line breaks in each is spared."""

    @property
    def processed_headers(self) -> list[tuple[bytes, bytes]]:  # type: ignore[override]
        self.headers.setdefault("content-type", self.content_type)
        return [
            (name.encode("ascii"), str(value).encode(errors="surrogateescape")) for name, value in self.headers.items()
        ]


class SocketDelivery:
    """A stream to one caller, chunked (RFC 9112, 7.1)."""

    __slots__ = ("_connection", "_request", "_response", "begun")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._connection = cast(Connection, request.transport.get_protocol())
        self._response: Any = None
        self.begun = False

    async def begin(self, media_type: str, headers: dict[str, str]) -> None:
        """Send the head."""
        headers = {
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
            **headers,
            **self._request.ctx.headers,
        }
        self._response = await self._request.respond(Prepared(content_type=media_type, headers=headers))
        self.begun = True
        await self._response.send(b"", False)

    def write(self, data: bytes) -> None:
        """Send bytes now."""
        self._connection.write(b"%x\r\n%b\r\n" % (len(data), data))

    async def settle(self) -> None:
        """Wait while the caller reads more slowly than we write."""
        await self._connection.caught_up()

    def obey(self, brake: Callable[[bool], None] | None) -> None:
        """Hear when the caller falls behind, and when they have caught up."""
        self._connection.brake = brake

    async def end(self) -> None:
        """Send the last, empty chunk."""
        await self._response.eof()

    def cut(self) -> None:
        """Break off: a connection that ends before the last chunk says that something is missing."""
        if self._connection.transport:
            self._connection.transport.close()


class ArrayDelivery(SocketDelivery):
    """A stream as one JSON array, an element for each frame: how Gemini streams to who asked for no events."""

    __slots__ = ("_frames", "_has_elements")

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._frames, self._has_elements = sse.Reader(), False

    async def begin(self, media_type: str, headers: dict[str, str]) -> None:
        """Send the head, whatever the type of the frames."""
        await super().begin("application/json", headers)
        super().write(b"[")

    def write(self, data: bytes) -> None:
        """Send the elements that became complete; a sign of life as white space, which means nothing in JSON."""
        frames = self._frames.feed(data)
        elements = [frame.data for frame in frames if _is_json(frame.data)]
        if elements:
            super().write((b",\r\n" if self._has_elements else b"") + b",\r\n".join(elements))
            self._has_elements = True
        elif not frames and self._frames.between_frames:
            super().write(b"\n")

    async def end(self) -> None:
        """Close the array."""
        super().write(b"]")
        await super().end()


def _is_json(text: bytes) -> bool:
    # A frame that was cut in two would spoil the whole array.
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
