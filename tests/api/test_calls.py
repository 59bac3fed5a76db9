"""The calls in progress, and how they are cut."""

import asyncio

import pytest

from api.calls import Calls
from api.conversation import Usage
from api.errors import ApiStopped
from api.usage import Tally

REASON = ApiStopped("Morello was stopped by its owner.")


class Caller:
    """A call that goes on until it is let go or cut."""

    def __init__(self, calls, streams=False):
        self.calls, self.streams = calls, streams
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.told = None
        self.task = asyncio.create_task(self.run())

    async def run(self):
        with self.calls.running() as call:
            call.streams = self.streams
            self.begun.set()
            try:
                await self.may_end.wait()
            except asyncio.CancelledError:
                self.told = call.broken
                if call.broken is None:
                    raise


async def callers(calls, *streams):
    begun = [Caller(calls, stream) for stream in streams]
    await asyncio.gather(*(caller.begun.wait() for caller in begun))
    return begun


async def test_calls_are_counted_while_they_run():
    calls = Calls()
    first, second = await callers(calls, True, False)
    assert (len(calls), calls.streams) == (2, 1)
    first.may_end.set()
    await first.task
    assert (len(calls), calls.streams) == (1, 0)
    second.may_end.set()
    await second.task
    assert len(calls) == 0


async def test_a_cut_tells_every_call_why_and_counts_the_streams():
    calls = Calls()
    cut = await callers(calls, True, True, False)
    assert calls.cut(REASON) == 2
    await asyncio.gather(*(caller.task for caller in cut))
    assert [caller.told for caller in cut] == [REASON] * 3
    assert len(calls) == 0


async def test_a_second_cut_changes_nothing():
    calls = Calls()
    (caller,) = await callers(calls, True)
    calls.cut(REASON)
    calls.cut(ApiStopped("Another reason."))
    await caller.task
    assert caller.told == REASON


async def test_a_caller_who_hangs_up_was_not_cut():
    calls = Calls()
    (caller,) = await callers(calls, True)
    caller.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller.task
    assert caller.told is None
    assert len(calls) == 0


async def test_a_call_that_fails_is_over():
    calls = Calls()
    with pytest.raises(LookupError), calls.running():
        raise LookupError
    assert len(calls) == 0
    assert await calls.finished(0)


async def test_without_calls_there_is_nothing_to_wait_for():
    calls = Calls()
    assert calls.cut(REASON) == 0
    assert await calls.finished(0.01)


async def test_waiting_ends_with_the_last_call():
    calls = Calls()
    both = await callers(calls, True, False)
    waiting = asyncio.create_task(calls.finished(30))
    await asyncio.sleep(0.01)
    both[0].may_end.set()
    await asyncio.sleep(0.01)
    assert not waiting.done()
    both[1].may_end.set()
    assert await waiting is True


async def test_waiting_ends_when_its_time_is_over():
    calls = Calls()
    (caller,) = await callers(calls, True)
    assert await calls.finished(0.01) is False
    caller.may_end.set()
    await caller.task


# What is seen of them


class Clock:
    """The clock on the wall, set by a test."""

    def __init__(self, now):
        self.now = now

    def time(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock(6_000_000.0)
    monkeypatch.setattr("api.calls.time", clock)
    return clock


def tally(at=0.0, **noted):
    counted = Tally("req_1", "/v1/chat/completions", "openai_chat", 100)
    counted.at = at
    for name, value in noted.items():
        setattr(counted, name, value)
    return counted


async def test_the_calls_in_progress_are_seen_with_the_latest_first():
    calls = Calls()
    with calls.running(tally(1.0, asked="one:a")), calls.running(tally(2.0, asked="one:b")) as latest, calls.running():
        latest.streams = True
        assert [(call.asked, call.streams) for call in calls.in_progress()] == [("one:b", True), ("one:a", False)]
    assert calls.in_progress() == []


@pytest.mark.parametrize(
    ("usage", "pieces", "seen"),
    [
        (None, 0, (0, False)),
        (None, 212, (212, True)),
        (Usage(18_000, 1), 0, (18_001, False)),
        (Usage(18_000, 1), 30, (18_030, True)),
        (Usage(18_000, 600), 580, (18_600, False)),
    ],
)
async def test_tokens_are_what_was_reported_or_the_pieces_that_have_come(usage, pieces, seen):
    calls = Calls()
    with calls.running(tally(usage=usage, pieces=pieces)):
        (call,) = calls.in_progress()
    assert (call.tokens, call.estimated) == seen


async def test_the_most_streams_at_once_are_remembered_for_each_minute(clock):
    calls = Calls()
    clock.now += 60
    with calls.running() as first, calls.running() as second, calls.running():
        first.streams = True
        second.streams = True
        second.streams = False
        clock.now += 180
        assert calls.peaks.look()[-5:] == (0, 2, 1, 1, 1)
    assert calls.streams == 0
    clock.now += 60
    assert calls.peaks.look()[-3:] == (1, 1, 0)
    assert len(calls.peaks.look()) == 60


async def test_a_stream_that_runs_for_hours_was_there_in_every_minute(clock):
    calls = Calls()
    with calls.running() as call:
        call.streams = True
        clock.now += 100_000
        assert calls.peaks.look() == (1,) * 60


async def test_a_clock_that_is_set_back_begins_the_peaks_anew(clock):
    calls = Calls()
    with calls.running() as call:
        call.streams = True
        clock.now -= 3600
        assert calls.peaks.look() == (*[0] * 59, 1)
        assert calls.peaks.since == clock.now
