"""The shapes of OpenAI Responses as the documentation of the routes shows them, and as requests are checked."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Item = dict[str, Any]


class ResponsesRequest(Struct, omit_defaults=True):
    """The fields Morello looks at. Every other field of the dialect is kept for a provider that speaks it too."""

    model: Annotated[str, Meta(min_length=1, description="provider:model", examples=["morello:echo"])]
    input: Annotated[str | list[Item] | None, Meta(description="Text, or items: messages, calls, results")] = None
    instructions: Annotated[str | None, Meta(description="The system message")] = None
    stream: bool | None = None
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    tools: list[Item] | None = None
    tool_choice: str | Item | None = None
    parallel_tool_calls: bool | None = None
    text: Item | None = None
    reasoning: Item | None = None
    top_logprobs: int | None = None
    include: list[str] | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None
    user: str | None = None
    prompt_cache_key: str | None = None
    background: Annotated[bool | None, Meta(description="Only false: answers are given at once")] = None
    conversation: str | Item | None = None
    prompt: Item | None = None
    previous_response_id: str | None = None


class InputTokensDetails(Struct):
    cached_tokens: int
    cache_write_tokens: int


class OutputTokensDetails(Struct):
    reasoning_tokens: int


class ResponseUsage(Struct):
    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int


class IncompleteDetails(Struct):
    reason: Literal["max_output_tokens", "content_filter"]


class ResponseFault(Struct):
    """Why a response failed."""

    code: str
    message: str
    type: str | None = None


class ResponseObject(Struct):
    """A response. Every field is always there; null where nothing is known."""

    id: str
    object: Literal["response"]
    created_at: Annotated[int, Meta(description="seconds since 1970")]
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    completed_at: int | None
    error: ResponseFault | None
    incomplete_details: IncompleteDetails | None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    model: str
    output: list[Item]
    parallel_tool_calls: bool
    previous_response_id: str | None
    presence_penalty: float
    frequency_penalty: float
    prompt_cache_key: str | None
    reasoning: Item | None
    safety_identifier: str | None
    service_tier: str
    store: bool
    background: bool
    temperature: float
    text: Item
    tool_choice: str | Item
    tools: list[Item]
    top_logprobs: int
    top_p: float
    truncation: str
    usage: ResponseUsage | None
    user: str | None
    metadata: dict[str, Any]


class ErrorDetail(Struct):
    message: Annotated[str, Meta(description="What happened, and what to do")]
    type: str
    param: str | None
    code: str | None


class ErrorReply(Struct):
    """Every error on routes of this dialect."""

    error: ErrorDetail
