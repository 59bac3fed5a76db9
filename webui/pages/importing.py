"""The drawer for files: choose one, see what of it maps and what does not, take it over; and the way out."""

import asyncio
from functools import partial
from typing import Any, Final

from msgspec import Struct
from sanic import HTTPResponse, Request
from sanic.response import raw

from api import importing
from api.connection import hang_up_if_unread
from api.errors import OwnerError
from api.importing import Import, ImportRefused
from api.importing.applying import Chosen, Preview, apply, compare
from api.importing.archive import LARGEST
from api.importing.exporting import export
from api.importing.own import require_fit
from api.importing.showing import masked, reached
from webui.gate import field, values
from webui.house import House, language
from webui.locale import marked
from webui.pages import providers
from webui.pages.provider_cards import shelf
from webui.password import PasswordRefused, TooManyAttempts
from webui.uploading import Form, WrongFile, received
from webui.view import Told, Wrong, answer

HOME: Final = "/providers"
FILE_NAME: Final = "morello-export.json"
SHOWN: Final[dict[str, Any]] = {"ends": masked, "address": reached}


class Seen(Struct, frozen=True):
    """What the drawer shows: a file's preview, or the place to choose one. `has_password`: whether export asks it."""

    preview: Preview | None
    has_password: bool


async def new_import(request: Request, house: House) -> HTTPResponse:
    """The drawer: what was read and not yet taken over, else the place to choose a file."""
    held = None if request.args.get("anew") else house.imports.of(request.ctx.session)
    return _draw(request, house, held)


async def read_import(request: Request, house: House) -> HTTPResponse:
    """Read a file that comes as a form, as it comes, and show what is in it. Nothing is kept but in memory."""
    try:
        form = await received(request, house, LARGEST)
        imported = await asyncio.to_thread(_read, form, house)
    except WrongFile as error:
        hang_up_if_unread(request)
        return _draw(request, house, None, Told(wrong=_beside(request, error, error.field)), error.status)
    house.imports.hold(request.ctx.session, imported)
    return _draw(request, house, imported)


async def read_environment(request: Request, house: House) -> HTTPResponse:
    """Show what keys lie in the environment that Morello was started in."""
    imported = importing.from_environment(house.environment, house.gateway.own_ports)
    house.imports.hold(request.ctx.session, imported)
    return _draw(request, house, imported)


async def apply_import(request: Request, house: House) -> HTTPResponse:
    """Take over what is ticked: all of it, or nothing."""
    imported = house.imports.of(request.ctx.session)
    _ = language(request).gettext
    if imported is None:
        return _draw(request, house, None, Told(_("It was read too long ago. Choose the file again.")), 409)
    chosen = Chosen(values(request, "provider"), values(request, "name"), field(request, "choices") == "on")
    try:
        done = await house.to_the_end(apply(house.gateway, imported, chosen))
    except OwnerError as error:
        return _draw(request, house, imported, Told(wrong=_beside(request, error, "import")), error.status)
    house.imports.let_go(request.ctx.session)
    told = Told(
        _(
            "Imported. Providers: %(providers)d, aliases and groups: %(names)d.",
            providers=len(done.providers),
            names=len(done.groups),
        )
    )
    cards = shelf(house)
    return answer(
        *(request, house, "parts/providers_answer.html", told),
        otherwise=partial(providers.whole, request, house, told),
        providers=cards,
        providers_told=cards.tally,
    )


async def download_export(request: Request, house: House) -> HTTPResponse:
    """Everything the owner set up as a file; its keys only under a passphrase, and for who knows the password."""
    try:
        passphrase = await _passphrase(request, house)
        content = await export(house.gateway, passphrase)
    except (WrongFile, PasswordRefused, TooManyAttempts) as error:
        at = getattr(error, "field", "current")
        return _draw(request, house, None, Told(wrong=_beside(request, error, at)), error.status)
    headers = {"content-disposition": f'attachment; filename="{FILE_NAME}"'}
    return raw(content, headers=headers, content_type="application/json")


def _read(form: Form, house: House) -> Import:
    try:
        return importing.read(form.content, house.environment, form.passphrase)
    except ImportRefused as error:
        at = "passphrase" if importing.wants(form.content) else "file"
        raise WrongFile(error.words, at, **error.given) from error


async def _passphrase(request: Request, house: House) -> str | None:
    if field(request, "without") == "on":
        return None
    passphrase, password = field(request, "new") or "", house.sessions.password
    try:
        require_fit(passphrase)
    except ImportRefused as error:
        raise WrongFile(error.words, "new", **error.given) from error
    if passphrase != (field(request, "again") or ""):
        raise WrongFile(marked("The two are not the same. Type it again."), "again")
    if password.is_set and not await password.check(field(request, "current") or ""):
        raise PasswordRefused(marked("That is not the password."), "current")
    return passphrase


def _draw(
    request: Request, house: House, imported: Import | None, told: Told | None = None, status: int = 200
) -> HTTPResponse:
    """The drawer for htmx, else the page with the drawer open."""
    preview = compare(house.gateway, imported) if imported else None
    seen = Seen(preview, house.sessions.password.is_set)
    whole_page = partial(providers.whole, request, house, told or Told(), status, importing=seen, **SHOWN)
    return answer(request, house, "parts/import.html", told, otherwise=whole_page, importing=seen, **SHOWN)


def _beside(request: Request, error: OwnerError, at: str) -> Wrong:
    return Wrong(at, "", language(request).said(error))
