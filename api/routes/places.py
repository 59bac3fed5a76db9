"""The same API once more below each name: `/{name}/v1/…`, where the name is a provider's id, an alias or a group.

No route is registered twice: a path that leads nowhere by itself is looked up without its first segment, and whoever
answers asks `place_of` what that was.
"""

import re
from typing import Any, Final

from sanic import Request
from sanic.exceptions import NotFound
from sanic.router import Router
from sanic_routing.route import Route

from api.errors import UnknownPath

# Whose first segment is a version leads nowhere by itself; every other one may be somebody's name.
_BELOW: Final = re.compile(
    r"/(?!(?:v1|v1beta|v2)/)(?P<name>[a-z0-9][a-z0-9._-]{0,31})(?P<rest>/v[0-9][a-z0-9]{0,8}/.+)"
)


class Places(Router):
    """Finds a route by its own path, or by what follows a name."""

    def _get(self, path: str, method: str, host: str | None) -> tuple[Route, Any, dict[str, Any]]:
        try:
            return super()._get(path, method, host)
        except NotFound:
            if not (below := _BELOW.fullmatch(path)):
                raise
            return super()._get(below["rest"], method, host)


def without_place(path: str) -> str:
    """The path that a request would have had without a name before it."""
    below = _BELOW.fullmatch(path)
    return below["rest"] if below else path


def place_of(request: Request) -> str | None:
    """The provider, alias or group before the path of a request, if there is one; `UnknownPath` for any other name."""
    if not (below := _BELOW.fullmatch(request.path)):
        return None
    name, providers = below["name"], request.app.ctx.gateway.providers
    if providers.find(name) or providers.groups.find(name):
        return name
    raise UnknownPath(f"“{name}” is no provider, alias or group. GET /v1/models lists what there is.")
