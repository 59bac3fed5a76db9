"""From a request to the relay, and its answer back: the same for every dialect that converses."""

from types import ModuleType

from sanic import HTTPResponse, Request

from api.dialects import anthropic
from api.dialects.envelope import open_envelope
from api.errors import UnsupportedMedia
from api.providers import testing
from api.providers.provider import TESTING
from api.relay import Asked, relay, require_dialect
from api.routes.delivery import Prepared, SocketDelivery


async def converse(request: Request, caller: ModuleType, path: str, provider: str | None = None) -> HTTPResponse | None:
    """Relay `request`, spoken in the dialect `caller`, to `path` below the provider's base URL."""
    require_json(request)
    context = request.app.ctx
    asked = Asked(
        request.body or b"",
        request.headers,
        request.ctx.id,
        request.route.path if request.route else path,
        path,
        provider,
    )
    answer = await relay(asked, context.gateway, context.calls, caller, SocketDelivery(request))
    if answer is None:
        return None
    return Prepared(answer.body, answer.status, answer.headers | request.ctx.headers, answer.media_type)


def require_json(request: Request) -> None:
    """Raise `UnsupportedMedia` for a body that says it is something else; one that says nothing is believed.

    A page of another origin can send forms and plain text without asking first, but not JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMedia(f"The body is sent as “{kind[:60]}”. Send JSON, with Content-Type: application/json.")


async def count_tokens(request: Request) -> HTTPResponse:
    """Count the tokens of a request in Anthropic's shape: the provider's own count where it has one."""
    require_json(request)
    gateway = request.app.ctx.gateway
    envelope = open_envelope(request.body or b"")
    route = await gateway.providers.resolve(envelope.model)
    if route.provider.id == TESTING:
        body = anthropic.write_count(testing.count(anthropic.read_count(envelope.body)))
    else:
        require_dialect(envelope.model, route.provider, anthropic.NAME)
        provider = await gateway.reach(route.provider)
        reply = await gateway.upstream.post(
            provider, anthropic.NAME, "/messages/count_tokens", envelope.renamed(route.model), request.headers
        )
        try:
            body = await reply.whole()
        finally:
            await reply.close()
    return HTTPResponse(body, headers=request.ctx.headers, content_type="application/json")
