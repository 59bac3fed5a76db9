"""A provider and the rows it is kept in, where its keys are sealed."""

from collections.abc import Iterable

import msgspec

from api.errors import SaidInWords
from api.providers.asking import kept, written
from api.providers.provider import FIRST, JOINED, Credential, Provider, Secret, pooled
from api.store.providers import CredentialRow, ProviderRow
from api.vault import Unreadable, Vault


def read(row: ProviderRow, keys: Iterable[CredentialRow], vault: Vault) -> Provider:
    """The provider in its rows; one that has a key which cannot be read any more has that for its fault."""
    fault: SaidInWords | None = None
    pool: tuple[Credential, ...] = ()
    proxy: str | None = None
    try:
        pool = tuple(_credential(key, vault) for key in keys)
        proxy = None if row.proxy is None else vault.unseal(row.proxy, f"providers|{row.id}|proxy")
    except Unreadable:
        fault = SaidInWords("The key of the provider “%(id)s” cannot be read any more. Give it again.", id=row.id)
    provider = Provider(
        id=row.id,
        name=row.name,
        dialects=tuple(row.dialect.split(JOINED)),
        base_url=row.base_url,
        enabled=row.enabled,
        created=row.created,
        fault=fault,
        quirks=kept(row.quirks),
        proxy=proxy,
    )
    return pooled(provider, pool)


def write(provider: Provider, vault: Vault) -> ProviderRow:
    """The row that a provider is kept in, without its keys."""
    return ProviderRow(
        id=provider.id,
        name=provider.name,
        dialect=provider.speaks,
        base_url=provider.base_url,
        enabled=provider.enabled,
        created=provider.created,
        quirks=msgspec.json.encode(written(provider.quirks)).decode(),
        proxy=None if provider.proxy is None else vault.seal(provider.proxy, f"providers|{provider.id}|proxy"),
    )


def write_keys(provider: Provider, vault: Vault) -> tuple[CredentialRow, ...]:
    """The rows that its keys are kept in."""
    return tuple(
        CredentialRow(
            provider=provider.id,
            number=key.number,
            label=key.label,
            secret=vault.seal(key.key, _place(provider.id, key.number)),
            weight=key.weight,
            enabled=key.enabled,
            created=key.created,
        )
        for key in provider.credentials
    )


def _credential(row: CredentialRow, vault: Vault) -> Credential:
    key = Secret(vault.unseal(row.secret, _place(row.provider, row.number)))
    return Credential(key, row.number, row.label, row.weight, row.enabled, row.created)


def _place(provider: str, number: int) -> str:
    """Where a key is sealed to. That of the first is from the days when there was one."""
    return f"providers|{provider}|secret" if number == FIRST else f"credentials|{provider}|{number}"
