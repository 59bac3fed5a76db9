"""Statements for what the owner chose."""

from sqlalchemy import Connection, delete, insert, select

from api.store.schema import settings


def load(db: Connection) -> dict[str, str]:
    """Every saved choice: name to JSON."""
    return {row.name: row.value for row in db.execute(select(settings))}


def save(db: Connection, values: dict[str, str]) -> None:
    """Keep the choices in `values` (name to JSON), beside those it does not name."""
    db.execute(delete(settings).where(settings.c.name.in_(values)))
    db.execute(insert(settings), [{"name": name, "value": value} for name, value in values.items()])
