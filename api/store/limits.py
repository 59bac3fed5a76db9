"""Statements for how long and how large calls may be, where the owner said so."""

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select

from api.store.schema import limits


class LimitsRow(Struct, frozen=True):
    """What was chosen (JSON) for a provider and a route; empty stands for all of them."""

    provider: str
    route: str
    chosen: str


def load(db: Connection) -> list[LimitsRow]:
    """Everything that was chosen."""
    return [LimitsRow(*row) for row in db.execute(select(limits))]


def put(db: Connection, row: LimitsRow) -> None:
    """Keep what was chosen for a provider and a route, in the place of what was before."""
    remove(db, row.provider, row.route)
    db.execute(insert(limits).values(provider=row.provider, route=row.route, chosen=row.chosen))


def remove(db: Connection, provider: str, route: str) -> None:
    """Forget what was chosen for a provider and a route."""
    db.execute(delete(limits).where(limits.c.provider == provider, limits.c.route == route))


def forget(db: Connection, provider: str) -> None:
    """Forget all that was chosen for a provider."""
    db.execute(delete(limits).where(limits.c.provider == provider))
