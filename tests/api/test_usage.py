"""The call table: nothing is lost, nobody waits for it."""

import asyncio
import time

import pytest

from api import usage
from api.conversation import Usage
from api.news import News
from api.store import calls
from api.usage import Ledger, Tally
from tests.conftest import opened_store


def tally(number=0):
    return Tally(f"req_{number}", "/v1/chat/completions", "openai_chat", 100)


async def rows(store):
    return (await store.record(lambda db: calls.latest(db, 10_000)))[::-1]


async def until(condition, seconds=15):
    """Wait until an awaited condition holds; whether it did."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if await condition():
            return True
        await asyncio.sleep(0.005)
    return False


# One call


def test_a_tally_becomes_a_row_of_everything_that_was_noted():
    before = time.time()
    counted = tally(7)
    counted.asked, counted.provider, counted.served = "one:small", "one", "small"
    counted.status, counted.error, counted.streamed = 502, "stream_broken", True
    counted.usage, counted.bytes_out = Usage(11, 7), 345
    counted.first_token()
    row = counted.row()
    assert before <= row.at <= time.time()
    assert (row.request_id, row.route, row.dialect) == ("req_7", "/v1/chat/completions", "openai_chat")
    assert (row.asked, row.provider, row.served) == ("one:small", "one", "small")
    assert (row.status, row.error, row.streamed) == (502, "stream_broken", True)
    assert (row.tokens_in, row.tokens_out) == (11, 7)
    assert (row.bytes_in, row.bytes_out) == (100, 345)
    assert 0 <= row.first_token_ms <= row.total_ms < 10_000


def test_what_was_never_told_is_none():
    row = tally().row()
    assert (row.asked, row.provider, row.served, row.error) == (None, None, None, None)
    assert (row.tokens_in, row.tokens_out, row.first_token_ms) == (None, None, None)
    assert (row.status, row.streamed, row.bytes_out) == (200, False, 0)


def test_the_first_token_comes_once(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("api.usage.time.monotonic", lambda: now[0])
    counted = tally()
    for now[0] in (100.25, 101.0, 102.0):
        counted.first_token()
    assert counted.row().first_token_ms == 250
    assert counted.row().total_ms == 2000


def test_durations_do_not_follow_the_clock_on_the_wall(monkeypatch):
    counted = tally()
    monkeypatch.setattr("api.usage.time.time", lambda: 0.0)
    counted.first_token()
    assert 0 <= counted.row().first_token_ms <= counted.row().total_ms


# All of them


async def test_a_call_is_kept_without_waiting_and_written_soon(store, monkeypatch):
    monkeypatch.setattr(usage, "FLUSH_SECONDS", 0.02)
    ledger = Ledger(store, News())
    ledger.open()
    ledger.record(tally(1))

    async def is_there():
        return [row.request_id for row in await rows(store)] == ["req_1"]

    assert await until(is_there)
    await ledger.close()


async def test_calls_are_written_in_batches_and_none_is_lost_on_close(home, monkeypatch):
    monkeypatch.setattr(usage, "FLUSH_SECONDS", 0.02)
    writes = 0
    async with opened_store(home) as store:
        record = store.record

        async def counting(work):
            nonlocal writes
            writes += 1
            await record(work)

        monkeypatch.setattr(store, "record", counting)
        ledger = Ledger(store, News())
        ledger.open()
        for number in range(1234):
            ledger.record(tally(number))
            if number % 300 == 0:
                await asyncio.sleep(0.03)
        await ledger.close()
    async with opened_store(home) as store:
        assert [row.request_id for row in await rows(store)] == [f"req_{number}" for number in range(1234)]
    assert writes <= 12


async def test_closing_in_the_middle_of_a_write_loses_and_doubles_nothing(store, monkeypatch):
    monkeypatch.setattr(usage, "FLUSH_SECONDS", 0.0)
    ledger = Ledger(store, News())
    ledger.open()
    ledger.record(tally(1))

    async def is_being_written():
        return not ledger._waiting

    assert await until(is_being_written)
    ledger.record(tally(2))
    await ledger.close()
    assert [row.request_id for row in await rows(store)] == ["req_1", "req_2"]


async def test_a_ledger_that_was_never_opened_writes_what_it_has_on_close(store):
    ledger = Ledger(store, News())
    ledger.record(tally(1))
    await ledger.close()
    assert len(await rows(store)) == 1


async def test_every_write_is_told(store):
    news = News()
    ledger = Ledger(store, news)
    ledger.record(tally(1))
    await ledger.close()
    assert news.count == 1


async def test_what_was_written_is_passed_on_and_nothing_else_is(store):
    passed: list[calls.CallRow] = []
    ledger = Ledger(store, News(), lambda rows, _tries: passed.extend(rows))
    broken = tally(1)
    broken.asked = "\ud800"
    ledger.record(broken)
    await ledger.close()
    ledger.record(tally(2))
    ledger.record(tally(3))
    assert passed == []
    assert [row.request_id for row in ledger.unwritten(9)] == ["req_3", "req_2"]
    assert [row.request_id for row in ledger.unwritten(1)] == ["req_3"]
    await ledger.close()
    assert [row.request_id for row in passed] == ["req_2", "req_3"]
    assert ledger.unwritten(9) == []


async def test_a_call_is_seen_while_it_is_being_written(store):
    ledger = Ledger(store, News())
    ledger.record(tally(1))
    record, seen = store.record, list[str]()

    async def looking(work):
        ledger.record(tally(2))
        seen.extend(row.request_id for row in ledger.unwritten(9))
        await record(work)

    store.record = looking
    await ledger.close()
    store.record = record
    await ledger.close()
    assert seen == ["req_2", "req_1"]


@pytest.fixture
async def full_disk(store):
    """A store that takes no more pages; call the fixture's value to make room."""

    async def pages(number):
        await store.record(lambda db: db.exec_driver_sql(f"PRAGMA max_page_count={number}"))

    await pages(1)  # less than there are: the file stays at its size
    return lambda: pages(1_000_000)


def large(number):
    counted = tally(number)
    counted.asked = "x" * 50_000
    return counted


async def test_what_a_full_disk_refused_is_written_when_there_is_room(store, full_disk, monkeypatch, caplog):
    monkeypatch.setattr(usage, "FLUSH_SECONDS", 0.02)
    ledger = Ledger(store, News())
    ledger.open()
    ledger.record(large(1))

    async def was_refused():
        return "could not be written" in caplog.text

    assert await until(was_refused)
    await full_disk()

    async def is_there():
        return [row.request_id for row in await rows(store)] == ["req_1"]

    assert await until(is_there, 3)
    await ledger.close()


async def test_calls_after_a_refusal_are_written_in_their_order(store, full_disk, monkeypatch, caplog):
    monkeypatch.setattr(usage, "FLUSH_SECONDS", 0.02)
    ledger = Ledger(store, News())
    ledger.open()
    ledger.record(large(1))

    async def was_refused():
        return "could not be written" in caplog.text

    assert await until(was_refused)
    await full_disk()
    for number in (2, 3):
        ledger.record(tally(number))

    async def are_there():
        return [row.request_id for row in await rows(store)] == ["req_1", "req_2", "req_3"]

    assert await until(are_there, 3)
    await ledger.close()


async def test_a_disk_that_stays_full_does_not_keep_the_program_from_ending(store, full_disk):
    ledger = Ledger(store, News())
    ledger.open()
    ledger.record(large(1))
    async with asyncio.timeout(20):
        await ledger.close()
    assert await rows(store) == []


async def test_a_disk_that_stays_full_is_not_tried_without_a_pause(store, full_disk, monkeypatch, caplog):
    monkeypatch.setattr(usage, "FLUSH_SECONDS", 0.1)
    monkeypatch.setattr(usage, "BATCH", 2)
    ledger = Ledger(store, News())
    ledger.open()
    for number in range(4):
        ledger.record(large(number))
    await asyncio.sleep(0.5)
    assert 1 <= caplog.text.count("could not be written") <= 8
    await ledger.close()


async def test_memory_is_bounded_while_the_disk_refuses(store, full_disk, monkeypatch):
    monkeypatch.setattr(usage, "KEPT", 3)
    ledger = Ledger(store, News())
    for number in range(5):
        ledger.record(large(number))
    await ledger.close()
    await full_disk()
    await ledger.close()
    assert [row.request_id for row in await rows(store)] == ["req_2", "req_3", "req_4"]


async def test_a_call_the_database_cannot_hold_does_not_end_the_writing(store, monkeypatch):
    monkeypatch.setattr(usage, "FLUSH_SECONDS", 0.02)
    ledger = Ledger(store, News())
    ledger.open()
    broken = tally(1)
    broken.asked = "\ud800"
    ledger.record(broken)
    await asyncio.sleep(0.1)
    ledger.record(tally(2))

    async def is_there():
        return "req_2" in [row.request_id for row in await rows(store)]

    assert await until(is_there, 3)
    await ledger.close()
