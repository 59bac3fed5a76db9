"""What can be seen of the models: the owner's names with what stands behind them, and a row for every model."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

from api.errors import SaidInWords
from api.facts import Capability, Facts
from api.health import Day
from api.providers.chosen import USUAL
from api.providers.groups import Group
from api.providers.provider import Model, Provider
from webui.house import House

MOST: Final = 200  # rows that are drawn at once


NO_DAY: Final = Day(0, None)
SORTS: Final = ("", "first", "today", "context", "input", "output")


class Hop(Struct, frozen=True):
    """A model behind a name; `why` it would be passed over now, if so."""

    model: str
    why: SaidInWords | None = None


class Alias(Struct, frozen=True):
    """One of the owner's names, and how many calls were answered by it today."""

    name: str
    hops: tuple[Hop, ...]
    today: int = 0


class Row(Struct, frozen=True):
    """One model as the table shows it, and its day. `added`: by the owner, though its provider does not list it."""

    provider: str
    model: str
    name: str
    facts: Facts
    enabled: bool
    added: bool
    is_built_in: bool
    day: Day = NO_DAY

    @property
    def id(self) -> str:
        """Its full name."""
        return f"{self.provider}:{self.model}"

    @property
    def can(self) -> tuple[Capability, ...]:
        """What it is known to do, always in the same order."""
        return tuple(capability for capability in Capability if capability in (self.facts.capabilities or ()))


class Wish(Struct, frozen=True):
    """What the address of the page says is to be seen. `on` is empty, on or off; `can` a capability.

    `sort` is one of SORTS: empty is the order of the providers' lists; what is unknown comes last.
    """

    find: str = ""
    provider: str = ""
    on: str = ""
    can: str = ""
    sort: str = ""
    most: int = MOST


class Table(Struct, frozen=True):
    """The rows that are wished for: how many there are, and those that are drawn."""

    wish: Wish
    rows: tuple[Row, ...]
    found: int
    providers: tuple[str, ...]
    capabilities: tuple[Capability, ...] = tuple(Capability)


class Count(Struct, frozen=True):
    """How many models there are, of how many providers, and how many of them are on."""

    models: int
    providers: int
    on: int


def aliases(house: House) -> tuple[Alias, ...]:
    """The owner's names as things are now."""
    days = house.gateway.health.today()
    return tuple(
        _alias(house, group, days.get(("", group.name), NO_DAY)) for group in house.gateway.providers.groups.all()
    )


def table(house: House, wish: Wish) -> Table:
    """The rows that `wish` asks for."""
    rows = [row for row in _every(house) if _wanted(row, wish)]
    if order := _ORDERS.get(wish.sort):
        rows.sort(key=order)
    providers = tuple(provider.id for provider in _providers(house))
    return Table(wish, tuple(rows[: wish.most]), len(rows), providers)


def count(house: House) -> Count:
    """How many there are."""
    rows = _every(house)
    return Count(len(rows), len({row.provider for row in rows}), sum(row.enabled for row in rows))


def _every(house: House) -> list[Row]:
    providers, days = house.gateway.providers, house.gateway.health.today()
    return [
        _row(house, one, model, days.get((one.id, model.id), NO_DAY))
        for one in _providers(house)
        for model in providers.every_model(one)
    ]


def _providers(house: House) -> list[Provider]:
    providers = house.gateway.providers
    return [*providers.all(), *providers.built_in()]


def _row(house: House, provider: Provider, model: Model, day: Day) -> Row:
    chosen = house.gateway.providers.choosing.of(provider.id).get(model.id, USUAL)
    name = model.name if model.name and model.name != model.id else ""
    facts = house.gateway.providers.facts(provider, model).facts
    return Row(provider.id, model.id, name, facts, chosen.enabled, chosen.added, provider.is_built_in, day)


def _last_if_unknown(number: float | Decimal | None) -> tuple[bool, float | Decimal]:
    return number is None, number or 0


_ORDERS: Final[dict[str, Callable[[Row], Any]]] = {
    "first": lambda row: _last_if_unknown(row.day.first_ms),
    "today": lambda row: -row.day.calls,
    "context": lambda row: _last_if_unknown(-row.facts.context if row.facts.context else None),
    "input": lambda row: _last_if_unknown(row.facts.prices.input if row.facts.prices else None),
    "output": lambda row: _last_if_unknown(row.facts.prices.output if row.facts.prices else None),
}


def _wanted(row: Row, wish: Wish) -> bool:
    if wish.provider not in ("", row.provider) or wish.on not in ("", "on" if row.enabled else "off"):
        return False
    if wish.can and wish.can not in (row.facts.capabilities or ()):
        return False
    text = f"{row.id} {row.name}".lower()
    return all(word in text for word in wish.find.lower().split())


def _alias(house: House, group: Group, day: Day) -> Alias:
    return Alias(group.name, tuple(Hop(model, _why_not(house, model)) for model in group.models), day.calls)


def _why_not(house: House, model: str) -> SaidInWords | None:
    """Why a model behind a name would be passed over now."""
    providers = house.gateway.providers
    if why := providers.why_not(model):
        return why
    route = providers.first(Group(model, (model,)))
    if route is None:
        return None
    if not providers.pools.is_ready(route.provider):
        return SaidInWords("Every key of its provider rests.")
    broken = house.gateway.circuits.broken(route.provider.id)
    return broken.why if broken else None
