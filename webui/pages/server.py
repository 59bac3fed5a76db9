"""The API server's card: what its buttons do."""

from functools import partial
from typing import Final

from sanic import HTTPResponse, Request
from sanic.response import text

from api.door import parse_port
from api.errors import OwnerError, RunningNow
from api.listener import Failed
from webui.card import card
from webui.gate import field
from webui.house import House, language
from webui.pages import overview
from webui.view import Part, Told, Wrong, answer

PARTS: Final = (Part("server", lambda _request, house: card(house)),)


async def start(request: Request, house: House) -> HTTPResponse:
    """Open the API, on the port that the form names if it names one."""
    try:
        await _take_port(request, house)
    except OwnerError as error:
        return _refuse(request, house, error)
    state = await house.to_the_end(house.door.start())
    if isinstance(state, Failed):
        return _answer(request, house, Told(), state.reason.status)
    _ = language(request).gettext
    return _answer(request, house, Told(_("Started on port %(port)d.", port=house.door.port)))


async def restart(request: Request, house: House) -> HTTPResponse:
    """Cut every connection and go on."""
    state = await house.to_the_end(house.door.restart())
    if isinstance(state, Failed):
        return _answer(request, house, Told(), state.reason.status)
    _ = language(request).gettext
    return _answer(request, house, Told(_("Restarted. Every connection was cut.")))


async def stop(request: Request, house: House) -> HTTPResponse:
    """Close the API, and answer when it is closed. The field `now` ends the drain that another stop began."""
    if field(request, "now"):
        await house.to_the_end(house.door.stop(drain=0))
        return _answer(request, house, Told())
    cut = await house.to_the_end(house.door.stop())
    return _answer(request, house, Told(_farewell(request, cut)))


def _farewell(request: Request, cut: int) -> str:
    reader = language(request)
    if not cut:
        return reader.gettext("Stopped.")
    return reader.ngettext("Stopped. %(number)d stream was cut.", "Stopped. %(number)d streams were cut.", cut)


async def move(request: Request, house: House) -> HTTPResponse:
    """Keep another port for the next start."""
    before = house.door.port
    try:
        await _take_port(request, house)
    except OwnerError as error:
        return _refuse(request, house, error)
    _ = language(request).gettext
    changed = _("Port %(port)d saved.", port=house.door.port) if house.door.port != before else None
    return _answer(request, house, Told(changed))


async def reveal(request: Request, house: House) -> HTTPResponse:
    """The card with the key in clear."""
    return _answer(request, house, Told(key=house.gateway.keys.main()))


async def copy(request: Request, house: House) -> HTTPResponse:
    """The key alone, for the clipboard: it need not be seen to be copied."""
    return text(house.gateway.keys.main())


async def regenerate(request: Request, house: House) -> HTTPResponse:
    """Make a new key, and show it."""
    try:
        key = await house.to_the_end(house.door.regenerate())
    except OwnerError as error:
        return _refuse(request, house, error)
    _ = language(request).gettext
    return _answer(request, house, Told(_("New key made. The old one no longer works."), key=key))


async def _take_port(request: Request, house: House) -> None:
    typed = field(request, "port")
    if typed is not None and (port := parse_port(typed)) != house.door.port:
        await house.to_the_end(house.door.move(port))


def _refuse(request: Request, house: House, error: OwnerError) -> HTTPResponse:
    said = language(request).said(error)
    if isinstance(error, RunningNow):
        return _answer(request, house, Told(toast=said), error.status)
    return _answer(request, house, Told(wrong=Wrong("port", field(request, "port") or "", said)), error.status)


def _answer(request: Request, house: House, told: Told, status: int = 200) -> HTTPResponse:
    """The card; for a plain form the page, by a redirect unless there is something to read on it."""
    readable = status >= 400 or told.key is not None
    whole = partial(overview.whole, request, house, told, status) if readable else None
    return answer(request, house, "parts/answer.html", told, otherwise=whole)
