"""How providers do: half hours of what was asked, what failed by whose fault, and what is slow."""

import json
import time

import pytest
from msgspec import structs

from api import health as room
from api.health import ENOUGH_BEFORE, ENOUGH_NOW, MOST_NAMES, SHOWN, Health
from api.store import ledger
from api.store.attempts import AttemptRow, of_call
from api.store.calls import CALLER_GONE, HALF_HOUR
from tests.api.test_activity import Clock, call
from tests.api.test_attempts import GOOD, add, ask, by_key, refuses
from tests.fakes import chat_frames, far_end

NOON = 1_772_625_600.0  # a full hour everywhere but in zones that are a quarter off


@pytest.fixture
def clock(monkeypatch):
    clock = Clock(NOON + 60)
    monkeypatch.setattr(room, "time", clock)
    return clock


@pytest.fixture
def health(clock, store):
    return Health(store)


def failed(at=NOON, provider="one", model="m", blame="provider", words="no", number=0):
    return AttemptRow(at, f"req_{number}", provider, model, 0, 502, "upstream_error", blame, words, 5.0)


def test_of_whom_nobody_asked_there_is_nothing_to_tell(health):
    record = health.of("one")
    assert len(record.halves) == SHOWN
    assert (record.calls, record.failures, record.first_ms, record.slow, record.trouble) == (0, 0, None, None, None)
    assert health.today() == {}


def test_calls_belong_to_their_half_hour_and_model(health):
    health.add([call(first=100.0), call(first=300.0), call(NOON - HALF_HOUR, first=900.0), call(provider="two")])
    record = health.of("one", "m")
    assert [half.calls for half in record.halves[-3:]] == [0, 1, 2]
    assert record.halves[-2].first_ms == pytest.approx(900, rel=0.02)
    assert record == health.of("one")
    assert health.of("two").calls == 1
    assert health.of("one", "other").calls == 0


@pytest.mark.parametrize(("blame", "counts"), [("provider", 1), ("key", 1), ("caller", 0), ("unable", 0)])
def test_only_its_own_fault_is_counted_against_a_provider(health, blame, counts):
    health.add([call(status=400, error="upstream_error")], [failed(blame=blame, words="the words")])
    record = health.of("one")
    assert (record.calls, record.failures) == (counts, counts)
    assert (record.trouble.words if record.trouble else None) == ("the words" if counts else None)


def test_who_hung_up_is_counted_for_nobody(health):
    health.add([call(status=CALLER_GONE, error="caller_gone", first=5.0)])
    assert health.of("one").calls == 0


def test_the_time_of_what_was_tried_before_is_not_the_answerers(health):
    health.add([call(first=5000.0, provider="two", number=1)], [failed(number=1)])
    assert health.of("two").calls == 1
    assert health.of("two").first_ms is None


def test_slow_is_measured_against_the_usual(health):
    health.add(call(NOON - 5 * HALF_HOUR, first=300.0) for _ in range(ENOUGH_BEFORE))
    health.add(call(first=1200.0) for _ in range(ENOUGH_NOW - 1))
    assert health.of("one").slow is None
    health.add([call(first=1200.0)])
    assert health.of("one").slow == pytest.approx(4, rel=0.05)
    assert [half.slow for half in health.of("one").halves[-6:]] == [False] * 5 + [True]


def test_what_is_quick_is_never_slow(health):
    health.add(call(NOON - 5 * HALF_HOUR, first=10.0) for _ in range(ENOUGH_BEFORE))
    health.add(call(first=90.0) for _ in range(ENOUGH_NOW))
    assert health.of("one").slow is None


def test_a_half_hour_fails_from_a_tenth_on(health):
    health.add((call() for _ in range(10)), [failed()])
    assert not health.of("one").halves[-1].failing
    health.add([], [failed()])
    assert health.of("one").halves[-1].failing


def test_a_day_later_it_is_forgotten(health, clock):
    health.add([call(first=100.0)], [failed()])
    clock.now += 24 * 3600
    record = health.of("one")
    assert (record.calls, record.trouble) == (0, None)
    clock.now += 3 * HALF_HOUR
    assert health.today() == {}


def test_invented_names_fill_no_memory(health):
    rows = [call(provider=f"p{number}") for number in range(MOST_NAMES + 9)]
    health.add(rows)
    assert len(health.today()) < MOST_NAMES
    assert health.of(f"p{MOST_NAMES + 8}").calls == 1  # the provider itself is always counted


def test_today_begins_at_midnight_and_knows_names_of_the_owners_own(health, clock):
    clock.now = time.mktime((2026, 3, 4, 0, 10, 0, 0, 0, -1))
    row = call(clock.now - 60, first=100.0)
    health.add([row, call(clock.now - 1800)])
    assert health.today()["one", "m"].calls == 1
    assert health.today()["one", "m"].first_ms == pytest.approx(100, rel=0.02)


def test_today_tells_what_failed_at_a_model_and_in_which_words(health):
    health.add([call()], [failed(words="overloaded"), failed(model="n")])
    assert (health.today()["one", "m"].failures, health.today()["one", "m"].words) == (1, "overloaded")
    assert health.today()["one", "m"].calls == 2


async def test_a_restart_forgets_nothing(store, health):
    rows = [call(first=100.0, number=1), call(NOON - 9 * HALF_HOUR, first=300.0, number=2), call(first=7.0, number=3)]
    rows += [call(first=7.0, number=4), call(status=CALLER_GONE), call(status=502, error="upstream_error")]
    rows += [call(provider=None), structs.replace(call(number=5), asked="smart", served=None)]
    tries = [failed(words="first", number=1), failed(words="second", number=1)]
    await store.record(lambda db: ledger.write(db, rows, tries))
    health.add(rows, tries)
    again = Health(store)
    assert again.of("one") == health.of("one")
    trouble = again.of("one").trouble
    assert trouble is not None
    assert trouble.words == "second"
    assert again.today() == health.today()


async def test_attempts_are_kept_with_their_words_and_counted(api):
    async with far_end(by_key(a=refuses(401), b=GOOD)) as far:
        await add(api, "one", far.url, "a", "b")
        answer = await ask(api, "one:m")
    rows = await api.rows()
    gateway = api.gateway
    tried = gateway.store.load(lambda db: of_call(db, rows[-1].request_id))
    assert [(one.provider, one.model, one.key, one.blame) for one in tried] == [("one", "m", 1, "key")]
    assert "no" in tried[0].words
    assert answer.status_code == 200
    record = gateway.health.of("one", "m")
    assert (record.calls, record.failures) == (2, 1)
    assert record.trouble == tried[0]
    receipt = gateway.receipts.find(rows[-1].request_id)
    assert receipt is not None
    assert receipt.attempts == tuple(tried)


async def test_a_stream_that_breaks_is_the_providers_failure(api):
    async def breaks(_received, wire):
        await wire.begin_stream()
        await wire.chunk(chat_frames(["hi"])[0] + chat_frames(["hi"])[1])
        wire.hang_up()

    async with far_end(breaks) as far:
        await add(api, "one", far.url)
        async with api.client() as client:
            body = {"model": "one:m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
            answer = await client.post("/v1/chat/completions", content=json.dumps(body))
    assert b"hi" in answer.content
    await api.rows()
    assert api.gateway.health.of("one").failures == 1


async def test_what_a_provider_quotes_of_a_wrong_request_is_not_kept(api):
    async with far_end(refuses(400)) as far:
        await add(api, "one", far.url)
        await ask(api, "one:m")
    (row,) = await api.rows()
    (tried,) = api.gateway.store.load(lambda db: of_call(db, row.request_id))
    assert (tried.blame, tried.words) == ("caller", "")
    receipt = api.gateway.receipts.find(row.request_id)
    assert receipt is not None
    assert "no" in receipt.attempts[0].words
