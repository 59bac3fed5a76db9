"""Morello's own export: a JSON file anybody can read, with its secrets sealed as a whole under a passphrase.

They are sealed together with everything else the file says: whoever changes where a provider is, and leaves its key
in, has a file that does not open. What belongs to one machine is not in it: ports, paths, the key of the API.
"""

import hashlib
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct, field, structs

from api.errors import SaidInWords
from api.facts import Facts
from api.facts.known import NOTHING as NO_FACTS
from api.importing.archive import decoded
from api.importing.drafts import Choice, Draft, Import, ImportRefused, Key, Left, Limit, Name, named, shown
from api.providers.asking import kept, written
from api.providers.chosen import Chosen
from api.providers.groups import Group, Policy
from api.providers.provider import Provider, Secret
from api.settings import Settings
from api.vault import Sealed, Unreadable, seal_under, unseal_under

SOURCE: Final = "Morello"
VERSION: Final = 1
SHORTEST_PASSPHRASE: Final = 8
# Of the machine and its network, not of the owner.
STAYS: Final = frozenset(("port", "api_wanted", "first_run_done", "local_model", "keep_responses", "proxy", "ca_file"))
FILE: Final = "the export"


class KeyRow(Struct, frozen=True, omit_defaults=True):
    """A key without itself."""

    label: str = ""
    weight: int = 1
    enabled: bool = True


class ProviderRow(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A provider without its secrets."""

    id: str
    name: str
    dialect: str
    base_url: str
    enabled: bool = True
    quirks: dict[str, Any] = {}
    keys: tuple[KeyRow, ...] = ()


class GroupRow(Struct, frozen=True, omit_defaults=True):
    """A name and its models."""

    name: str
    models: tuple[str, ...]
    policy: Policy = Policy()


class ModelRow(Struct, frozen=True, omit_defaults=True):
    """What was chosen for a model of a provider."""

    provider: str
    model: str
    enabled: bool = True
    added: bool = False
    facts: Facts = NO_FACTS


class Secrets(Struct, frozen=True, omit_defaults=True):
    """Keys and proxies by the ids of their providers."""

    keys: dict[str, tuple[str, ...]] = {}
    proxies: dict[str, str] = {}


class Export(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The file."""

    morello_export: Annotated[int, Meta(ge=1)]
    made: str = ""
    providers: tuple[ProviderRow, ...] = ()
    groups: tuple[GroupRow, ...] = ()
    models: tuple[ModelRow, ...] = ()
    limits: tuple[Limit, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    secrets: Sealed | None = None


class Marked(Struct):
    """What tells an export from every other JSON, and its version."""

    morello_export: int


def write(
    made: str,
    providers: tuple[Provider, ...],
    groups: tuple[Group, ...],
    choices: tuple[Choice, ...],
    limits: tuple[Limit, ...],
    settings: Settings,
    passphrase: str | None,
) -> bytes:
    """The file; without a passphrase it has no secrets. With one this takes a moment: not for the loop."""
    chosen = {name: value for name, value in structs.asdict(settings).items() if name not in STAYS}
    plain = Export(
        morello_export=VERSION,
        made=made,
        providers=tuple(map(_row, providers)),
        groups=tuple(GroupRow(group.name, group.models, group.policy) for group in groups),
        models=tuple(
            ModelRow(one.provider, one.model, one.chosen.enabled, one.chosen.added, one.chosen.facts) for one in choices
        ),
        limits=limits,
        settings=chosen,
    )
    if passphrase is not None:
        require_fit(passphrase)
        sealed = msgspec.json.encode(_secrets(providers))
        plain = structs.replace(plain, secrets=seal_under(passphrase, sealed, _place(plain)))
    return msgspec.json.format(msgspec.json.encode(plain), indent=2) + b"\n"


def is_one(content: bytes) -> bool:
    """Whether a JSON text is an export, of whatever version."""
    try:
        msgspec.json.decode(content, type=Marked)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def is_sealed(content: bytes) -> bool:
    """Whether an export wants a passphrase."""
    return _read(content).secrets is not None


def read(content: bytes, passphrase: str | None) -> Import:
    """The file as an import. `ImportRefused` if its passphrase is another one, or a newer Morello wrote it."""
    export = _read(content)
    known = {name: value for name, value in export.settings.items() if name in _WANTED}
    secrets = _opened(export, passphrase) if export.secrets else None
    left = [
        Left(shown(name), SaidInWords("This Morello has no such setting.")) for name in {*export.settings} - {*known}
    ]
    return Import(
        source=SOURCE,
        found=tuple(_draft(row, secrets) for row in export.providers),
        names=tuple(Name(shown(row.name), row.models, row.policy) for row in export.groups),
        models=tuple(
            Choice(row.provider, row.model, Chosen(row.enabled, row.added, row.facts)) for row in export.models
        ),
        limits=export.limits,
        settings=known,
        left=tuple(left),
    )


def require_fit(passphrase: str) -> None:
    """`ImportRefused` if a passphrase is too short to be one."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise ImportRefused("The passphrase has fewer than %(least)d characters.", least=SHORTEST_PASSPHRASE)


_WANTED: Final = frozenset(Settings.__struct_fields__) - STAYS


def _read(content: bytes) -> Export:
    version = decoded(content, FILE, Marked).morello_export
    if version > VERSION:
        raise ImportRefused(
            "The file is in format %(version)d, from a newer Morello; this one reads up to %(most)d. Update Morello.",
            version=version,
            most=VERSION,
        )
    return decoded(content, FILE, Export)


def _opened(export: Export, passphrase: str | None) -> Secrets:
    assert export.secrets is not None
    if passphrase is None:
        raise ImportRefused("The file is sealed with a passphrase. Give the one it was exported with.")
    try:
        content = unseal_under(passphrase, export.secrets, _place(export))
    except Unreadable:
        raise ImportRefused(
            "The passphrase does not open the file: it is another one, or the file was changed since it was made."
        ) from None
    return decoded(content, FILE, Secrets)


def _place(export: Export) -> str:
    """What the secrets are sealed to: all that the file says beside them."""
    plain = msgspec.json.encode(structs.replace(export, secrets=None), order="deterministic")
    return f"export|{VERSION}|{hashlib.sha256(plain).hexdigest()}"


def _row(provider: Provider) -> ProviderRow:
    return ProviderRow(
        id=provider.id,
        name=provider.name,
        dialect=provider.speaks,
        base_url=provider.base_url,
        enabled=provider.enabled,
        quirks=written(provider.quirks),
        keys=tuple(KeyRow(key.label, key.weight, key.enabled) for key in provider.credentials),
    )


def _secrets(providers: tuple[Provider, ...]) -> Secrets:
    return Secrets(
        keys={one.id: tuple(str(key.key) for key in one.credentials) for one in providers if one.credentials},
        proxies={one.id: one.proxy for one in providers if one.proxy is not None},
    )


def _draft(row: ProviderRow, secrets: Secrets | None) -> Draft:
    texts = secrets.keys.get(row.id, ()) if secrets else ()
    keys = zip(row.keys, texts, strict=False)
    note = None
    if row.keys and not texts:
        note = SaidInWords("Its key was left out of the file. Give it afterwards.")
    return Draft(
        id=row.id,
        name=named(row.name, row.id),
        dialect=row.dialect,
        base_url=row.base_url,
        keys=tuple(Key(Secret(text), key.label, key.weight, key.enabled) for key, text in keys),
        enabled=row.enabled,
        quirks=kept(msgspec.json.encode(row.quirks).decode()),
        proxy=secrets.proxies.get(row.id) if secrets else None,
        note=note,
    )
