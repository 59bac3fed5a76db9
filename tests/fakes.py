"""The far end of the wire, faked: providers on real sockets that do exactly what a test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Received:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Wire:
    """The way back to whoever asked."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send raw bytes."""
        self._writer.write(data)
        await self._writer.drain()

    async def reply(self, status: int, body: bytes, **headers: str) -> None:
        """Send a whole reply. Underscores in header names become dashes."""
        lines = {"content_type": "application/json", **headers, "content_length": str(len(body))}
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
        await self.send(f"HTTP/1.1 {status} Told\r\n{head}\r\n".encode() + body)

    async def begin_stream(self, status: int = 200, content_type: str = "text/event-stream") -> None:
        """Send the head of a chunked reply."""
        head = f"HTTP/1.1 {status} OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
        await self.send(head.encode())

    async def chunk(self, data: bytes) -> None:
        """Send one chunk."""
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def end_stream(self) -> None:
        """Send the last, empty chunk."""
        await self.send(b"0\r\n\r\n")

    def hang_up(self) -> None:
        """Close the connection, whatever was promised."""
        self._writer.close()


Behaviour = Callable[[Received, Wire], Awaitable[None]]


@dataclass
class FarEnd:
    """A provider that behaves as told and remembers what it was sent."""

    port: int = 0
    behaviour: Behaviour = field(default=lambda _received, wire: wire.reply(200, CHAT))
    received: list[Received] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0

    @property
    def url(self) -> str:
        """Its address, without a version."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def last(self) -> Received:
        """The request that came last."""
        return self.received[-1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (request := await _read(reader)) is not None:
                self.received.append(request)
                await self._behave(request, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up.set()
        finally:
            writer.close()

    async def _behave(self, request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Behave, and notice when whoever asked hangs up meanwhile."""
        behaving = asyncio.ensure_future(self.behaviour(request, Wire(writer)))
        gone = asyncio.ensure_future(_end_of(reader))
        try:
            await asyncio.wait((behaving, gone), return_when=asyncio.FIRST_COMPLETED)
            if not behaving.done():
                self.hung_up.set()
                raise ConnectionResetError
            await behaving
        finally:
            for task in (behaving, gone):
                task.cancel()
            await asyncio.gather(behaving, gone, return_exceptions=True)


@asynccontextmanager
async def far_end(behaviour: Behaviour | None = None) -> AsyncIterator[FarEnd]:
    """A provider listening on a free port of 127.0.0.1."""
    provider = FarEnd()
    if behaviour:
        provider.behaviour = behaviour
    server = await asyncio.start_server(provider._serve, "127.0.0.1", 0, limit=64 * 1024 * 1024)
    provider.port = server.sockets[0].getsockname()[1]
    try:
        yield provider
    finally:
        server.close()


async def _read(reader: asyncio.StreamReader) -> Received | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, path, headers, body)


async def _end_of(reader: asyncio.StreamReader) -> None:
    """Return when the other side has closed; what they send meanwhile stays unread."""
    while not reader.at_eof():
        await asyncio.sleep(0.01)


def says(*frames: bytes, pause: float = 0.0) -> Behaviour:
    """Stream `frames`, each in a chunk of its own, `pause` seconds apart."""

    async def behave(_received: Received, wire: Wire) -> None:
        await wire.begin_stream()
        for number, frame in enumerate(frames):
            if number:
                await asyncio.sleep(pause)
            await wire.chunk(frame)
        await wire.end_stream()

    return behave


def answers(status: int, body: bytes, **headers: str) -> Behaviour:
    """Reply with `status` and `body` to everything."""
    return lambda _received, wire: wire.reply(status, body, **headers)


def chat_frames(words: Iterable[str], usage: tuple[int, int] = (11, 7)) -> list[bytes]:
    """A chat completion as a stream, as OpenAI sends it, with usage at its end."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "gpt-test"}

    def chunk(**fields: Any) -> bytes:
        return b"data: " + json.dumps({**head, **fields}).encode() + b"\n\n"

    def delta(content: dict[str, str], reason: str | None = None) -> bytes:
        return chunk(choices=[{"index": 0, "delta": content, "finish_reason": reason}], usage=None)

    counted = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    return [
        delta({"role": "assistant", "content": ""}),
        *(delta({"content": word}) for word in words),
        delta({}, "stop"),
        chunk(choices=[], usage=counted),
        b"data: [DONE]\n\n",
    ]


def message_frames(words: Iterable[str], usage: tuple[int, int] = (11, 7)) -> list[bytes]:
    """A message as a stream, as Anthropic sends it."""

    def event(kind: str, **fields: Any) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()

    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-test",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": usage[0], "output_tokens": 1},
    }
    return [
        event("message_start", message=message),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *(event("content_block_delta", index=0, delta={"type": "text_delta", "text": word}) for word in words),
        event("content_block_stop", index=0),
        event(
            "message_delta",
            delta={"stop_reason": "end_turn", "stop_sequence": None},
            usage={"output_tokens": usage[1]},
        ),
        event("message_stop"),
    ]


CHAT: bytes = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "gpt-test",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    },
    indent=2,
).encode()

MESSAGE: bytes = json.dumps(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-test",
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 7},
    },
    indent=2,
).encode()

CHAT_MODELS = b'{"object":"list","data":[{"id":"gpt-test","object":"model","created":1700000000,"owned_by":"x"}]}'
