"""Anthropic's routes."""

from typing import Final

from sanic import Blueprint, HTTPResponse, Request

from api.dialects import anthropic
from api.routes.conversing import converse, count_tokens
from api.routes.documenting import documented

routes = Blueprint("anthropic")

QUESTION: Final = [{"role": "user", "content": "Say hello"}]
EXAMPLE: Final = {"model": "morello:echo", "max_tokens": 256, "messages": QUESTION}


@routes.post("/v1/messages")
@documented(
    "Messages",
    "Answers a conversation, streamed as server-sent events if `stream` is true. Every field of the dialect is "
    "passed on to the provider; only the model's name is changed.",
    body=anthropic.MessagesRequest,
    reply=anthropic.AnthropicReply,
    error=anthropic.AnthropicErrorReply,
    streams=True,
    example=EXAMPLE,
)
async def messages(request: Request) -> HTTPResponse | None:
    return await converse(request, anthropic, "/messages")


@routes.post("/<provider:str>/v1/messages")
@documented(
    "Messages of one provider",
    "The same with the provider in the URL: `model` is then the model's own name, listed or not.",
    body=anthropic.MessagesRequest,
    reply=anthropic.AnthropicReply,
    error=anthropic.AnthropicErrorReply,
    streams=True,
    example={**EXAMPLE, "model": "echo"},
)
async def provider_messages(request: Request, provider: str) -> HTTPResponse | None:
    return await converse(request, anthropic, "/messages", provider)


@routes.post("/v1/messages/count_tokens")
@documented(
    "Count tokens",
    "The input tokens that a request would cost, as its provider counts them. The test models estimate.",
    body=anthropic.CountTokensRequest,
    reply=anthropic.TokenCount,
    error=anthropic.AnthropicErrorReply,
    example={"model": "morello:echo", "messages": QUESTION},
)
async def count(request: Request) -> HTTPResponse:
    return await count_tokens(request)
