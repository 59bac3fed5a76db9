"""The API: its routes, its guard, its errors and its documentation, as one Sanic app."""

import logging
import re
import secrets
from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic
from sanic.application.state import ApplicationServerInfo
from sanic.exceptions import MethodNotAllowed as SanicMethodNotAllowed
from sanic.exceptions import NotFound, PayloadTooLarge, SanicException
from sanic.http.constants import HTTP
from sanic_routing.route import Route

from api.calls import Calls
from api.connection import hang_up_if_unread
from api.dialects import anthropic as anthropic_dialect
from api.dialects import gemini as gemini_dialect
from api.dialects import ollama as ollama_dialect
from api.dialects import openai_chat, openai_responses
from api.errors import GatewayError, InvalidRequest, MethodNotAllowed, TooLarge, UnknownPath
from api.gateway import Gateway
from api.guarded import Guarded
from api.limits import MIB
from api.routes import (
    anthropic,
    audio,
    embeddings,
    files,
    gemini,
    images,
    models,
    moderations,
    ollama,
    openai,
    public,
    rerank,
    responses,
)
from api.routes.docs import Document, add_docs
from api.routes.documenting import shown
from api.routes.guard import GOOGLE_KEY, IN_QUERY, require_host, require_key, without_key
from api.routes.places import Places, without_place

__all__ = ["Document", "add_docs", "build"]

LARGEST_BODY: Final = 32 * 1024 * 1024
LARGEST_HEAD: Final = 16 * 1024
_OLLAMA: Final = re.compile(r"(/k/[^/]*)?/api(/|$)")
log = logging.getLogger("morello.api")


LIMITS: Final = {
    "ACCESS_LOG": False,
    "AUTO_EXTEND": False,
    "MOTD": False,
    "OAS": False,
    "FALLBACK_ERROR_FORMAT": "json",
    "REQUEST_MAX_SIZE": LARGEST_BODY,
    "REQUEST_MAX_HEADER_SIZE": LARGEST_HEAD,
    "KEEP_ALIVE_TIMEOUT": 30,
    "REQUEST_TIMEOUT": 60,
    # Answers take as long as their providers do; the wire out has timers of its own.
    "RESPONSE_TIMEOUT": 86_400,
    "TOUCHUP": True,
}


class Api(Guarded):
    """Sanic with our limits; `MORELLO_SANIC_*` is no prefix anybody uses, so the environment cannot bend them."""

    def __init__(self, name: str) -> None:
        super().__init__(name, env_prefix="MORELLO_SANIC_", configure_logging=False, router=Places())
        self.config.update(LIMITS)

    async def admit(self, request: Request, route: Route | None) -> None:
        """A host that is ours, and the key on every route that is not public."""
        number(request)
        require_host(request)
        if route and not getattr(route.ctx, "public", False):
            in_path = self.ctx.gateway.settings.path_keys
            require_key(request, self.ctx.gateway.keys, route.path.startswith(IN_QUERY), in_path)
        stream: Any = request.stream
        stream.request_max_size = self.ctx.gateway.limits.largest


def build(gateway: Gateway, name: str = "api") -> Sanic[Any, Any]:
    """The API over `gateway`. Built once; a `Listener` opens and closes it."""
    app = Api(name)
    app.ctx.gateway, app.ctx.calls, app.ctx.responses = gateway, Calls(), gateway.responses
    conversing = (openai, responses, anthropic, gemini, ollama)
    beside = (embeddings, rerank, images, audio, files, moderations)
    rooms = [room.routes for room in (*conversing, *beside, models, public)]
    for room in rooms:
        app.blueprint(room)
    app.ctx.document = Document(app)
    add_docs(app, app.ctx.document)
    app.ctx.endpoints = _endpoints(app)
    # As long as no server is known, TouchUp leaves an empty alt-svc header in every answer.
    app.state.server_info.append(ApplicationServerInfo({"version": HTTP.VERSION_1}))
    app.exception(Exception)(_answer_error)
    return app


def _endpoints(app: Sanic[Any, Any]) -> dict[str, str]:
    """Every route by its name, as `GET /` tells them."""
    routes = [route for route in app.router.routes if not hasattr(route.ctx, "told_as")]
    return {name: shown(path) for name, path in sorted((route.name.rpartition(".")[2], route.path) for route in routes)}


def number(request: Request) -> None:
    """Give the request its id and the headers that every answer carries."""
    name = request.ctx.id = "req_" + secrets.token_hex(12)
    request.ctx.headers = {"x-request-id": name, "request-id": name}


async def _answer_error(request: Request, error: Exception) -> HTTPResponse:
    """Any error as the caller's dialect prints it."""
    if not hasattr(request.ctx, "id"):  # a request that could not be parsed was never numbered
        number(request)
    told = _told(request, error)
    hang_up_if_unread(request)
    dialect = _dialect(request)
    headers = {**request.ctx.headers, **told.headers, "x-morello-error-source": told.source}
    return HTTPResponse(
        dialect.write_error(told, request.ctx.id), told.status, headers, content_type="application/json"
    )


def _told(request: Request, error: Exception) -> GatewayError:
    """What the caller is told of `error`."""
    if isinstance(error, NotFound | SanicMethodNotAllowed) and request.method != "OPTIONS":
        try:  # whoever has no key does not learn what there is
            gateway = request.app.ctx.gateway
            in_query = without_place(request.path).startswith(f"/{IN_QUERY}")
            require_key(request, gateway.keys, in_query, gateway.settings.path_keys)
        except GatewayError as refused:
            return refused
    match error:
        case GatewayError():
            return error
        case SanicMethodNotAllowed():
            return MethodNotAllowed(request.method, list(error.allowed_methods or _methods_at(request)))
        case NotFound():
            path = request.app.ctx.gateway.redact(without_key(request.path))
            return UnknownPath(f"There is nothing at {path[:200]}. GET / lists what there is.")
        case PayloadTooLarge():
            most = request.app.ctx.gateway.limits.largest // MIB
            return TooLarge(
                f"The request is larger than {most} MiB. Send less, or raise “body” under Limits in the settings."
            )
        case SanicException() if error.status_code < 500:
            refused_by_sanic = InvalidRequest(f"{error}. Look at how the request is put together.")
            refused_by_sanic.status = error.status_code
            return refused_by_sanic
        case _:
            log.error("request %s failed", request.ctx.id, exc_info=error)
            return GatewayError("Morello failed at this request. Its log says more; the request id finds the place.")


def _methods_at(request: Request) -> list[str]:
    """The methods of a path that several routes share, each with its own: of these Sanic names none."""
    return [method for method in ("DELETE", "GET", "HEAD", "POST") if _leads_on(request, method)]


def _leads_on(request: Request, method: str) -> bool:
    try:
        request.app.router.get(request.path, method, request.headers.getone("host", None))
    except (NotFound, SanicMethodNotAllowed):
        return False
    return True


def _dialect(request: Request) -> Any:
    path = without_place(request.path)
    if path.startswith("/v1/messages"):
        return anthropic_dialect
    if path.startswith(("/v1/models", "/v1/files")) and "anthropic-version" in request.headers:
        return anthropic_dialect
    if path.startswith(f"/{IN_QUERY}"):
        return gemini_dialect
    if path.startswith("/v1/models") and (GOOGLE_KEY in request.headers or path.rpartition(":")[2] in gemini.METHODS):
        return gemini_dialect
    if path.startswith("/v1/responses"):
        return openai_responses
    if _OLLAMA.match(path):
        return ollama_dialect
    return openai_chat
