"""The shapes of the wire, as callers see them documented and as their requests are checked.

What a shape does not name is neither refused nor lost: the body is read a second time as it came.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

ARRAY_ITEMS: Final = 200_000


class Block(Struct, omit_defaults=True):
    """A block of content. Kinds that Morello does not know pass through to a provider of this dialect."""

    type: Annotated[str, Meta(description="text, image, tool_use, tool_result, ...", examples=["text"])]
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, Any] | None = None
    tool_use_id: str | None = None
    content: "str | list[Block] | dict[str, Any] | msgspec.UnsetType | None" = msgspec.UNSET
    source: Any = None
    thinking: str | None = None
    signature: str | None = None
    data: Any = None
    is_error: bool | None = None


class AnthropicMessage(Struct, omit_defaults=True):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class AnthropicTool(Struct, omit_defaults=True):
    """A tool of the caller, with a name and a schema; or one that the provider runs, by its `type`."""

    type: Annotated[str | None, Meta(description="custom, or the kind of a tool that the provider runs")] = None
    name: str | None = None
    description: str | None = None
    input_schema: Annotated[dict[str, Any] | None, Meta(description="JSON Schema of the input")] = None
    strict: bool | None = None


class AnthropicToolChoice(Struct, omit_defaults=True):
    type: Annotated[str, Meta(description="auto, any, tool or none")]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class AnthropicThinking(Struct, omit_defaults=True):
    type: Annotated[str, Meta(description="enabled, disabled or adaptive")]
    budget_tokens: int | None = None
    display: Annotated[str | None, Meta(description="summarized or omitted")] = None


class OutputConfig(Struct, omit_defaults=True):
    effort: Annotated[str | None, Meta(description="low, medium, high, xhigh or max")] = None
    format: Annotated[dict[str, Any] | None, Meta(description="type json_schema, and the schema")] = None


class CountTokensRequest(Struct, omit_defaults=True):
    """What count_tokens looks at."""

    model: Annotated[str, Meta(min_length=1, description="provider:model", examples=["morello:echo"])]
    messages: Annotated[list[AnthropicMessage], Meta(min_length=1, max_length=ARRAY_ITEMS)]
    system: str | list[Block] | None = None
    tools: list[AnthropicTool] | None = None
    tool_choice: AnthropicToolChoice | None = None
    thinking: AnthropicThinking | None = None
    output_config: OutputConfig | None = None


class MessagesRequest(CountTokensRequest, omit_defaults=True, kw_only=True):
    """The fields Morello looks at. Every other field of the dialect goes to a provider of this dialect as it came."""

    max_tokens: Annotated[int, Meta(ge=1, examples=[256])] | msgspec.UnsetType = msgspec.UNSET
    stream: bool | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None


class TokenCount(Struct):
    input_tokens: int


class OutputDetails(Struct):
    thinking_tokens: int


class MessageUsage(Struct, omit_defaults=True):
    """`input_tokens` leaves out what came from the cache and what went into it."""

    input_tokens: int
    output_tokens: int
    # Without a default that equals them, so that a zero is written: clients add these up unasked.
    cache_creation_input_tokens: int
    cache_read_input_tokens: int
    output_tokens_details: OutputDetails | None = None
    service_tier: str | None = None


class AnthropicReply(Struct):
    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[dict[str, Any]]
    stop_reason: Annotated[
        str | None,
        Meta(
            description="end_turn, max_tokens, stop_sequence, tool_use, pause_turn, refusal, "
            "model_context_window_exceeded or compaction"
        ),
    ]
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
