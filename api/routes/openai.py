"""OpenAI's routes."""

from sanic import Blueprint, HTTPResponse, Request

from api.dialects import openai_chat
from api.routes.conversing import converse
from api.routes.documenting import PASSED_ON, documented

routes = Blueprint("openai")


@routes.post("/v1/chat/completions")
@documented(
    "Chat Completions",
    f"Answers a conversation, streamed as server-sent events if `stream` is true. {PASSED_ON}",
    body=openai_chat.ChatCompletionRequest,
    reply=openai_chat.ChatCompletion,
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
