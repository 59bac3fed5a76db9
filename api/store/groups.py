"""Statements for the names behind which several models stand."""

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select

from api.store.schema import groups


class GroupRow(Struct, frozen=True):
    """A group as it is kept; `models` and `policy` are JSON. `created` is in seconds since 1970."""

    name: str
    models: str
    policy: str
    created: float


def load(db: Connection) -> list[GroupRow]:
    """Every group, oldest first."""
    return [GroupRow(*row) for row in db.execute(select(groups).order_by(groups.c.created))]


def put(db: Connection, row: GroupRow) -> None:
    """Keep a group, in the place of the one of its name."""
    remove(db, row.name)
    db.execute(insert(groups).values(name=row.name, models=row.models, policy=row.policy, created=row.created))


def remove(db: Connection, name: str) -> None:
    """Forget a group."""
    db.execute(delete(groups).where(groups.c.name == name))
