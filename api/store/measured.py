"""Statements for what conformance runs found."""

from msgspec import Struct, structs
from sqlalchemy import Connection, delete, insert, select

from api.store.schema import measured


class MeasuredRow(Struct, frozen=True):
    """Whether a model of a provider can do something. `at` is in seconds since 1970."""

    provider: str
    model: str
    capability: str
    works: bool
    at: float


def load(db: Connection) -> list[MeasuredRow]:
    """Everything that was found."""
    return [MeasuredRow(*row) for row in db.execute(select(measured))]


def put(db: Connection, rows: list[MeasuredRow]) -> None:
    """Keep what was found, in the place of what was found before."""
    for row in rows:
        same = (measured.c.provider == row.provider, measured.c.model == row.model)
        db.execute(delete(measured).where(*same, measured.c.capability == row.capability))
        db.execute(insert(measured).values(**structs.asdict(row)))


def drop_all(db: Connection, provider: str) -> None:
    """Forget what was found at a provider."""
    db.execute(delete(measured).where(measured.c.provider == provider))
