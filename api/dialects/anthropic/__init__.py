"""Anthropic Messages: the dialect of Claude's own SDKs and of Claude Code."""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from api.conversation import (
    ChatRequest,
    Ended,
    Event,
    Finish,
    Finished,
    Message,
    Part,
    PartEnded,
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

NAME: Final = "anthropic"
CALLED: Final[dict[str, str]] = {"stop": "stop_sequences"}
HEARTBEAT: Final = sse.frame(b'{"type": "ping"}', b"ping")
DEFAULT_VERSION: Final = "2023-06-01"  # the oldest still served; sent where the caller names none
ARRAY_ITEMS: Final = 200_000
TOKENS: Final = Meta(ge=0, le=2**53)


class Block(Struct, omit_defaults=True):
    """A block of content. Kinds that Morello does not know pass through to the provider."""

    type: Annotated[str, Meta(description="text, image, tool_use, tool_result, ...", examples=["text"])]
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, Any] | None = None
    tool_use_id: str | None = None
    content: "str | list[Block] | dict[str, Any] | msgspec.UnsetType | None" = msgspec.UNSET


class AnthropicMessage(Struct, omit_defaults=True):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class AnthropicTool(Struct, omit_defaults=True):
    name: str
    description: str | None = None
    input_schema: Annotated[dict[str, Any] | None, Meta(description="JSON Schema of the input")] = None


class CountTokensRequest(Struct, omit_defaults=True):
    """What count_tokens looks at."""

    model: Annotated[str, Meta(min_length=1, description="provider:model", examples=["morello:echo"])]
    messages: Annotated[list[AnthropicMessage], Meta(min_length=1, max_length=ARRAY_ITEMS)]
    system: str | list[Block] | None = None
    tools: list[AnthropicTool] | None = None


class MessagesRequest(CountTokensRequest, omit_defaults=True, kw_only=True):
    """The fields Morello looks at. Every other field of the dialect is passed on to the provider as it came."""

    max_tokens: Annotated[int, Meta(ge=1, examples=[256])] = 4096
    stream: bool | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    tool_choice: dict[str, Any] | None = None


class TokenCount(Struct):
    input_tokens: int


class MessageUsage(Struct):
    input_tokens: int
    output_tokens: int


class AnthropicReply(Struct):
    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[Block]
    stop_reason: Literal["end_turn", "max_tokens", "tool_use", "stop_sequence"] | None
    stop_sequence: str | None
    usage: MessageUsage


class AnthropicErrorDetail(Struct):
    type: str
    message: Annotated[str, Meta(description="What happened, and what to do")]


class AnthropicErrorReply(Struct):
    """Every error on routes of this dialect."""

    type: Literal["error"]
    error: AnthropicErrorDetail
    request_id: str


_REQUEST: Final = msgspec.json.Decoder(MessagesRequest)
_COUNT: Final = msgspec.json.Decoder(CountTokensRequest)
_ROLES: Final = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
_REASONS: Final[dict[Finish, Any]] = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.TOOL_CALLS: "tool_use",
}
_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    415: "invalid_request_error",
    421: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}


def read_request(body: bytes, model: str = "", stream: bool = False) -> ChatRequest:
    """The caller's request; `InvalidRequest` names the field that is wrong."""
    asked = decode(_REQUEST, body)
    return ChatRequest(
        asked.model, _messages(asked), _tools(asked), asked.max_tokens, bool(asked.stream), True, dialect=NAME
    )


def read_count(body: bytes) -> ChatRequest:
    """What count_tokens is asked to count."""
    asked = decode(_COUNT, body)
    return ChatRequest(asked.model, _messages(asked), _tools(asked))


def write_count(tokens: int) -> bytes:
    """The answer of count_tokens."""
    return msgspec.json.encode(TokenCount(tokens))


def _messages(asked: CountTokensRequest) -> tuple[Message, ...]:
    system = (Message(Role.SYSTEM, _parts(asked.system)),) if asked.system else ()
    return system + tuple(Message(_ROLES[message.role], _parts(message.content)) for message in asked.messages)


def _tools(asked: CountTokensRequest) -> tuple[Tool, ...]:
    return tuple(Tool(tool.name, tool.input_schema or {}) for tool in asked.tools or ())


def _parts(content: str | list[Block]) -> tuple[Part, ...]:
    return (Text(content),) if isinstance(content, str) else tuple(_part(block) for block in content)


def _part(block: Block) -> Part:
    match block.type:
        case "text":
            return Text(block.text or "")
        case "tool_use":
            arguments = msgspec.json.encode(block.input or {}).decode()
            return ToolCall(block.id or "", block.name or "", arguments)
        case "tool_result":
            return ToolResult(block.tool_use_id or "", (Text(_result(block.content)),))
        case kind:
            return Unread(kind)


def _result(content: object) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "".join(block.text or "" for block in blocks)


class Writer:
    """Events to the bytes of a stream. The model is echoed as the caller wrote it."""

    def __init__(self, request: ChatRequest, request_id: str) -> None:
        self._model, self._id = request.model, request_id
        self._calls: set[int] = set()
        self._finished = Finished(Finish.STOP)

    def write(self, event: Event) -> bytes:
        """The frames that say `event`."""
        match event:
            case Started(tokens_in):
                return _event("message_start", message=self._blank(tokens_in))
            case PartStarted(index, ToolCall(id=call, name=name)):
                self._calls.add(index)
                block: dict[str, Any] = {"type": "tool_use", "id": call, "name": name, "input": {}}
                return _event("content_block_start", index=index, content_block=block)
            case PartStarted(index):
                return _event("content_block_start", index=index, content_block={"type": "text", "text": ""})
            case PartGrew(index, text) if index in self._calls:
                delta = {"type": "input_json_delta", "partial_json": text}
                return _event("content_block_delta", index=index, delta=delta)
            case PartGrew(index, text):
                return _event("content_block_delta", index=index, delta={"type": "text_delta", "text": text})
            case PartEnded(index):
                return _event("content_block_stop", index=index)
            case Finished():
                self._finished = event
                return b""
            case Ended(usage):
                ended = {"stop_reason": _REASONS[self._finished.reason], "stop_sequence": None}
                return _event("message_delta", delta=ended, usage=_usage(usage or Usage())) + _event("message_stop")
            case _:
                return b""

    def fail(self, error: GatewayError) -> bytes:
        """The last frame of a stream that failed: no `message_stop` follows it."""
        return error_frame(error, self._id)

    def _blank(self, tokens_in: int) -> AnthropicReply:
        usage = MessageUsage(tokens_in, 0)
        return AnthropicReply(f"msg_{self._id}", "message", "assistant", self._model, [], None, None, usage)


def _event(kind: str, **fields: Any) -> bytes:
    return sse.frame(msgspec.json.encode({"type": kind, **fields}), kind.encode())


def write_reply(reply: Reply, request: ChatRequest, request_id: str) -> bytes:
    """A whole reply as one JSON object."""
    return msgspec.json.encode(
        AnthropicReply(
            f"msg_{request_id}",
            "message",
            "assistant",
            request.model,
            [_block(part) for part in reply.choices[0].parts if isinstance(part, Text | ToolCall)],
            _REASONS[reply.choices[0].finished.reason],
            None,
            _usage(reply.usage or Usage()),
        )
    )


def _block(part: Text | ToolCall) -> Block:
    if isinstance(part, Text):
        return Block("text", text=part.text)
    return Block("tool_use", id=part.id, name=part.name, input=msgspec.json.decode(part.arguments or "{}"))


def _usage(usage: Usage) -> MessageUsage:
    return MessageUsage(usage.tokens_in, usage.tokens_out)


def write_error(error: GatewayError, request_id: str) -> bytes:
    """An error's body."""
    kind = _TYPES.get(error.status, "api_error")
    if isinstance(error, UpstreamRefused) and error.type:
        kind = error.type
    return msgspec.json.encode(AnthropicErrorReply("error", AnthropicErrorDetail(kind, str(error)), request_id))


def error_frame(error: GatewayError, request_id: str) -> bytes:
    """The last frame of a stream that failed: no `message_stop` follows it."""
    return sse.frame(write_error(error, request_id), b"error")


def error_in(body: bytes) -> Told | None:
    """A provider's error. None if the body is not an error of this dialect."""
    try:
        detail = msgspec.json.decode(body, type=_ProviderError).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return Told(detail.message, detail.type) if detail.message else None


class _ProviderErrorDetail(Struct):
    message: str = ""
    type: str | None = None


class _ProviderError(Struct):
    error: _ProviderErrorDetail


class _Counted(Struct):
    input_tokens: Annotated[int, TOKENS] | None = None
    output_tokens: Annotated[int, TOKENS] | None = None


class _Begun(Struct):
    usage: _Counted | None = None


class _Said(Struct):
    type: str
    message: _Begun | None = None
    usage: _Counted | None = None


_SAID: Final = msgspec.json.Decoder(_Said)


class Ear:
    """Listens along while a provider's bytes pass: when the first token came, what was counted, whether it ended."""

    __slots__ = ("finished", "has_spoken", "usage")

    def __init__(self) -> None:
        self.has_spoken = self.finished = False
        self.usage: Usage | None = None

    def hear(self, frames: Iterable[sse.Frame]) -> None:
        """Take note of frames as they pass. What cannot be understood is not ours to judge."""
        for frame in frames:
            try:
                said = _SAID.decode(frame.data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            if said.type == "content_block_delta":
                self.has_spoken = True
            elif said.type == "message_start" and said.message:
                self._count(said.message.usage)
            elif said.type == "message_delta":
                self._count(said.usage)
            elif said.type in ("message_stop", "error"):
                self.finished = True

    def hear_whole(self, body: bytes) -> None:
        """The same for a reply that is not a stream."""
        self.has_spoken = self.finished = True
        try:
            self._count(_SAID.decode(body).usage)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return

    def _count(self, counted: _Counted | None) -> None:
        # message_start counts what came in, message_delta what has gone out so far (and, lately, both).
        if counted:
            known = self.usage or Usage()
            came = known.tokens_in if counted.input_tokens is None else counted.input_tokens
            went = known.tokens_out if counted.output_tokens is None else counted.output_tokens
            self.usage = Usage(came, went)
