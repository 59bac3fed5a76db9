"""A provider's pool of keys: one more, one changed, one less. Nothing is kept here."""

import time
from typing import Final, TypedDict

from msgspec import structs

from api.errors import ProviderRefused
from api.providers.provider import FIRST, Credential, Provider, checked_key, pooled

LONGEST_LABEL: Final = 64
HEAVIEST: Final = 100  # a key's weight, at most


class KeyChanges(TypedDict, total=False):
    """What of a key is to be another: only what is given."""

    label: str
    weight: int
    enabled: bool


def with_key(provider: Provider, key: str, label: str, weight: int) -> Provider:
    """The provider with another key, the last of its pool. `ProviderRefused` says what is wrong with it."""
    new = checked_key(key)
    if any(known.key == new for known in provider.credentials):
        raise ProviderRefused("The provider “%(id)s” has this key already. Paste another one.", "key", id=provider.id)
    number = max((known.number for known in provider.credentials), default=FIRST - 1) + 1
    added = Credential(new, number, checked_label(label), checked_weight(weight), created=time.time())
    return pooled(provider, (*provider.credentials, added))


def with_changed_key(provider: Provider, number: int, changes: KeyChanges) -> Provider:
    """The provider with what is given of one of its keys changed."""
    old = key_of(provider, number)
    new = structs.replace(
        old,
        label=checked_label(changes["label"]) if "label" in changes else old.label,
        weight=checked_weight(changes["weight"]) if "weight" in changes else old.weight,
        enabled=changes.get("enabled", old.enabled),
    )
    return pooled(provider, tuple(new if key is old else key for key in provider.credentials))


def without_key(provider: Provider, number: int) -> Provider:
    """The provider without one of its keys."""
    gone = key_of(provider, number)
    return pooled(provider, tuple(key for key in provider.credentials if key is not gone))


def key_of(provider: Provider, number: int) -> Credential:
    """The key of that number; `ProviderRefused` if there is none."""
    for key in provider.credentials:
        if key.number == number:
            return key
    raise ProviderRefused("The provider “%(id)s” has no key %(number)d.", "number", id=provider.id, number=number)


def checked_label(text: str) -> str:
    """What a key may be called; `ProviderRefused` says why not."""
    label = " ".join(text.split())
    if len(label) > LONGEST_LABEL or not label.isprintable():
        raise ProviderRefused(
            "The label is longer than %(most)d characters, or holds one that cannot be shown. Change it.",
            "label",
            most=LONGEST_LABEL,
        )
    return label


def checked_weight(weight: int) -> int:
    """A key's share of the conversations; `ProviderRefused` says why it cannot be that."""
    if not 1 <= weight <= HEAVIEST:
        raise ProviderRefused("The weight must be a whole number from 1 to %(most)d.", "weight", most=HEAVIEST)
    return weight
