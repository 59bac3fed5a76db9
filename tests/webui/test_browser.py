"""The page in a real Chromium, as a person uses it."""

import asyncio
import re
import time
from contextlib import asynccontextmanager

import httpx
import pytest
from playwright.async_api import expect

from api.errors import Holder, PortTaken
from api.listener import Failed, Running, Stopped
from tests.browser import EVIL_HOST, LANGUAGES
from tests.fakes import answers, far_end
from tests.program import SECONDS, Program
from tests.webui.conftest import free_port, until
from tests.webui.states import STATES, TAKEN

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def title(page):
    return page.locator("#server-title")


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


async def toast(page, text):
    await expect(page.locator(".toast")).to_have_text(text)


async def focused(page) -> str:
    return await page.evaluate(
        "(document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim()"
    )


@asynccontextmanager
async def held(port: int):
    """Another program on `port`."""
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def page_elsewhere(html: str, host: str = "127.0.0.1"):
    """Somebody else's page, on a port of its own. `localhost` is another site than 127.0.0.1."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        body = html.encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: %d\r\n" % len(body))
        writer.write(b"connection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        await server.wait_closed()


# Start, stop, restart


async def test_start_restart_and_stop(site):
    page = await site.open()
    await expect(title(page)).to_have_text("Stopped")
    await button(page, "Start").click()
    await expect(title(page)).to_have_text("Running")
    await toast(page, f"Started on port {site.api.door.port}.")
    assert await focused(page) == "Restart"
    await expect(page.locator("#chip")).to_have_text(f"Running:{site.api.door.port}")
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{site.api.url}/health")).status_code == 200
    await button(page, "Restart").click()
    await toast(page, "Restarted. Every connection was cut.")
    await expect(page.locator(".ctl--ro .value").first).to_have_text(site.api.url)
    await button(page, "Stop").click()
    await expect(title(page)).to_have_text("Stopped")
    await toast(page, "Stopped.")
    assert await focused(page) == "Start"
    await expect(page.locator("#server")).to_contain_text("stopped by you")


async def test_stop_says_how_many_streams_it_cut(site):
    page = await site.open()
    await button(page, "Start").click()
    await expect(title(page)).to_have_text("Running")
    ask = {"model": "morello:slow", "stream": True, "messages": [{"role": "user", "content": "word " * 200}]}
    async with site.api.client() as client, client.stream("POST", "/v1/chat/completions", json=ask) as answer:
        lines = answer.aiter_lines()
        while "word" not in await anext(lines):
            pass
        await button(page, "Stop").click()
        await toast(page, "Stopped. 1 stream was cut.")


async def test_a_drain_counts_down_and_can_be_ended(site):
    await site.api.gateway.choices.change(drain=40.0)
    await site.api.door.start()
    page = await site.open()
    with site.api.app.ctx.calls.running() as call:
        call.streams, call.task = True, asyncio.create_task(asyncio.Event().wait())
        await button(page, "Stop").click()
        await expect(title(page)).to_have_text("Stopping…")
        await expect(page.locator("[data-left]")).to_have_text(re.compile("3[0-8] s"))
        await button(page, "Stop now").click()
        await until(call.task.cancelled)
    await expect(title(page)).to_have_text("Stopped")
    await toast(page, "Stopped. 1 stream was cut.")


async def test_a_double_click_on_start_does_not_stop(site):
    page = await site.open()
    box = await button(page, "Start").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await page.mouse.click(x, y)
    await expect(title(page)).to_have_text("Running")
    under = await page.evaluate("([x, y]) => document.elementFromPoint(x, y).closest('.btn').textContent", [x, y])
    assert under == "Stop"
    await page.mouse.down(click_count=2)
    await page.mouse.up(click_count=2)
    await button(page, "Copy address").click()
    await expect(title(page)).to_have_text("Running")
    assert isinstance(site.api.door.state, Running)


async def test_the_time_counts_on(site):
    await site.api.door.start()
    page = await site.context.new_page()
    await page.clock.install()
    await page.goto(site.dashboard.link())
    await expect(page.locator("[data-up]")).to_have_text(re.compile(r"^\d s$"))
    await page.clock.fast_forward("04:37:10")
    await expect(page.locator("[data-up]")).to_have_text("4 h 37 min")


TELL = """([moment, text]) => {
    document.querySelector(".page__head h1").innerHTML = `<time datetime="${moment}" data-seconds>${text}</time>`;
    tick();
}"""
READERS = [
    ("en-GB", "Asia/Hong_Kong", "5 Jan, 01:30:07", "5 Jan, 09:30:07"),
    ("en-GB", "America/New_York", "5 Jan, 01:30:07", "4 Jan, 20:30:07"),
    ("zh-HK", "Asia/Hong_Kong", "1 月 5 日 01:30:07", "1 月 5 日 09:30:07"),
    ("zh-HK", "America/New_York", "1 月 5 日 01:30:07", "1月4日 20:30:07"),
    ("zh-CN", "America/New_York", "1 月 5 日 01:30:07", "1月4日 20:30:07"),
]


@pytest.mark.parametrize(("language", "zone", "written", "told"), READERS)
async def test_a_time_is_told_by_the_readers_clock(site, browser, language, zone, written, told):
    context = await browser.new_context(timezone_id=zone, locale=language)
    try:
        page = await site.open(context)
        await page.evaluate(TELL, ["2026-01-05T01:30:07+00:00", written])
        await expect(page.locator(".page__head time")).to_have_text(told)
    finally:
        await context.close()


# The port


async def test_a_wrong_port_is_explained_beside_the_field(site):
    page, before = await site.open(), site.api.door.port
    port = page.locator("#port")
    await port.fill("99")
    await port.press("Enter")
    await expect(page.locator("#port-hint")).to_contain_text("Choose one from 1000 to 65535.")
    await expect(port).to_have_value("99")
    await expect(port).to_have_attribute("aria-invalid", "true")
    await expect(port).to_be_focused()
    await site.gallery.take(page, "wrong-port")
    await port.fill("abc")
    await port.blur()
    await expect(page.locator("#port-hint")).to_contain_text("“abc” is not a port.")
    await expect(port).to_have_value("abc")
    assert site.api.door.port == before


async def test_a_new_port_is_saved_on_leaving_the_field(site):
    page, wanted = await site.open(), free_port()
    await page.locator("#port").fill(str(wanted))
    await page.locator("#port").blur()
    await toast(page, f"Port {wanted} saved.")
    await expect(page.locator(".ctl--ro .value").first).to_have_text(f"http://127.0.0.1:{wanted}")
    assert site.api.gateway.settings.port == wanted


async def test_start_takes_the_port_that_was_just_typed(site):
    page, wanted = await site.open(), free_port()
    await page.locator("#port").fill(str(wanted))
    await button(page, "Start").click()
    await expect(page.locator("#chip")).to_have_text(f"Running:{wanted}")
    await expect(page.locator("#port")).to_have_count(0)


async def test_enter_in_the_field_asks_once(site):
    page, wanted, asked = await site.open(), free_port(), []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    await page.locator("#port").fill(str(wanted))
    await page.locator("#port").press("Enter")
    await toast(page, f"Port {wanted} saved.")
    await button(page, "Start").click()
    await expect(title(page)).to_have_text("Running")
    assert [url.rpartition("/")[2] for url in asked] == ["port", "start"]


async def test_a_taken_port_and_its_recovery_by_one_click(site):
    page, port = await site.open(), site.api.door.port
    async with held(port):
        await button(page, "Start").click()
        await expect(title(page)).to_have_text("Could not start")
        notice = page.get_by_role("alert")
        await expect(notice).to_contain_text(f"EADDRINUSE: address already in use 127.0.0.1:{port}")
        await expect(notice.locator("dd").first).to_have_text(re.compile("python|pytest"))
        await page.get_by_label("Copy command").click()
        await expect(page.get_by_label("Copied")).to_be_focused()
        assert await page.evaluate("navigator.clipboard.readText()") == f"lsof -i :{port}"
        await button(page, f"Try {port} again").click()
        await expect(title(page)).to_have_text("Could not start")
        await page.get_by_role("link", name="Choose another port").click()
        await expect(page.locator("#port")).to_be_focused()
        await page.locator("#use-free-button").click()
        await expect(title(page)).to_have_text("Running")
    assert site.api.door.port != port


async def test_a_port_that_became_free_again_can_be_tried_again(site):
    page, port = await site.open(), site.api.door.port
    async with held(port):
        await button(page, "Start").click()
        await expect(title(page)).to_have_text("Could not start")
    await button(page, f"Try {port} again").click()
    await expect(title(page)).to_have_text("Running")
    assert site.api.door.port == port


# The key


async def test_the_key_is_shown_and_hidden(site):
    page = await site.open()
    clear = page.locator(".secret__clear")
    await button(page, "Show key").click()
    await expect(clear).to_have_text(site.api.key)
    assert await focused(page) == "Hide key"
    await button(page, "Hide key").click()
    await expect(clear).to_have_count(0)
    assert await focused(page) == "Show key"
    assert site.api.key not in await page.content()


async def test_the_key_hides_itself_after_half_a_minute(site):
    page = await site.context.new_page()
    await page.clock.install()
    await page.goto(site.dashboard.link())
    await button(page, "Show key").click()
    await expect(page.locator(".secret__clear")).to_be_visible()
    await page.clock.run_for(29_000)
    await expect(page.locator(".secret__clear")).to_be_visible()
    await page.clock.run_for(2_000)
    await expect(page.locator(".secret__clear")).to_have_count(0)


async def test_the_key_hides_when_the_page_is_left(site):
    page = await site.open()
    await button(page, "Show key").click()
    await expect(page.locator(".secret__clear")).to_be_visible()
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    await expect(page.locator(".secret__clear")).to_have_count(0)


async def test_a_key_in_view_stays_in_view_when_something_else_happens(site):
    page = await site.open()
    await button(page, "Show key").click()
    await expect(page.locator(".secret__clear")).to_be_visible()
    await site.api.door.start()
    await expect(title(page)).to_have_text("Running")
    await expect(page.locator(".secret__clear")).to_have_text(site.api.key)


async def test_an_old_key_in_view_goes_when_there_is_a_new_one(site):
    page = await site.open()
    await button(page, "Show key").click()
    await expect(page.locator(".secret__clear")).to_be_visible()
    await site.api.door.regenerate()
    await expect(page.locator(".secret__clear")).to_have_count(0)
    await expect(page.locator(".secret__masked.not-s")).to_have_text(re.compile(site.api.key[-4:]))


async def test_address_and_key_are_copied_and_the_key_is_not_seen(site):
    page = await site.open()
    await button(page, "Copy address").click()
    await expect(page.get_by_label("Copied")).to_have_attribute("data-done", "Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == site.api.url
    await button(page, "Copy key").click()
    await expect(page.locator("[data-copy-from][data-done]")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == site.api.key
    assert site.api.key not in await page.content()
    await expect(button(page, "Copy key")).to_be_visible()


async def test_regenerating_asks_first_and_the_safe_answer_has_the_focus(site):
    page, old = await site.open(), site.api.key
    dialog = page.get_by_role("dialog")
    await button(page, "Regenerate").click()
    await expect(dialog).to_contain_text(f"The key ending in {old[-4:]} stops working at once.")
    assert await focused(page) == "Keep the key"
    await site.gallery.take(page, "regenerate")
    await page.keyboard.press("Enter")
    await expect(dialog).to_be_hidden()
    await button(page, "Regenerate").click()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    assert site.api.key == old
    await button(page, "Regenerate").click()
    await button(page, "Regenerate key").click()
    await toast(page, "New key made. The old one no longer works.")
    assert site.api.key != old
    await expect(page.locator(".secret__clear")).to_have_text(site.api.key)
    await expect(dialog).to_be_hidden()
    assert await focused(page) == "Hide key"
    await site.gallery.take(page, "regenerated")


async def test_an_open_question_goes_away_when_it_can_no_longer_be_answered(site):
    page = await site.open()
    await button(page, "Regenerate").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await site.api.door.start()
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await button(page, "Stop").click()
    await expect(title(page)).to_have_text("Stopped")


# Live


async def test_each_tab_follows_what_another_did(site):
    one = await site.open()
    another = await site.tab()
    await button(one, "Start").click()
    began = time.monotonic()
    await expect(title(another)).to_have_text("Running")
    assert time.monotonic() - began < 3
    await button(another, "Stop").click()
    await expect(title(one)).to_have_text("Stopped")


async def test_typing_survives_a_live_update(site):
    page = await site.open()
    port = page.locator("#port")
    await port.click()
    await port.press("End")
    await port.press("Backspace")
    typed = await port.input_value()
    site.show(Failed(site.api.door.port, PortTaken(site.api.door.port), time.time()))
    await expect(title(page)).to_have_text("Could not start")
    await expect(port).to_be_focused()
    await page.keyboard.type("7")
    await expect(port).to_have_value(f"{typed}7")


async def test_the_caret_stays_where_it_is_while_the_page_changes(site):
    page = await site.open()
    port = page.locator("#port")
    await port.fill("1234")
    await port.press("Home")
    await port.press("ArrowRight")
    for number in range(3):
        site.show(Failed(site.api.door.port, PortTaken(site.api.door.port, free=2000 + number), time.time()))
        await expect(page.locator("#use-free-button")).to_have_text(f"Use {2000 + number} and start")
    await page.keyboard.type("9")
    await expect(port).to_have_value("19234")
    await expect(port).to_be_focused()


async def test_a_field_that_closes_shows_the_port_in_force_not_what_was_typed(site):
    page = await site.open()
    await page.locator("#port").fill("2")
    await site.api.door.start()
    await expect(page.locator(".server__grid .value").nth(1)).to_have_text(str(site.api.door.port))


async def test_a_lost_connection_is_said_and_found_again(site):
    page = await site.open()
    await expect(page.locator("#lost")).to_be_hidden()
    await site.dashboard.listener.close()
    await expect(page.locator("#lost")).to_be_visible()
    await expect(page.locator("#lost")).to_have_text("Connection lost — trying again")
    await site.gallery.take(page, "connection-lost")
    await site.api.door.start()
    await site.dashboard.listener.open(site.dashboard.port)
    await expect(page.locator("#lost")).to_be_hidden()
    await expect(title(page)).to_have_text("Running")
    await button(page, "Stop").click()
    await expect(title(page)).to_have_text("Stopped")
    site.watch.forgive("net::ERR_|htmx:sse:error")


async def test_a_page_outlives_the_program_and_shows_what_became_of_it(browser, tmp_path):
    words, before, after = ("--no-browser", "--dashboard-port", str(free_port())), free_port(), free_port()
    context = await browser.new_context(locale="en-GB")
    try:
        with Program(tmp_path, port=before, words=words) as program:
            page = await context.new_page()
            await page.goto((await asyncio.to_thread(program.ready)).login)
            await expect(page.locator("#chip")).to_have_text(f"Running:{before}")
            program.process.kill()
            await expect(page.locator("#lost")).to_be_visible()
        with Program(tmp_path, port=after, words=words) as program:
            await asyncio.to_thread(program.ready)
            await expect(page.locator("#lost")).to_be_hidden(timeout=SECONDS * 1000)
            await expect(page.locator("#chip")).to_have_text(f"Running:{after}")
            await button(page, "Stop").click()
            await expect(title(page)).to_have_text("Stopped")
    finally:
        await context.close()


HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


async def test_a_hidden_tab_lets_go_of_the_stream_and_of_the_key_and_comes_back(site):
    page, calls = await site.open(), site.dashboard.app.ctx.calls
    await button(page, "Show key").click()
    await expect(page.locator(".secret__clear")).to_be_visible()
    await until(lambda: len(calls) == 1)
    await page.evaluate(HIDE, True)
    await expect(page.locator(".secret__clear")).to_have_count(0)
    await until(lambda: len(calls) == 0)
    await site.api.door.start()
    await page.evaluate(HIDE, False)
    await expect(title(page)).to_have_text("Running")


async def test_an_action_that_nobody_answers_is_said(site):
    page = await site.open()
    await until(lambda: len(site.dashboard.app.ctx.calls) == 1)
    await site.dashboard.listener.close()
    await button(page, "Start").click()
    await toast(page, "Morello did not answer. Is it still running?")
    site.watch.forgive("net::ERR_|htmx:(sse:)?error")


async def test_a_page_whose_session_ended_locks_itself(site):
    one = await site.open()
    another = await site.tab()
    await button(another, "Sign out").click()
    await expect(another.get_by_role("heading", name="This dashboard is locked")).to_be_visible()
    await expect(one.get_by_role("heading", name="This dashboard is locked")).to_be_visible()
    site.watch.forgive("status of 401|status 401")


# What is said for a moment


async def show_toast(page, undo=False):
    form = "<form><button>Undo</button></form>" if undo else ""
    await page.evaluate("(inner) => toasts.innerHTML = `<div class=toast><span>Said.</span>${inner}</div>`", form)


async def clocked(site):
    """A page whose clock the test winds."""
    page = await site.context.new_page()
    await page.clock.install()
    await page.goto(site.dashboard.link())
    await expect(title(page)).to_be_visible()
    return page


async def test_a_toast_goes_after_four_seconds_and_one_with_undo_before_the_ten_of_the_server(site):
    page = await clocked(site)
    for undo, seconds in ((False, 4), (True, 9.5)):
        await show_toast(page, undo)
        await page.clock.run_for(int(seconds * 1000) - 500)
        await expect(page.locator(".toast")).to_be_visible()
        await page.clock.run_for(600)
        await expect(page.locator(".toast")).to_have_count(0)


async def test_a_toast_waits_while_it_is_pointed_at_or_has_the_focus(site):
    page = await clocked(site)
    await page.evaluate("toasts.innerHTML = '<div class=toast tabindex=0>Said.</div>'")
    await page.locator(".toast").hover()
    await page.clock.run_for(11_000)
    await page.locator(".toast").focus()
    await page.mouse.move(0, 0)
    await page.clock.run_for(11_000)
    await expect(page.locator(".toast")).to_be_visible()
    await page.evaluate("document.activeElement.blur()")
    await page.clock.run_for(11_000)
    await expect(page.locator(".toast")).to_have_count(0)


async def test_undo_is_offered_no_longer_than_it_works(site):
    page = await clocked(site)
    await show_toast(page, undo=True)
    await page.locator(".toast").hover()
    await page.clock.run_for(10_000)
    await expect(page.locator(".toast")).to_have_count(0)


async def test_what_can_be_undone_is_not_pushed_away_by_another_word(site):
    page = await clocked(site)
    await show_toast(page, undo=True)
    await page.keyboard.press("c")
    await expect(page.locator(".toast")).to_have_text(["Said.Undo", "Address copied."])


# Who may


async def test_the_login_link_works_when_it_is_clicked_on_another_site(site):
    async with page_elsewhere(f'<a href="{site.dashboard.link()}">Open</a>', "localhost") as elsewhere:
        site.watch.allow(elsewhere)
        page = await site.context.new_page()
        await page.goto(elsewhere)
        await page.get_by_role("link").click()
        await expect(title(page)).to_have_text("Stopped")
        assert page.url == f"{site.dashboard.url}/"
        await page.go_back()
        # Not page.url at once: htmx notes the page it came with in the history, which ends Playwright's waiting early.
        await expect(page).to_have_url(elsewhere)


READ = """(url) => Promise.all(["GET /", "GET /live", "POST /key/copy", "POST /stop"].flatMap((line) => {
    const [method, path] = line.split(" ");
    return ["cors", "no-cors"].map((mode) => fetch(url + path, { method, mode, credentials: "include" })
        .then((answer) => answer.text(), () => ""));
})).then((texts) => texts.join(""))"""
SEND = """(url) => {
    const form = Object.assign(document.createElement("form"), { method: "post", action: url });
    document.body.append(form);
    form.submit();
}"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_another_page_on_this_machine_can_neither_read_nor_change(site, host):
    await site.api.door.start()
    await site.open()
    async with page_elsewhere("<p>Hello</p>", host) as elsewhere:
        page = await site.context.new_page()
        await page.goto(elsewhere)
        assert await page.evaluate(READ, site.dashboard.url) == ""
        async with page.expect_navigation(url=f"{site.dashboard.url}/stop") as navigation:
            await page.evaluate(SEND, f"{site.dashboard.url}/stop")
        assert (await navigation.value).status == 403
    assert isinstance(site.api.door.state, Running)
    site.watch.allow(elsewhere)
    site.watch.forgive("CORS policy|ERR_FAILED|status of 403|ERR_BLOCKED_BY_RESPONSE")


async def test_a_name_that_only_resolves_here_is_refused(site):
    page = await site.context.new_page()
    answer = await page.goto(f"http://{EVIL_HOST}:{site.dashboard.port}/")
    assert answer.status == 421
    site.watch.allow(f"http://{EVIL_HOST}")
    site.watch.forgive("status of 421|Cross-Origin-Opener-Policy header has been ignored")


async def test_localhost_leads_to_the_page(site):
    await site.open()
    page = await site.context.new_page()
    await page.goto(f"http://localhost:{site.dashboard.port}/")
    assert page.url == f"{site.dashboard.url}/"
    site.watch.allow("http://localhost")


async def test_the_locked_page_has_the_command_to_copy(site):
    page = await site.context.new_page()
    await page.goto(site.dashboard.url)
    await button(page, "Copy command").click()
    await expect(page.get_by_label("Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == await page.locator(".command code").inner_text()
    await site.gallery.take(page, "locked", languages=LANGUAGES)
    site.watch.forgive("status of 401")


HOSTILE = [
    '"><img src=x onerror=alert(1)>',
    'x" hx-get="/health" hx-trigger="load',
    '<hx-partial hx-target="body" hx-swap="innerHTML">gone</hx-partial>',
]


async def test_hostile_text_is_only_text(site):
    page = await site.open()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name in HOSTILE:
        site.show(Failed(23333, PortTaken(23333, Holder(name, 1, name), 23334), time.time()))
        await expect(page.locator("dd").first).to_have_text(name)
        await page.reload()
        await expect(page.locator("dd").first).to_have_text(name)
    assert [url for url in asked if "health" in url or url.endswith("/x")] == []
    assert await page.locator("img").count() == 0


# Without a mouse, without JavaScript, without room


SIDEBAR = [
    "Go to the content",
    "Morello",
    "Overview",
    "Providers",
    "Models",
    "Settings",
    "Language: English",
    "Sign out",
]
CARD = ["API docs", "Start", "Copy address", "port", "Show key", "Copy key", "Regenerate"]


async def test_the_keyboard_alone_does_everything(site):
    page = await site.open()
    order = []
    for _ in range(len(SIDEBAR) + 1 + len(CARD)):
        await page.keyboard.press("Tab")
        order.append(await focused(page) or await page.evaluate("document.activeElement.id"))
    assert order == [*SIDEBAR, f"Stopped:{site.api.door.port}", *CARD]
    await button(page, "Start").focus()
    await page.keyboard.press("Enter")
    await expect(title(page)).to_have_text("Running")
    assert await focused(page) == "Restart"
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await expect(title(page)).to_have_text("Stopped")
    assert await focused(page) == "Start"


async def test_the_content_is_one_key_away(site):
    page = await site.open()
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()
    await page.keyboard.press("Tab")
    assert await focused(page) == "API docs"


async def test_keys_lead_from_room_to_room_and_copy_the_address(site):
    page = await site.open()
    for key, path in (("p", "/providers"), ("m", "/models"), ("s", "/settings"), ("o", "/")):
        await page.keyboard.press("g")
        await page.keyboard.press(key)
        await expect(page).to_have_url(f"{site.dashboard.url}{path}")
    await page.keyboard.press("c")
    await toast(page, "Address copied.")
    assert await page.evaluate("navigator.clipboard.readText()") == site.api.url


async def test_a_slash_leads_to_the_search_if_there_is_one(site):
    page = await site.open()
    await page.keyboard.press("/")
    await page.evaluate("document.querySelector('.page__head').innerHTML += '<input type=search aria-label=Find>'")
    await page.keyboard.press("/")
    await expect(page.get_by_label("Find")).to_be_focused()
    await expect(page.get_by_label("Find")).to_have_value("")


async def test_a_slash_leads_to_the_search_of_an_open_drawer(site):
    page = await site.open()
    await page.goto(f"{site.dashboard.url}/providers/add")
    await page.get_by_role("dialog").get_by_role("button", name="Close").focus()
    await page.keyboard.press("/")
    await expect(page.locator("#find")).to_be_focused()
    await expect(page.locator("#find")).to_have_value("")


async def test_the_focus_stays_at_a_provider_whose_button_becomes_another(site):
    providers = site.api.gateway.providers
    async with far_end(answers(401, b'{"error": {"message": "No such key."}}')) as provider:
        await providers.add("far", "openai_chat", f"{provider.url}/v1", "sk-far-0123456789")
        page = await site.open()
        await page.goto(f"{site.dashboard.url}/providers")
        card = page.locator("#provider-far")
        await card.get_by_role("button", name="Test").focus()
        await page.keyboard.press("Enter")
        await expect(card.get_by_role("link", name="Replace key")).to_be_focused()
    await card.get_by_role("button", name="more").focus()
    for key in ("Enter", *("Tab",) * 5, "Enter"):
        await page.keyboard.press(key)
    await expect(card.get_by_role("button", name="Switch on")).to_be_focused()
    await card.get_by_role("button", name="more").focus()
    for key in ("Enter", *("Tab",) * 4, "Enter"):
        await page.keyboard.press(key)
    await expect(card).to_have_count(0)
    await expect(page.locator("#main")).to_be_focused()


async def test_what_is_typed_into_a_field_is_no_shortcut(site):
    page = await site.open()
    await page.locator("#port").fill("")
    await page.keyboard.type("gpc/")
    await expect(page.locator("#port")).to_have_value("gpc/")
    await expect(page).to_have_url(f"{site.dashboard.url}/")


# From room to room


async def room(page, name):
    """Enter a room by its link, and see that it is the one."""
    await page.locator(".side").get_by_role("link", name=re.compile(f"^{name}")).click()
    await expect(page).to_have_title(f"{name} · Morello")


async def test_a_room_is_entered_without_loading_the_page_again(site):
    page = await site.open()
    await page.evaluate("window.kept = true")
    await room(page, "Settings")
    await expect(page.locator("#main")).to_be_focused()
    await expect(page.locator("[aria-current=page]")).to_have_text("Settings")
    await expect(page).to_have_url(f"{site.dashboard.url}/settings")
    assert await page.evaluate("window.kept && scrollY === 0")


async def test_going_back_shows_the_room_before_as_it_is_now(site):
    page = await site.open()
    await page.evaluate("window.kept = true")
    await room(page, "Settings")
    await room(page, "Providers")
    await site.api.door.start()
    await page.go_back()
    await expect(page).to_have_title("Settings · Morello")
    await expect(page.locator("[aria-current=page]")).to_have_text("Settings")
    await page.go_back()
    await expect(title(page)).to_have_text("Running")
    await expect(page.locator("#main")).to_be_focused()
    await expect(page.locator("[aria-current=page]")).to_have_text("Overview")
    assert await page.evaluate("window.kept")


async def test_the_stream_follows_the_room(site):
    page, calls = await site.open(), site.dashboard.app.ctx.calls
    await until(lambda: len(calls) == 1)
    for name in ("Providers", "Settings", "Overview"):
        await room(page, name)
    async with page.expect_request(re.compile("/live")) as live:
        await room(page, "Settings")
    assert (await live.value).url.endswith("/live?page=settings")
    await until(lambda: len(calls) == 1)
    await site.api.door.start()
    await expect(page.locator("#chip")).to_have_text(f"Running:{site.api.door.port}")


async def test_a_room_that_cannot_be_entered_leaves_the_page_as_it_is(site):
    page = await site.open()
    await until(lambda: len(site.dashboard.app.ctx.calls) == 1)
    await site.dashboard.listener.close()
    await page.get_by_role("link", name="Settings").click()
    await toast(page, "Morello did not answer. Is it still running?")
    await expect(title(page)).to_have_text("Stopped")
    await expect(page.locator("[aria-current=page]")).to_have_text("Overview")
    site.watch.forgive("net::ERR_|htmx:(sse:)?error")


async def test_the_number_of_providers_stands_beside_their_room(site):
    page = await site.open()
    await expect(page.locator("#count")).to_have_text("")
    await site.api.gateway.providers.add("far", "openai_chat", "http://127.0.0.1:9/v1", None)
    await expect(page.locator("#count")).to_have_text("1")


async def test_a_drawer_opens_and_closes_and_the_focus_returns(site):
    page = await site.open()
    await room(page, "Providers")
    add = page.locator(".page__head").get_by_role("link", name="Add provider")
    await add.focus()
    await page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog", name="Add provider")
    await expect(drawer).to_be_visible()
    assert await drawer.evaluate("(dialog) => dialog.matches(':modal') && dialog.contains(document.activeElement)")
    await page.keyboard.press("Escape")
    await expect(drawer).to_have_count(0)
    await expect(add).to_be_focused()


async def test_a_drawer_with_an_address_of_its_own_leaves_its_room_behind(site):
    page = await site.open()
    await page.goto(f"{site.dashboard.url}/providers/add")
    drawer = page.get_by_role("dialog", name="Add provider")
    await expect(drawer).to_be_visible()
    await drawer.get_by_role("button", name="Close").click()
    await expect(drawer).to_have_count(0)
    await expect(page).to_have_url(f"{site.dashboard.url}/providers")
    await page.reload()
    await expect(drawer).to_have_count(0)


async def test_what_is_no_longer_there_is_said_in_words(site):
    page = await site.open()
    await page.evaluate("htmx.ajax('POST', '/providers/gone/nothing', { source: '#act' })")
    await toast(page, "There is nothing at this address.")
    await expect(title(page)).to_have_text("Stopped")
    site.watch.forgive("status of 404")


async def test_another_language_is_chosen_and_the_room_stays(site):
    page = await site.open()
    await room(page, "Settings")
    await button(page, "Language: English").click()
    await button(page.locator("#languages"), re.compile("^繁體中文")).click()
    await expect(page.locator("html")).to_have_attribute("lang", "zh-Hant-HK")
    await expect(page).to_have_url(f"{site.dashboard.url}/settings")
    await expect(page.locator(".side [aria-current=page]")).to_have_text("設定")
    await page.locator("[popovertarget=languages]").click()
    await expect(page.locator("#languages [aria-current]")).to_have_text(re.compile("繁體中文"))


async def test_everything_works_without_javascript(site, browser):
    port, old = site.api.door.port, site.api.key
    context = await browser.new_context(java_script_enabled=False)
    try:
        page = await site.open(context)
        await expect(page.get_by_label("Copy address")).to_be_hidden()
        await page.locator("#port").fill("99")
        await button(page, "Save").click()
        await expect(page.locator("#port-hint")).to_contain_text("Choose one from 1000 to 65535.")
        await expect(page.locator("#port")).to_have_value("99")
        await page.goto(site.dashboard.url)
        await button(page, "Regenerate").click()
        await button(page, "Keep the key").click()
        await button(page, "Regenerate").click()
        await button(page, "Regenerate key").click()
        await expect(page.locator(".secret__clear")).to_have_text(site.api.key)
        assert site.api.key != old
        await button(page, "Hide key").click()
        await button(page, "Show key").click()
        await expect(page.locator(".secret__clear")).to_have_text(site.api.key)
        async with held(port):
            await page.goto(site.dashboard.url)
            await button(page, "Start").click()
            await expect(title(page)).to_have_text("Could not start")
            await page.locator("#use-free-button").click()
            await expect(title(page)).to_have_text("Running")
        await button(page, "Restart").click()
        await expect(title(page)).to_have_text("Running")
        await button(page, "Stop").click()
        await expect(title(page)).to_have_text("Stopped")
        await page.get_by_role("link", name="Settings").click()
        await page.locator("[popovertarget=languages]").click()
        await button(page.locator("#languages"), "简体中文").click()
        await expect(page).to_have_title("设置 · Morello")
        await page.locator("[popovertarget=languages]").click()
        await button(page.locator("#languages"), "English").click()
        await button(page, "Sign out").click()
        await expect(page.get_by_role("heading", name="This dashboard is locked")).to_be_visible()
    finally:
        await context.close()


async def test_on_a_small_screen_nothing_sticks_out_and_the_menu_opens(site):
    page = await site.open()
    await page.set_viewport_size({"width": 390, "height": 844})
    for state in (Stopped(time.time()), Running(23333, time.time()), TAKEN):
        site.show(state)
        await expect(page.locator("#server")).to_have_attribute("data-state", state.name)
        assert await page.evaluate("document.documentElement.scrollWidth") == 390
    await expect(page.locator(".secret__masked.only-s")).to_have_text(f"cs-sk-•••••••{site.api.key[-4:]}")
    await expect(page.locator("#menu")).to_be_hidden()
    await button(page, "Main menu").click()
    await expect(page.locator("#menu")).to_be_visible()
    await site.gallery.take(page, "menu")
    await page.keyboard.press("Escape")
    await expect(page.locator("#menu")).to_be_hidden()
    await button(page, "Show key").click()
    await expect(page.locator(".secret__clear")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") == 390


# The docs


async def test_the_docs_on_the_dashboard_say_where_the_api_is(site):
    page = await site.open()
    async with site.context.expect_page() as opened:
        await page.locator(".page__head").get_by_role("link", name="API docs").click()
    docs = await opened.value
    await expect(docs.locator("#where")).to_contain_text(f"Once it is started it answers at {site.api.url}")
    await docs.locator(".opblock-post").first.click()
    await expect(docs.locator(".opblock-body").first).to_be_visible()
    await expect(docs.locator(".try-out__btn")).to_have_count(0)
    await expect(docs.locator(".errors-wrapper")).to_have_count(0)
    await site.gallery.take(docs, "docs")


async def test_the_docs_on_the_api_can_be_tried(site):
    await site.api.door.start()
    docs = await site.context.new_page()
    await docs.goto(f"{site.api.url}/docs")
    await docs.locator(".opblock-summary-path", has_text="/health").click()
    await docs.locator(".try-out__btn").click()
    await docs.locator(".execute").click()
    await expect(docs.locator(".live-responses-table td.response-col_status").last).to_contain_text("200")
    site.watch.allow(site.api.url)


# Pictures


async def test_every_state_is_drawn_without_a_complaint(site):
    await site.api.gateway.choices.change(port=23333)
    page = await site.open()
    for name, state in STATES.items():
        site.show(state)
        await page.reload()
        await expect(page.locator("#server")).to_have_attribute("data-state", state.name)
        await expect(page.locator(".beacon")).to_be_visible()
        await site.gallery.take(page, name, languages=LANGUAGES)
