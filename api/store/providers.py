"""Statements for whom we may ask, with the models each offered when last asked."""

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, update

from api.store.schema import catalog, providers


class ProviderRow(Struct, frozen=True):
    """A provider as it is kept. `created` is in seconds since 1970, `quirks` is JSON."""

    id: str
    name: str
    dialect: str
    base_url: str
    secret: bytes | None
    enabled: bool
    created: float
    quirks: str = "{}"


class CatalogRow(Struct, frozen=True):
    """What a provider's model list said (`models` is JSON) and when."""

    provider: str
    models: str
    fetched: float


def load(db: Connection) -> list[ProviderRow]:
    """Every provider, oldest first."""
    return [ProviderRow(*row) for row in db.execute(select(providers).order_by(providers.c.created))]


def load_catalog(db: Connection) -> list[CatalogRow]:
    """Every model list as last fetched."""
    return [CatalogRow(*row) for row in db.execute(select(catalog))]


def add(db: Connection, row: ProviderRow) -> None:
    """Keep a new provider."""
    db.execute(insert(providers).values(**_fields(row)))


def change(db: Connection, row: ProviderRow, with_secret: bool) -> None:
    """Put `row` in the place of the one with its id; its secret only if `with_secret`."""
    fields = _fields(row)
    if not with_secret:
        del fields["secret"]
    old = db.execute(select(providers).where(providers.c.id == row.id)).one()
    if (old.base_url, old.dialect) != (row.base_url, row.dialect):
        db.execute(delete(catalog).where(catalog.c.provider == row.id))  # another one's list
    db.execute(update(providers).where(providers.c.id == row.id).values(**fields))


def remove(db: Connection, provider: str) -> None:
    """Forget a provider, its secret and its models."""
    db.execute(delete(catalog).where(catalog.c.provider == provider))
    db.execute(delete(providers).where(providers.c.id == provider))


def save_catalog(db: Connection, row: CatalogRow, base_url: str, dialect: str) -> None:
    """Keep what a provider just listed, unless it was removed or is somebody else by now."""
    asked = (providers.c.id == row.provider, providers.c.base_url == base_url, providers.c.dialect == dialect)
    if db.scalar(select(providers.c.id).where(*asked)) is None:
        return
    db.execute(delete(catalog).where(catalog.c.provider == row.provider))
    db.execute(insert(catalog).values(**_fields(row)))


def _fields(row: ProviderRow | CatalogRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__struct_fields__}
