"""What happened lately: the numbers are those of the call table, minute by minute, however many rows there are."""

import math
import random
import time
from collections import Counter
from datetime import UTC, datetime

import pytest

from api import activity as room
from api.activity import KEPT, RECENT, SHOWN, Activity
from api.store import calls
from api.store.calls import CALLER_GONE, CallRow

NOON = datetime(2026, 3, 4, 12, 0, 30).timestamp()
MINUTE = 60.0


class Clock:
    """The clock on the wall, set by a test."""

    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock(NOON)
    monkeypatch.setattr(room, "time", clock)
    return clock


@pytest.fixture
def lately(clock, store):
    return Activity(store)


def call(at=NOON, status=200, error=None, provider="one", tokens=(None, None), first=None, number=0):
    came, went = tokens
    return CallRow(
        at, f"req_{number}", "/v1/chat/completions", "openai_chat", f"{provider}:m", provider, "m", status, error,
        False, came, went, first, 1500.0, 100, 200,
    )  # fmt: skip


async def keep(store, rows):
    await store.record(lambda db: calls.add(db, list(rows)))


# The last hour and today


def test_without_calls_there_is_nothing_to_tell(lately):
    look = lately.look()
    assert len(look.bars) == SHOWN
    assert {(bar.calls, bar.failures, bar.tokens, bar.first_ms) for bar in look.bars} == {(0, 0, 0, None)}
    assert (look.requests_now, look.peak, look.tokens_in, look.tokens_out) == (0, 0, 0, 0)
    assert (look.p50, look.p95, look.last_at) == (None, None, None)
    assert lately.recent(8) == ()


def test_a_call_belongs_to_the_minute_in_which_it_began(lately):
    lately.add([call(NOON), call(NOON - 30), call(NOON - 31), call(NOON - 59 * MINUTE)])
    bars = [bar.calls for bar in lately.look().bars]
    assert bars == [1] + [0] * 57 + [1, 2]
    assert lately.look().requests_now == 2


def test_the_peak_is_that_of_the_last_hour_and_the_latest_of_its_kind(lately):
    lately.add([call(NOON - 90 * MINUTE)] * 9)
    lately.add([call(NOON - 40 * MINUTE)] * 3 + [call(NOON - 20 * MINUTE)] * 3)
    look = lately.look()
    assert (look.peak, look.peak_at) == (3, NOON - 30 - 20 * MINUTE)


@pytest.mark.parametrize(
    ("status", "error", "failed"),
    [(200, None, 0), (400, None, 1), (502, "stream_broken", 1), (200, "odd", 1), (CALLER_GONE, "caller_gone", 0)],
)
def test_a_caller_who_hung_up_is_a_call_and_no_failure(lately, status, error, failed):
    lately.add([call(status=status, error=error)])
    assert (lately.look().bars[-1].calls, lately.look().bars[-1].failures) == (1, failed)


def test_tokens_are_those_of_today(lately):
    midnight = datetime(2026, 3, 4).timestamp()
    lately.add([call(midnight - 1, tokens=(100, 50)), call(midnight, tokens=(7, 3)), call(tokens=(None, None))])
    lately.add([call(tokens=(10, None))])
    look = lately.look()
    assert (look.tokens_in, look.tokens_out) == (17, 3)
    assert look.bars[-1].tokens == 10


def test_where_the_clock_goes_back_over_midnight_the_day_began_at_the_first_of_the_two(clock, lately, monkeypatch):
    monkeypatch.setenv("TZ", "AZOT1AZOST,M3.5.0/0,M10.5.0/1")  # the Azores: after 00:59 comes 00:00 again
    time.tzset()
    try:
        midnight = datetime(2026, 10, 25, tzinfo=UTC).timestamp()
        clock.now = midnight + 90 * MINUTE
        lately.add([call(midnight - 1, tokens=(100, 0)), call(midnight, tokens=(7, 0))])
        assert lately.look().tokens_in == 7
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_last_call_is_the_one_that_ended_last(lately):
    lately.add([call(NOON - 20)])
    assert lately.look().last_at == NOON - 18.5


def test_a_look_is_equal_until_something_happened(lately, clock):
    before = lately.look()
    clock.now += 20
    assert lately.look() == before
    lately.add([call()])
    assert lately.look() != before


def test_the_chart_moves_on_with_the_minutes(lately, clock):
    lately.add([call(), call()])
    clock.now += 5 * MINUTE
    look = lately.look()
    assert [bar.calls for bar in look.bars[-6:]] == [2, 0, 0, 0, 0, 0]
    clock.now += 55 * MINUTE
    assert lately.look().peak == 0


def test_midnight_begins_a_new_day(lately, clock):
    lately.add([call(tokens=(7, 3))])
    clock.now += 12 * 60 * MINUTE
    look = lately.look()
    assert (look.tokens_in, look.tokens_out) == (0, 0)


def test_a_clock_that_is_set_back_hides_what_is_to_come_and_counts_on(lately, clock):
    lately.add([call(), call()])
    clock.now -= 10 * MINUTE
    lately.add([call(clock.now)])
    assert [bar.calls for bar in lately.look().bars[-2:]] == [0, 1]
    clock.now += 10 * MINUTE
    assert [bar.calls for bar in lately.look().bars[-11:]] == [1, *[0] * 9, 2]


# First tokens


@pytest.mark.parametrize("seed", range(5))
def test_a_percentile_is_two_percent_off_at_the_most(lately, seed):
    chance = random.Random(seed)
    took = [chance.lognormvariate(6, 1.5) for _ in range(chance.randrange(1, 400))]
    lately.add(call(NOON - chance.randrange(3000), first=each) for each in took)
    look, ordered = lately.look(), sorted(took)
    assert look.p50 == pytest.approx(ordered[math.ceil(len(took) * 0.50) - 1], rel=0.02)
    assert look.p95 == pytest.approx(ordered[math.ceil(len(took) * 0.95) - 1], rel=0.02)


def test_each_minute_has_its_own_median(lately):
    lately.add([call(first=100.0), call(first=200.0), call(first=300.0), call(NOON - MINUTE, first=50.0)])
    assert [bar.first_ms for bar in lately.look().bars[-2:]] == [
        pytest.approx(50, rel=0.02),
        pytest.approx(200, rel=0.02),
    ]


def test_a_first_token_of_no_time_and_of_a_year_are_counted_too(lately):
    lately.add([call(first=0.0)])
    assert 0 < (lately.look().p50 or 0) < 1
    lately.add([call(first=3e10)] * 3)
    assert (lately.look().p50 or 0) > 1e7


def test_first_tokens_are_forgotten_after_an_hour(lately, clock):
    lately.add([call(first=100.0)])
    clock.now += 61 * MINUTE
    assert lately.look().p50 is None
    assert not any(minute.firsts for minute in lately._minutes.values())


def test_a_call_that_found_no_provider_is_counted_for_none(lately):
    lately.add([call(provider=None, status=404)])
    assert lately.look().bars[-1].failures == 1


# The last calls


def test_the_calls_that_ended_last_come_first_and_are_bounded(lately):
    lately.add(call(number=number) for number in range(RECENT + 10))
    assert [row.request_id for row in lately.recent(2)] == [f"req_{RECENT + 9}", f"req_{RECENT + 8}"]
    assert len(lately.recent(1000)) == RECENT


# The same from the call table


def busy_day():
    """Two days of calls of every kind, so that each border lies within."""
    chance = random.Random(7)
    statuses = [(200, None)] * 6 + [(429, "rate_limited"), (502, "stream_broken"), (CALLER_GONE, "caller_gone")]
    for number in range(3000):
        at = NOON - (48 * 60 * MINUTE) * (1 - number / 3000) ** 2
        status, error = chance.choice(statuses)
        tokens = chance.choice([(None, None), (chance.randrange(9000), chance.randrange(900))])
        first = chance.choice([None, chance.lognormvariate(6, 1)])
        yield call(at, status, error, chance.choice(["one", "two", None]), tokens, first, number)


async def test_after_a_restart_the_numbers_are_the_same(lately, store, clock):
    rows = list(busy_day())
    await keep(store, rows)
    lately.add(rows)
    again = Activity(store)
    assert again.look() == lately.look()
    assert again.look().tokens_in > 0
    assert again.recent(RECENT) == lately.recent(RECENT)


async def test_what_is_counted_on_after_a_restart_is_the_table_again(store, clock):
    rows = list(busy_day())
    await keep(store, rows[:2500])
    lately = Activity(store)
    lately.add(rows[2500:])
    await keep(store, rows[2500:])
    assert lately.look() == Activity(store).look()


async def test_the_numbers_are_what_counting_the_rows_gives(store, clock):
    rows = list(busy_day())
    await keep(store, rows)
    look, midnight = Activity(store).look(), datetime(2026, 3, 4).timestamp()
    counted = Counter(int(row.at // 60) for row in rows)
    failed = Counter(int(row.at // 60) for row in rows if row.failed)
    minutes = range(int(NOON // 60) - SHOWN + 1, int(NOON // 60) + 1)
    assert [(bar.calls, bar.failures) for bar in look.bars] == [(counted[each], failed[each]) for each in minutes]
    assert look.tokens_in == sum(row.tokens_in or 0 for row in rows if row.at >= midnight)
    assert look.tokens_out == sum(row.tokens_out or 0 for row in rows if row.at >= midnight)


# How much is kept


def test_memory_is_bounded_however_long_it_runs(lately, clock):
    for _ in range(KEPT * 2):
        clock.now += MINUTE
        lately.add([call(clock.now, first=100.0)])
    assert len(lately._minutes) <= KEPT
    assert sum(len(minute.firsts) for minute in lately._minutes.values()) <= SHOWN


def test_a_clock_that_jumps_about_leaves_nothing_behind(lately, clock):
    for jump in (-400, 900, -3, 5000, -6000):
        clock.now += jump * 24 * 60 * MINUTE
        lately.add([call(clock.now)])
        lately.look()
    assert len(lately._minutes) == 1
