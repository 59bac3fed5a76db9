"""What a reader chose on their browser, kept by it in a cookie.

Cookies ignore ports: the name carries the dashboard's, and another server on this machine may have set one of the
same name. So of all that come the first that can be chosen counts.
"""

from collections.abc import Collection
from typing import Final

from sanic import HTTPResponse, Request

LIFE_SECONDS: Final = 400 * 86_400  # browsers keep no cookie for longer


class Choice:
    """One thing to choose, and what there is to choose from."""

    def __init__(self, name: str, possible: Collection[str]) -> None:
        self._name, self._possible = name, possible

    def of(self, request: Request) -> str | None:
        """What was chosen on a page of ours; None if nothing was."""
        kept = request.cookies.getlist(self._cookie(request)) or ()
        return next((chosen for chosen in kept if chosen in self._possible), None)

    def keep(self, request: Request, response: HTTPResponse, chosen: str | None) -> HTTPResponse:
        """`response`, which has the browser keep what was chosen, or forget it where that is none of the possible."""
        kept, life = (chosen, LIFE_SECONDS) if chosen in self._possible else ("", 0)
        response.headers.add(
            "set-cookie", f"{self._cookie(request)}={kept}; Path=/; Max-Age={life}; HttpOnly; SameSite=Lax"
        )
        return response

    def _cookie(self, request: Request) -> str:
        return f"morello_{self._name}_{request.app.ctx.sessions.port}"
