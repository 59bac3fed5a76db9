"""An app that asks who is calling before it looks at what they want.

Sanic's middleware runs after the whole body was read, and its signals cost a tenth of a request and vanish when
another app of the process is touched up without them. So the guard stands at the app's own entrance: every
request passes it, those that lead nowhere too, and nothing of the body has been read.
"""

from typing import Any

from sanic import Request, Sanic
from sanic.exceptions import SanicException
from sanic_routing.route import Route


class Guarded(Sanic[Any, Any]):
    """A Sanic app whose requests are admitted one by one."""

    async def admit(self, request: Request, route: Route | None) -> None:
        """Raise unless the caller may go on. `route` is the one Sanic will take; None where there is none."""
        raise NotImplementedError

    async def handle_request(self, request: Request) -> None:
        try:
            await self.admit(request, self._route(request))
        except Exception as error:
            await self.handle_exception(request, error)
        else:
            await super().handle_request(request)

    def _route(self, request: Request) -> Route | None:
        # The router keeps what it found: asked again by Sanic it answers the same, from memory.
        try:
            return self.router.get(request.path, request.method, request.headers.getone("host", None))[0]
        except SanicException:
            return None
