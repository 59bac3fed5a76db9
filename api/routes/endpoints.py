"""From a request at an endpoint beside the conversations to the relay, and its answer back."""

from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

from sanic import HTTPResponse, Request

from api.dialects import openai_chat
from api.endpoints import Endpoint
from api.relay import Asked, Named, relay
from api.routes.conversing import hand_over, require_json, route_of
from api.routes.delivery import SocketDelivery
from api.routes.places import place_of
from api.uploads import Upload


async def ask(
    request: Request,
    endpoint: Endpoint,
    form: ModuleType | None = None,
    caller: ModuleType = openai_chat,
    *,
    named: Named | None = None,
    method: str = "POST",
    below: str = "",
    query: str = "",
) -> HTTPResponse | None:
    """Ask with a body of JSON, or with none; errors are told in the dialect `caller`."""
    body = request.body or b""
    if method == "POST":
        require_json(request)
    asked = Asked(
        body,
        request.headers,
        request.ctx.id,
        route_of(request),
        place_of(request),
        named,
        endpoint=endpoint,
        form=form,
        method=method,
        below=below,
        query=query,
    )
    return await _relay(request, asked, caller)


async def send_on(
    request: Request,
    endpoint: Endpoint,
    form: ModuleType | None = None,
    caller: ModuleType = openai_chat,
    *,
    query: str = "",
) -> HTTPResponse | None:
    """Ask with a form that holds files; the route's handler takes its body as a stream."""
    upload = _upload(request)
    try:
        asked = Asked(
            b"",
            request.headers,
            request.ctx.id,
            route_of(request),
            place_of(request),
            endpoint=endpoint,
            form=form,
            upload=upload,
            query=query,
        )
        return await _relay(request, asked, caller)
    finally:
        upload.close()


async def _relay(request: Request, asked: Asked, caller: ModuleType) -> HTTPResponse | None:
    context = request.app.ctx
    answer = await relay(asked, context.gateway, context.calls, caller, SocketDelivery(request))
    return hand_over(request, answer)


def _upload(request: Request) -> Upload:
    """The form that comes as the request's body."""
    stream: Any = request.stream
    read: Callable[[], Awaitable[bytes | None]] = stream.read if stream.request_body else _nothing
    gateway, kind = request.app.ctx.gateway, request.headers.get("content-type", "")
    return Upload(read, kind, gateway.home, stream.request_bytes or 0, gateway.limits.largest_upload)


async def _nothing() -> None:
    """A request without a body has nothing to read: Sanic would wait for it."""
