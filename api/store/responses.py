"""Statements for the stored responses that outlive the process."""

from typing import Final

from msgspec import Struct, structs
from sqlalchemy import Connection, bindparam, delete, insert, select

from api.store import settings
from api.store.schema import responses

WANTED: Final = ("keep_responses", "true")  # the owner's choice, as it is saved


class ResponseRow(Struct, frozen=True):
    """A stored response. `at` is in seconds since 1970; everything else of it is sealed."""

    id: str
    at: float
    sealed: bytes


def load(db: Connection, since: float) -> list[ResponseRow]:
    """Every response made after `since`, oldest first; older ones are forgotten."""
    db.execute(delete(responses).where(responses.c.at <= since))
    columns = [responses.c[name] for name in ResponseRow.__struct_fields__]
    return [ResponseRow(*row) for row in db.execute(select(*columns).order_by(responses.c.at))]


def change(db: Connection, gone: list[str], rows: list[ResponseRow]) -> None:
    """Forget the responses in `gone`, and keep those in `rows` if the owner wants that still."""
    # One by one: an `IN` takes so many and no more.
    names = [{"gone": id} for id in (*gone, *(row.id for row in rows))]
    if names:
        db.execute(delete(responses).where(responses.c.id == bindparam("gone")), names)
    # Looked up within the same transaction: nothing is kept after the one that says no.
    name, wanted = WANTED
    if rows and settings.load(db).get(name) == wanted:
        db.execute(insert(responses), [structs.asdict(row) for row in rows])


def stop(db: Connection, choices: dict[str, str]) -> None:
    """Forget every one, together with the choices (name to JSON) that say so."""
    db.execute(delete(responses))
    settings.save(db, choices)
