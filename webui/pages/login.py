"""Coming in, by a one-time link or the password, and going out.

Who signs in has no session yet, so their form carries no token: the gate tells by Origin and Sec-Fetch-Site that it
is a form of ours. No other page can try passwords, or sign a browser in to somebody else's dashboard.
"""

from sanic import HTTPResponse, Request
from sanic.response import html, redirect

from webui.gate import SAFE, Locked, Refused, field
from webui.house import House, language
from webui.locale import marked
from webui.password import TooManyAttempts
from webui.render import render
from webui.view import HOME, THEME, path_of_ours


class BadLink(Refused):
    """The link's token is not, or no longer, good."""

    def __init__(self) -> None:
        super().__init__(401, marked("This link was used already, or is older than ten minutes."))


class NoPassword(Refused):
    """There is none that could be right."""

    def __init__(self) -> None:
        super().__init__(401, marked("No password is set. Open the dashboard with a new link."))


async def enter(request: Request, house: House) -> HTTPResponse:
    """Use up the link's token; the browser goes on to a page whose address holds nothing secret."""
    token = request.args.get("token")
    if token is None:
        raise Locked
    identity = await house.sessions.sign_in(token, _agent(request))
    if identity is None:
        raise BadLink
    return await _welcome(request, house, identity, HOME)


async def enter_by_password(request: Request, house: House) -> HTTPResponse:
    """Sign in whoever knows the password, and go on to the page they wanted."""
    if not house.sessions.password.is_set:
        raise NoPassword
    try:
        identity = await house.sessions.sign_in_by_password(field(request, "password") or "", _agent(request))
    except TooManyAttempts as error:
        retry = {"retry-after": str(error.seconds)}
        return locked(request, house, language(request).said(error), error.status, retry, wrong=True)
    if identity is None:
        return locked(request, house, language(request).gettext("That is not the password."), wrong=True)
    return await _welcome(request, house, identity, wanted(request))


async def leave(request: Request, house: House) -> HTTPResponse:
    """End the session, here and in every other tab."""
    await house.sessions.sign_out(request.ctx.session)
    house.gateway.news.tell()
    response = redirect(HOME, status=303)
    response.headers["set-cookie"] = house.sessions.drop_cookie()
    return response


def locked(
    request: Request,
    house: House,
    said: str,
    status: int = 401,
    headers: dict[str, str] | None = None,
    wrong: bool = False,
) -> HTTPResponse:
    """The page for whoever is not signed in: why, and the ways in."""
    page = render(
        language(request),
        "login.html",
        said=said,
        wrong=wrong,
        password=house.sessions.password.is_set,
        wanted=wanted(request),
        command=house.login_command,
        theme=THEME.of(request),
    )
    return html(page, status, headers or {})


def wanted(request: Request) -> str:
    """Where to go after signing in: what the form says, or the page that was asked for, and never another site."""
    if request.method in SAFE:
        return path_of_ours(request.raw_url.decode("latin-1") if request.ctx.page else None)
    return path_of_ours(field(request, "wanted"))


async def _welcome(request: Request, house: House, identity: str, path: str) -> HTTPResponse:
    await _end_the_last(request, house)
    house.gateway.news.tell()
    response = _go_on(request, path)
    response.headers["set-cookie"] = house.sessions.set_cookie(identity)
    return response


async def _end_the_last(request: Request, house: House) -> None:
    # The browser is about to forget that cookie; its session would stay in the list and open nothing.
    last = await house.sessions.find(request.cookies.getlist(house.sessions.cookie) or ())
    if last:
        await house.sessions.sign_out(last)


def _go_on(request: Request, path: str) -> HTTPResponse:
    if request.headers.get("sec-fetch-site") != "cross-site":
        return redirect(path, status=303)
    # A redirect still counts as coming from the page where the link was clicked (a mail, a chat), and a
    # Strict cookie stays behind on that way. A page of ours that goes on by itself takes it along.
    return html(render(language(request), "entering.html", theme=THEME.of(request)))


def _agent(request: Request) -> str:
    return str(request.headers.get("user-agent", ""))
