"""Statements for the dashboard's password: its hash, among the settings under a name that is no setting's."""

import msgspec
from sqlalchemy import Connection, delete, select

from api.store import settings as statements
from api.store.schema import settings

NAME = "dashboard_password"


def load(db: Connection) -> str | None:
    """The hash, or None if no password is set."""
    value = db.scalar(select(settings.c.value).where(settings.c.name == NAME))
    return None if value is None else msgspec.json.decode(value, type=str)


def save(db: Connection, hashed: str) -> None:
    """Put `hashed` in the place of what was there."""
    statements.save(db, {NAME: msgspec.json.encode(hashed).decode()})


def remove(db: Connection) -> None:
    """Forget it."""
    db.execute(delete(settings).where(settings.c.name == NAME))
