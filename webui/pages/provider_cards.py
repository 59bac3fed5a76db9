"""What can be seen of the providers: a card each, and how many there are."""

import unicodedata
from typing import Final

from msgspec import Struct

from api.activity import RECENT
from api.endpoints import Endpoint
from api.errors import GatewayError, SaidInWords
from api.health import Record
from api.lacks import Lack
from api.providers.abilities import known
from api.providers.circuit import Broken
from api.providers.presets import PRESETS
from api.providers.provider import LOCAL, Check, Provider, origin
from api.store.calls import CallRow
from webui.chart import Mark, strip
from webui.house import House

SHOWN: Final = 4  # letters of a key
SHORTEST: Final = 12  # a key this short would be half given away by its end
# What a call's error says of the provider; every other is between it and the caller.
TROUBLES: Final = {
    "upstream_auth": "rejected",
    "upstream_unreachable": "unreachable",
    "upstream_timeout": "unreachable",
    "upstream_bad_response": "failing",
}
MARKS: Final = {origin(preset.base_url): preset.mark for preset in reversed(PRESETS)}  # the first of a host counts
MOST_LACKS: Final = 3  # that a card has room for: the last ones
NEEDS_ATTENTION: Final = frozenset(("unreadable", "rejected", "unreachable", "failing"))


class Resting(Struct, frozen=True):
    """A key that is not used for a while: its name, until when (in seconds since 1970), and why."""

    name: str
    until: float
    why: SaidInWords


class ProviderCard(Struct, frozen=True):
    """One provider as its card shows it. Two that are equal look the same, but for the time that has gone by.

    `state` is one of off, unreadable, rejected, unreachable, failing, slow, healthy, untried, built_in. `health` is how
    it did in the last 24 hours, `strip` that as bars. `key` is what may be seen of the first of its `keys`; None where
    there is none. `failed_at` is when a call failed after the last test, `words` what it said then. `also` is what it
    has beside conversations, as far as that is known; `lacks` what it turned out not to have, the last first. `resting`
    are keys that are not used for a while; `skipped` tells that it keeps failing.
    """

    id: str
    name: str
    mark: str
    host: str
    state: str
    models: int
    health: Record
    strip: tuple[Mark, ...] = ()
    key: str | None = None
    checked_at: float | None = None
    failed_at: float | None = None
    words: str = ""
    error: SaidInWords | None = None
    also: tuple[Endpoint, ...] = ()
    lacks: tuple[Lack, ...] = ()
    keys: int = 0
    resting: tuple[Resting, ...] = ()
    skipped: Broken | None = None


class Tally(Struct, frozen=True):
    """How many of the owner's own there are, and how many of them are in trouble."""

    added: int
    attention: int


class Shelf(Struct, frozen=True):
    """Every card, the owner's own first, Morello's last."""

    own: tuple[ProviderCard, ...]
    built_in: ProviderCard

    @property
    def tally(self) -> Tally:
        """How many there are."""
        return Tally(len(self.own), sum(card.state in NEEDS_ATTENTION for card in self.own))


def shelf(house: House) -> Shelf:
    """The providers as things are now."""
    return Shelf(tuple(_card(house, provider) for provider in house.gateway.providers.all()), _built_in(house))


def _card(house: House, provider: Provider) -> ProviderCard:
    providers = house.gateway.providers
    check = providers.checked(provider.id)
    call = _call_since(house, provider, check)
    health = house.gateway.health.of(provider.id)
    failed_at = call.at if call and call.error in TROUBLES else None
    return ProviderCard(
        id=provider.id,
        name=provider.name,
        mark=mark(provider.name, provider.base_url),
        host=provider.base_url.partition("://")[2],
        state=_state(provider, check, call, health),
        models=len(providers.catalog.of(provider)),
        health=health,
        strip=strip(health.halves),
        key=masked(provider.key),
        keys=len(provider.credentials),
        resting=_resting(house, provider),
        skipped=house.gateway.circuits.broken(provider.id),
        checked_at=check.at if check else None,
        failed_at=failed_at,
        words=health.trouble.words if failed_at and health.trouble and health.trouble.at >= failed_at else "",
        error=provider.fault or (check.error if check and not call else None),
        also=_also(house, provider),
        lacks=house.gateway.lacks.of(provider)[: -MOST_LACKS - 1 : -1],
    )


def _resting(house: House, provider: Provider) -> tuple[Resting, ...]:
    pools = house.gateway.providers.pools
    found = ((key, pools.resting(provider, key.number)) for key in provider.credentials if key.enabled)
    return tuple(
        Resting(key.label or (masked(key.key) or f"#{key.number}"), rest.until, rest.why) for key, rest in found if rest
    )


def _also(house: House, *providers: Provider) -> tuple[Endpoint, ...]:
    """What providers have beside conversations, in the order of the API: not what they turned out to lack."""
    has = {
        endpoint
        for provider in providers
        for endpoint in known(provider) or ()
        if not house.gateway.lacks.find(provider, endpoint)
    }
    return tuple(endpoint for endpoint in Endpoint if endpoint in has)


def _built_in(house: House) -> ProviderCard:
    providers = house.gateway.providers
    local, health = providers.find(LOCAL), house.gateway.health.of(LOCAL)
    return ProviderCard(
        id=LOCAL,
        name="",
        mark="M",
        host=", ".join(provider.id for provider in providers.built_in()),
        state="built_in",
        models=sum(len(providers.models(provider)) for provider in providers.built_in()),
        health=health,
        strip=strip(health.halves),
        error=(local.fault if local else None) or house.gateway.local.trouble(),
        also=_also(house, *providers.built_in()),
    )


def _state(provider: Provider, check: Check | None, call: CallRow | None, health: Record) -> str:
    """What the last test, or a call after it, says of a provider."""
    if not provider.enabled:
        return "off"
    if provider.fault:
        return "unreadable"
    if call and call.error in TROUBLES:
        return TROUBLES[call.error]
    if not call and check and check.error:
        return trouble(check.error)
    if health.slow:
        return "slow"
    return "healthy" if call or check else "untried"


def _call_since(house: House, provider: Provider, check: Check | None) -> CallRow | None:
    """The last call after the last test that says something of the provider: not one it was right to refuse."""
    since = check.at if check else provider.created
    calls = (row for row in house.gateway.activity.recent(RECENT) if row.provider == provider.id and row.at >= since)
    return next((row for row in calls if row.error in TROUBLES or not (row.failed or row.hung_up)), None)


def trouble(error: SaidInWords) -> str:
    """Which kind of trouble an error is: rejected (the key), unreachable, or failing."""
    return TROUBLES.get(error.kind, "failing") if isinstance(error, GatewayError) else "failing"


def mark(name: str, base_url: str) -> str:
    """One or two letters that stand for a provider: the preset's own, else those its name begins with."""
    if known := MARKS.get(origin(base_url)):
        return known
    letters = [word[0] for word in name.split() if unicodedata.category(word[0])[0] in "LN"]
    return "".join(letters[:2]).upper() or "?"


def masked(key: str | None) -> str | None:
    """A key as it may be seen: nothing but its end."""
    if key is None:
        return None
    return "•" * 4 + (key[-SHOWN:] if len(key) >= SHORTEST else "")
