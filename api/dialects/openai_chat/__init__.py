"""OpenAI Chat Completions: the dialect most programs speak."""

import time
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from api.conversation import (
    ChatRequest,
    Ended,
    Event,
    Finished,
    Message,
    Part,
    PartGrew,
    PartStarted,
    Reply,
    Role,
    Started,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Unread,
    Usage,
)
from api.dialects import sse
from api.dialects.decoding import decode
from api.dialects.dialect import Told
from api.errors import GatewayError, UpstreamRefused

NAME: Final = "openai_chat"
HEARTBEAT: Final = sse.comment(b"still here")
CALLED: Final[dict[str, str]] = {}
DONE: Final = b"[DONE]"
NOTHING_NEW: Final = b'"finish_reason":null}]}'  # so ends nearly every chunk of nearly every provider
ARRAY_ITEMS: Final = 200_000  # reference: the limits of the gateway's own threat model
TOKENS: Final = Meta(ge=0, le=2**53)


class ContentPart(Struct, omit_defaults=True):
    """A part of a message. Kinds other than text pass through to the provider."""

    type: Annotated[str, Meta(description="text, image_url, input_audio, file, ...", examples=["text"])]
    text: str | None = None


class CalledFunction(Struct):
    name: str
    arguments: Annotated[str, Meta(description="JSON text")] = ""


class CalledTool(Struct, kw_only=True):
    id: str = ""
    type: str = "function"
    function: CalledFunction


class ChatMessage(Struct, omit_defaults=True):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None
    tool_calls: list[CalledTool] | None = None
    tool_call_id: str | None = None


class OfferedFunction(Struct, omit_defaults=True):
    name: str
    description: str | None = None
    parameters: Annotated[dict[str, Any] | None, Meta(description="JSON Schema of the arguments")] = None


class OfferedTool(Struct, omit_defaults=True):
    type: str = "function"
    function: OfferedFunction | None = None


class StreamOptions(Struct, omit_defaults=True):
    include_usage: bool | None = None


class ChatCompletionRequest(Struct, omit_defaults=True):
    """The fields Morello looks at. Every other field of the dialect is passed on to the provider as it came."""

    model: Annotated[str, Meta(min_length=1, description="provider:model", examples=["morello:echo"])]
    messages: Annotated[list[ChatMessage], Meta(min_length=1, max_length=ARRAY_ITEMS)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    tools: list[OfferedTool] | None = None
    tool_choice: str | dict[str, Any] | None = None


class CompletionUsage(Struct):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AnswerMessage(Struct):
    role: Literal["assistant"]
    content: str | None
    tool_calls: list[CalledTool] | msgspec.UnsetType = msgspec.UNSET


class Choice(Struct):
    index: int
    message: AnswerMessage
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"]


class ChatCompletion(Struct):
    id: str
    object: Literal["chat.completion"]
    created: Annotated[int, Meta(description="seconds since 1970")]
    model: str
    choices: list[Choice]
    usage: CompletionUsage


class ErrorDetail(Struct):
    message: Annotated[str, Meta(description="What happened, and what to do")]
    type: str
    param: str | None
    code: str | None


class ErrorReply(Struct):
    """Every error on routes of this dialect."""

    error: ErrorDetail


_REQUEST: Final = msgspec.json.Decoder(ChatCompletionRequest)
_ROLES: Final = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.USER,
    "function": Role.USER,
}
_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    413: "request_too_large",
    415: "invalid_request_error",
    421: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}


def read_request(body: bytes, model: str = "", stream: bool = False) -> ChatRequest:
    """The caller's request; `InvalidRequest` names the field that is wrong."""
    asked = decode(_REQUEST, body)
    options = asked.stream_options
    return ChatRequest(
        asked.model,
        tuple(_message(message) for message in asked.messages),
        tuple(Tool(tool.function.name, tool.function.parameters or {}) for tool in asked.tools or () if tool.function),
        asked.max_completion_tokens or asked.max_tokens,
        bool(asked.stream),
        bool(options and options.include_usage),
        dialect=NAME,
    )


def _message(message: ChatMessage) -> Message:
    parts: list[Part] = []
    if isinstance(message.content, str):
        parts.append(Text(message.content))
    elif message.content:
        parts += [Text(part.text) if part.text is not None else Unread(part.type) for part in message.content]
    if message.role in ("tool", "function"):
        answered = tuple(part for part in parts if isinstance(part, Text | Unread))
        parts = [ToolResult(message.tool_call_id or "", answered)]
    for call in message.tool_calls or ():
        parts.append(ToolCall(call.id, call.function.name, call.function.arguments or "{}"))
    return Message(_ROLES[message.role], tuple(parts))


class Writer:
    """Events to the bytes of a stream. The model is echoed as the caller wrote it."""

    def __init__(self, request: ChatRequest, request_id: str) -> None:
        kind, now = "chat.completion.chunk", int(time.time())
        self._head = {"id": f"chatcmpl-{request_id}", "object": kind, "created": now, "model": request.model}
        self._usage_wanted, self._id = request.usage_wanted, request_id
        self._calls: dict[int, int] = {}

    def write(self, event: Event) -> bytes:
        """The frames that say `event`; nothing where this dialect has no word for it."""
        match event:
            case Started():
                return self._delta({"role": "assistant", "content": ""})
            case PartStarted(index, ToolCall(id=call, name=name)):
                self._calls[index] = len(self._calls)
                return self._call(index, {"id": call, "type": "function"}, {"name": name, "arguments": ""})
            case PartGrew(index, text) if index in self._calls:
                return self._call(index, {}, {"arguments": text})
            case PartGrew(_, text):
                return self._delta({"content": text})
            case Finished(reason):
                return self._delta({}, reason)
            case Ended(usage):
                return self._end(usage or Usage())
            case _:
                return b""

    def fail(self, error: GatewayError) -> bytes:
        """The last frame of a stream that failed: no `[DONE]` follows it."""
        return error_frame(error, self._id)

    def _call(self, index: int, fields: dict[str, Any], function: dict[str, str]) -> bytes:
        return self._delta({"tool_calls": [{"index": self._calls[index], **fields, "function": function}]})

    def _delta(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        return self._chunk([{"index": 0, "delta": delta, "finish_reason": reason}])

    def _chunk(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        return sse.frame(msgspec.json.encode({**self._head, "choices": choices, **more}))

    def _end(self, usage: Usage) -> bytes:
        told = self._chunk([], usage=_usage(usage)) if self._usage_wanted else b""
        return told + sse.frame(DONE)


def write_reply(reply: Reply, request: ChatRequest, request_id: str) -> bytes:
    """A whole reply as one JSON object."""
    first = reply.choices[0]
    texts = [part.text for part in first.parts if isinstance(part, Text)]
    calls = [
        CalledTool(id=part.id, function=CalledFunction(part.name, part.arguments))
        for part in first.parts
        if isinstance(part, ToolCall)
    ]
    message = AnswerMessage("assistant", "".join(texts) if texts else None)
    if calls:
        message.tool_calls = calls
    choice = Choice(0, message, first.finished.reason.value)  # type: ignore[arg-type]
    return msgspec.json.encode(
        ChatCompletion(
            f"chatcmpl-{request_id}",
            "chat.completion",
            int(time.time()),
            request.model,
            [choice],
            _usage(reply.usage or Usage()),
        )
    )


def _usage(usage: Usage) -> CompletionUsage:
    return CompletionUsage(usage.tokens_in, usage.tokens_out, usage.tokens_in + usage.tokens_out)


def write_error(error: GatewayError, request_id: str) -> bytes:
    """An error's body. The request id travels in the header alone in this dialect."""
    kind = _TYPES.get(error.status, "server_error")
    if isinstance(error, UpstreamRefused) and error.type:
        kind = error.type
    return msgspec.json.encode(ErrorReply(ErrorDetail(str(error), kind, error.param, error.kind)))


def error_frame(error: GatewayError, request_id: str) -> bytes:
    """The last frame of a stream that failed: no `[DONE]` follows it."""
    return sse.frame(write_error(error, request_id))


def error_in(body: bytes) -> Told | None:
    """A provider's error. None if the body is not an error of this dialect."""
    try:
        detail = msgspec.json.decode(body, type=_ProviderError).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(detail, str):
        return Told(detail) if detail else None
    code = detail.code if isinstance(detail.code, str) else None
    return Told(detail.message, detail.type, code) if detail.message else None


class _ProviderErrorDetail(Struct):
    message: str = ""
    type: str | None = None
    code: str | int | float | None = None


class _ProviderError(Struct):
    error: _ProviderErrorDetail | str


_NULL: Final = msgspec.Raw(b"null")


class _Counted(Struct):
    prompt_tokens: Annotated[int, TOKENS] | None = None
    completion_tokens: Annotated[int, TOKENS] | None = None


class _Delta(Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[msgspec.Raw] | None = None


class _ChunkChoice(Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(Struct):
    choices: list[_ChunkChoice] = []
    usage: msgspec.Raw = _NULL
    error: object = None


_CHUNK: Final = msgspec.json.Decoder(_Chunk)
_COUNTED: Final = msgspec.json.Decoder(_Counted | None)


class Ear:
    """Listens along while a provider's bytes pass: when the first token came, what was counted, whether it ended."""

    __slots__ = ("finished", "has_spoken", "usage")

    def __init__(self) -> None:
        self.has_spoken = self.finished = False
        self.usage: Usage | None = None

    def hear(self, frames: Iterable[sse.Frame]) -> None:
        """Take note of frames as they pass. What cannot be understood is not ours to judge."""
        for frame in frames:
            if self.has_spoken and frame.data.endswith(NOTHING_NEW):
                continue
            if frame.data == DONE:
                self.finished = True
                continue
            try:
                self._note(_CHUNK.decode(frame.data))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue

    def hear_whole(self, body: bytes) -> None:
        """The same for a reply that is not a stream."""
        self.has_spoken = self.finished = True
        try:
            self._note(_CHUNK.decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return

    def _note(self, chunk: _Chunk) -> None:
        if chunk.error:
            self.finished = True
        for choice in chunk.choices:
            delta = choice.delta
            if delta and (delta.content or delta.reasoning_content or delta.reasoning or delta.tool_calls):
                self.has_spoken = True
            if choice.finish_reason:
                self.finished = True
        # Last: an odd count is no count, and says nothing about the rest of the chunk.
        if chunk.usage is not _NULL and (counted := _COUNTED.decode(chunk.usage)):
            self.usage = Usage(counted.prompt_tokens or 0, counted.completion_tokens or 0)
