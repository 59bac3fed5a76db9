"""The dialect's shapes on the wire, as they are checked and documented."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

ARRAY_ITEMS: Final = 200_000  # reference: the limits of the gateway's own threat model


class ContentPart(Struct, omit_defaults=True):
    """A part of a message. Kinds that Morello does not know pass through to a provider of the dialect."""

    type: Annotated[str, Meta(description="text, image_url, input_audio, file, refusal, ...", examples=["text"])]
    text: str | None = None
    image_url: Annotated[Any, Meta(description="url (http, https or data) and detail")] = None
    input_audio: Annotated[Any, Meta(description="data (base64) and format")] = None
    file: Annotated[Any, Meta(description="file_data (a data URL) and filename, or file_id")] = None


class CalledFunction(Struct):
    name: str
    arguments: Annotated[str, Meta(description="JSON text")] = ""


class CalledTool(Struct, kw_only=True):
    id: str = ""
    type: str = "function"
    function: CalledFunction


class ReplayedFunction(Struct, omit_defaults=True):
    name: str
    arguments: Annotated[str | dict[str, Any] | None, Meta(description="JSON text")] = None


class ReplayedTool(Struct, omit_defaults=True):
    """A call of the assistant's, sent back."""

    id: str | None = None
    type: str | None = None
    function: ReplayedFunction | None = None
    custom: Any = None


class ChatMessage(Struct, omit_defaults=True):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning_content: Annotated[Any, Meta(description="What the model thought, as text")] = None
    tool_calls: list[ReplayedTool] | None = None
    tool_call_id: str | None = None
    function_call: ReplayedFunction | None = None


class OfferedFunction(Struct, omit_defaults=True):
    name: str
    description: str | None = None
    parameters: Annotated[dict[str, Any] | None, Meta(description="JSON Schema of the arguments")] = None
    strict: bool | None = None


class OfferedTool(Struct, omit_defaults=True):
    type: str = "function"
    function: OfferedFunction | None = None
    custom: Annotated[Any, Meta(description="A tool that takes free text: name, description, format")] = None


class StreamOptions(Struct, omit_defaults=True):
    include_usage: bool | None = None


Count = Annotated[int, Meta(ge=1)]


class ChatCompletionRequest(Struct, omit_defaults=True):
    """The fields Morello reads. Every other field of the dialect is passed on to a provider that speaks it."""

    model: Annotated[str, Meta(min_length=1, description="provider:model", examples=["morello:echo"])]
    messages: Annotated[list[ChatMessage], Meta(min_length=1, max_length=ARRAY_ITEMS)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    n: Count | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: dict[str, float] | None = None
    tools: list[OfferedTool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    functions: list[OfferedFunction] | None = None
    function_call: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None


class CompletionUsage(Struct, omit_defaults=True):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: dict[str, int] | None = None
    completion_tokens_details: dict[str, int] | None = None


class AnswerMessage(Struct, omit_defaults=True):
    role: Literal["assistant"]
    content: str | None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[CalledTool] | msgspec.UnsetType = msgspec.UNSET


class Choice(Struct, omit_defaults=True):
    index: int
    message: AnswerMessage
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"]
    logprobs: Any = None


class ChatCompletion(Struct, omit_defaults=True):
    id: str
    object: Literal["chat.completion"]
    created: Annotated[int, Meta(description="seconds since 1970")]
    model: str
    choices: list[Choice]
    usage: CompletionUsage | None = None
    service_tier: str | None = None


class ErrorDetail(Struct):
    message: Annotated[str, Meta(description="What happened, and what to do")]
    type: str
    param: str | None
    code: str | None


class ErrorReply(Struct):
    """Every error on routes of this dialect."""

    error: ErrorDetail
