"""Names of the owner's own: each stands for a model, or for several that are asked in order until one answers."""

import time
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct, structs

from api.errors import ProviderRefused, SaidInWords
from api.providers.provider import Route, checked_id
from api.store import Store
from api.store import groups as statements

MOST_MODELS: Final = 20
MOST_GROUPS: Final = 500
MOST_ATTEMPTS: Final = 20
LONGEST_PATIENCE: Final = 120.0
LONGEST_MODEL: Final = 512


class Policy(Struct, frozen=True, omit_defaults=True):
    """How a group is asked.

    `retry`: whether the next model is asked where one fails. `circuit`: whether a provider that keeps failing is
    skipped for a while. `most`: attempts for one call. `patience`: seconds that may be waited, in all, for one that
    said when it can be asked again. `first_byte`: seconds until the next is asked; None: as the limits say.
    """

    retry: bool = True
    circuit: bool = True
    most: Annotated[int, Meta(ge=1, le=MOST_ATTEMPTS)] = 6
    patience: Annotated[float, Meta(ge=0, le=LONGEST_PATIENCE)] = 10.0
    first_byte: Annotated[float, Meta(ge=0.1, le=3600)] | None = None


PLAIN: Final = Policy(circuit=False, most=MOST_ATTEMPTS, patience=0.0)  # of a model that is named itself


class Group(Struct, frozen=True):
    """A name and the models behind it, by their full names; the first is asked first."""

    name: str
    models: tuple[str, ...]
    policy: Policy = Policy()
    created: float = 0.0


class Plan(Struct, frozen=True):
    """Whom to ask for a name, in order, and how. `group` is the name where it is one of the owner's.

    `left` says why others behind that name cannot be asked.
    """

    routes: tuple[Route, ...]
    policy: Policy = PLAIN
    group: str | None = None
    left: tuple[SaidInWords, ...] = ()


class Groups:
    """Every group, in memory and in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._groups = {row.name: _read(row) for row in store.load(statements.load)}
        self._removed: dict[str, Group] = {}

    def names(self) -> list[str]:
        """Their names."""
        return list(self._groups)

    def all(self) -> list[Group]:
        """Every group, oldest first."""
        return sorted(self._groups.values(), key=lambda group: (group.created, group.name))

    def find(self, name: str) -> Group | None:
        """The group of that name."""
        return self._groups.get(name)

    async def put(self, group: Group) -> Group:
        """Keep a group that was checked, in the place of the one of its name."""
        old = self._groups.get(group.name)
        kept = structs.replace(group, created=old.created if old else group.created or time.time())
        await self._store.write(lambda db: statements.put(db, row_of(kept)))
        self._groups[kept.name] = kept
        return kept

    async def remove(self, name: str) -> Group:
        """Forget a group; `ProviderRefused` if there is none."""
        if name not in self._groups:
            raise no_such_group(name)
        await self._store.write(lambda db: statements.remove(db, name))
        self._removed = {name: self._groups.pop(name)}
        return self._removed[name]

    def removed(self, name: str) -> Group:
        """The group that was removed last; `ProviderRefused` if that is another one."""
        if name not in self._removed:
            raise no_such_group(name)
        return self._removed[name]

    def take(self, groups: Sequence[Group]) -> None:
        """Have groups in memory that were written with others' rows."""
        self._groups |= {group.name: group for group in groups}


def checked_group(name: str, models: Sequence[str], policy: Policy) -> Group:
    """A group as it may be kept; `ProviderRefused` says which field is wrong and why."""
    named = tuple(dict.fromkeys(filter(None, (model.strip() for model in models))))
    if not named:
        raise ProviderRefused("A name must stand for at least one model. Choose one.", "models")
    if len(named) > MOST_MODELS:
        raise ProviderRefused("A name can stand for %(most)d models at most.", "models", most=MOST_MODELS)
    if any(len(model) > LONGEST_MODEL or not model.isprintable() for model in named):
        raise ProviderRefused("One of the models has a name that cannot be one. Choose it from the list.", "models")
    try:
        policy = msgspec.convert(msgspec.to_builtins(policy), Policy)
    except msgspec.ValidationError as error:
        raise ProviderRefused("How the models are asked is not possible: %(why)s.", "policy", why=str(error)) from error
    return Group(checked_id(name), named, policy)


def row_of(group: Group) -> statements.GroupRow:
    """The row that a group is kept in."""
    models, policy = msgspec.json.encode(group.models).decode(), msgspec.json.encode(group.policy).decode()
    return statements.GroupRow(group.name, models, policy, group.created)


def no_such_group(name: str) -> ProviderRefused:
    """What is said of a name that is nobody's."""
    return ProviderRefused("There is no alias or group “%(name)s”.", "name", name=name[:40])


def _read(row: statements.GroupRow) -> Group:
    models = msgspec.json.decode(row.models, type=tuple[str, ...])
    return Group(row.name, models, msgspec.json.decode(row.policy, type=Policy), row.created)
