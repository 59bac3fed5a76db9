"""How long calls may take and how large they may be: the part that shows it, for all providers or for one."""

from typing import Any, Final

from msgspec import Struct
from sanic import HTTPResponse, Request

from api.limits import EVERY, KINDS, NAMES, SIZES, LimitBook, LimitRefused, typed
from webui.gate import field
from webui.house import House, language
from webui.view import Told, Wrong, answer, page

SETTINGS: Final = "/settings"
LONGEST: Final = 16  # characters of a number that was typed


class LimitSeen(Struct, frozen=True):
    """One limit: what was said (nothing where it is as usual), and what is usual there."""

    name: str
    said: str
    usual: str
    is_size: bool


class LimitsSeen(Struct, frozen=True):
    """The limits of a kind of call (nothing: of all); `count` is how many are not as usual."""

    route: str
    count: int
    limits: tuple[LimitSeen, ...]


class AllLimits(Struct, frozen=True):
    """Everything that can be said of all providers (`provider` is nothing then), or of one."""

    provider: str
    sections: tuple[LimitsSeen, ...]
    others: tuple[str, ...] = ()  # of which something else was said


def limits_of(
    house: House, provider: str = EVERY, typed_in: str | None = None, sent: dict[str, str] | None = None
) -> AllLimits:
    """What `parts/limits.html` shows. `sent` is what was typed for the kind of call `typed_in`, where that is wrong."""
    book = house.gateway.limits
    sections = tuple(
        _section(book, provider, route, sent if sent and route == typed_in else None) for route in (EVERY, *KINDS)
    )
    others = dict.fromkeys(rule.provider for rule in book.rules() if rule.provider and not provider)
    return AllLimits(provider, sections, tuple(others))


async def show_limits(request: Request, house: House, id: str) -> HTTPResponse:
    """The page of one provider's limits."""
    provider = house.gateway.providers.known(id)
    return _whole(request, house, Told(), provider.id)


async def change_limits(request: Request, house: House) -> HTTPResponse:
    """Put what was typed in force; an empty field is as usual."""
    provider, route = field(request, "provider") or EVERY, field(request, "route") or EVERY
    sent = {name: (field(request, f"limit.{name}") or "").strip()[:LONGEST] for name in NAMES}
    if provider:
        house.gateway.providers.known(provider)
    said, told = dict(house.gateway.limits.said(provider, route)), Told()
    try:
        values = {name: typed(name, text) if text else None for name, text in sent.items()}
        await house.to_the_end(house.gateway.limits.change(provider, route, values))
    except LimitRefused as error:
        wrong = Wrong(f"{route}.{error.field}", sent.get(error.field, ""), language(request).said(error))
        return _answer(request, house, Told(wrong=wrong), provider, route, sent)
    if said != house.gateway.limits.said(provider, route):
        told = Told(language(request).gettext("Saved"))
    return _answer(request, house, told, provider, route)


def _answer(
    request: Request, house: House, told: Told, provider: str, route: str, sent: dict[str, str] | None = None
) -> HTTPResponse:
    seen = limits_of(house, provider, route, sent)

    def otherwise() -> HTTPResponse:
        return _whole(request, house, told, provider, seen, LimitRefused.status)

    return answer(
        request,
        house,
        "parts/saved.html",
        told,
        otherwise=otherwise if told.wrong else None,
        home=f"/providers/{provider}/limits" if provider else SETTINGS,
        saved="parts/limits.html",
        limits=seen,
        opened=route,
    )


def _whole(
    request: Request, house: House, told: Told, provider: str, seen: AllLimits | None = None, status: int = 200
) -> HTTPResponse:
    more: dict[str, Any] = {}
    if provider:
        more["whose"] = house.gateway.providers.known(provider).name
    return page(request, house, "limits", told, status, limits=seen or limits_of(house, provider), **more)


def _section(book: LimitBook, provider: str, route: str, sent: dict[str, str] | None) -> LimitsSeen:
    said, usual = book.said(provider, route), book.above(provider, route)
    limits = tuple(
        LimitSeen(
            name,
            sent[name] if sent else _number(said.get(name)),
            _number(getattr(usual, name)),
            name in SIZES,
        )
        for name in NAMES
    )
    return LimitsSeen(route, len(said), limits)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
