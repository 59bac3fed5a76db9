"""The keys that lie in the environment, as an import."""

from collections.abc import Mapping
from typing import Final

from api.errors import SaidInWords
from api.importing.drafts import Draft, Import, Key, Left
from api.providers.discovery import Found, found_keys
from api.providers.presets import PRESETS

SOURCE: Final = "environment"


def read(environment: Mapping[str, str], own_ports: frozenset[int] = frozenset()) -> Import:
    """Every provider whose key lies under the name that its documentation gives it."""
    found = found_keys(environment, own_ports)
    taken = {name for one in found for name in one.preset.env}
    left = [name for known in PRESETS for name in known.env if name not in taken and environment.get(name, "").strip()]
    return Import(source=SOURCE, found=tuple(map(_draft, found)), left=tuple(map(_left, dict.fromkeys(left))))


def _draft(one: Found) -> Draft:
    assert one.key is not None
    known = one.preset
    return Draft(
        id=known.id,
        name=known.name,
        dialect=known.dialect,
        base_url=one.base_url,
        keys=(Key(one.key, one.env or ""),),
        quirks=known.quirks,
        preset=known.id,
    )


def _left(name: str) -> Left:
    return Left(name, SaidInWords("It holds one of Morello's own keys, or one for an address that cannot be asked."))
