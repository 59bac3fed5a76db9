"""The one stream of changes: at once, not too often, through Stop and Start, and it ends when it must."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from tests.webui.conftest import until
from tests.webui.reading import find
from webui import live
from webui.live import frame
from webui.pages import server
from webui.view import Part

SOON = 5.0


class Stream:
    """The events of /live, as they come."""

    def __init__(self, lines):
        self._lines = lines
        self.comments = 0

    async def event(self) -> str:
        """The next event's data."""
        data: list[str] = []
        async with asyncio.timeout(SOON):
            async for line in self._lines:
                if line.startswith("data: "):
                    data.append(line.removeprefix("data: "))
                elif line.startswith(":"):
                    self.comments += 1
                elif data:
                    return "\n".join(data)
        raise EOFError

    async def state(self) -> str:
        return find(await self.event(), id="server")["data-state"]


@asynccontextmanager
async def watching(dashboard):
    async with dashboard.client() as browser, browser.stream("GET", "/live?page=overview") as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        yield Stream(answer.aiter_lines())


@pytest.fixture(autouse=True)
def only_the_server(monkeypatch):
    """The loop is tested on the server's card: the numbers below it change with the minutes."""
    monkeypatch.setitem(live.PAGES, "overview", (*live.SHELL, *server.PARTS))


async def test_the_stream_begins_with_what_is_so_now(dashboard):
    async with watching(dashboard) as stream:
        event = await stream.event()
    assert find(event, "hx-partial", hx_target="#server")["hx-swap"] == "outerMorph"
    assert find(event, "hx-partial", hx_target="#chip")["hx-swap"] == "outerMorph"
    assert find(event, id="server")["data-state"] == "stopped"


async def test_what_happens_elsewhere_is_told_at_once(dashboard):
    async with watching(dashboard) as stream:
        await stream.event()
        began = time.monotonic()
        await dashboard.api.door.start()
        assert await stream.state() == "running"
        assert time.monotonic() - began < 1.0


async def test_the_stream_lives_through_stop_and_start(dashboard):
    async with watching(dashboard) as stream:
        await stream.event()
        for act, state in (("start", "running"), ("stop", "stopped"), ("start", "running")):
            await getattr(dashboard.api.door, act)()
            while await stream.state() != state:
                pass


async def test_changes_are_told_at_most_once_a_second_and_the_last_one_always(dashboard):
    async def change() -> None:
        for number in range(10):
            await dashboard.api.door.move(20_000 + number)
            await asyncio.sleep(0.1)

    async with watching(dashboard) as stream:
        await stream.event()
        changing, began, told = asyncio.create_task(change()), time.monotonic(), 1
        while "20009" not in await stream.event():
            told += 1
        await changing
    # Gaps would be measured where events arrive: on a busy machine a late one stands close to the next.
    assert 2 <= told <= 2 + (time.monotonic() - began)


async def test_news_that_change_nothing_here_are_not_sent(dashboard):
    async with watching(dashboard) as stream:
        await stream.event()
        dashboard.api.gateway.news.tell()
        await asyncio.sleep(0.2)
        await dashboard.api.door.move(20_001)
        assert "20001" in await stream.event()


async def test_a_calm_stream_has_a_heartbeat(dashboard, monkeypatch):
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.05)
    async with watching(dashboard) as stream:
        await stream.event()
        await asyncio.sleep(0.5)
        await dashboard.api.door.move(20_001)
        await stream.event()
    assert stream.comments >= 3


async def test_the_stream_ends_with_its_session(dashboard):
    async with watching(dashboard) as stream:
        await stream.event()
        async with dashboard.client() as other_tab:
            await other_tab.post("/logout")
        with pytest.raises(EOFError):
            await stream.event()


async def test_closing_the_dashboard_ends_the_streams_at_once_and_quietly(dashboard, caplog):
    problems: list[dict] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    async with watching(dashboard) as one, watching(dashboard) as another:
        await one.event()
        await another.event()
        began = time.monotonic()
        await dashboard.listener.close()
        assert time.monotonic() - began < 1.0
        assert len(dashboard.app.ctx.calls) == 0
    assert problems == []
    assert caplog.text == ""


async def test_a_page_that_goes_away_leaves_nothing_behind(dashboard, caplog):
    async with watching(dashboard) as stream:
        await stream.event()
        assert len(dashboard.app.ctx.calls) == 1
    await until(lambda: len(dashboard.app.ctx.calls) == 0)
    assert caplog.text == ""


async def test_the_key_is_never_in_the_stream(dashboard):
    async with watching(dashboard) as stream:
        first = await stream.event()
        await dashboard.api.door.regenerate()
        second = await stream.event()
    assert first != second
    assert dashboard.api.gateway.keys.main() not in first + second


def test_a_frame_is_one_event_whatever_the_html():
    assert frame("<p>\n\n  a\r\n</p>") == "data: <p>\ndata: \ndata:   a\ndata: </p>\n\n"
    assert frame("data: x\n\nevent: y") == "data: data: x\ndata: \ndata: event: y\n\n"
    assert frame("a\u2028b\x85c") == "data: a\u2028b\x85c\n\n"


# What changes without being told


class Counting:
    """A part that looks different each time, and counts how often it was looked at."""

    def __init__(self, monkeypatch, changes=True):
        self.looks, self._changes = 0, changes
        monkeypatch.setitem(live.PAGES, "overview", (Part("count", self.look),))

    def look(self, _request, _house):
        self.looks += 1
        return self.looks if self._changes else 1


async def test_while_a_call_runs_the_page_is_looked_at_again_each_second(dashboard, monkeypatch):
    monkeypatch.setattr(live, "LEAST_GAP", 0.1)
    Counting(monkeypatch)
    with dashboard.api.app.ctx.calls.running():
        async with watching(dashboard) as stream:
            began = time.monotonic()
            for _ in range(4):
                await stream.event()
            assert time.monotonic() - began >= 0.25


async def test_without_calls_the_page_is_looked_at_again_when_the_minute_is_over(dashboard, monkeypatch):
    counting = Counting(monkeypatch)
    monkeypatch.setattr(live, "MINUTE", 1e12)
    async with watching(dashboard) as stream:
        await stream.event()
        await asyncio.sleep(0.3)
        assert counting.looks == 1
    monkeypatch.setattr(live, "MINUTE", 0.2)
    monkeypatch.setattr(live, "LEAST_GAP", 0.05)
    async with watching(dashboard) as stream:
        for _ in range(3):
            await stream.event()


async def test_looking_again_is_no_message_and_no_heartbeat(dashboard, monkeypatch):
    monkeypatch.setattr(live, "LEAST_GAP", 0.02)
    counting = Counting(monkeypatch, changes=False)
    with dashboard.api.app.ctx.calls.running():
        async with watching(dashboard) as stream:
            await stream.event()
            await until(lambda: counting.looks > 10)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await stream.event()
    assert stream.comments == 0
