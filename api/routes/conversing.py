"""From a request to the relay, and its answer back: the same for every dialect that converses."""

from types import ModuleType

from sanic import HTTPResponse, Request

from api.errors import UnsupportedMedia
from api.relay import Answer, Asked, Delivery, Named, relay
from api.routes.delivery import Prepared, SocketDelivery
from api.routes.places import place_of


async def converse(request: Request, caller: ModuleType) -> HTTPResponse | None:
    """Relay `request`, spoken in the dialect `caller`."""
    answer = await ask(request, caller, request.body or b"", SocketDelivery(request))
    return hand_over(request, answer)


async def ask(
    request: Request,
    caller: ModuleType,
    body: bytes,
    delivery: Delivery,
    named: Named | None = None,
) -> Answer | None:
    """Relay `body`: the answer, or None if it went out through `delivery`."""
    require_json(request)
    context = request.app.ctx
    asked = Asked(body, request.headers, request.ctx.id, route_of(request), place_of(request), named)
    return await relay(asked, context.gateway, context.calls, caller, delivery)


def hand_over(request: Request, answer: Answer | None) -> HTTPResponse | None:
    """An answer as Sanic sends it; nothing where it is out already."""
    if answer is None:
        return None
    return Prepared(answer.body, answer.status, answer.headers | request.ctx.headers, answer.media_type)


def route_of(request: Request) -> str:
    """The route that a request came by, as the call table names it."""
    return getattr(request.route.ctx, "told_as", request.route.path) if request.route else ""


def require_json(request: Request) -> None:
    """Raise `UnsupportedMedia` for a body that says it is something else; one that says nothing is believed.

    A page of another origin can send forms and plain text without asking first, but not JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMedia(f"The body is sent as “{kind[:60]}”. Send JSON, with Content-Type: application/json.")
