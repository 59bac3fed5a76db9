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


def responses_frames(words: Iterable[str], usage: tuple[int, int] = (11, 7)) -> list[bytes]:
    """A response as a stream, as OpenAI sends it."""
    pieces = list(words)
    text, place = "".join(pieces), {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    said = {**item, "status": "completed", "content": [{**part, "text": text}]}
    return _response(
        usage,
        [said],
        ("response.output_item.added", {"output_index": 0, "item": item}),
        ("response.content_part.added", {**place, "part": part}),
        *(("response.output_text.delta", {**place, "delta": word, "logprobs": []}) for word in pieces),
        ("response.output_text.done", {**place, "text": text, "logprobs": []}),
        ("response.content_part.done", {**place, "part": {**part, "text": text}}),
        ("response.output_item.done", {"output_index": 0, "item": said}),
    )


def gemini_frames(words: Iterable[str], usage: tuple[int, int] = (11, 7)) -> list[bytes]:
    """A generated content as a stream, as Google sends it: each frame a whole response, the last with the reason."""
    return [*(_candidate([{"text": word}]) for word in words), _candidate([{"text": ""}], "STOP", usage)]


Called = tuple[str, str, str]  # a tool call: its id, the tool's name, the arguments as JSON text


def chat_calls(*calls: Called, usage: tuple[int, int] = (11, 7)) -> list[bytes]:
    """A chat completion that calls tools, as a stream: arguments come in two pieces."""
    first, *_, reason, counted, done = chat_frames([], usage)
    deltas = []
    for index, (call, name, arguments) in enumerate(calls):
        begun = {"index": index, "id": call, "type": "function", "function": {"name": name, "arguments": ""}}
        pieces = [{"index": index, "function": {"arguments": piece}} for piece in _halves(arguments)]
        deltas += [{"tool_calls": [piece]} for piece in (begun, *pieces)]
    return [
        first,
        *(first.replace(b'{"role": "assistant", "content": ""}', json.dumps(delta).encode()) for delta in deltas),
        reason.replace(b'"stop"', b'"tool_calls"'),
        counted,
        done,
    ]


def message_calls(*calls: Called, usage: tuple[int, int] = (11, 7)) -> list[bytes]:
    """A message that calls tools, as a stream."""
    start, *_, delta, stop = message_frames([], usage)
    blocks = []
    for index, (call, name, arguments) in enumerate(calls):
        block = {"type": "tool_use", "id": call, "name": name, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in _halves(arguments)]
        blocks += [
            _named("content_block_start", index=index, content_block=block),
            *(_named("content_block_delta", index=index, delta=delta) for delta in deltas),
            _named("content_block_stop", index=index),
        ]
    return [start, *blocks, delta.replace(b"end_turn", b"tool_use"), stop]


def responses_calls(*calls: Called, usage: tuple[int, int] = (11, 7)) -> list[bytes]:
    """A response that calls tools, as a stream."""
    events: list[tuple[str, dict[str, Any]]] = []
    output = []
    for index, (call, name, arguments) in enumerate(calls):
        place = {"item_id": f"fc_{index}", "output_index": index}
        item = {"id": f"fc_{index}", "type": "function_call", "status": "completed", "call_id": call, "name": name}
        begun = {**item, "status": "in_progress", "arguments": ""}
        output.append({**item, "arguments": arguments})
        events += [
            ("response.output_item.added", {"output_index": index, "item": begun}),
            *(("response.function_call_arguments.delta", {**place, "delta": piece}) for piece in _halves(arguments)),
            ("response.function_call_arguments.done", {**place, "name": name, "arguments": arguments}),
            ("response.output_item.done", {"output_index": index, "item": output[-1]}),
        ]
    return _response(usage, output, *events)


def gemini_calls(*calls: Called, usage: tuple[int, int] = (11, 7)) -> list[bytes]:
    """A generated content that calls tools, as a stream: each call is whole."""
    parts = [
        {"functionCall": {"id": call, "name": name, "args": json.loads(arguments)}} for call, name, arguments in calls
    ]
    return [_candidate(parts), _candidate([{"text": ""}], "STOP", usage)]


def _halves(arguments: str) -> tuple[str, str]:
    middle = len(arguments) // 2
    return arguments[:middle], arguments[middle:]


def _named(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def _response(usage: tuple[int, int], output: list[dict[str, Any]], *events: tuple[str, dict[str, Any]]) -> list[bytes]:
    """The stream of a response around the events of its output, numbered."""
    begun = response_object([], status="in_progress", usage=None)
    whole = response_object(output, usage=counted_tokens(usage))
    told: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
        *events,
        ("response.completed", {"response": whole}),
    ]
    return [_named(kind, sequence_number=number, **fields) for number, (kind, fields) in enumerate(told)]


def response_object(output: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """The response object of OpenAI, with `fields` in place of what it usually says."""
    unsaid = dict.fromkeys(("error", "incomplete_details", "instructions", "max_output_tokens", "previous_response_id"))
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1700000000,
        "status": "completed",
        "model": "gpt-test",
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "metadata": {},
        **unsaid,
        **fields,
    }


def counted_tokens(usage: tuple[int, int]) -> dict[str, Any]:
    """Tokens as a response object counts them."""
    return {
        "input_tokens": usage[0],
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": usage[1],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": sum(usage),
    }


def generated(
    parts: list[dict[str, Any]], reason: str | None = "STOP", usage: tuple[int, int] | None = (11, 7)
) -> dict[str, Any]:
    """A response of Google's generateContent; without `reason` it is one in the middle of a stream."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    said: dict[str, Any] = {"candidates": [candidate | ({"finishReason": reason} if reason else {})]}
    if usage:
        counts = {"promptTokenCount": usage[0], "candidatesTokenCount": usage[1], "totalTokenCount": sum(usage)}
        said["usageMetadata"] = counts
    return {**said, "modelVersion": "gemini-test", "responseId": "r1"}


def _candidate(parts: list[dict[str, Any]], reason: str | None = None, usage: tuple[int, int] | None = None) -> bytes:
    return b"data: " + json.dumps(generated(parts, reason, usage)).encode() + b"\r\n\r\n"


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

RESPONSE: bytes = json.dumps(
    response_object(
        [
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}],
            }
        ],
        usage=counted_tokens((11, 7)),
    ),
    indent=2,
).encode()

GENERATED: bytes = json.dumps(generated([{"text": "Hello"}]), indent=2).encode()


def chat_reply(*calls: Called) -> bytes:
    """A whole chat completion that calls tools."""
    called = [
        {"id": call, "type": "function", "function": {"name": name, "arguments": arguments}}
        for call, name, arguments in calls
    ]
    reply = json.loads(CHAT)
    message = {"role": "assistant", "content": None, "tool_calls": called}
    reply["choices"] = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    return json.dumps(reply).encode()


def message_reply(*calls: Called) -> bytes:
    """A whole message that calls tools."""
    blocks = [{"type": "tool_use", "id": id_, "name": name, "input": json.loads(text)} for id_, name, text in calls]
    return json.dumps({**json.loads(MESSAGE), "content": blocks, "stop_reason": "tool_use"}).encode()


def responses_reply(*calls: Called) -> bytes:
    """A whole response that calls tools."""
    output = [
        {"id": f"fc_{index}", "type": "function_call", "status": "completed", "call_id": id_, "name": name}
        | {"arguments": arguments}
        for index, (id_, name, arguments) in enumerate(calls)
    ]
    return json.dumps({**json.loads(RESPONSE), "output": output}).encode()


def gemini_reply(*calls: Called) -> bytes:
    """A whole generated content that calls tools."""
    parts = [{"functionCall": {"id": id_, "name": name, "args": json.loads(text)}} for id_, name, text in calls]
    return json.dumps(generated(parts)).encode()


# The same for whoever goes through all dialects, by their names.
FRAMES = {
    "openai_chat": chat_frames,
    "openai_responses": responses_frames,
    "anthropic": message_frames,
    "gemini": gemini_frames,
}
CALLS = {
    "openai_chat": chat_calls,
    "openai_responses": responses_calls,
    "anthropic": message_calls,
    "gemini": gemini_calls,
}
WHOLE = {"openai_chat": CHAT, "openai_responses": RESPONSE, "anthropic": MESSAGE, "gemini": GENERATED}
WHOLE_CALLS = {
    "openai_chat": chat_reply,
    "openai_responses": responses_reply,
    "anthropic": message_reply,
    "gemini": gemini_reply,
}
