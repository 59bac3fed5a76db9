"""Statements for whom we may ask, with the models each offered when last asked."""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, update

from api.store import groups, measured, models
from api.store.groups import GroupRow
from api.store.schema import catalog, credentials, providers


class ProviderRow(Struct, frozen=True):
    """A provider as it is kept. `created` is in seconds since 1970, `quirks` is JSON."""

    id: str
    name: str
    dialect: str
    base_url: str
    enabled: bool
    created: float
    quirks: str = "{}"
    proxy: bytes | None = None


class CredentialRow(Struct, frozen=True):
    """One key of a provider as it is kept. `created` is in seconds since 1970."""

    provider: str
    number: int
    label: str
    secret: bytes
    weight: int
    enabled: bool
    created: float


class CatalogRow(Struct, frozen=True):
    """What a provider's model list said (`models` is JSON) and when."""

    provider: str
    models: str
    fetched: float


def load(db: Connection) -> list[ProviderRow]:
    """Every provider, oldest first."""
    return [ProviderRow(*row) for row in db.execute(select(providers).order_by(providers.c.created))]


def load_credentials(db: Connection) -> list[CredentialRow]:
    """Every key of every provider, by their numbers."""
    return [CredentialRow(*row) for row in db.execute(select(credentials).order_by(credentials.c.number))]


def load_catalog(db: Connection) -> list[CatalogRow]:
    """Every model list as last fetched."""
    return [CatalogRow(*row) for row in db.execute(select(catalog))]


def add(db: Connection, row: ProviderRow, keys: Sequence[CredentialRow]) -> None:
    """Keep a new provider with its keys."""
    db.execute(insert(providers).values(**_fields(row)))
    give(db, row.id, keys)


def give(db: Connection, provider: str, keys: Sequence[CredentialRow]) -> None:
    """Put `keys` in the place of those that a provider has."""
    db.execute(delete(credentials).where(credentials.c.provider == provider))
    for key in keys:
        db.execute(insert(credentials).values(**_fields(key)))


def adopt(
    db: Connection, rows: Sequence[tuple[ProviderRow, Sequence[CredentialRow]]], more: Sequence[GroupRow]
) -> None:
    """Keep new providers with their keys, and groups."""
    for row, keys in rows:
        add(db, row, keys)
    for group in more:
        groups.put(db, group)


def change(db: Connection, row: ProviderRow, keys: Sequence[CredentialRow] | None = None) -> None:
    """Put `row` in the place of the one with its id, and `keys`, where they are given, in the place of its own."""
    if keys is not None:
        give(db, row.id, keys)
    fields = _fields(row)
    old = db.execute(select(providers).where(providers.c.id == row.id)).one()
    if (old.base_url, old.dialect) != (row.base_url, row.dialect):
        db.execute(delete(catalog).where(catalog.c.provider == row.id))  # another one's list
        measured.drop_all(db, row.id)
    db.execute(update(providers).where(providers.c.id == row.id).values(**fields))


def remove(db: Connection, provider: str) -> None:
    """Forget a provider, its keys and its models."""
    db.execute(delete(catalog).where(catalog.c.provider == provider))
    db.execute(delete(credentials).where(credentials.c.provider == provider))
    models.drop_all(db, provider)
    measured.drop_all(db, provider)
    db.execute(delete(providers).where(providers.c.id == provider))


def save_catalog(db: Connection, row: CatalogRow, base_url: str, dialect: str) -> None:
    """Keep what a provider just listed, unless it was removed or is somebody else by now."""
    asked = (providers.c.id == row.provider, providers.c.base_url == base_url, providers.c.dialect == dialect)
    if db.scalar(select(providers.c.id).where(*asked)) is None:
        return
    db.execute(delete(catalog).where(catalog.c.provider == row.provider))
    db.execute(insert(catalog).values(**_fields(row)))


def _fields(row: ProviderRow | CredentialRow | CatalogRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__struct_fields__}
