"""A sign of life after a silence, and only then."""

import asyncio

import pytest

from api.heart import Heart


class Clock:
    """The loop's time, moved by hand: each timer rings as its moment is passed."""

    def __init__(self, monkeypatch):
        self.now, self.timers = 100.0, []
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda: self.now)
        monkeypatch.setattr(loop, "call_later", self.call_later)

    def call_later(self, seconds, callback, *arguments):
        timer = Timer(self.now + seconds, callback, arguments)
        self.timers.append(timer)
        return timer

    def pass_to(self, moment):
        while due := [timer for timer in self.timers if timer.at <= moment and not timer.over]:
            timer = min(due, key=lambda timer: timer.at)
            self.now, timer.over = timer.at, True
            timer.callback(*timer.arguments)
        self.now = moment


class Timer:
    def __init__(self, at, callback, arguments):
        self.at, self.callback, self.arguments, self.over = at, callback, arguments, False

    def cancel(self):
        self.over = True


@pytest.fixture
async def clock(monkeypatch):
    with monkeypatch.context() as patch:
        yield Clock(patch)


@pytest.fixture
async def beats(clock):
    return []


@pytest.fixture
async def heart(clock, beats):
    return Heart(15.0, lambda: beats.append(clock.now))


async def test_it_beats_after_each_silence(heart, clock, beats):
    heart.start()
    clock.pass_to(150)
    assert beats == [115, 130, 145]


async def test_it_does_not_beat_before_it_starts(heart, clock, beats):
    clock.pass_to(200)
    assert beats == []


async def test_what_is_felt_puts_the_beat_off(heart, clock, beats):
    heart.start()
    for moment in (110, 120, 130):
        clock.pass_to(moment)
        heart.felt()
    assert beats == []
    clock.pass_to(146)
    assert beats == [145]


async def test_it_beats_no_more_when_stopped(heart, clock, beats):
    heart.start()
    clock.pass_to(116)
    heart.stop()
    heart.stop()
    clock.pass_to(300)
    assert beats == [115]


async def test_feeling_sets_no_timer(heart, clock):
    heart.start()
    for _ in range(1000):
        heart.felt()
    assert len(clock.timers) == 1


async def test_it_beats_on_a_real_loop():
    beaten = asyncio.Event()
    heart = Heart(0.01, beaten.set)
    heart.start()
    async with asyncio.timeout(10):
        await beaten.wait()
    heart.stop()
