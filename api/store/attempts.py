"""Statements for the attempts that failed, written with the calls they belong to."""

from typing import Final

from msgspec import Struct, structs
from sqlalchemy import Connection, insert, select

from api.store.schema import attempts


class AttemptRow(Struct, frozen=True):
    """One time that a provider was asked in vain, with its key of that number (0: without one).

    `at` is in seconds since 1970, `ms` how long it took; `status` and `error` are what the caller would have got.
    `blame` says whose fault it was: caller, key, provider or unable. `words` is the sentence, without secrets.
    """

    at: float
    request_id: str
    provider: str
    model: str
    key: int
    status: int
    error: str
    blame: str
    words: str
    ms: float


_COLUMNS: Final = [attempts.c[name] for name in AttemptRow.__struct_fields__]


def add(db: Connection, rows: list[AttemptRow]) -> None:
    """Keep a batch of them."""
    if rows:
        db.execute(insert(attempts), [structs.asdict(row) for row in rows])


def since(db: Connection, at: float, most: int) -> list[AttemptRow]:
    """The last ones that began at `at` or later, at most so many, newest first."""
    found = select(*_COLUMNS).where(attempts.c.at >= at).order_by(attempts.c.at.desc()).limit(most)
    return [AttemptRow(*row) for row in db.execute(found)]


def of_call(db: Connection, request_id: str) -> list[AttemptRow]:
    """What was tried in vain for one call, in order."""
    return [
        AttemptRow(*row)
        for row in db.execute(select(*_COLUMNS).where(attempts.c.request_id == request_id).order_by(attempts.c.id))
    ]
