"""The overview's numbers: what its tiles, bars and rows say is what the far end counted."""

import asyncio
import json
import math
import re
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import anthropic
import openai
import pytest
from playwright.async_api import expect

from api.activity import SHOWN, Bar, Look
from api.conversation import Usage
from api.gateway import Gateway
from api.listener import Stopped
from api.store.calls import CallRow
from api.usage import Tally
from tests.browser import LANGUAGES
from tests.conftest import api_over
from tests.fakes import CHAT, MESSAGE, chat_frames, far_end, message_frames
from tests.webui.conftest import dashboard_over, free_port, until
from tests.webui.reading import find, find_all
from tests.webui.test_words import MARKED, unsaid
from webui.chart import draw
from webui.pages.overview import METRICS, Activity, Mark, Shown
from webui.render import environment

QUESTION = [{"role": "user", "content": "Say hello"}]
MINUTE = 60.0
SECRET = "sk-far-0123456789"

# What is asked, by how many minutes ago: the SDK that asks, and what the far end does with how many tokens.
SCRIPT = {
    40: [
        *("oai whole-120-30", "oai whole-9-1", "ant whole-2000-450", "ant whole-1-1", "oai stream-70-20"),
        *("ant stream-800-64", "oai limit-0-0", "ant limit-0-0", "oai hang-5-5", "ant hang-31-9"),
    ],
    3: [
        *("oai stream-11-7", "oai cut-50-50", "oai whole-0-0", "ant cut-17-4", "ant stream-3-2", "oai broken-0-0"),
        *("ant whole-640-128", "ant broken-0-0", "oai whole-33-44", "oai stream-5-6", "oai cut-8-8"),
    ],
    0: [
        *("ant whole-77-11", "oai whole-100-1", "ant stream-15-16", "oai limit-0-0", "oai whole-12-13"),
        *("ant whole-14-15", "oai stream-21-22", "ant stream-23-24", "oai stream-1000-2000", "oai whole-2-3"),
        *("ant limit-0-0", "oai stream-6-7", "ant whole-90-10"),
    ],
}
STATUS = {"whole": "200", "stream": "200", "limit": "429", "broken": "502", "cut": "502", "hang": "Caller left"}
HELD = ("oai hang-1-1", "ant hang-400-40", "oai hang-2-2")  # at once, after all of these


class Clock:
    """The clock on the wall, which stands still between two calls: no call falls between two minutes."""

    def __init__(self):
        self.end = time.time() // MINUTE * MINUTE + 5
        self.now = self.end

    def __call__(self):
        return self.now


@dataclass
class Entry:
    """One call in the far end's own books: what it was asked for, and what it said before the end."""

    at: float
    model: str
    came: int | None = None
    went: int | None = None
    failed: bool = False


@dataclass
class Books:
    """A provider of both dialects that does what the model's name says, and counts."""

    clock: Clock
    entries: list[Entry] = field(default_factory=list)

    async def behave(self, received, wire):
        """Do what the model's name says."""
        asked = json.loads(received.body)
        kind, came, went = asked["model"].split("-")
        entry = Entry(self.clock(), asked["model"])
        self.entries.append(entry)
        answer = MESSAGE if received.path.endswith("/messages") else CHAT
        frames = message_frames if answer is MESSAGE else chat_frames
        if kind in ("limit", "broken"):
            entry.failed = True
            await wire.reply(429 if kind == "limit" else 500, b'{"error":{"message":"no"}}')
        elif kind == "whole":
            entry.came, entry.went = int(came), int(went)
            await wire.reply(200, counted(answer, int(came), int(went)))
        else:
            await self._stream(kind, entry, frames(["Hel", "lo"], (int(came), int(went))), wire)

    async def _stream(self, kind, entry, frames, wire):
        came, went = entry.model.split("-")[1:]
        await wire.begin_stream()
        if b"message_start" in frames[0]:
            entry.came, entry.went = int(came), 1
        for frame in frames if kind == "stream" else frames[:3]:
            await wire.chunk(frame)
        if kind == "hang":
            await asyncio.Event().wait()
        if kind == "cut":
            entry.failed = True
            return wire.hang_up()
        entry.came, entry.went = int(came), int(went)
        return await wire.end_stream()

    def today(self):
        """The calls since midnight."""
        midnight = datetime.fromtimestamp(self.clock.end).replace(hour=0, minute=0, second=0).timestamp()
        return [entry for entry in self.entries if entry.at >= midnight]

    def minutes(self, count):
        """`count` of the calls of each of the last 60 minutes."""
        last = int(self.clock.end // MINUTE)
        sums = Counter[int]()
        for entry in self.entries:
            sums[int(entry.at // MINUTE)] += count(entry)
        return [sums[minute] for minute in range(last - SHOWN + 1, last + 1)]


def counted(body, came, went):
    """A whole answer with other numbers of tokens."""
    said = json.loads(body)
    openai_names = {"prompt_tokens": came, "completion_tokens": went, "total_tokens": came + went}
    said["usage"] = openai_names if "choices" in said else {"input_tokens": came, "output_tokens": went}
    return json.dumps(said).encode()


class Callers:
    """The official SDKs, as programs use them."""

    def __init__(self, api):
        self.oai = openai.AsyncOpenAI(base_url=f"{api.url}/v1", api_key=api.key, max_retries=0)
        self.ant = anthropic.AsyncAnthropic(base_url=api.url, api_key=api.key, max_retries=0)

    async def ask(self, line):
        """One call from start to end, whatever the end is."""
        kind = line.split()[1].split("-")[0]
        if kind == "hang":
            await (await self.begin(line)).close()
        elif kind in ("limit", "broken"):
            with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)):
                await self._create(line, stream=False)
        elif kind == "cut":
            with pytest.raises((openai.APIError, anthropic.APIError)):
                await self._read(line)
        else:
            await (self._read(line) if kind == "stream" else self._create(line, stream=False))

    async def begin(self, line):
        """A stream that has begun."""
        stream = await self._create(line, stream=True)
        await anext(aiter(stream))
        return stream

    async def _read(self, line):
        async for _ in await self._create(line, stream=True):
            pass

    async def _create(self, line, stream):
        provider, model = line.split()
        asked = {"model": f"{provider}:{model}", "messages": QUESTION, "stream": stream}
        if provider == "oai":
            return await self.oai.chat.completions.create(**asked)
        return await self.ant.messages.create(max_tokens=64, **asked)

    async def close(self):
        """Let go of the connections."""
        await self.oai.close()
        await self.ant.close()


@asynccontextmanager
async def opened(home, cache):
    """The whole program on `home`, its API open, with somebody signed in."""
    async with Gateway.open(home, cache) as gateway, api_over(gateway) as api:
        await api.door.move(free_port())
        await api.door.start()
        async with dashboard_over(api) as dashboard:
            token = dashboard.link().partition("token=")[2]
            dashboard.identity = await dashboard.sessions.sign_in(token) or ""
            yield dashboard


async def page(dashboard, metric="requests"):
    async with dashboard.client() as browser:
        answer = await browser.get(f"/?metric={metric}")
    assert answer.status_code == 200
    return answer.text


# What a page says


def tile(html, metric):
    """The number of a tile and the line below it."""
    inside = find(html, "button", id=f"tile-{metric}").inside
    number, line = (next(each for each in inside if each.attributes.get("class") == name) for name in TILE)
    return number.text, line.text


TILE = ("tile__v", "tile__s")


def bars(html):
    """What each of the 60 minutes shows, and how much of it is a failure."""
    axis = find(html, "div", class_="chart__y").inside[0].text
    top = float(axis.removesuffix(" k").removesuffix(" ms").replace(",", "")) * (1000 if axis.endswith(" k") else 1)
    values, failures = [0.0] * SHOWN, [0.0] * SHOWN
    for bar in find_all(html, "rect"):
        minute, value = round((float(bar["x"]) - 1.2) / 10), float(bar["height"]) * top / 100
        values[minute] += value
        if bar["class"] == "b--err":
            failures[minute] += value
    return values, failures, top


def rows(html):
    """Model, tokens and status of each row."""
    table = find(html, "section", id="requests")
    cells = [cell.text for cell in table.inside if cell.tag == "td"]
    return [(model, tokens, status) for _time, model, tokens, _total, status in zip(*[iter(cells)] * 5, strict=True)]


# The proof


async def run_the_script(dashboard, clock):
    """Thirty-seven calls, one after the other but for the last three; the page as it was while those ran."""
    callers = Callers(dashboard.api)
    for ago, lines in SCRIPT.items():
        clock.now = clock.end - ago * MINUTE
        for line in lines:
            await callers.ask(line)
            await until(lambda: not len(dashboard.api.door.calls))
    held = [await callers.begin(line) for line in HELD]
    running = await page(dashboard)
    for stream in held:
        before = len(dashboard.api.door.calls)
        await stream.close()
        await until(partial(fewer_than, before, dashboard.api.door.calls))
    await callers.close()
    activity = dashboard.api.gateway.activity
    await until(lambda: sum(bar.calls for bar in activity.look().bars) == 37)
    return running


def fewer_than(number, calls):
    return len(calls) < number


def check_tiles(html, books):
    calls, today = books.minutes(lambda entry: 1), books.today()
    came, went = (sum(getattr(entry, name) or 0 for entry in today) for name in ("came", "went"))
    at = f"{datetime.fromtimestamp(books.clock.end):%H:%M}"
    assert max(calls) == calls[-1], "the script's last minute is its busiest"
    assert tile(html, "requests") == (f"{calls[-1]}", f"peak {calls[-1]} at {at}")
    assert tile(html, "tokens") == (f"{came + went:,}", f"{came:,} in · {went:,} out")
    assert tile(html, "streams") == ("0", "no other calls")


def check_bars(html, counts, failures):
    values, wrong, top = bars(html)
    assert values == pytest.approx(counts, abs=top / 1000)
    assert wrong == pytest.approx(failures, abs=top / 1000)


def check_rows(html, books):
    expected = []
    for line, entry in zip([*SCRIPT[0], *HELD], books.entries[-16:], strict=True):
        provider, model = line.split()
        assert model == entry.model
        tokens = "–" if entry.came is None else f"{entry.came + entry.went:,}"
        expected.append((f"{provider}:{model}", tokens, STATUS[model.split("-")[0]]))
    assert rows(html) == expected[:-9:-1]


def check_latency(html, took):
    """The histogram is off by 2 % at the most, the tile rounds to a millisecond."""
    (number, _), took = tile(html, "latency"), sorted(took)
    said = [float(value) * (1000 if unit == "s" else 1) for value, unit in re.findall(r"([\d.]+)(ms|s)", number)]
    middle, high = (took[math.ceil(len(took) * part) - 1] for part in (0.5, 0.95))
    assert said == [pytest.approx(middle, rel=0.025, abs=0.6), pytest.approx(high, rel=0.025, abs=0.6)]


async def check_page(dashboard, books):
    """Every tile, bar and row says what the far end has in its books."""
    html, tokens = await page(dashboard), await page(dashboard, "tokens")
    check_tiles(html, books)
    check_bars(html, books.minutes(lambda entry: 1), books.minutes(lambda entry: entry.failed))
    check_bars(tokens, books.minutes(lambda entry: (entry.came or 0) + (entry.went or 0)), [0] * SHOWN)
    check_rows(html, books)
    took = [row.first_token_ms for row in await dashboard.api.rows() if row.first_token_ms is not None]
    check_latency(html, took)
    return html


async def test_every_tile_bar_and_row_is_the_far_ends_own_count(home, cache, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    books = Books(clock)
    async with far_end(books.behave) as far:
        async with opened(home, cache) as dashboard:
            await dashboard.api.gateway.providers.add("oai", "openai_chat", f"{far.url}/v1", SECRET)
            await dashboard.api.gateway.providers.add("ant", "anthropic", f"{far.url}/v1", SECRET)
            running = await run_the_script(dashboard, clock)
            assert len(books.entries) == 37
            assert tile(running, "streams") == ("3", "no other calls")
            assert [(model, status) for model, _, status in rows(running)[:3]] == [
                (line.replace(" ", ":"), "Streaming") for line in HELD[::-1]
            ]
            before = await check_page(dashboard, books)
            check_bars(await page(dashboard, "streams"), [0] * 19 + [1] + [0] * 36 + [1, 0, 0, 3], [0] * SHOWN)
        async with opened(home, cache) as dashboard:
            after = await check_page(dashboard, books)
    assert find(after, id="activity").text == find(before, id="activity").text
    assert find(after, id="requests").text == find(before, id="requests").text


# What it says otherwise


def call(at, served="m", provider="oai", status=200, error=None, tokens=(100, 20), total=1500.0):
    """A finished call, as the call table has it."""
    came, went = tokens
    return CallRow(
        at, "req_1", "/v1/chat/completions", "openai_chat", f"{provider}:{served}", provider, served, status, error,
        True, came, went, 400.0, total, 100, 200,
    )  # fmt: skip


@pytest.fixture
async def overview(dashboard):
    """The dashboard with a provider: without one the first run stands in its place."""
    await dashboard.api.gateway.providers.add("oai", "openai_chat", "http://127.0.0.1:1/v1", SECRET)
    return dashboard


async def test_before_the_first_call_the_page_says_so_in_words(overview):
    html = await page(overview)
    assert "No requests yet" in find(html, id="requests").text
    assert tile(html, "requests") == ("0", "none in the last hour")
    assert tile(html, "latency") == ("–", "to first token, last hour")
    assert tile(html, "streams") == ("0", "API is stopped")
    assert find(html, "div", role="img")["aria-label"] == "No requests in the last 60 minutes."
    assert find_all(html, "rect") == []


async def test_the_chart_says_in_a_sentence_what_it_shows(overview):
    now = time.time() // MINUTE * MINUTE + 1
    overview.api.gateway.activity.add([call(now - 120), call(now - 120, status=500), call(now - 240)])
    at = f"{datetime.fromtimestamp(now - 120):%H:%M}"
    sentence = find(await page(overview), "div", role="img")["aria-label"]
    assert sentence.startswith("Requests a minute over the last 60 minutes. Now 0, peak 2 at ")
    assert sentence.endswith(f"{at}. 1 failed.")
    sentence = find(await page(overview, "tokens"), "div", role="img")["aria-label"]
    assert sentence.startswith("Tokens a minute over the last 60 minutes. Now 0, peak 240 at ")
    assert sentence.endswith(f"{at}.")


async def test_just_after_midnight_the_hours_before_it_have_no_date(overview, monkeypatch):
    now = datetime.now().replace(hour=0, minute=10).timestamp()
    monkeypatch.setattr(time, "time", lambda: now)
    hours = find(await page(overview), "div", class_="chart__x").text
    assert re.fullmatch(r"23:11 ?23:26 ?23:41 ?23:56 ?now", hours)


@pytest.mark.parametrize(
    ("asked", "pressed"),
    [
        ("requests", "requests"),
        ("tokens", "tokens"),
        ("latency", "latency"),
        ("streams", "streams"),
        ('"><b>', "requests"),
    ],
)
async def test_a_tile_chooses_the_chart_and_the_choice_stays_in_the_address(overview, asked, pressed):
    html = await page(overview, asked)
    assert [tile["value"] for tile in find_all(html, "button", aria_pressed="true")] == [pressed]
    query = "" if pressed == "requests" else f"&metric={pressed}"
    assert find(html, id="live")["hx-sse:connect"] == f"/live?page=overview{query}"


async def test_the_live_parts_show_the_chosen_metric(overview):
    async with overview.client() as browser, browser.stream("GET", "/live?page=overview&metric=tokens") as answer:
        lines = answer.aiter_lines()
        first = "\n".join([line async for line in until_blank(lines)])
    assert find(first, "button", aria_pressed="true")["value"] == "tokens"


async def until_blank(lines):
    """The lines of one event."""
    async for line in lines:
        if not line:
            return
        yield line.removeprefix("data: ")


async def test_where_it_was_stopped_is_marked_and_the_history_stays(overview):
    now = time.time()
    overview.api.gateway.activity.add([call(now - 30 * MINUTE)])
    await overview.api.door.start()
    assert "Stopped" not in await chart_marks(overview)
    await overview.api.door.stop()
    assert "Stopped" in await chart_marks(overview)
    assert len(find_all(await page(overview), "rect")) == 1
    overview.api.listener.state = Stopped(now - 3 * 3600, by_owner=True)
    assert await chart_marks(overview) == ""


async def chart_marks(dashboard, metric="requests"):
    return " ".join(mark.text for mark in find_all(await page(dashboard, metric), "svg", class_="chart__mark"))


async def test_streams_say_from_when_on_they_were_counted(overview):
    await overview.api.door.start()
    assert "Counted since" in await chart_marks(overview, "streams")
    assert await chart_marks(overview, "tokens") == ""


async def test_calls_that_do_not_stream_are_counted_beside_the_streams(overview):
    await overview.api.door.start()
    calls = overview.api.door.calls
    with calls.running(Tally("req_1", "/", "openai_chat", 1)) as first, calls.running() as second:
        assert tile(await page(overview), "streams") == ("0", "2 more calls waiting")
        assert rows(await page(overview)) == [("–", "–", "Waiting")]
        first.streams = True
        assert tile(await page(overview), "streams") == ("1", "1 more call waiting")
        second.streams = True
        assert tile(await page(overview), "streams") == ("2", "no other calls")


async def test_a_stream_is_counted_in_pieces_until_the_provider_has_counted(overview):
    tally = Tally("req_1", "/", "openai_chat", 1)
    tally.asked, tally.provider, tally.served, tally.pieces = "oai:m", "oai", "m", 1212
    with overview.api.door.calls.running(tally) as running:
        running.streams = True
        assert rows(await page(overview)) == [("oai:m", "≈ 1,212", "Streaming")]
        tally.usage = Usage(2000, 1300)
        assert rows(await page(overview)) == [("oai:m", "3,300", "Streaming")]


async def test_a_call_that_ended_is_there_before_it_is_written(overview):
    tally = Tally("req_1", "/", "openai_chat", 1)
    tally.asked, tally.status = "nobody:m", 404
    overview.api.gateway.ledger.record(tally)
    assert rows(await page(overview)) == [("nobody:m", "–", "404")]
    await overview.api.rows()
    assert rows(await page(overview)) == [("nobody:m", "–", "404")]


async def test_eight_rows_are_shown_and_the_ones_in_progress_come_first(overview):
    overview.api.gateway.activity.add(call(time.time(), f"m{number}") for number in range(20))
    assert [model for model, _, _ in rows(await page(overview))] == [f"oai:m{number}" for number in range(19, 11, -1)]
    with overview.api.door.calls.running(Tally("req_1", "/", "openai_chat", 1)):
        shown = rows(await page(overview))
    assert (len(shown), shown[0][2], shown[1][0]) == (8, "Waiting", "oai:m19")


def test_a_chart_ends_at_a_round_number_with_a_whole_half():
    tops = [draw([peak]).top for peak in (0, 1, 2, 3, 7, 9, 11, 12, 13, 99, 101, 2401, 1_840_000)]
    assert tops == [2, 2, 2, 4, 8, 10, 12, 12, 16, 100, 120, 3000, 2_000_000]


def test_what_is_not_nothing_can_be_seen():
    drawn = draw([1000, 1], [1, 0])
    assert [(bar.kind, bar.height) for bar in drawn.bars] == [("b", 99.0), ("err", 1.0), ("now", 1.0)]


# In every language


def said(reader, activity, requests):
    """The two cards in the reader's language."""
    both = '<body>{% include "parts/activity.html" %}{% include "parts/requests.html" %}'
    return environment(reader).from_string(both).render(activity=activity, requests=requests, now=NOW)


NOW = 1_700_000_000.0
BUSY = (Bar(1, 1, 5, 3.0),) * SHOWN
SHOWN_ROWS = tuple(
    Shown(state, NOW, "Morello", "Morello", 12, state == "streaming", 1.0, status=200)
    for state in ("streaming", "waiting", "done", "failed", "gone")
)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", [None, "stopped", "since"])
@pytest.mark.parametrize(("others", "is_open"), [(0, False), (0, True), (1, True), (2, True)])
@pytest.mark.parametrize("bars", [BUSY, (Bar(0, 0, 0, None),) * SHOWN], ids=["busy", "calm"])
def test_every_sentence_of_the_numbers_is_translated(metric, kind, others, is_open, bars):
    look = Look(NOW, bars, 1, 2, bars[0].first_ms, bars[0].first_ms, None)
    mark = Mark(kind, NOW, 50.0) if kind else None
    activity = Activity(metric, is_open, look, draw([bar.calls for bar in bars]), mark, 1, others, ())
    assert unsaid(said(MARKED, activity, SHOWN_ROWS if others else ())) == []


# In a browser

IN_A_BROWSER = (pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"))


def in_a_browser(test):
    """A test that needs a real Chromium."""
    for mark in IN_A_BROWSER:
        test = mark(test)
    return test


HOSTILE = (
    '"><img src=x onerror=alert(1)>',
    'x" hx-get="/',
    "m" * 256,
    "\u202egnihtyna\u202d \u2067\u05d0\u05d1\u05d2",
    "<script>document.title='gone'</script>",
    "{{ 7*7 }}",
)


# Nothing in a row is wider than its place, but for the name, which is cut off there; and no line is broken.
ALL_IN_THEIR_PLACE = """
    [...document.querySelectorAll('#requests tr')].every(row =>
        [...row.cells].every(cell => cell.scrollWidth <= cell.clientWidth || cell.matches('.cut')))
    && [...document.querySelectorAll('#requests li')].every(row =>
        [...row.children].every(child => child.getBoundingClientRect().right <= row.getBoundingClientRect().right)
        && row.offsetHeight <= 57)
"""


async def shown(site):
    """The overview of a running API."""
    await site.api.gateway.providers.add("oai", "openai_chat", "http://127.0.0.1:1/v1", SECRET)
    await site.api.door.start()
    return await site.open()


@in_a_browser
async def test_a_hostile_name_of_a_model_is_only_a_name(site):
    page = await shown(site)
    now = time.time()
    site.api.gateway.activity.add(call(now, name) for name in HOSTILE)
    site.api.gateway.activity.add([call(now, HOSTILE[0], provider=HOSTILE[1])])
    site.api.gateway.news.tell()
    names = page.locator("#requests td bdi")
    await expect(names).to_have_text([f"{HOSTILE[1]}:{HOSTILE[0]}", *(f"oai:{name}" for name in HOSTILE[::-1])])
    assert await page.locator("#requests :is(img, script, [hx-get])").count() == 0
    assert await page.title() == "Overview · Morello"
    for width in (1360, 1024, 390):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert await page.evaluate(ALL_IN_THEIR_PLACE)
    await page.set_viewport_size({"width": 1360, "height": 900})
    await site.gallery.take(page, "overview-hostile")


@in_a_browser
async def test_a_tile_changes_the_chart_without_a_reload_and_the_live_parts_follow(site):
    page = await shown(site)
    await page.evaluate("window.kept = true")
    await page.locator("#tile-tokens").click()
    await expect(page.locator("#tile-tokens")).to_have_attribute("aria-pressed", "true")
    await expect(page.locator(".chart")).to_have_attribute("aria-label", "No tokens in the last 60 minutes.")
    assert page.url.endswith("/?metric=tokens")
    await until(lambda: len(site.dashboard.app.ctx.calls) == 1)
    site.api.gateway.activity.add([call(time.time(), tokens=(4000, 0))])
    site.api.gateway.news.tell()
    await expect(page.locator(".chart__y span").first).to_have_text("4,000")
    await expect(page.locator("#tile-tokens")).to_have_attribute("aria-pressed", "true")
    assert await page.evaluate("document.activeElement.id") == "tile-tokens"
    await page.locator("#tile-streams").press("Enter")
    await expect(page.locator("#tile-streams")).to_have_attribute("aria-pressed", "true")
    assert await page.evaluate("window.kept")
    await page.go_back()
    await expect(page.locator("#tile-tokens")).to_have_attribute("aria-pressed", "true")


@in_a_browser
async def test_without_scripts_a_tile_is_a_form(site, browser):
    await site.api.gateway.providers.add("oai", "openai_chat", "http://127.0.0.1:1/v1", SECRET)
    context = await browser.new_context(java_script_enabled=False)
    try:
        page = await site.open(context)
        await page.locator("#tile-latency").click()
        await expect(page.locator("#tile-latency")).to_have_attribute("aria-pressed", "true")
        assert page.url.endswith("/?metric=latency")
    finally:
        await context.close()


@in_a_browser
async def test_a_stream_is_counted_live_and_its_row_stays_when_it_ends(site):
    page = await shown(site)
    await expect(page.locator("#requests")).to_contain_text("No requests yet")
    async with site.api.client() as caller:
        asked = {"model": "morello:slow", "stream": True, "messages": [{"role": "user", "content": "word " * 400}]}
        async with caller.stream("POST", "/v1/chat/completions", json=asked) as answer:
            words = answer.aiter_bytes()
            await anext(words)
            await expect(page.locator("#requests td").last).to_have_text("Streaming")
            await expect(page.locator("#tile-streams .tile__v")).to_have_text("1")
            await expect(page.locator("#requests td [data-up]")).to_have_text(re.compile("[1-9] s"))
        await expect(page.locator("#requests td").last).to_have_text("Caller left")
    await expect(page.locator("#tile-streams .tile__v")).to_have_text("0")
    await expect(page.locator("#tile-requests .tile__v, #tile-requests .tile__s").last).to_contain_text("peak 1")
    await site.gallery.take(page, "overview-numbers")


# Calls a minute, and which of the minutes had failures: an hour as the design draws it.
HOUR = (
    *(5, 6, 6, 10, 7, 8, 7, 8, 6, 6, 7, 5, 4, 5, 5, 6, 7, 6, 9, 10, 8, 6, 10, 7, 6, 5, 3, 1, 1, 0),
    *(2, 2, 3, 3, 4, 2, 5, 5, 12, 4, 6, 3, 3, 3, 3, 4, 5, 5, 9, 6, 8, 7, 7, 9, 8, 9, 7, 8, 7, 7),
)
FAILING = {21: 1, 22: 2, 23: 1, 47: 1}
MODELS = (("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-5-mini"), ("deepseek", "deepseek-chat"))


def an_hour(now):
    """An hour of calls that end like those of a day at work."""
    for minute, calls in enumerate(HOUR):
        for number in range(calls):
            provider, model = MODELS[(minute + number) % 3]
            failed = number < FAILING.get(minute, 0)
            status, error = (429, "rate_limited") if failed else (200, None)
            tokens = (None, None) if failed else (900 + 31 * minute, 70 + number)
            at, total = now - 60 * (59 - minute), 300.0 + 17 * minute * number
            yield call(at, model, provider, status, error, tokens, total)


@in_a_browser
async def test_a_busy_hour_is_drawn_bar_by_bar(site, monkeypatch):
    now = time.time() // MINUTE * MINUTE + 5
    monkeypatch.setattr(time, "time", lambda: now)
    page = await shown(site)
    site.api.gateway.activity.add(an_hour(now))
    site.api.gateway.news.tell()
    for width in (1360, 1024, 390):
        await page.set_viewport_size({"width": width, "height": 900})
        await expect(page.locator("rect.b")).to_have_count(59)
        drawn = await page.evaluate(DRAWN)
        unit = drawn["plot"]["height"] / 12
        heights = [round(bar["height"] / unit, 1) for bar in drawn["bars"]]
        assert heights == pytest.approx([calls for calls in HOUR if calls], abs=0.1)
        middles = [bar["x"] + bar["width"] / 2 - drawn["plot"]["x"] for bar in drawn["bars"]]
        step = drawn["plot"]["width"] / 60
        assert middles == pytest.approx([(minute + 0.5) * step for minute, calls in enumerate(HOUR) if calls], abs=1)
    await page.set_viewport_size({"width": 1360, "height": 900})
    for metric in METRICS:
        await page.locator(f"#tile-{metric}").click()
        await expect(page.locator(f"#tile-{metric}")).to_have_attribute("aria-pressed", "true")
        await site.gallery.take(page, f"overview-busy-{metric}", languages=LANGUAGES if metric == METRICS[0] else ())


# Where each minute's bar is on the screen: what failed stands below the rest of it and makes one bar with it.
DRAWN = """(() => {
    const place = (element) => element.getBoundingClientRect().toJSON();
    const bars = new Map();
    for (const rect of document.querySelectorAll(".chart__plot rect")) {
        const at = rect.getAttribute("x"), here = place(rect), before = bars.get(at);
        bars.set(at, before ? { ...here, height: here.height + before.height } : here);
    }
    const svg = place(document.querySelector(".chart__plot svg"));
    return { bars: [...bars.values()], plot: svg };
})()"""
