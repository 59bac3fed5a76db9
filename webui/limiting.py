"""What the command `limits` does to the data."""

import msgspec
from msgspec import Struct

from api.gateway import Gateway
from api.limits import EVERY, checked_name, checked_route, typed


class Place(Struct, frozen=True):
    """Whose limits are meant: all providers' or one's, for all calls or one kind."""

    provider: str | None = None
    route: str | None = None


async def obey(gateway: Gateway, command: str, given: dict[str, object]) -> object:
    """Show, set or reset limits; `LimitRefused` and `ProviderRefused` say what cannot be."""
    if command == "limits list":
        return _everything(gateway)
    place = _known(gateway, msgspec.convert({name: given.get(name) for name in ("provider", "route")}, Place))
    name = given.get("name")
    if command == "limits reset":
        await gateway.limits.reset(*place, name=None if name is None else str(name))
    else:
        value = typed(str(name), str(given["value"]))
        await gateway.limits.change(*place, {checked_name(str(name)): value})
    gateway.news.tell()
    return _row(gateway, *place)


def _known(gateway: Gateway, place: Place) -> tuple[str, str]:
    if place.provider is not None and not gateway.limits.said(place.provider, place.route or EVERY):
        gateway.providers.known(place.provider)  # what was said of one that is no more can be reset
    return place.provider or EVERY, checked_route(place.route or EVERY)


def _everything(gateway: Gateway) -> list[dict[str, object]]:
    """What is in force for all, then for whomever something else was said of."""
    places = [(rule.provider, rule.route) for rule in gateway.limits.rules()]
    return [_row(gateway, *place) for place in dict.fromkeys(((EVERY, EVERY), *places))]


def _row(gateway: Gateway, provider: str, route: str) -> dict[str, object]:
    limits = gateway.limits
    return {
        "provider": provider or None,
        "route": route or None,
        "limits": msgspec.to_builtins(limits.at(provider, route)),
        "chosen": dict(limits.said(provider, route)),
    }
