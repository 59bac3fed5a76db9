"""The drawer for the table of models: read a newer one, see what would change, have it in force."""

import asyncio
import time
from decimal import Decimal
from functools import partial
from typing import Final

from msgspec import Struct, structs
from sanic import HTTPResponse, Request

from api.connection import hang_up_if_unread
from api.errors import OwnerError
from api.facts import Prices, Table
from api.facts.reading import LARGEST, Difference, difference, read_table
from webui.house import House, language
from webui.pages.models import refreshed, whole
from webui.uploading import Form, WrongFile, received
from webui.view import Told, Wrong, answer

SHOWN: Final = 200  # rows of each kind that are drawn
LONGEST_NAME: Final = 100


class Compared(Struct, frozen=True):
    """The table in force, and one that was read with what it would change, if one was."""

    now: Table
    new: Table | None = None
    changes: Difference | None = None
    shown: int = SHOWN

    @property
    def rows(self) -> list[tuple[str, str, str, str]]:
        """The first changes: the model, the fact, what is said of it now and what would be."""
        changed = self.changes.changed[: self.shown] if self.changes else ()
        return [(f"{one.provider}:{one.model}", one.fact, _worded(one.old), _worded(one.new)) for one in changed]


def _worded(fact: object) -> str:
    match fact:
        case None:
            return "–"
        case Prices():
            said = structs.asdict(fact)
            return ", ".join(f"{kind} {said[kind]:f}" for kind in said if isinstance(said[kind], Decimal)) or "–"
        case frozenset():
            return ", ".join(sorted(map(str, fact))) or "–"
        case _:
            return str(fact)


async def show_table(request: Request, house: House) -> HTTPResponse:
    """The drawer: what was read and is not in force yet, else the place to choose a file."""
    return await _draw(request, house, house.tables.of(request.ctx.session))


async def compare_table(request: Request, house: House) -> HTTPResponse:
    """Read a file that comes as a form and show what it would change. Nothing is kept but in memory."""
    try:
        form = await received(request, house, LARGEST)
        table = await asyncio.to_thread(_read, form)
    except OwnerError as error:
        hang_up_if_unread(request)
        at = error.field if isinstance(error, WrongFile) else "file"
        return await _draw(request, house, None, Told(wrong=Wrong(at, "", language(request).said(error))), error.status)
    house.tables.hold(request.ctx.session, table)
    return await _draw(request, house, table)


async def use_table(request: Request, house: House) -> HTTPResponse:
    """Have in force what was read."""
    table = house.tables.of(request.ctx.session)
    _ = language(request).gettext
    if table is None:
        return await _draw(request, house, None, Told(_("It was read too long ago. Choose the file again.")), 409)
    await house.to_the_end(house.gateway.use_table(table))
    house.tables.let_go(request.ctx.session)
    return refreshed(request, house, Told(_("The table of %(date)s is in force.", date=table.date)))


def _read(form: Form) -> Table:
    return read_table(form.content, form.name[:LONGEST_NAME] or "?", time.strftime("%Y-%m-%d"))


async def _draw(
    request: Request, house: House, table: Table | None, told: Told | None = None, status: int = 200
) -> HTTPResponse:
    now = house.gateway.table()
    changes = await asyncio.to_thread(difference, now, table) if table else None
    compared = Compared(now, table, changes)
    whole_page = partial(whole, request, house, told or Told(), status, compared=compared)
    return answer(request, house, "parts/facts_table.html", told, otherwise=whole_page, compared=compared)
