"""What can be seen of the models: the owner's names with what stands behind them, and a row for every model."""

from typing import Final

from msgspec import Struct

from api.errors import SaidInWords
from api.facts import Capability, Facts
from api.providers.chosen import USUAL
from api.providers.groups import Group
from api.providers.provider import Model, Provider
from webui.house import House

MOST: Final = 200  # rows that are drawn at once


class Hop(Struct, frozen=True):
    """A model behind a name; `why` it would be passed over now, if so."""

    model: str
    why: SaidInWords | None = None


class Alias(Struct, frozen=True):
    """One of the owner's names."""

    name: str
    hops: tuple[Hop, ...]


class Row(Struct, frozen=True):
    """One model as the table shows it. `added`: by the owner, though its provider does not list it."""

    provider: str
    model: str
    name: str
    facts: Facts
    enabled: bool
    added: bool
    is_built_in: bool

    @property
    def id(self) -> str:
        """Its full name."""
        return f"{self.provider}:{self.model}"

    @property
    def can(self) -> tuple[Capability, ...]:
        """What it is known to do, always in the same order."""
        return tuple(capability for capability in Capability if capability in (self.facts.capabilities or ()))


class Wish(Struct, frozen=True):
    """What the address of the page says is to be seen. `on` is empty, on or off; `can` a capability."""

    find: str = ""
    provider: str = ""
    on: str = ""
    can: str = ""
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
    return tuple(_alias(house, group) for group in house.gateway.providers.groups.all())


def table(house: House, wish: Wish) -> Table:
    """The rows that `wish` asks for."""
    rows = [row for row in _every(house) if _wanted(row, wish)]
    providers = tuple(provider.id for provider in _providers(house))
    return Table(wish, tuple(rows[: wish.most]), len(rows), providers)


def count(house: House) -> Count:
    """How many there are."""
    rows = _every(house)
    return Count(len(rows), len({row.provider for row in rows}), sum(row.enabled for row in rows))


def _every(house: House) -> list[Row]:
    providers = house.gateway.providers
    return [_row(house, one, model) for one in _providers(house) for model in providers.every_model(one)]


def _providers(house: House) -> list[Provider]:
    providers = house.gateway.providers
    return [*providers.all(), *providers.built_in()]


def _row(house: House, provider: Provider, model: Model) -> Row:
    chosen = house.gateway.providers.choosing.of(provider.id).get(model.id, USUAL)
    name = model.name if model.name and model.name != model.id else ""
    facts = house.gateway.providers.facts(provider, model).facts
    return Row(provider.id, model.id, name, facts, chosen.enabled, chosen.added, provider.is_built_in)


def _wanted(row: Row, wish: Wish) -> bool:
    if wish.provider not in ("", row.provider) or wish.on not in ("", "on" if row.enabled else "off"):
        return False
    if wish.can and wish.can not in (row.facts.capabilities or ()):
        return False
    text = f"{row.id} {row.name}".lower()
    return all(word in text for word in wish.find.lower().split())


def _alias(house: House, group: Group) -> Alias:
    return Alias(group.name, tuple(Hop(model, _why_not(house, model)) for model in group.models))


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
