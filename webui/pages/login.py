"""Coming in by a one-time link, and going out."""

from sanic import HTTPResponse, Request
from sanic.response import html, redirect

from webui.gate import Refused
from webui.house import House, language
from webui.locale import marked
from webui.render import render


class BadLink(Refused):
    """The link's token is not, or no longer, good."""

    def __init__(self) -> None:
        super().__init__(401, marked("This link was used already, or is older than ten minutes."))


async def enter(request: Request, house: House) -> HTTPResponse:
    """Use up the link's token; the browser goes on to a page whose address holds nothing secret."""
    identity = await house.sessions.sign_in(request.args.get("token") or "")
    if identity is None:
        raise BadLink
    response = _go_on(request)
    response.headers["set-cookie"] = house.sessions.set_cookie(identity)
    return response


def _go_on(request: Request) -> HTTPResponse:
    if request.headers.get("sec-fetch-site") != "cross-site":
        return redirect("/", status=303)
    # A redirect still counts as coming from the page where the link was clicked (a mail, a chat), and a
    # Strict cookie stays behind on that way. A page of ours that goes on by itself takes it along.
    return html(render(language(request), "entering.html"))


async def leave(request: Request, house: House) -> HTTPResponse:
    """End the session, here and in every other tab."""
    await house.sessions.sign_out(request.ctx.session)
    house.gateway.news.tell()
    response = redirect("/", status=303)
    response.headers["set-cookie"] = house.sessions.drop_cookie()
    return response
