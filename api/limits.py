"""How long a call may take, in seconds, and how large it may be, in MiB.

What is usual gives way to what the owner said of all calls, that to what they said of a kind of call, of a provider,
and of that kind at that provider. Only what was said is kept.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct, inspect, structs

from api.endpoints import Endpoint
from api.errors import OwnerError, TooLarge, marked
from api.store import Store
from api.store import limits as statements
from api.store.limits import LimitsRow

Place = tuple[str, str]  # a provider and a kind of call

MIB: Final = 1024 * 1024
EVERY: Final = ""  # stands for all providers, or all kinds of call
CHAT: Final = "chat"
MODELS: Final = "models"
IMAGES: Final = "images"
AUDIO: Final = "audio"
# What the endpoints are called together; a completion is a conversation of one turn.
ROUTES: Final[dict[str, str]] = {
    CHAT: CHAT,
    Endpoint.COMPLETIONS: CHAT,
    Endpoint.EMBEDDINGS: "embeddings",
    Endpoint.RERANK: "rerank",
    Endpoint.IMAGES: IMAGES,
    Endpoint.IMAGE_EDITS: IMAGES,
    Endpoint.IMAGE_VARIATIONS: IMAGES,
    Endpoint.SPEECH: AUDIO,
    Endpoint.TRANSCRIPTIONS: AUDIO,
    Endpoint.TRANSLATIONS: AUDIO,
    Endpoint.MODERATIONS: "moderations",
    Endpoint.FILES: "files",
    MODELS: MODELS,
}
KINDS: Final = tuple(dict.fromkeys(ROUTES.values()))
DAY: Final = 86_400.0
_NUMBER: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:s|sec|seconds|mib)?\s*", re.IGNORECASE)

Seconds = Annotated[float, Meta(ge=0.1, le=DAY)]


class Limits(Struct, frozen=True):
    """What is in force for a call.

    `connect`: until there is a connection. `pool`: until one of too many comes free. `write`: while nothing of the
    request is taken. `first_byte`: until the answer begins. `idle`: between two bytes of it. `total`: all of it.
    `body`: a request, which is held in memory. `upload`: a form with files, which lies on the disk.
    """

    connect: Annotated[float, Meta(ge=0.1, le=300)] = 10.0
    pool: Annotated[float, Meta(ge=0.1, le=300)] = 5.0
    write: Seconds = 60.0
    first_byte: Seconds = 300.0
    idle: Seconds = 120.0
    total: Seconds = 3600.0
    body: Annotated[int, Meta(ge=1, le=256)] = 32
    upload: Annotated[int, Meta(ge=1, le=4096)] = 512


USUAL: Final = Limits()
NAMES: Final = Limits.__struct_fields__
SIZES: Final = ("body", "upload")
# A list of models is a small page that somebody waits for.
_USUAL_OF: Final[dict[Place, dict[str, float]]] = {(EVERY, MODELS): {"write": 10.0, "first_byte": 20.0}}


class LimitRefused(OwnerError):
    """Not a limit, or not one that it can have; `field` is the limit's name."""

    def __init__(self, words: str, field: str = "", **given: object) -> None:
        super().__init__(words, **given)
        self.field = field


class Rule(Struct, frozen=True):
    """What the owner said of a provider and a kind of call; empty stands for all."""

    provider: str
    route: str
    chosen: dict[str, float]


class LimitBook:
    """The limits in force, and how they change: written through, then in force for the next call."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rules = {(row.provider, row.route): _kept(row.chosen) for row in store.load(statements.load)}
        self._merged: dict[Place, Limits] = {}
        self._writing: set[asyncio.Future[None]] = set()
        self._settle()

    def of(self, provider: str, route: str) -> Limits:
        """What is in force for a provider and an endpoint, or kind of call: every call asks."""
        return self._merged.get((provider, route)) or self._merge(provider, route)

    def rules(self) -> tuple[Rule, ...]:
        """What was said, all of it."""
        return tuple(Rule(*place, chosen) for place, chosen in sorted(self._rules.items()))

    def said(self, provider: str = EVERY, route: str = EVERY) -> Mapping[str, float]:
        """What was said of exactly these."""
        return self._rules.get((provider, route), {})

    def at(self, provider: str = EVERY, route: str = EVERY) -> Limits:
        """What is in force for these, as far as nothing else is said of one of them."""
        return self._from(_chain(provider, route))

    def above(self, provider: str = EVERY, route: str = EVERY) -> Limits:
        """What would be in force for these if nothing had been said of exactly them."""
        below = [place for place in _chain(provider, route) if place != (provider, route)]
        return structs.replace(self._from(below), **_USUAL_OF.get((provider, route), {}))

    async def change(self, provider: str, route: str, values: Mapping[str, float | None]) -> None:
        """Put `values` in force for a provider and a kind of call; None is as usual again.

        `LimitRefused` says which of them cannot be.
        """
        place = (provider, checked_route(route))
        for name, value in values.items():
            if value is not None:
                checked(name, value)
        now = {name: value for name, value in ({**self.said(*place), **values}).items() if value is not None}
        await self._keep(place, now)

    async def reset(self, provider: str = EVERY, route: str = EVERY, name: str | None = None) -> None:
        """Have one limit, or all that were said of these, as usual again."""
        place = (provider, checked_route(route))
        kept = dict(self.said(*place)) if name else {}
        kept.pop(checked_name(name) if name else "", None)
        await self._keep(place, kept)

    def take(self, rules: Iterable[Rule]) -> None:
        """Have rules in memory that were checked, and written with others' rows."""
        self._rules |= {(rule.provider, rule.route): rule.chosen for rule in rules}
        self._settle()

    def forget(self, provider: str) -> None:
        """Forget what was said of a provider that is no more; the disk follows."""
        if any(place[0] == provider for place in self._rules):
            self._rules = {place: chosen for place, chosen in self._rules.items() if place[0] != provider}
            self._settle()
            writing = asyncio.ensure_future(self._store.write(lambda db: statements.forget(db, provider)))
            self._writing.add(writing)
            writing.add_done_callback(self._writing.discard)

    async def close(self) -> None:
        """Wait until the disk has followed."""
        await asyncio.gather(*self._writing, return_exceptions=True)

    async def _keep(self, place: Place, chosen: dict[str, float]) -> None:
        row = LimitsRow(*place, msgspec.json.encode(chosen).decode())
        if chosen:
            await self._store.write(lambda db: statements.put(db, row))
        else:
            await self._store.write(lambda db: statements.remove(db, *place))
        self._rules.pop(place, None)
        if chosen:
            self._rules[place] = chosen
        self._settle()

    def _settle(self) -> None:
        """Let what is said now be in force. `largest` is what no provider is sent more than, in bytes."""
        self._merged.clear()
        for_all = self._from([(EVERY, EVERY)])
        self.largest = MIB * max(for_all.body, *self._said_of("body"), 0)
        self.largest_upload = MIB * max(for_all.upload, *self._said_of("upload"), 0)

    def _merge(self, provider: str, route: str) -> Limits:
        merged = self._merged[provider, route] = self._from(_chain(provider, ROUTES[route]))
        return merged

    def _from(self, places: Iterable[Place]) -> Limits:
        values: dict[str, Any] = {}
        for place in places:
            values |= {**_USUAL_OF.get(place, {}), **self.said(*place)}
        return structs.replace(USUAL, **values)

    def _said_of(self, name: str) -> list[int]:
        return [int(chosen[name]) for chosen in self._rules.values() if name in chosen]


def require_fit(limits: Limits, provider: str, size: int, is_upload: bool = False) -> None:
    """Raise `TooLarge` for a request of `size` bytes that a provider is not sent."""
    most = limits.upload if is_upload else limits.body
    if size > most * MIB:
        raise TooLarge(
            "The request is larger than %(most)d MiB, and more is not sent to the provider “%(id)s”. Send less, or "
            "raise “%(name)s” under Limits in the settings.",
            most=most,
            id=provider,
            name="upload" if is_upload else "body",
        )


def typed(name: str, text: str) -> float:
    """The value that a person typed for a limit; `LimitRefused` if it cannot have it."""
    number = _NUMBER.fullmatch(text)
    return checked(checked_name(name), float(number[1]) if number else None)


def checked(name: str, value: float | None) -> float:
    """A value that the limit `name` may have."""
    kind = Limits.__annotations__[checked_name(name)]
    try:
        # A whole number of MiB may have been said as a fraction that is none.
        found: float = msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _out_of_bounds(name, inspect.type_info(kind)) from error
    return found


def checked_name(name: str) -> str:
    """The name of a limit; `LimitRefused` tells those there are."""
    if name not in NAMES:
        raise LimitRefused(
            "There is no limit “%(name)s”. There are: %(names)s.", name=name[:40], names=", ".join(NAMES)
        )
    return name


def checked_route(route: str) -> str:
    """A kind of call, or none; `LimitRefused` tells those there are."""
    if route != EVERY and route not in KINDS:
        raise LimitRefused(
            "“%(route)s” is not a kind of call. There are: %(routes)s.", route=route[:40], routes=", ".join(KINDS)
        )
    return route


def _out_of_bounds(name: str, kind: Any) -> LimitRefused:
    in_mib = marked("Type a whole number of MiB from %(least)g to %(most)g.")
    in_seconds = marked("Type a number of seconds from %(least)g to %(most)g.")
    return LimitRefused(in_mib if name in SIZES else in_seconds, name, least=kind.ge, most=kind.le)


def _chain(provider: str, route: str) -> list[Place]:
    """Where what is in force comes from, the last word at the end."""
    return list(dict.fromkeys(((EVERY, EVERY), (EVERY, route), (provider, EVERY), (provider, route))))


def _kept(chosen: str) -> dict[str, float]:
    """What a row says, as far as it may still be said."""
    values: dict[str, float] = msgspec.json.decode(chosen)
    return {name: value for name, value in values.items() if name in NAMES}
