"""What the owner chose for single models: switched off, added by hand, or known better than their provider says."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from api.errors import ProviderRefused
from api.facts import Facts
from api.facts.known import NOTHING as NO_FACTS
from api.providers.provider import Model
from api.store import Store
from api.store import models as statements

LONGEST_MODEL: Final = 512
NOTHING: Final[Mapping[str, "Chosen"]] = {}


class Chosen(Struct, frozen=True):
    """What was chosen for a model. `added`: it is listed though its provider does not list it."""

    enabled: bool = True
    added: bool = False
    facts: Facts = NO_FACTS


USUAL: Final = Chosen()


class Choosing:
    """Every such choice, in memory and in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._chosen: dict[str, dict[str, Chosen]] = {}
        self._seen: dict[str, tuple[tuple[Model, ...], tuple[Model, ...]]] = {}
        for row in store.load(statements.load):
            facts = msgspec.json.decode(row.facts, type=Facts)
            self._chosen.setdefault(row.provider, {})[row.model] = Chosen(row.enabled, row.added, facts)

    def of(self, provider: str) -> Mapping[str, Chosen]:
        """What was chosen for the models of a provider, by their ids."""
        return self._chosen.get(provider, NOTHING)

    def is_off(self, provider: str, model: str) -> bool:
        """Whether a model was switched off."""
        chosen = self.of(provider).get(model)
        return chosen is not None and not chosen.enabled

    def offered(self, provider: str, listed: tuple[Model, ...]) -> tuple[Model, ...]:
        """The models of a provider that are on: those it `listed`, and those that were added."""
        if provider not in self._chosen:
            return listed
        source, offered = self._seen.get(provider, ((), ()))
        if source is not listed or not source:
            offered = tuple(model for model in self.known(provider, listed) if not self.is_off(provider, model.id))
            self._seen[provider] = listed, offered
        return offered

    def known(self, provider: str, listed: tuple[Model, ...]) -> tuple[Model, ...]:
        """The same with those that are off."""
        there = {model.id for model in listed}
        added = (id for id, chosen in self.of(provider).items() if chosen.added and id not in there)
        return (*listed, *(Model(id) for id in added))

    async def put(self, provider: str, model: str, chosen: Chosen) -> None:
        """Keep a choice; one that says nothing is none."""
        if chosen == USUAL:
            await self._store.write(lambda db: statements.drop(db, provider, model))
            self._chosen.get(provider, {}).pop(model, None)
        else:
            row = row_of_choice(provider, model, chosen)
            await self._store.write(lambda db: statements.put(db, row))
            self.take(provider, model, chosen)
        self._seen.pop(provider, None)

    def take(self, provider: str, model: str, chosen: Chosen) -> None:
        """Know of a choice that was kept already."""
        self._chosen.setdefault(provider, {})[model] = chosen
        self._seen.pop(provider, None)

    async def put_back(self, provider: str, chosen: Mapping[str, Chosen]) -> None:
        """Keep every choice for a provider that was removed, and is back."""
        for model, kept in chosen.items():
            await self.put(provider, model, kept)

    def forget(self, provider: str) -> None:
        """Drop the choices for a provider whose rows are gone."""
        self._chosen.pop(provider, None)
        self._seen.pop(provider, None)


def checked_model(text: str) -> str:
    """A model's name that can be added by hand; `ProviderRefused` says why not."""
    name = text.strip()
    if not name or not name.isprintable():
        raise ProviderRefused("The model's name is empty, or holds a character that cannot be shown.", "model")
    if len(name) > LONGEST_MODEL:
        raise ProviderRefused("The model's name is longer than %(most)d characters.", "model", most=LONGEST_MODEL)
    return name


def row_of_choice(provider: str, model: str, chosen: Chosen) -> statements.ModelRow:
    """A choice as the store keeps it."""
    facts = msgspec.json.encode(chosen.facts).decode()
    return statements.ModelRow(provider, model, chosen.enabled, chosen.added, facts)
