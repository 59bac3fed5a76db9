"""Ollama's routes, for programs that know no other API.

Each route is there a second time below /k/<key>, for programs that can be told an address but no key. Those that find
their models here and then ask in OpenAI's dialect find its two routes there as well.
"""

from collections.abc import Callable, Coroutine, Iterable
from types import ModuleType
from typing import Any, Final

import msgspec
from msgspec import Struct
from sanic import Blueprint, HTTPResponse, Request

from api.dialects import ollama
from api.dialects.decoding import decode
from api.dialects.embeddings import ollama as embed_form
from api.dialects.embeddings import ollama_old as embeddings_form
from api.dialects.envelope import require_name
from api.dialects.ollama import generate
from api.endpoints import Endpoint
from api.errors import InvalidRequest
from api.relay import Named
from api.routes import ollama_models as told
from api.routes import samples
from api.routes.conversing import ask as ask_conversation
from api.routes.conversing import hand_over, require_json
from api.routes.delivery import SocketDelivery
from api.routes.documenting import PASSED_ON, documented
from api.routes.endpoints import ask as ask_endpoint
from api.routes.models import models as listed_models
from api.routes.openai import chat_completions
from api.routes.public import front

routes = Blueprint("ollama")

Handler = Callable[..., Coroutine[Any, Any, HTTPResponse | None]]
BY_PATH: Final = (
    "Programs that cannot send a key ask below `/k/<key>` instead, as in `/k/cs-sk-…/api/tags`, once the owner has "
    "switched on the setting `path_keys`."
)
LINES: Final = "It comes as lines of JSON, unless `stream` is false; the last has `done`."
NOT_KEPT: Final = (
    "Models are not made, copied or deleted here: Morello passes on what the owner's providers have. Add a provider in "
    "the dashboard; its models are then listed at /api/tags."
)
_HEAD: Final = msgspec.json.Decoder(ollama.Head)
_SHOW: Final = msgspec.json.Decoder(told.OllamaShowRequest)


class OllamaPullRequest(Struct, omit_defaults=True):
    """A model that a program wants to be there."""

    model: str = ""
    name: str = ""
    stream: bool | None = None


class OllamaProgress(Struct):
    status: str


_PULL: Final = msgspec.json.Decoder(OllamaPullRequest)
DONE: Final = OllamaProgress("success")


def served(path: str, *methods: str) -> Callable[[Handler], Handler]:
    """Serve the handler at `path`, and below `/k/<key>` too."""

    def serve(handler: Handler) -> Handler:
        _serve(handler, path, methods, handler.__name__)
        return handler

    return serve


def _serve(handler: Handler, path: str, methods: Iterable[str], name: str) -> None:
    routes.add_route(handler, path, methods, name=name)
    _serve_by_path(handler, path, methods, name)


def _serve_by_path(handler: Any, path: str, methods: Iterable[str], name: str) -> None:
    """The same below `/k/<key>`; the call table knows both by the one path."""

    async def by_path(request: Request, key: str, **more: Any) -> HTTPResponse | None:
        answer: HTTPResponse | None = await handler(request, **more)
        return answer

    place, told_as = f"/k/<key:str>{path}", path.lstrip("/")
    routes.add_route(by_path, place, methods, name=f"{name}_by_path", ctx_told_as=told_as)


_serve_by_path(chat_completions, "/v1/chat/completions", ("POST",), "chat_completions")
_serve_by_path(listed_models, "/v1/models", ("GET",), "models")
_serve_by_path(front, "/", ("GET", "HEAD"), "front")


@served("/api/chat", "POST")
@documented(
    "Chat",
    f"Answers a conversation. {LINES} Without messages it tells whether the model is there. {PASSED_ON} {BY_PATH}",
    body=ollama.OllamaChatRequest,
    reply=ollama.OllamaChatReply,
    error=ollama.OllamaError,
    streams=True,
    stream=ollama.MEDIA_TYPE,
    example={"model": "morello:echo", "messages": [{"role": "user", "content": "Say hello"}], "stream": False},
    answer={
        "model": "morello:echo",
        "created_at": "2026-11-24T08:00:00.000000Z",
        "message": {"role": "assistant", "content": "Say hello"},
        "done": True,
        "done_reason": "stop",
        "total_duration": 1200000,
        "load_duration": 0,
        "prompt_eval_duration": 0,
        "prompt_eval_count": 3,
        "eval_count": 3,
        "eval_duration": 1200000,
    },
)
async def ollama_chat(request: Request) -> HTTPResponse | None:
    return await _converse(request, ollama, ollama.Chat)


@served("/api/generate", "POST")
@documented(
    "Generate",
    f"Answers one prompt. {LINES} Without a prompt it tells whether the model is there. {PASSED_ON}",
    body=ollama.OllamaGenerateRequest,
    reply=ollama.OllamaGenerateReply,
    answer=samples.COMPLETED,
    error=ollama.OllamaError,
    streams=True,
    stream=ollama.MEDIA_TYPE,
    example={"model": "morello:echo", "prompt": "Say hello", "stream": False},
)
async def ollama_generate(request: Request) -> HTTPResponse | None:
    return await _converse(request, generate, ollama.Generate)


@served("/api/embed", "POST")
@documented(
    "Embed",
    "Texts to vectors, of any provider that has embeddings.",
    body=embed_form.OllamaEmbedRequest,
    reply=embed_form.OllamaEmbedResponse,
    answer=samples.EMBEDDED,
    error=ollama.OllamaError,
    example={"model": "local:gemma-3-270m", "input": ["Why is the sky blue?"]},
)
async def ollama_embed(request: Request) -> HTTPResponse | None:
    return await _embed(request, embed_form)


@served("/api/embeddings", "POST")
@documented(
    "Embeddings, as of old",
    "One text to one vector.",
    body=embeddings_form.OllamaEmbeddingsRequest,
    reply=embeddings_form.OllamaEmbeddingsResponse,
    answer=samples.EMBEDDED_OF_OLD,
    error=ollama.OllamaError,
    example={"model": "local:gemma-3-270m", "prompt": "Why is the sky blue?"},
)
async def ollama_embeddings(request: Request) -> HTTPResponse | None:
    return await _embed(request, embeddings_form)


@served("/api/tags", "GET", "HEAD")
@documented(
    "Models",
    "Every model of every provider, as `provider:model`.",
    reply=told.OllamaTags,
    answer=samples.TAGS,
    error=ollama.OllamaError,
)
async def ollama_tags(request: Request) -> HTTPResponse:
    providers = request.app.ctx.gateway.providers
    await providers.freshen()
    return _json(request, told.tags(providers))


@served("/api/show", "POST")
@documented(
    "One model",
    "What is known of a model. What it can do is read from its name.",
    body=told.OllamaShowRequest,
    reply=told.OllamaShown,
    answer=samples.SHOWN,
    error=ollama.OllamaError,
    example={"model": "morello:echo"},
    asks=False,
)
async def ollama_show(request: Request) -> HTTPResponse:
    require_json(request)
    asked = decode(_SHOW, request.body or b"")
    providers = request.app.ctx.gateway.providers
    await providers.freshen()
    route = await providers.resolve(_meant(request, asked.model or asked.name))
    return _json(request, told.shown(providers, route))


@served("/api/ps", "GET")
@documented(
    "What is in memory",
    "The built-in model, while it runs. Other models lie at their providers.",
    reply=told.OllamaProcesses,
    answer=samples.RUNNING,
    error=ollama.OllamaError,
)
async def ollama_ps(request: Request) -> HTTPResponse:
    return _json(request, told.running(request.app.ctx.gateway))


@served("/api/version", "GET", "HEAD")
@documented(
    "Version",
    "The version of Ollama that this matches.",
    reply=told.OllamaVersion,
    answer=samples.VERSION,
    error=ollama.OllamaError,
)
async def ollama_version(request: Request) -> HTTPResponse:
    return _json(request, told.OllamaVersion(told.VERSION))


@served("/api/pull", "POST")
@documented(
    "Pull",
    "Succeeds at once for a model that a provider has. Nothing is downloaded.",
    body=OllamaPullRequest,
    reply=OllamaProgress,
    answer=samples.PULLED,
    error=ollama.OllamaError,
    streams=True,
    stream=ollama.MEDIA_TYPE,
    example={"model": "morello:echo", "stream": False},
    asks=False,
)
async def ollama_pull(request: Request) -> HTTPResponse:
    require_json(request)
    asked = decode(_PULL, request.body or b"")
    await request.app.ctx.gateway.providers.resolve(_meant(request, asked.model or asked.name))
    if asked.stream is False:
        return _json(request, DONE)
    return HTTPResponse(told.encoded(DONE) + b"\n", headers=request.ctx.headers, content_type=ollama.MEDIA_TYPE)


@documented("What only Ollama does", NOT_KEPT, error=ollama.OllamaError)
async def ollama_refused(request: Request, digest: str = "") -> HTTPResponse:
    raise InvalidRequest(NOT_KEPT)


for what, method in {"create": "POST", "copy": "POST", "push": "POST", "delete": "DELETE"}.items():
    _serve(ollama_refused, f"/api/{what}", (method,), f"ollama_{what}")
_serve(ollama_refused, "/api/blobs/<digest:str>", ("HEAD", "POST"), "ollama_blobs")


async def _converse(request: Request, caller: ModuleType, puts: Any) -> HTTPResponse | None:
    """Relay a conversation or a prompt; who says nothing asks whether the model is there."""
    require_json(request)
    body = request.body or b""
    head = decode(_HEAD, body)
    model = _meant(request, head.model)
    if not (head.messages or head.prompt or head.images):
        await request.app.ctx.gateway.providers.resolve(model)
        answer = ollama.write_loaded(puts, head.model, head.keep_alive in (0, "0"))
        return HTTPResponse(answer, headers=request.ctx.headers, content_type="application/json")
    named = Named(model, head.stream is not False)
    return hand_over(request, await ask_conversation(request, caller, body, SocketDelivery(request), named=named))


async def _embed(request: Request, form: ModuleType) -> HTTPResponse | None:
    require_json(request)
    head = decode(_HEAD, request.body or b"")
    named = Named(_meant(request, head.model), False)
    return await ask_endpoint(request, Endpoint.EMBEDDINGS, form, ollama, named=named)


def _meant(request: Request, asked: str) -> str:
    require_name(asked)
    return told.meant(request.app.ctx.gateway.providers, asked)


def _json(request: Request, value: Struct) -> HTTPResponse:
    return HTTPResponse(told.encoded(value), headers=request.ctx.headers, content_type="application/json")
