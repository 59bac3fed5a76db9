"""Numbers become bars: the last minutes in a box that is 100 high, the health of a day in a strip that is 24 high."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from api.health import Half

STEP: Final = 10  # from one bar to the next
WIDTH: Final = 7.6
LEAST: Final = 1.0  # what is not nothing can be seen
STRIP: Final = 24.0  # high
STRIP_STEP: Final = 6
STRIP_WIDTH: Final = 4
STRIP_USUAL, STRIP_LEAST = 18.0, 3.0  # what is coloured is higher than everything that is as usual
TOPS: Final = (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10)  # of these, and their tens and hundreds, the even ones


class Bar(Struct, frozen=True):
    """One rectangle: `kind` is b, now or err."""

    kind: str
    x: float
    y: float
    height: float


class Mark(Struct, frozen=True):
    """Every bar of one kind in a strip, as an SVG path; `kind` is b, warn, err or none."""

    kind: str
    path: str


class Chart(Struct, frozen=True):
    """What is drawn, and what is said of it: this minute's number, the highest, and how many minutes ago that was."""

    bars: tuple[Bar, ...]
    top: int
    now: float | None
    peak: float
    since_peak: int


def draw(values: Sequence[float | None], bad: Sequence[float] = ()) -> Chart:
    """One bar a value, this minute's last; `bad` is how much of each went wrong."""
    peak = max(value or 0 for value in values)
    top = _top(peak)
    bars: list[Bar] = []
    for number, value in enumerate(values):
        kind = "now" if number == len(values) - 1 else "b"
        bars += _stack(kind, number, _height(value or 0, top), _height(bad[number] if bad else 0, top))
    last = max((number for number, value in enumerate(values) if value == peak), default=0)
    return Chart(tuple(bars), top, values[-1], peak, len(values) - 1 - last)


def strip(halves: Sequence[Half]) -> tuple[Mark, ...]:
    """One bar a half hour, as high as its first token took long; coloured where it was slow, or much failed.

    All bars of a kind are one path: a page may have two hundred strips.
    """
    usual = [half.first_ms for half in halves if half.first_ms is not None and not half.slow]
    top, paths = max(usual, default=0.0), dict[str, list[str]]()
    for number, half in enumerate(halves):
        kind, height = _of_strip(half, top)
        paths.setdefault(kind, []).append(
            f"M{number * STRIP_STEP} {STRIP - height:g}h{STRIP_WIDTH}v{height:g}h-{STRIP_WIDTH}z"
        )
    return tuple(Mark(kind, "".join(path)) for kind, path in paths.items())


def _of_strip(half: Half, top: float) -> tuple[str, float]:
    if half.failing:
        return "err", STRIP
    if half.slow:
        return "warn", STRIP
    if half.first_ms is None:
        return ("b" if half.calls else "none"), STRIP_LEAST
    return "b", round(STRIP_LEAST + (STRIP_USUAL - STRIP_LEAST) * half.first_ms / top, 1)


def _stack(kind: str, number: int, height: float, bad: float) -> list[Bar]:
    """What went wrong below, the rest above it."""
    x = round(number * STEP + (STEP - WIDTH) / 2, 1)
    both = (
        Bar(kind, x, round(100 - height, 1), round(height - bad, 1)),
        Bar("err", x, round(100 - bad, 1), bad),
    )
    return [bar for bar in both if bar.height > 0]


def _height(value: float, top: int) -> float:
    return round(max(value / top * 100, LEAST), 1) if value else 0.0


def _top(peak: float) -> int:
    """The smallest round number that is not below `peak` and whose half is whole."""
    power = 1
    while peak > power * TOPS[-1]:
        power *= 10
    return next(int(step * power) for step in TOPS if step * power >= peak and not step * power % 2)
