"""The overview: is it on, what is the address, what is the key; then the numbers, the proof, the way in."""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct
from sanic import HTTPResponse, Request

from api.activity import SHOWN, Look
from api.calls import InProgress
from api.listener import Stopped
from api.store.calls import CallRow
from webui.chart import Chart, draw
from webui.house import House
from webui.pages import connect, first_run
from webui.view import Part, Told, page

METRICS: Final = ("requests", "tokens", "latency", "streams")  # what the chart can show; the first unless chosen
ROWS: Final = 8
QUARTERS: Final = (59, 44, 29, 14)  # minutes ago
NAME_LENGTH: Final = 256


class Mark(Struct, frozen=True):
    """A moment on the chart: when the API was stopped, or from when on was counted. `x` is in hundredths of its width.

    It stands between two bars, for each of them is a whole minute.
    """

    kind: str
    at: float
    x: float


class Activity(Struct, frozen=True):
    """The tiles and the chart. `others` are calls in progress that do not stream; `hours` are moments along the chart,
    each as a machine and as a clock tells it."""

    metric: str
    is_open: bool
    look: Look
    chart: Chart
    mark: Mark | None
    streams: int
    others: int
    hours: tuple[tuple[str, str], ...]


class Shown(Struct, frozen=True):
    """One row of the recent requests. `state` is streaming, waiting, done, failed or gone."""

    state: str
    at: float
    provider: str
    model: str
    tokens: int | None
    estimated: bool
    total_ms: float | None = None
    status: int | None = None


async def show(request: Request, house: House) -> HTTPResponse:
    """The page."""
    if first_run.wanted(house):
        return await first_run.show(request, house)
    # A provider that was added by a command was never asked what it has; the snippets want to name a model of its own.
    house.begin(house.gateway.providers.freshen())
    return connect.remember(request, house, whole(request, house, Told(asks=request.args.get("ask"))))


def whole(request: Request, house: House, told: Told, status: int = 200) -> HTTPResponse:
    """The whole page, with something said on it."""
    if first_run.wanted(house):
        return first_run.whole(request, house, told, status)
    looks = {part.name: part.look(request, house) for part in PARTS}
    chosen = _metric(request)
    query = "" if chosen == METRICS[0] else "&" + urlencode({"metric": chosen})
    return page(request, house, "overview", told, status, live_query=query, **looks)


# The tiles and the chart


def activity(request: Request, house: House) -> Activity:
    """The numbers, and the chart of the one that was chosen."""
    look, calls, metric = house.gateway.activity.look(), house.door.calls, _metric(request)
    return Activity(
        metric=metric,
        is_open=house.door.listener.is_open,
        look=look,
        chart=_chart(metric, look, calls.peaks.look()),
        mark=_mark(metric, look, house),
        streams=calls.streams,
        others=len(calls) - calls.streams,
        hours=tuple(_hour(look.minute_at - 60 * ago) for ago in QUARTERS),
    )


def _metric(request: Request) -> str:
    chosen = request.args.get("metric")
    return chosen if chosen in METRICS else METRICS[0]


def _chart(metric: str, look: Look, streams: tuple[int, ...]) -> Chart:
    match metric:
        case "tokens":
            return draw([bar.tokens for bar in look.bars])
        case "latency":
            return draw([bar.first_ms for bar in look.bars])
        case "streams":
            return draw(streams)
        case _:
            return draw([bar.calls for bar in look.bars], [bar.failures for bar in look.bars])


def _mark(metric: str, look: Look, house: House) -> Mark | None:
    begins = look.minute_at - 60 * (SHOWN - 1)
    state, since = house.door.state, house.door.calls.peaks.since
    if isinstance(state, Stopped) and state.by_owner and state.since >= begins:
        return Mark("stopped", state.since, _place(state.since - begins, math.ceil))
    if metric == "streams" and since >= begins:
        return Mark("since", since, _place(since - begins, math.floor))
    return None


def _hour(at: float) -> tuple[str, str]:
    # Without its date, which an hour that began before midnight has no room for.
    when = datetime.fromtimestamp(at).astimezone()
    return when.isoformat(timespec="seconds"), f"{when:%H:%M}"


def _place(seconds: float, to_minute: Callable[[float], int]) -> float:
    return round(min(to_minute(seconds / 60), SHOWN) / SHOWN * 100, 1)


# The recent requests


def requests(_request: Request, house: House) -> tuple[Shown, ...]:
    """The calls in progress, then the ones that ended last."""
    gateway = house.gateway
    running = map(_running, house.door.calls.in_progress()[:ROWS])
    ended = (*gateway.ledger.unwritten(ROWS), *gateway.activity.recent(ROWS))
    return (*running, *map(_ended, ended))[:ROWS]


def _running(call: InProgress) -> Shown:
    provider, model = _named(call.asked, call.provider, call.served)
    state = "streaming" if call.streams else "waiting"
    return Shown(state, call.at, provider, model, call.tokens or None, call.estimated)


def _ended(row: CallRow) -> Shown:
    provider, model = _named(row.asked, row.provider, row.served)
    state = "gone" if row.hung_up else "failed" if row.failed else "done"
    counted = [tokens for tokens in (row.tokens_in, row.tokens_out) if tokens is not None]
    return Shown(
        state, row.at, provider, model, sum(counted) if counted else None, False, row.total_ms, status=row.status
    )


def _named(asked: str | None, provider: str | None, served: str | None) -> tuple[str, str]:
    """The provider and its model; where nobody was found, what was asked for."""
    if provider is not None and served is not None:
        return provider, served[:NAME_LENGTH]
    before, colon, after = (asked or "").partition(":")
    return (before[:NAME_LENGTH], after[:NAME_LENGTH]) if colon else ("", before[:NAME_LENGTH])


PARTS: Final = (Part("activity", activity), Part("requests", requests), *connect.PARTS)
