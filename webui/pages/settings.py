"""The settings: how the dashboard looks, how the server stops, who may sign in, what this program is."""

import platform
from functools import partial
from typing import Any, Final

from msgspec import Struct
from sanic import HTTPResponse, Request
from sanic.response import redirect

from api import VERSION
from api.errors import OwnerError
from api.logs import log_file
from api.loopback import address
from api.settings import LONGEST_DRAIN
from webui import browsers
from webui.gate import field
from webui.house import House, language
from webui.locale import marked
from webui.pages.limits import limits_of
from webui.password import PasswordRefused, TooManyAttempts, require_fit
from webui.session import name_of
from webui.view import THEME, Part, Told, Wrong, answer, page

HOME: Final = "/settings"
LONGEST_TYPED: Final = 1024  # of what comes back with the sentence that refuses it


class SessionSeen(Struct, frozen=True):
    """A session as the page shows it; `mine` is the browser that looks at it."""

    name: str
    browser: str | None
    system: str | None
    how: str
    created: float
    seen: float
    mine: bool


class About(Struct, frozen=True):
    """What this program is and where it keeps things."""

    version: str
    home: str
    log: str
    python: str


class DrainRefused(OwnerError):
    """Not a time that Stop can wait."""


def sessions(request: Request, house: House) -> tuple[SessionSeen, ...]:
    """Everybody who is signed in, whoever asks first."""
    mine = request.ctx.session.digest
    seen = [
        SessionSeen(
            name_of(row),
            browsers.browser(row.agent),
            browsers.system(row.agent),
            row.how,
            row.created,
            row.seen,
            row.digest == mine,
        )
        for row in house.sessions.all()
    ]
    return tuple(sorted(seen, key=lambda session: not session.mine))


PARTS: Final = (
    Part("password", lambda _request, house: house.sessions.password.mark),
    Part("sessions", sessions),
)


async def show_settings(request: Request, house: House) -> HTTPResponse:
    """The page."""
    return _whole(request, house, Told())


async def choose_theme(request: Request, house: House) -> HTTPResponse:
    """Keep the theme in a cookie; the page comes again, dressed in it."""
    return THEME.keep(request, redirect(HOME, status=303), field(request, "theme"))


async def change_drain(request: Request, house: House) -> HTTPResponse:
    """Keep how long Stop lets streams go on."""
    typed = field(request, "drain") or ""
    try:
        drain = _parse_drain(typed)
    except DrainRefused as error:
        return _refuse(request, house, "drain", "drain", typed, error)
    if drain == house.gateway.settings.drain:
        return _answer(request, house, "drain", Told())
    await house.to_the_end(house.gateway.choices.change(drain=drain))
    return _answer(request, house, "drain", Told(language(request).gettext("Saved")))


async def keep_responses(request: Request, house: House) -> HTTPResponse:
    """Have stored responses on the disk too, or erase them there."""
    wanted = field(request, "keep") == "on"
    if wanted == house.gateway.settings.keep_responses:
        return _answer(request, house, "responses", Told())
    await house.to_the_end(house.gateway.choices.change(keep_responses=wanted))
    _ = language(request).gettext
    said = _("Saved") if wanted else _("Saved. What was on the disk is erased.")
    return _answer(request, house, "responses", Told(said))


async def allow_path_keys(request: Request, house: House) -> HTTPResponse:
    """Let a key stand in the path, or not: from the next request on."""
    wanted = field(request, "allow") == "on"
    if wanted == house.gateway.settings.path_keys:
        return _answer(request, house, "path_keys", Told())
    await house.to_the_end(house.gateway.choices.change(path_keys=wanted))
    return _answer(request, house, "path_keys", Told(language(request).gettext("Saved")))


async def choose_local_model(request: Request, house: House) -> HTTPResponse:
    """Have the built-in provider serve a file of the owner's, or its own model again."""
    typed = field(request, "local_model") or ""
    if typed.strip() == house.gateway.settings.local_model:
        return _answer(request, house, "local_model", Told())
    try:
        await house.to_the_end(house.gateway.serve_file(typed))
    except OwnerError as error:
        return _refuse(request, house, "local_model", "local_model", typed, error)
    return _answer(request, house, "local_model", Told(language(request).gettext("Saved")))


async def use_proxy(request: Request, house: House) -> HTTPResponse:
    """Have providers asked through a proxy from the next call on, or through none."""
    sent = field(request, "proxy") or ""
    if sent.strip() == house.gateway.network.shown:
        return _answer(request, house, "proxy", Told())
    try:
        await house.to_the_end(house.gateway.network.use_proxy(sent))
    except OwnerError as error:
        return _refuse(request, house, "proxy", "proxy", sent, error)
    return _answer(request, house, "proxy", Told(language(request).gettext("Saved")))


async def use_ca_file(request: Request, house: House) -> HTTPResponse:
    """Trust the certificates in a file of the owner's too, from the next connection on."""
    sent = field(request, "ca_file") or ""
    if sent.strip() == house.gateway.settings.ca_file:
        return _answer(request, house, "ca_file", Told())
    try:
        await house.to_the_end(house.gateway.network.use_ca_file(sent))
    except OwnerError as error:
        return _refuse(request, house, "ca_file", "ca_file", sent, error)
    return _answer(request, house, "ca_file", Told(language(request).gettext("Saved")))


async def set_password(request: Request, house: House) -> HTTPResponse:
    """Set the password; one that is there already must be known, and every other browser is signed out."""
    new = field(request, "new") or ""
    try:
        require_fit(new)
        _require_same(new, field(request, "again") or "")
        await _require_current(request, house)
        ended = await house.to_the_end(house.sessions.set_password(new, request.ctx.session))
    except (PasswordRefused, TooManyAttempts) as error:
        return _refuse_password(request, house, error)
    house.gateway.news.tell()
    said = [language(request).gettext("Password set."), _farewell(request, ended)]
    return _answer(request, house, "password", Told(" ".join(filter(None, said))))


async def clear_password(request: Request, house: House) -> HTTPResponse:
    """Have no password, if the one there is known."""
    try:
        await _require_current(request, house)
        await house.to_the_end(house.sessions.password.clear())
    except (PasswordRefused, TooManyAttempts) as error:
        return _refuse_password(request, house, error)
    house.gateway.news.tell()
    return _answer(request, house, "password", Told(language(request).gettext("Password removed.")))


async def end_session(request: Request, house: House) -> HTTPResponse:
    """Sign one other browser out."""
    ended = await house.sessions.end(field(request, "session") or "", but=request.ctx.session)
    house.gateway.news.tell()
    _ = language(request).gettext
    return _answer(
        request, house, "sessions", Told(_("Signed out there.") if ended else _("It was signed out already."))
    )


async def end_other_sessions(request: Request, house: House) -> HTTPResponse:
    """Sign every other browser out."""
    ended = await house.sessions.end_others(but=request.ctx.session)
    house.gateway.news.tell()
    return _answer(request, house, "sessions", Told(_farewell(request, ended)))


def _parse_drain(typed: str) -> float:
    try:
        drain = float(typed)
    except ValueError:
        drain = -1.0
    if not 0 <= drain <= LONGEST_DRAIN:
        raise DrainRefused(marked("Type a number of seconds from 0 to %(number)d."), number=LONGEST_DRAIN)
    return drain


def _require_same(new: str, again: str) -> None:
    if new != again:
        raise PasswordRefused(marked("The two are not the same. Type it again."), "again")


async def _require_current(request: Request, house: House) -> None:
    password = house.sessions.password
    if password.is_set and not await password.check(field(request, "current") or ""):
        raise PasswordRefused(marked("That is not the password."), "current")


def _farewell(request: Request, ended: int) -> str | None:
    if not ended:
        return None
    reader = language(request)
    return reader.ngettext(
        "%(number)d other browser was signed out.", "%(number)d other browsers were signed out.", ended
    )


def _refuse_password(request: Request, house: House, error: PasswordRefused | TooManyAttempts) -> HTTPResponse:
    name = error.field if isinstance(error, PasswordRefused) else "current"
    response = _refuse(request, house, "password", name, "", error)
    if isinstance(error, TooManyAttempts):
        response.headers["retry-after"] = str(error.seconds)
    return response


def _refuse(request: Request, house: House, part: str, name: str, typed: str, error: OwnerError) -> HTTPResponse:
    told = Told(wrong=Wrong(name, typed[:LONGEST_TYPED], language(request).said(error)))
    return _answer(request, house, part, told, partial(_whole, request, house, told, error.status))


def _answer(request: Request, house: House, part: str, told: Told, otherwise: Any = None) -> HTTPResponse:
    values = _values(request, house)
    return answer(
        request, house, "parts/saved.html", told, otherwise=otherwise, home=HOME, saved=f"parts/{part}.html", **values
    )


def _whole(request: Request, house: House, told: Told, status: int = 200) -> HTTPResponse:
    return page(request, house, "settings", told, status, **_values(request, house))


def _values(request: Request, house: House) -> dict[str, Any]:
    looks = {part.name: part.look(request, house) for part in PARTS}
    chosen = house.gateway.settings
    return {
        **looks,
        "drain": f"{chosen.drain:g}",
        "keeps_responses": chosen.keep_responses,
        "local_model": chosen.local_model,
        "local_name": house.gateway.local.model.id,
        "allows_path_keys": chosen.path_keys,
        "api_url": address(chosen.port),
        "proxy": house.gateway.network.shown,
        "ca_file": chosen.ca_file,
        "limits": limits_of(house),
        "about": _about(house),
    }


def _about(house: House) -> About:
    home = house.gateway.home
    return About(VERSION, str(home), str(log_file(home)), platform.python_version())
