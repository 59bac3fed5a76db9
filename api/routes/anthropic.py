"""Anthropic's routes."""

from typing import Final

from sanic import Blueprint, HTTPResponse, Request

from api.dialects import anthropic
from api.dialects.envelope import open_envelope
from api.routes import counting, samples
from api.routes.conversing import converse, require_json
from api.routes.documenting import PASSED_ON, documented

routes = Blueprint("anthropic")

QUESTION: Final = [{"role": "user", "content": "Say hello"}]
EXAMPLE: Final = {"model": "morello:echo", "max_tokens": 256, "messages": QUESTION}


@routes.post("/v1/messages")
@documented(
    "Messages",
    f"Answers a conversation, streamed as server-sent events if `stream` is true. {PASSED_ON}",
    body=anthropic.MessagesRequest,
    reply=anthropic.AnthropicReply,
    answer=samples.MESSAGE,
    error=anthropic.AnthropicErrorReply,
    streams=True,
    example=EXAMPLE,
)
async def messages(request: Request) -> HTTPResponse | None:
    return await converse(request, anthropic)


@routes.post("/v1/messages/count_tokens")
@documented(
    "Count tokens",
    "The input tokens that a request would cost: its provider's own count, else an estimate, which "
    "`x-morello-estimated: 1` tells.",
    body=anthropic.CountTokensRequest,
    reply=anthropic.TokenCount,
    answer=samples.TOKENS,
    rehearses=False,
    error=anthropic.AnthropicErrorReply,
    example={"model": "morello:echo", "messages": QUESTION},
)
async def count(request: Request) -> HTTPResponse:
    require_json(request)
    return await counting.count(request, anthropic, open_envelope(request.body or b""))
