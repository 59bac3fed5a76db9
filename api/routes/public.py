"""What needs no key: that it is here, and that it is well."""

from datetime import UTC, datetime
from typing import Literal

import msgspec
from msgspec import Struct
from sanic import Blueprint, HTTPResponse, Request

from api import VERSION
from api.routes import samples
from api.routes.documenting import documented

routes = Blueprint("public")


class Front(Struct):
    name: str
    version: str
    endpoints: dict[str, str]


class Health(Struct):
    """`dashboard` is the owner's page on this computer, where there is one."""

    status: Literal["ok"]
    name: str
    version: str
    timestamp: str
    dashboard: str | None


@documented("What this is", "The name, the version and where to go on.", reply=Front, answer=samples.FRONT, public=True)
async def front(request: Request) -> HTTPResponse:
    return _json(request, Front("Morello", VERSION, request.app.ctx.endpoints))


@documented("Health", "Answers while the API runs.", reply=Health, answer=samples.HEALTH, public=True)
async def health(request: Request) -> HTTPResponse:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return _json(request, Health("ok", "Morello", VERSION, now, request.app.ctx.gateway.dashboard))


def _json(request: Request, value: Struct) -> HTTPResponse:
    return HTTPResponse(msgspec.json.encode(value), headers=request.ctx.headers, content_type="application/json")


routes.add_route(front, "/", ("GET", "HEAD"), ctx_public=True)
routes.add_route(health, "/health", ("GET", "HEAD"), ctx_public=True)
