"""How the providers and their models did in the last 24 hours, by the half hour, measured on the calls that were made.

In memory; what is kept of the calls and of the attempts that failed is read once, at the start. A provider fails where
an attempt failed by its own fault or by that of its key: not where the caller asked for what cannot be, nor where he
hung up. Half hours are those of the clock on the wall, so that today begins with one of them (but not in the zones
that are a quarter of an hour off).
"""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from api.store import Store, attempts, calls
from api.store.attempts import AttemptRow
from api.store.calls import HALF_HOUR, CallRow, HalfRow
from api.times import Steps, added, percentile, step

SHOWN: Final = 48
KEPT: Final = 51  # among which is always the last midnight, also on the day of 25 hours
MOST_READ: Final = 20_000  # attempts in vain, at the start
MOST_NAMES: Final = 2000  # of models in one half hour: a caller may invent them
RECENT: Final = 2  # half hours, this one included, that are compared with those before
SLOW: Final = 3.0  # times as long as usual
SLOW_MS: Final = 500.0  # what is quicker is not slow, however quick it was before
ENOUGH_NOW, ENOUGH_BEFORE = 5, 20  # timed calls, to say anything
FAILING: Final = 0.1  # of the calls of a half hour


class Half(Struct, frozen=True):
    """Half an hour: what was asked, how much of it failed, and the median time to the first token."""

    calls: int = 0
    failures: int = 0
    first_ms: float | None = None
    slow: bool = False

    @property
    def failing(self) -> bool:
        """Whether so much failed that it must be seen."""
        return bool(self.failures) and self.failures >= FAILING * self.calls


class Record(Struct, frozen=True):
    """What is known of a provider, or of one of its models.

    `halves` ends with the half hour it is. `calls` and `failures` are those of the 24 hours. `first_ms` is the median
    of the last half hours, `slow` how many times their 95th percentile is the usual one, if that is a lot. `trouble`
    is the last attempt that failed.
    """

    halves: tuple[Half, ...]
    calls: int
    failures: int
    first_ms: float | None
    slow: float | None
    trouble: AttemptRow | None


class Day(Struct, frozen=True):
    """What a model did today, and what failed of that; `words` are those of its last failure.

    `first_ms` is the median of the last 24 hours.
    """

    calls: int
    first_ms: float | None
    failures: int = 0
    words: str = ""


class _Count:
    """The counts of one name in one half hour."""

    __slots__ = ("calls", "failures", "firsts")

    def __init__(self) -> None:
        self.calls = self.failures = 0
        self.firsts = Steps()


_NONE: Final = _Count()
Name = tuple[str, str]  # a provider and its model; ("one", "") is all of a provider, ("", "fast") the owner's own name


class Health:
    """The last 24 hours of every provider."""

    def __init__(self, store: Store) -> None:
        self._halves: dict[int, dict[Name, _Count]] = {}
        self._troubles: dict[Name, AttemptRow] = {}
        self._records: dict[Name, Record] = {}
        self._caught_up = 0
        since = time.time() - KEPT * HALF_HOUR
        for row in store.load(lambda db: calls.by_half_hour(db, since)):
            self._answered(row)
        self.add((), store.load(lambda db: attempts.since(db, since, MOST_READ))[::-1])

    def add(self, rows: Iterable[CallRow], tries: Sequence[AttemptRow] = ()) -> None:
        """Count calls that ended, and the attempts in vain that belong to them."""
        tried_before = {one.request_id for one in tries}
        for row in rows:
            if row.provider and not (row.failed or row.hung_up):
                # What was tried before is in the time of the call: it says nothing of the one that answered.
                took = None if row.request_id in tried_before else row.first_token_ms
                first = None if took is None else step(took)
                alias = row.asked if row.asked and ":" not in row.asked else None
                self._answered(HalfRow(int(row.at // HALF_HOUR), row.provider, row.served, alias, first, 1))
        for one in tries:
            if one.blame in ("key", "provider"):
                self._failed(one)
        self._records.clear()
        self._catch_up()

    def of(self, provider: str, model: str = "") -> Record:
        """What is known of a provider, or of one of its models."""
        now, name = self._catch_up(), (provider, model)
        if name not in self._records:
            counts = [self._halves.get(half, {}).get(name, _NONE) for half in range(now - SHOWN + 1, now + 1)]
            self._records[name] = _record(counts, self._troubles.get(name))
        return self._records[name]

    def today(self) -> dict[Name, Day]:
        """Every model that was asked lately, and every name of the owner's own."""
        now, midnight = self._catch_up(), _midnight() // HALF_HOUR
        names = {name for half in self._halves.values() for name in half if name[1]}
        return {name: self._day(name, now, midnight) for name in names}

    # What is counted

    def _answered(self, row: HalfRow) -> None:
        half = self._halves.setdefault(row.half, {})
        names = [(row.provider, "")]
        names += [(row.provider, row.served)] if row.served else []
        names += [("", row.alias)] if row.alias else []
        for name in names:
            if count := self._count(half, name):
                count.calls += row.calls
                if row.first is not None:
                    count.firsts[row.first] += row.calls

    def _failed(self, one: AttemptRow) -> None:
        half = self._halves.setdefault(int(one.at // HALF_HOUR), {})
        for name in {(one.provider, ""), (one.provider, one.model)}:
            if count := self._count(half, name):
                count.calls += 1
                count.failures += 1
                self._troubles[name] = one

    @staticmethod
    def _count(half: dict[Name, _Count], name: Name) -> _Count | None:
        if name not in half and len(half) >= MOST_NAMES and name[1]:
            return None
        return half.setdefault(name, _Count())

    def _catch_up(self) -> int:
        """The half hour it is now; in a new one, what was seen before is old, and what is too old is let go."""
        now = int(time.time() // HALF_HOUR)
        if now != self._caught_up:
            self._caught_up = now
            self._records.clear()
            # A clock that was set back leaves half hours that are yet to come.
            self._halves = {half: kept for half, kept in self._halves.items() if abs(now - half) < KEPT}
            oldest = (now - SHOWN + 1) * HALF_HOUR
            self._troubles = {name: one for name, one in self._troubles.items() if one.at >= oldest}
        return now

    # What is seen

    def _day(self, name: Name, now: int, midnight: int) -> Day:
        counts = [(half, kept[name]) for half, kept in self._halves.items() if name in kept]
        trouble = self._troubles.get(name)
        return Day(
            calls=sum(count.calls for half, count in counts if half >= midnight),
            failures=sum(count.failures for half, count in counts if half >= midnight),
            words=trouble.words if trouble else "",
            first_ms=percentile(added(count.firsts for half, count in counts if half > now - SHOWN), 50),
        )


def _record(counts: list[_Count], trouble: AttemptRow | None) -> Record:
    day, recent = added(count.firsts for count in counts), added(count.firsts for count in counts[-RECENT:])
    usual = percentile(day, 50) if day.total() >= ENOUGH_BEFORE else None
    return Record(
        halves=tuple(_half(count, usual) for count in counts),
        calls=sum(count.calls for count in counts),
        failures=sum(count.failures for count in counts),
        first_ms=percentile(recent, 50),
        slow=_times_the_usual(recent, added(count.firsts for count in counts[:-RECENT])),
        trouble=trouble,
    )


def _half(count: _Count, usual: float | None) -> Half:
    first = percentile(count.firsts, 50)
    slow = first is not None and usual is not None and first >= max(SLOW * usual, SLOW_MS)
    return Half(count.calls, count.failures, first, slow)


def _times_the_usual(recent: Steps, before: Steps) -> float | None:
    if recent.total() < ENOUGH_NOW or before.total() < ENOUGH_BEFORE:
        return None
    now, usual = percentile(recent, 95), percentile(before, 95)
    return now / usual if now and usual and now >= max(SLOW * usual, SLOW_MS) else None


def _midnight() -> int:
    now = datetime.fromtimestamp(time.time())
    return int(now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp())
