"""What a run found, as a table, and the bars it is held to."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Final, Generic, TypeVar

from msgspec import Struct

from bench.measure import Answered, Plan, Streamed
from bench.translating import MOST_A_CHUNK, MOST_A_CONVERSATION, Pair, table

R = TypeVar("R", Answered, Streamed)
DIRECT, NGINX, MORELLO = WAYS = ("direct", "nginx", "Morello")
LEAST_SHARE: Final = 0.10
MOST_DELAY: Final = 0.030
MOST_START: Final = 0.8
MOST_MEMORY: Final = 100.0
MEGABYTE: Final = 1_000_000


class Births(Struct, frozen=True):
    """How long starts took, in seconds, and the bytes in memory while nothing was asked."""

    seconds: list[float]
    idle: int


class Findings(Struct, frozen=True):
    """Everything that was measured. Seconds and bytes."""

    answered: dict[str, list[Answered]]
    streamed: dict[str, list[Streamed]]
    whole: Births
    alone: Births
    after: int
    sent: int
    translated: list[Pair]


class Bar(Struct, frozen=True):
    """What Morello is held to, and whether it held; None where it could not be measured."""

    what: str
    wanted: str
    found: str
    met: bool | None


def report(found: Findings, plan: Plan) -> str:
    """The whole report."""
    answers, streams = _Table(found.answered), _Table(found.streamed)
    share = _share(found.answered)
    lines = [
        f"Whole answers: about 1 KB each way, {plan.connections} connections, {plan.rounds} rounds of "
        f"{plan.seconds:g} s, medians",
        answers.head(),
        answers.row("requests/s", lambda one: one.rate, "{:,.0f}"),
        answers.row("CPU ms a request", lambda one: one.cpu * 1000, "{:.3f}", (NGINX, MORELLO)),
        answers.row("requests/s per core", lambda one: one.rate_per_core, "{:,.0f}", (NGINX, MORELLO)),
        answers.row("p50 ms", lambda one: one.p50 * 1000, "{:.2f}"),
        answers.row("p99 ms", lambda one: one.p99 * 1000, "{:.2f}"),
        answers.added("p50 added ms", lambda one: one.p50 * 1000),
        answers.added("p99 added ms", lambda one: one.p99 * 1000),
        "",
        f"Streams: {plan.streams} at once, 20 chunks/s each for {plan.chunks / 20:g} s, {plan.stream_rounds} "
        f"round{'s' if plan.stream_rounds > 1 else ''}, medians",
        streams.head(),
        streams.row("chunks that came", lambda one: one.chunks / one.expected * 100, "{:.0f} %"),
        streams.row("pace held", lambda one: one.pace * 100, "{:.1f} %"),
        streams.row("chunk delay p50 ms", lambda one: one.p50 * 1000, "{:.2f}"),
        streams.row("chunk delay p99 ms", lambda one: one.p99 * 1000, "{:.2f}"),
        streams.row("CPU µs a chunk", lambda one: one.cpu * 1e6, "{:.1f}", (NGINX, MORELLO)),
        "",
        f"Starts: median of {len(found.whole.seconds)}; memory is resident; the built-in model sleeps",
        _columns("", ("Morello", "API alone")),
        _columns("first 200 after s", [f"{median(births.seconds):.2f}" for births in (found.whole, found.alone)]),
        _columns("idle MB", [f"{births.idle / MEGABYTE:.0f}" for births in (found.whole, found.alone)]),
        _columns("after the load MB", [f"{found.after / MEGABYTE:.0f}"]),
        "",
        *table(found.translated),
        "",
        f"Call table: {found.sent:,} requests sent, {found.sent:,} rows, each with its status and its tokens",
        "",
        *(_line(bar) for bar in _bars(found, share)),
    ]
    return "\n".join(lines)


def _share(answered: dict[str, list[Answered]]) -> float | None:
    """Morello's requests per second per core as a part of nginx's: the median over the rounds."""
    if NGINX not in answered:
        return None
    pairs = zip(answered[MORELLO], answered[NGINX], strict=True)
    return median(ours.rate_per_core / theirs.rate_per_core for ours, theirs in pairs)


def _bars(found: Findings, share: float | None) -> list[Bar]:
    delay = median(one.p99 for one in found.streamed[MORELLO])
    start, idle = median(found.whole.seconds), found.whole.idle / MEGABYTE
    chunk = max(pair.chunk for pair in found.translated)
    talk = max(pair.conversation for pair in found.translated)
    return [
        Bar(
            "requests/s per core",
            f"at least {LEAST_SHARE * 100:.0f} % of nginx",
            "nginx is not installed" if share is None else f"{share * 100:.1f} %",
            None if share is None else share >= LEAST_SHARE,
        ),
        Bar(
            "chunk delay p99",
            f"under {MOST_DELAY * 1000:.0f} ms",
            f"{delay * 1000:.1f} ms",
            delay < MOST_DELAY,
        ),
        Bar("first 200", f"under {MOST_START} s", f"{start:.2f} s", start < MOST_START),
        Bar("idle memory", f"under {MOST_MEMORY:.0f} MB", f"{idle:.0f} MB", idle < MOST_MEMORY),
        Bar(
            "translated chunk",
            f"under {MOST_A_CHUNK * 1e6:.0f} µs of CPU",
            f"{chunk * 1e6:.1f} µs, {chunk / MOST_A_CHUNK * 100:.0f} % of it, by the slowest pair",
            chunk < MOST_A_CHUNK,
        ),
        Bar(
            "translated talk",
            f"under {MOST_A_CONVERSATION * 1e3:.0f} ms of CPU",
            f"{talk * 1e3:.1f} ms, {talk / MOST_A_CONVERSATION * 100:.0f} % of it, by the slowest pair",
            talk < MOST_A_CONVERSATION,
        ),
    ]


def _line(bar: Bar) -> str:
    verdict = {True: "met", False: "NOT MET", None: "not measured"}[bar.met]
    return f"{verdict:13}{bar.what:22}{bar.wanted:24}{bar.found}"


class _Table(Generic[R]):
    """Rounds by their way; each row is the median of one number over them."""

    def __init__(self, rounds: dict[str, list[R]]) -> None:
        self._rounds: dict[str, list[R]] = rounds

    def head(self) -> str:
        """The names of the columns."""
        return _columns("", WAYS)

    def row(self, name: str, number: Callable[[R], float], form: str, ways: Sequence[str] = WAYS) -> str:
        """One number for each of `ways`."""
        values = {way: median(map(number, self._rounds[way])) for way in ways if way in self._rounds}
        return _columns(name, [form.format(values[way]) if way in values else "-" for way in WAYS])

    def added(self, name: str, number: Callable[[R], float]) -> str:
        """By how much one number is larger than on the direct way, round by round."""
        values = {
            way: median(map(float.__sub__, map(number, self._rounds[way]), map(number, self._rounds[DIRECT])))
            for way in (NGINX, MORELLO)
            if way in self._rounds
        }
        return _columns(name, [f"{values[way]:.2f}" if way in values else "-" for way in WAYS])


def _columns(name: str, cells: Sequence[str]) -> str:
    return f"  {name:22}" + "".join(f"{cell:>12}" for cell in cells)
