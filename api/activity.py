"""What happened lately, in memory: calls and tokens by the minute, times to the first token, the last calls.

The numbers are those of the call table: it is read once, at the start; after that the ledger passes on every batch
that it committed. So a look costs the same however many rows there are. A call belongs to the minute in which it
began. The minutes of the last 25 hours are kept, among which is always the last midnight of this computer's clock,
also on the day that has 25 of them; times to the first token for the last hour.
"""

import time
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from msgspec import Struct

from api.store import Store, calls
from api.store.calls import CallRow
from api.times import Steps, added, percentile, step

SHOWN: Final = 60  # minutes, this one included
KEPT: Final = 25 * 60
RECENT: Final = 50


class Bar(Struct, frozen=True):
    """One minute. `first_ms` is the median time to the first token."""

    calls: int
    failures: int
    tokens: int
    first_ms: float | None


class Look(Struct, frozen=True):
    """What can be said of the last hour and of today. `bars` are minutes, the one that began at `minute_at` last."""

    minute_at: float
    bars: tuple[Bar, ...]
    tokens_in: int
    tokens_out: int
    p50: float | None
    p95: float | None
    last_at: float | None

    @property
    def requests_now(self) -> int:
        """The calls of this minute."""
        return self.bars[-1].calls

    @property
    def peak(self) -> int:
        """The most calls in one minute."""
        return max(bar.calls for bar in self.bars)

    @property
    def peak_at(self) -> float:
        """When the last minute with so many began."""
        back = next(back for back, bar in enumerate(reversed(self.bars)) if bar.calls == self.peak)
        return self.minute_at - 60 * back


class _Minute:
    """The counts of one minute."""

    __slots__ = ("calls", "failures", "firsts", "tokens_in", "tokens_out")

    def __init__(self) -> None:
        self.calls = self.failures = self.tokens_in = self.tokens_out = 0
        self.firsts = Steps()

    def count(self, number: int, failures: int, tokens_in: int, tokens_out: int) -> None:
        self.calls += number
        self.failures += failures
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out


class Activity:
    """The last hours of the call table."""

    def __init__(self, store: Store) -> None:
        self._minutes: dict[int, _Minute] = {}
        self._recent: deque[CallRow] = deque(maxlen=RECENT)
        self._fill(store)
        self._look: Look | None = None
        self._caught_up = 0

    def add(self, rows: Iterable[CallRow]) -> None:
        """Count calls that are in the call table now."""
        for row in rows:
            minute = self._minute(row.at)
            minute.count(1, row.failed, row.tokens_in or 0, row.tokens_out or 0)
            if row.first_token_ms is not None:
                minute.firsts[step(row.first_token_ms)] += 1
            self._recent.appendleft(row)
        self._look = None
        self._catch_up()

    def look(self) -> Look:
        """The numbers as they are now."""
        now = self._catch_up()
        if self._look is None:
            self._look = self._see(now)
        return self._look

    def recent(self, count: int) -> tuple[CallRow, ...]:
        """The last calls, at most `RECENT`; the one that ended last comes first."""
        return tuple(self._recent)[:count]

    # From the call table

    def _fill(self, store: Store) -> None:
        now = time.time()
        for row in store.load(lambda db: calls.by_minute(db, now - KEPT * 60)):
            self._minute(row.minute * 60).count(row.calls, row.failures, row.tokens_in, row.tokens_out)
        for at, took in store.load(lambda db: calls.first_tokens(db, now - SHOWN * 60)):
            self._minute(at).firsts[step(took)] += 1
        self._recent.extend(store.load(lambda db: calls.latest(db, RECENT)))

    # Minutes

    def _minute(self, at: float) -> _Minute:
        number = int(at // 60)
        if number not in self._minutes:
            self._minutes[number] = _Minute()
        return self._minutes[number]

    def _last_hour(self, now: int) -> list[_Minute]:
        return [self._minutes.get(number, _NONE) for number in range(now - SHOWN + 1, now + 1)]

    def _today(self) -> list[_Minute]:
        midnight = _midnight() // 60
        return [minute for number, minute in self._minutes.items() if midnight <= number < midnight + KEPT]

    def _catch_up(self) -> int:
        """The minute it is now. In a new one, what was seen before is old, and what is too old is let go."""
        now = int(time.time() // 60)
        if now != self._caught_up:
            self._caught_up = now
            self._forget(now)
            self._look = None
        return now

    def _forget(self, now: int) -> None:
        # A clock that was set back leaves minutes that are yet to come.
        self._minutes = {number: kept for number, kept in self._minutes.items() if abs(now - number) < KEPT}
        for number, minute in self._minutes.items():
            if number <= now - SHOWN:
                minute.firsts.clear()

    # What is seen

    def _see(self, now: int) -> Look:
        hour, today = self._last_hour(now), self._today()
        firsts = added(minute.firsts for minute in hour)
        newest = self._recent[0] if self._recent else None
        return Look(
            minute_at=now * 60.0,
            bars=tuple(map(_bar, hour)),
            tokens_in=sum(minute.tokens_in for minute in today),
            tokens_out=sum(minute.tokens_out for minute in today),
            p50=percentile(firsts, 50),
            p95=percentile(firsts, 95),
            last_at=newest.at + newest.total_ms / 1000 if newest else None,
        )


_NONE: Final = _Minute()


def _bar(minute: _Minute) -> Bar:
    return Bar(
        calls=minute.calls,
        failures=minute.failures,
        tokens=minute.tokens_in + minute.tokens_out,
        first_ms=percentile(minute.firsts, 50),
    )


def _midnight() -> int:
    # fold=0: where the clock goes back over midnight, the day began at the first of the two.
    now = datetime.fromtimestamp(time.time())
    return int(now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp())
