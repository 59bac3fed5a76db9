"""Who is let in: every request passes the same four checks. Its body is read for the last alone, if at all.

Host (DNS rebinding), then the site it comes from (forms and scripts of other pages), then the session, then,
for whatever changes something, the token that only our own pages hold. A route says in its context what it
is: `public`, or a `page` that may be navigated to; any other is a part of a page, for our own pages alone. An `upload`
reads its form itself, as it comes, and looks for the token there where no header has it.
"""

import re
from typing import Any, Final

from sanic import Request
from sanic_routing.route import Route

from api.errors import SaidInWords
from api.guarded import Guarded
from api.loopback import ADDRESS, change_is_ours, host_is_ours, part_is_ours
from webui.locale import marked
from webui.session import Session, Sessions

SAFE: Final = frozenset(("GET", "HEAD"))
_OTHER_NAME: Final = re.compile(r"localhost|\[::1\]", re.IGNORECASE)


class Refused(SaidInWords):
    """The request is turned away with a status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Locked(Refused):
    """Nobody is signed in here."""

    def __init__(self) -> None:
        super().__init__(401, marked("Nobody is signed in here."))


class Elsewhere(Exception):
    """The same page lives at another address."""


class Gated(Guarded):
    """An app behind the gate; `ctx.sessions` knows who is signed in."""

    async def admit(self, request: Request, route: Route | None) -> None:
        """The four checks, in their order."""
        require_host(request)
        if route is None:
            return  # nothing is there to be protected: Sanic says so
        require_our_site(request, route)
        request.ctx.page = _is(route, "page")
        if not _is(route, "public"):
            request.ctx.session = await require_session(request, self.ctx.sessions)
            if request.method not in SAFE and not _brings_its_token(request, route):
                await require_token(request, request.ctx.session)


def require_host(request: Request) -> None:
    """Only a Host that names this machine, and for pages only the one name their cookie belongs to."""
    hosts = request.headers.getall("host", [])
    if not host_is_ours(hosts):
        raise Refused(421, marked("This address answers to the name 127.0.0.1 only. Open it under that name."))
    if request.method in SAFE and _OTHER_NAME.match(hosts[0]):
        path = request.raw_url.decode() if request.raw_url.startswith(b"/") else "/"
        raise Elsewhere(f"http://{_OTHER_NAME.sub(ADDRESS, hosts[0])}{path}")


def require_our_site(request: Request, route: Any) -> None:
    """What changes something, and every part of a page, only for a page of this very origin."""
    headers, host = request.headers, request.headers["host"]
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if request.method not in SAFE:
        ours = change_is_ours(site, origin, host)
    elif _is(route, "public") or (_is(route, "page") and _is_navigation(request)):
        ours = True
    else:
        ours = part_is_ours(site) and origin in (None, f"http://{host}")
    if not ours:
        raise Refused(403, marked("This came from another site. Open the dashboard itself and do it there."))


async def require_session(request: Request, sessions: Sessions) -> Session:
    """The session that the request's cookie opens."""
    # Another server on this machine may have set a cookie of the same name: one good one is enough.
    session = await sessions.find(request.cookies.getlist(sessions.cookie) or ())
    if session is None:
        raise Locked
    return session


async def require_token(request: Request, session: Session) -> None:
    """The token of the session: in a header where htmx asks, in a field where a plain form does."""
    token = request.headers.get("x-csrf-token")
    if token is None:
        stream: Any = request.stream
        stream.request_max_size = request.app.config.REQUEST_MAX_SIZE  # Sanic bounds no body of an upload
        await request.receive_body()
        token = field(request, "csrf")
    _require(token, session)


def require_owned(request: Request, token: str | None) -> None:
    """The same for an upload, once its form was read; a header that the gate looked at will do."""
    if "x-csrf-token" not in request.headers:
        _require(token, request.ctx.session)


def field(request: Request, name: str) -> str | None:
    """What a form says in the field `name`; an empty one says something too."""
    # Sanic reads the whole body again at each get_form: a large one would keep everybody waiting.
    if request.parsed_form is None:
        request.get_form(keep_blank_values=True)
    return request.parsed_form.get(name) if request.parsed_form else None


def values(request: Request, name: str) -> tuple[str, ...]:
    """Everything a form says under the name `name`, such as the boxes that are ticked."""
    field(request, name)
    return tuple(request.parsed_form.getlist(name) or ()) if request.parsed_form else ()


def _require(token: str | None, session: Session) -> None:
    if not session.owns(token or ""):
        raise Refused(403, marked("This page is out of date. Load it again and repeat what you did."))


def _brings_its_token(request: Request, route: Any) -> bool:
    is_form = request.headers.get("content-type", "").startswith("multipart/form-data")
    return is_form and _is(route, "upload") and "x-csrf-token" not in request.headers


def _is(route: Any, mark: str) -> bool:
    return getattr(route.ctx, mark, False)


def _is_navigation(request: Request) -> bool:
    mode, destination = request.headers.get("sec-fetch-mode"), request.headers.get("sec-fetch-dest")
    return mode in (None, "navigate") and destination in (None, "document")
