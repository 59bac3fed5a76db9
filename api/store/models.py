"""Statements for what the owner chose for single models."""

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select

from api.store.schema import models


class ModelRow(Struct, frozen=True):
    """What was chosen for one model of a provider; `facts` is JSON."""

    provider: str
    model: str
    enabled: bool
    added: bool
    facts: str


def load(db: Connection) -> list[ModelRow]:
    """Everything that was chosen."""
    return [ModelRow(*row) for row in db.execute(select(models))]


def put(db: Connection, row: ModelRow) -> None:
    """Keep what was chosen for a model, in the place of what was chosen before."""
    drop(db, row.provider, row.model)
    fields = {name: getattr(row, name) for name in row.__struct_fields__}
    db.execute(insert(models).values(**fields))


def drop(db: Connection, provider: str, model: str) -> None:
    """Have a model as its provider lists it again."""
    db.execute(delete(models).where(models.c.provider == provider, models.c.model == model))


def drop_all(db: Connection, provider: str) -> None:
    """Forget what was chosen for the models of a provider."""
    db.execute(delete(models).where(models.c.provider == provider))
