"""Statements for the dashboard's sessions. Ids are never kept, only their SHA-256."""

from msgspec import Struct, structs
from sqlalchemy import Connection, delete, insert, select, update

from api.store.schema import sessions


class SessionRow(Struct, frozen=True):
    """Times are in seconds since 1970; `how` is what the session was opened with: link or password."""

    digest: bytes
    created: float
    seen: float
    agent: str = ""
    how: str = "link"


def load(db: Connection) -> list[SessionRow]:
    """Every session that was not ended."""
    columns = [sessions.c[name] for name in SessionRow.__struct_fields__]
    return [SessionRow(*row) for row in db.execute(select(*columns))]


def add(db: Connection, row: SessionRow) -> None:
    """Keep a new session."""
    db.execute(insert(sessions).values(**structs.asdict(row)))


def touch(db: Connection, digest: bytes, seen: float) -> None:
    """Note when a session was last used."""
    db.execute(update(sessions).where(sessions.c.digest == digest).values(seen=seen))


def remove(db: Connection, digests: list[bytes]) -> None:
    """End sessions."""
    db.execute(delete(sessions).where(sessions.c.digest.in_(digests)))
