"""OpenAI's routes."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from sanic import Blueprint, HTTPResponse, Request

from api.dialects import openai_chat
from api.dialects.openai_chat.shapes import CompletionUsage, StreamOptions
from api.endpoints import Endpoint
from api.routes import samples
from api.routes.conversing import converse
from api.routes.documenting import PASSED_ON, documented
from api.routes.endpoints import ask

routes = Blueprint("openai")


class CompletionRequest(Struct, omit_defaults=True, kw_only=True):
    """The usual fields. All of them, and every other one, go to the provider as they come."""

    model: Annotated[str, Meta(min_length=1, description="provider:model", examples=["local:gemma-3-270m"])]
    prompt: Annotated[
        str | list[Any] | None,
        Meta(description="A text, several, a text as tokens, or several of these", examples=["Once upon a time"]),
    ] = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    suffix: Annotated[str | None, Meta(description="What comes after the text that is to be written")] = None
    echo: Annotated[bool | None, Meta(description="Begin the answer with the prompt")] = None
    n: int | None = None
    best_of: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    logprobs: Annotated[int | None, Meta(description="How many of the likeliest tokens to tell, for each")] = None
    logit_bias: dict[str, float] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    user: str | None = None


class CompletionChoice(Struct, omit_defaults=True, kw_only=True):
    """One text that was written."""

    text: str
    index: int = 0
    finish_reason: Annotated[str | None, Meta(description="stop, length or content_filter")] = None
    logprobs: Any = None


class Completion(Struct, omit_defaults=True, kw_only=True):
    """The answer. The events of a stream are of the same shape, each with a piece of the text."""

    id: str
    object: Literal["text_completion"]
    created: Annotated[int, Meta(description="seconds since 1970")]
    model: str
    choices: list[CompletionChoice]
    usage: CompletionUsage | None = None


@routes.post("/v1/chat/completions")
@documented(
    "Chat Completions",
    f"Answers a conversation, streamed as server-sent events if `stream` is true. {PASSED_ON}",
    body=openai_chat.ChatCompletionRequest,
    reply=openai_chat.ChatCompletion,
    answer=samples.CHAT,
    error=openai_chat.ErrorReply,
    streams=True,
    example={
        "model": "morello:echo",
        "messages": [{"role": "user", "content": "Say hello"}],
        "stream": False,
    },
)
async def chat_completions(request: Request) -> HTTPResponse | None:
    return await converse(request, openai_chat)


@routes.post("/v1/completions")
@documented(
    "Completions",
    "Goes on with a text, for models that are no chats, and to fill in code. Asked of providers that have it, "
    "llama.cpp and the built-in model among them; everything passes as it is, streamed or not.",
    body=CompletionRequest,
    reply=Completion,
    error=openai_chat.ErrorReply,
    streams=True,
    example={"model": "local:gemma-3-270m", "prompt": "Once upon a time", "max_tokens": 16},
    answer={
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1763856000,
        "model": "gemma-3-270m",
        "choices": [{"index": 0, "text": ", there was a cat.", "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11},
    },
)
async def completions(request: Request) -> HTTPResponse | None:
    return await ask(request, Endpoint.COMPLETIONS)
