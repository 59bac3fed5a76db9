"""Statements for who may ask."""

from sqlalchemy import Connection, insert, select, update

from api.store.schema import keys

MAIN = "main"


def load(db: Connection) -> bytes | None:
    """The sealed main key, or None before the first start."""
    return db.scalar(select(keys.c.secret).where(keys.c.name == MAIN))


def save(db: Connection, sealed: bytes, now: float) -> None:
    """Put `sealed` in the place of the main key."""
    if db.execute(update(keys).where(keys.c.name == MAIN).values(secret=sealed, created=now)).rowcount == 0:
        db.execute(insert(keys).values(name=MAIN, secret=sealed, created=now))
