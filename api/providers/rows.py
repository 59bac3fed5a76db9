"""A provider and the row it is kept in, where its key is sealed."""

import msgspec

from api.errors import SaidInWords
from api.providers.asking import kept, written
from api.providers.provider import JOINED, Provider, Secret
from api.store.providers import ProviderRow
from api.vault import Unreadable, Vault


def read(row: ProviderRow, vault: Vault) -> Provider:
    """The provider in a row; one whose key cannot be read any more has that for its fault."""
    key: Secret | None = None
    fault: SaidInWords | None = None
    if row.secret is not None:
        try:
            key = Secret(vault.unseal(row.secret, _place(row.id)))
        except Unreadable:
            fault = SaidInWords("The key of the provider “%(id)s” cannot be read any more. Give it again.", id=row.id)
    return Provider(
        id=row.id,
        name=row.name,
        dialects=tuple(row.dialect.split(JOINED)),
        base_url=row.base_url,
        key=key,
        enabled=row.enabled,
        created=row.created,
        fault=fault,
        quirks=kept(row.quirks),
    )


def write(provider: Provider, vault: Vault) -> ProviderRow:
    """The row that a provider is kept in."""
    return ProviderRow(
        id=provider.id,
        name=provider.name,
        dialect=provider.speaks,
        base_url=provider.base_url,
        secret=None if provider.key is None else vault.seal(provider.key, _place(provider.id)),
        enabled=provider.enabled,
        created=provider.created,
        quirks=msgspec.json.encode(written(provider.quirks)).decode(),
    )


def _place(provider: str) -> str:
    return f"providers|{provider}|secret"
