"""The dialect's shapes on the wire, as they are checked and documented."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

Model = Annotated[
    str,
    Meta(
        min_length=1,
        description="provider:model, with or without the `:latest` that programs add",
        examples=["morello:echo"],
    ),
]
Pictures = Annotated[list[str], Meta(description="Pictures in base64")]
Answers = Annotated[
    Literal["", "json"] | dict[str, Any] | None, Meta(description="`json`, or the JSON Schema of the answer")
]
Thinks = Annotated[
    bool | Literal["", "low", "medium", "high", "max"] | None,
    Meta(description="Whether to think, or how much: low, medium, high or max"),
]
Stays = Annotated[
    int | float | str | None, Meta(description="How long the model stays in memory: providers decide that themselves")
]
Streams = Annotated[
    bool | None, Meta(description="Whether the answer comes line by line, as it does unless this is false")
]


class OllamaFunction(Struct, omit_defaults=True):
    """A function that is called. `arguments` is an object, not text."""

    name: str
    arguments: dict[str, Any] | None = None
    index: int | None = None


class OllamaToolCall(Struct, omit_defaults=True):
    function: OllamaFunction
    id: str | None = None


class OllamaMessage(Struct, omit_defaults=True):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | None = None
    thinking: Annotated[str | None, Meta(description="What the model thought")] = None
    images: Pictures | None = None
    tool_calls: list[OllamaToolCall] | None = None
    tool_name: Annotated[str | None, Meta(description="The tool that this is the result of")] = None
    tool_call_id: Annotated[str | None, Meta(description="The call that this is the result of")] = None


class OllamaOfferedFunction(Struct, omit_defaults=True):
    name: str
    description: str | None = None
    parameters: Annotated[dict[str, Any] | None, Meta(description="JSON Schema of the arguments")] = None


class OllamaTool(Struct, omit_defaults=True):
    function: OllamaOfferedFunction
    type: str | None = None


class OllamaOptions(Struct, omit_defaults=True):
    """The options that providers know. Those of Ollama's own engine are named in `x-morello-dropped`."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    num_predict: Annotated[
        int | None, Meta(description="The most tokens to answer with; below 1 there is no limit")
    ] = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


class OllamaChatRequest(Struct, omit_defaults=True):
    """A conversation. Without messages it only asks whether the model is there."""

    model: Model
    messages: list[OllamaMessage] | None = None
    stream: Streams = None
    tools: list[OllamaTool] | None = None
    format: Answers = None
    think: Thinks = None
    options: OllamaOptions | None = None
    keep_alive: Stays = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None


class OllamaGenerateRequest(Struct, omit_defaults=True):
    """One prompt. Without one it only asks whether the model is there."""

    model: Model
    prompt: str | None = None
    system: str | None = None
    images: Pictures | None = None
    stream: Streams = None
    format: Answers = None
    think: Thinks = None
    options: OllamaOptions | None = None
    keep_alive: Stays = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    suffix: str | None = None
    template: str | None = None
    context: list[int] | None = None
    raw: bool | None = None


Nanoseconds = Annotated[int, Meta(description="nanoseconds")]


class _Told(Struct, kw_only=True, omit_defaults=True):
    model: str
    created_at: Annotated[str, Meta(examples=["2026-11-24T08:00:00.000000Z"])]
    done: bool
    done_reason: Literal["stop", "length", "load", "unload"] | msgspec.UnsetType = msgspec.UNSET
    total_duration: Nanoseconds | msgspec.UnsetType = msgspec.UNSET
    load_duration: Nanoseconds | msgspec.UnsetType = msgspec.UNSET
    prompt_eval_count: Annotated[int, Meta(description="tokens read")] | msgspec.UnsetType = msgspec.UNSET
    prompt_eval_duration: Nanoseconds | msgspec.UnsetType = msgspec.UNSET
    eval_count: Annotated[int, Meta(description="tokens written")] | msgspec.UnsetType = msgspec.UNSET
    eval_duration: Nanoseconds | msgspec.UnsetType = msgspec.UNSET
    logprobs: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET


class OllamaChatReply(_Told, kw_only=True, omit_defaults=True):
    """A whole answer, or one line of it; the last has `done` and what was counted."""

    message: OllamaMessage


class OllamaGenerateReply(_Told, kw_only=True, omit_defaults=True):
    """A whole answer, or one line of it; the last has `done` and what was counted."""

    response: str
    thinking: str | msgspec.UnsetType = msgspec.UNSET
    image: Annotated[str, Meta(description="a picture that the model made, in base64")] | msgspec.UnsetType = (
        msgspec.UNSET
    )


class OllamaError(Struct):
    """Every error on routes of this dialect."""

    error: Annotated[str, Meta(description="What happened, and what to do")]
