"""What can be seen of a provider's keys."""

from msgspec import Struct

from api.providers.pool import Rest
from api.providers.provider import Provider
from webui.house import House
from webui.pages.provider_cards import masked


class KeySeen(Struct, frozen=True):
    """One key of a provider as it may be seen. `share` is of the new conversations, in percent."""

    number: int
    end: str
    label: str
    weight: int
    enabled: bool
    share: int
    rest: Rest | None


def keys_of(house: House, provider: Provider) -> tuple[KeySeen, ...]:
    """A provider's keys as things are now."""
    pools, keys = house.gateway.providers.pools, provider.credentials
    total = sum(key.weight for key in keys if key.enabled) or 1
    return tuple(
        KeySeen(
            key.number,
            masked(key.key) or "",
            key.label,
            key.weight,
            key.enabled,
            round(100 * key.weight / total) if key.enabled else 0,
            pools.resting(provider, key.number),
        )
        for key in keys
    )
