"""A batch of finished calls and of the attempts in vain that belong to them, kept together or not at all."""

from sqlalchemy import Connection

from api.store import attempts, calls
from api.store.attempts import AttemptRow
from api.store.calls import CallRow


def write(db: Connection, rows: list[CallRow], tries: list[AttemptRow]) -> None:
    """Keep a batch."""
    calls.add(db, rows)
    attempts.add(db, tries)
