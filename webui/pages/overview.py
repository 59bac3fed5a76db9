"""The overview: the API server's card, and what its buttons do."""

import hashlib
import re
import time
from typing import Any, Final

from msgspec import Struct
from sanic import HTTPResponse, Request
from sanic.response import html, redirect, text

from api.door import Door, parse_port
from api.errors import OwnerError, PortTaken, RunningNow
from api.keys import PREFIX, masked
from api.listener import Failed, State
from webui.gate import field
from webui.house import House, language
from webui.render import render

REVEAL_SECONDS: Final = 30
LAST: Final = 4
MARK_LENGTH: Final = 8
DASHBOARD: Final = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}/?")


class Card(Struct, frozen=True):
    """What the server card shows. Two that are equal look the same, but for the time that has gone by.

    `key_mark` tells one key from another without being a part of either.
    """

    state: State
    port: int
    address: str
    key_masked: str
    key_end: str
    key_mark: str

    @property
    def taken(self) -> PortTaken | None:
        """Who has the port, if that is why the API could not start."""
        reason = self.state.reason if isinstance(self.state, Failed) else None
        return reason if isinstance(reason, PortTaken) else None

    @property
    def other_dashboard(self) -> str | None:
        """The page of another Morello that has the port; only an address on this computer is believed."""
        told = self.taken.holder.dashboard if self.taken else None
        return told if told and DASHBOARD.fullmatch(told) else None


class Wrong(Struct, frozen=True):
    """What was typed into the port field, and why it cannot be."""

    typed: str
    sentence: str


class Told(Struct, frozen=True):
    """What is said beside the card: a toast, a wrong port, the key in clear, a question to be answered."""

    toast: str | None = None
    wrong: Wrong | None = None
    key: str | None = None
    asks: str | None = None


async def show(request: Request, house: House) -> HTTPResponse:
    """The page."""
    return _page(request, house, Told(asks=request.args.get("ask")))


async def start(request: Request, house: House) -> HTTPResponse:
    """Open the API, on the port that the form names if it names one."""
    try:
        await _take_port(request, house.door)
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
        await _take_port(request, house.door)
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


async def _take_port(request: Request, door: Door) -> None:
    typed = field(request, "port")
    if typed is not None and (port := parse_port(typed)) != door.port:
        await door.move(port)


def _refuse(request: Request, house: House, error: OwnerError) -> HTTPResponse:
    if isinstance(error, RunningNow):
        return _answer(request, house, Told(toast=str(error)), error.status)
    wrong = Wrong(field(request, "port") or "", str(error))
    return _answer(request, house, Told(wrong=wrong), error.status)


def _answer(request: Request, house: House, told: Told, status: int = 200) -> HTTPResponse:
    """The part for htmx; for a plain form the page, by a redirect unless there is something to read on it."""
    if "hx-request" in request.headers:
        return html(_render(request, house, "parts/answer.html", told), status)
    if status < 400 and told.key is None:
        return redirect("/", status=303)
    return _page(request, house, told, status)


def _page(request: Request, house: House, told: Told, status: int = 200) -> HTTPResponse:
    return html(_render(request, house, "overview.html", told), status)


def _render(request: Request, house: House, template: str, told: Told) -> str:
    return render(language(request), template, **shown(request, card(house), told))


def card(house: House) -> Card:
    """The card as things are now."""
    key = house.gateway.keys.main()
    return Card(
        state=house.door.state,
        port=house.door.port,
        address=house.door.address,
        key_masked=masked(key),
        key_end=key[-LAST:],
        key_mark=hashlib.sha256(key.encode()).hexdigest()[:MARK_LENGTH],
    )


def shown(request: Request, card: Card, told: Told) -> dict[str, Any]:
    """What the templates of this page are filled with."""
    return {
        "card": card,
        "told": told,
        "csrf": request.ctx.session.csrf,
        "now": time.time(),
        "key_short": f"{PREFIX}{'•' * 7}{card.key_end}",
        "reveal_seconds": REVEAL_SECONDS,
    }
