"""Each page and part: its status and the one element that matters, with JavaScript and without."""

import asyncio
import re
import time

import pytest

from api.errors import Holder, PortRefused, PortTaken, StoreFailed
from api.listener import Failed, Running, Starting, Stopped, Stopping
from tests.webui.conftest import LOGIN_COMMAND, free_port, until
from tests.webui.reading import find, find_all
from tests.webui.wire import raw, status_of

HTMX = {"hx-request": "true"}
OURS = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "clipboard-write=(self)",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


# Coming in and going out


async def test_a_link_signs_in_and_leads_to_a_clean_address(dashboard):
    link = dashboard.link()
    async with dashboard.stranger() as browser:
        answer = await browser.get(link)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert (await browser.get("/")).status_code == 200


async def test_a_link_that_was_used_says_so_and_prints_the_command_for_a_new_one(dashboard):
    link = dashboard.link()
    async with dashboard.stranger() as browser:
        await browser.get(link)
    async with dashboard.stranger() as browser:
        answer = await browser.get(link)
    assert answer.status_code == 401
    assert "used already" in answer.text
    assert find(answer.text, "code").text == LOGIN_COMMAND
    assert find(answer.text, "button", aria_label="Copy command")["data-copy"] == LOGIN_COMMAND


async def test_a_cookie_that_was_planted_is_not_adopted(dashboard):
    async with dashboard.stranger() as browser:
        browser.cookies.set(dashboard.sessions.cookie, "planted")
        answer = await browser.get(dashboard.link())
        assert "planted" not in answer.headers["set-cookie"]
        browser.cookies.clear()
        browser.cookies.set(dashboard.sessions.cookie, "planted")
        assert (await browser.get("/")).status_code == 401


async def test_a_link_clicked_on_another_site_goes_on_by_a_page_of_ours(dashboard):
    async with dashboard.stranger(sec_fetch_site="cross-site") as browser:
        answer = await browser.get(dashboard.link())
    assert answer.status_code == 200
    assert find(answer.text, "meta", http_equiv="refresh")["content"] == "0; url=/"
    assert "set-cookie" in answer.headers


async def test_a_locked_page_prints_the_command_and_no_secret(dashboard):
    async with dashboard.stranger() as browser:
        answer = await browser.get("/")
    assert answer.status_code == 401
    assert find(answer.text, "h1").text == "This dashboard is locked"
    assert find(answer.text, "code").text == LOGIN_COMMAND
    assert "csrf" not in answer.text


async def test_logging_out_ends_the_session_and_drops_the_cookie(dashboard):
    async with dashboard.client() as browser:
        answer = await browser.post("/logout", data={"csrf": dashboard.csrf})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert "Max-Age=0" in answer.headers["set-cookie"]
    async with dashboard.client() as browser:
        assert (await browser.get("/")).status_code == 401


async def test_an_old_page_is_told_to_load_itself_again(dashboard):
    async with dashboard.stranger(origin=dashboard.url, **HTMX) as browser:
        signed_out = await browser.post("/start")
    async with dashboard.client(x_csrf_token="of a session before", **HTMX) as browser:
        signed_in_anew = await browser.post("/start")
    assert (signed_out.status_code, signed_out.headers["hx-refresh"]) == (401, "true")
    assert (signed_in_anew.status_code, signed_in_anew.headers["hx-refresh"]) == (403, "true")


# Headers


async def test_every_answer_carries_the_headers(dashboard):
    async with dashboard.client(**HTMX) as window, dashboard.stranger() as stranger:
        answers = [
            await window.get("/"),
            await window.post("/key/reveal"),
            await window.get("/nowhere"),
            await window.get("/start"),
            await window.get("/static/app.css"),
            await window.get("/health"),
            await stranger.get("/"),
            await stranger.get("/login?token=x"),
            await stranger.post("/start"),
            await stranger.get("/", headers={"host": "evil.example"}),
            await stranger.get("/", headers={"host": "localhost"}),
        ]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in OURS} == OURS
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["cache-control"] == "no-store"
        assert not {"alt-svc", "server"} & set(answer.headers)


async def test_a_malformed_request_is_answered_with_the_headers_too(dashboard):
    head = (await raw(dashboard, "GET / HTTP/9.9\r\nhost: 127.0.0.1\r\n\r\n")).decode().lower()
    assert head.startswith("http/1.1 400 ")
    assert "content-security-policy: default-src 'none'" in head
    assert "alt-svc" not in head


async def test_only_a_static_file_asked_for_by_its_version_is_kept(dashboard):
    async with dashboard.client() as browser:
        page = (await browser.get("/")).text
        named = [link["href"] for link in find_all(page, "link")] + [
            script["src"] for script in find_all(page, "script")
        ]
        assert len(named) == 5
        for address in named:
            assert (await browser.get(address)).headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (await browser.get("/static/app.css?v=0")).headers["cache-control"] == "no-store"
        assert (await browser.get("/static/app.css")).headers["content-type"] == "text/css; charset=utf-8"


async def test_a_static_file_is_sent_zipped_to_whoever_reads_that(dashboard):
    async with dashboard.client() as browser:
        plain = await browser.get("/static/app.css", headers={"accept-encoding": "identity"})
        zipped = await browser.get("/static/app.css", headers={"accept-encoding": "gzip, br"})
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.content == plain.content
    assert zipped.num_bytes_downloaded < plain.num_bytes_downloaded / 3


@pytest.mark.parametrize("name", ["..", "../pyproject.toml", "%2e%2e/api/app.py", "vendor", "", "/etc/passwd"])
async def test_nothing_but_static_files_is_served(dashboard, name):
    assert await status_of(dashboard, f"GET /static/{name} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n") == 404


async def test_the_docs_page_has_a_policy_of_its_own(dashboard):
    async with dashboard.stranger() as browser:
        policy = (await browser.get("/docs")).headers["content-security-policy"]
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert "script-src 'self';" in policy


# Errors


async def test_an_unknown_address_is_a_small_page_for_people_and_text_for_programs(dashboard):
    async with dashboard.client() as browser:
        page = await browser.get("/nowhere")
        text = await browser.get("/nowhere", headers={"accept": "*/*"})
    assert (page.status_code, find(page.text, "h1").text) == (404, "There is nothing at this address.")
    assert (text.status_code, text.text) == (404, "There is nothing at this address.")


async def test_a_wrong_method_names_the_right_one(dashboard):
    async with dashboard.client() as browser:
        answer = await browser.get("/start")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_failure_of_ours_is_logged_and_not_shown(dashboard, monkeypatch, caplog):
    def fail() -> str:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(dashboard.api.gateway.keys, "main", fail)
    async with dashboard.client() as browser:
        answer = await browser.get("/")
    assert answer.status_code == 500
    assert "a secret detail" not in answer.text
    assert find(answer.text, "h1").text == "Morello failed at this. Its log says more."
    assert "the dashboard failed at a request" in caplog.text


async def test_a_full_disk_is_told_in_its_own_words(dashboard, monkeypatch):
    async def full(work):
        raise StoreFailed("The database could not be used: %(why)s.", why="database or disk is full")

    monkeypatch.setattr(dashboard.api.gateway.store, "write", full)
    said = "The database could not be used: database or disk is full."
    async with dashboard.client() as browser:
        page = await browser.post("/drain", data={"drain": "5"})
        assert (page.status_code, find(page.text, "h1").text) == (503, said)
        part = await browser.post("/drain", data={"drain": "5"}, headers=HTMX)
        assert (part.status_code, part.text) == (503, said)


# The card in each state


def in_state(dashboard, state):
    dashboard.api.listener.state = state


async def page_in(dashboard, state) -> str:
    before = dashboard.api.listener.state
    in_state(dashboard, state)
    async with dashboard.client() as browser:
        answer = await browser.get("/")
    in_state(dashboard, before)
    assert answer.status_code == 200
    return answer.text


NOW = 1_800_000_000.0


@pytest.fixture
def now(monkeypatch):
    monkeypatch.setattr("webui.view.time.time", lambda: NOW)


@pytest.mark.parametrize(
    ("state", "title", "says"),
    [
        (Stopped(NOW), "Stopped", r"Since \d{1,2} [A-Z][a-z]{2}( 20\d\d)?, \d\d:\d\d · not started yet"),
        (Stopped(NOW, by_owner=True), "Stopped", r"Since \d{1,2} [A-Z][a-z]{2}( 20\d\d)?, \d\d:\d\d · stopped by you"),
        (Starting(1234), "Starting…", "Opening port 1234"),
        (Running(1234, NOW - 16_640), "Running", "Up 4 h 37 min · only this computer can reach it"),
        (Stopping(1234, NOW), "Stopping…", "Cutting what is still open"),
        (Stopping(1234, NOW + 12), "Stopping…", "Streams have 12 s left, then they are cut"),
        (Failed(1234, PortTaken(1234), NOW), "Could not start", r".* · the port is held by another program"),
        (Failed(80, PortRefused("Not here."), NOW), "Could not start", r"\d{1,2} [A-Z][a-z]{2}( 20\d\d)?, \d\d:\d\d"),
    ],
)
async def test_the_card_says_what_is_so(dashboard, now, state, title, says):
    if hasattr(state, "port"):
        await dashboard.api.gateway.choices.change(port=max(state.port, 1000))
    page = await page_in(dashboard, state)
    bar = find(page, "div", class_="server__bar")
    assert find(page, id="server")["data-state"] == state.name
    assert find(page, id="server-title").text == title
    assert re.fullmatch(says, next(part for part in bar.inside if part.tag == "p").text)
    assert find(page, id="chip").text == f"{title}:{dashboard.api.gateway.settings.port}"


async def test_times_of_today_are_shown_short(dashboard):
    page = await page_in(dashboard, Stopped(time.time(), by_owner=True))
    assert re.search(r">\d\d:\d\d</time> · stopped by you", page)


def buttons(page: str) -> list[str]:
    """What the server card can be asked to do."""
    return [part["action"] for part in find(page, id="server").inside if part.attributes.get("method") == "post"]


async def test_each_state_offers_what_can_be_done_in_it_and_nothing_else(dashboard):
    stopped = ["/start", "/port", "/key/reveal", "/key/regenerate"]
    assert buttons(await page_in(dashboard, Stopped(NOW))) == stopped
    assert buttons(await page_in(dashboard, Starting(1234))) == ["/key/reveal"]
    assert buttons(await page_in(dashboard, Running(1234, NOW))) == ["/restart", "/stop", "/key/reveal"]
    assert buttons(await page_in(dashboard, Stopping(1234, 0.0))) == ["/key/reveal"]
    assert buttons(await page_in(dashboard, Stopping(1234, 9e9))) == ["/stop", "/key/reveal"]
    failed = ["/start", "/start", "/port", "/key/reveal", "/key/regenerate"]
    assert buttons(await page_in(dashboard, Failed(1234, PortTaken(1234, free=1235), NOW))) == failed


async def test_the_stopped_card_says_who_needs_the_api(dashboard):
    page = await page_in(dashboard, Stopped(NOW))
    assert find(page, "div", class_="notice").text.startswith("The API is stopped. Clients get")


async def test_the_docs_are_one_click_away_in_every_state(dashboard):
    for state in (Stopped(NOW), Running(1234, NOW), Failed(1234, PortTaken(1234), NOW)):
        link = find(await page_in(dashboard, state), "a", class_="btn end")
        assert (link["href"], link["target"], link["rel"]) == ("/docs", "_blank", "noopener")
    async with dashboard.stranger() as browser:
        assert (await browser.get("/docs")).status_code == 200
        assert (await browser.get("/openapi.json")).json()["openapi"] == "3.1.0"


HOLDER = Holder(name="Cherry Studio", pid=8127, user="kahei", since=NOW)


async def test_a_taken_port_names_its_holder_and_the_ways_out(dashboard):
    page = await page_in(dashboard, Failed(23333, PortTaken(23333, HOLDER, 23334), NOW))
    assert find(page, role="alert").tag == "div"
    assert "EADDRINUSE: address already in use 127.0.0.1:23333" in page
    told = [dd.text for dd in find_all(page, "dd")]
    assert told[:3] == ["Cherry Studio", "8127", "kahei"]
    assert find(page, "button", id="use-free-button").text == "Use 23334 and start"
    assert find(page, "button", aria_label="Copy command")["data-copy"] == "lsof -i :23333"
    assert find(page, id="port")["aria-invalid"] == "true"
    assert find(page, id="port-hint").text == "In use · 23334 is free"


async def test_a_holder_nobody_can_see_is_another_program(dashboard):
    page = await page_in(dashboard, Failed(23333, PortTaken(23333), NOW))
    assert [dd.text for dd in find_all(page, "dd")] == ["Another program"]
    assert find_all(page, id="use-free-button") == []
    assert find(page, id="port-hint").text == "In use"


async def test_another_morello_is_one_click_away(dashboard):
    other = Holder("python", 1, is_morello=True, dashboard="http://127.0.0.1:24300")
    page = await page_in(dashboard, Failed(23333, PortTaken(23333, other, 23334), NOW))
    link = find(page, "a", href="http://127.0.0.1:24300")
    assert (link.text, link["target"], link["rel"]) == ("Open that dashboard", "_blank", "noopener")
    assert find(page, "dd").text == "Another Morello"


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "http://evil.example/",
        "http://127.0.0.1:1@evil.example/",
        "http://127.0.0.1.evil:1",
    ],
)
async def test_an_address_that_a_stranger_tells_is_not_believed(dashboard, address):
    other = Holder("python", 1, is_morello=True, dashboard=address)
    page = await page_in(dashboard, Failed(23333, PortTaken(23333, other, 23334), NOW))
    assert address not in page


async def test_a_failure_of_another_kind_is_told_in_its_own_words(dashboard):
    page = await page_in(dashboard, Failed(80, PortRefused("This system wants <b>more</b>."), NOW))
    assert find(page, role="alert").text == "This system wants <b>more</b>."


@pytest.mark.parametrize(
    "name", ['"><img src=x onerror=alert(1)>', 'x" hx-get="/key/copy" hx-trigger="load', "x" * 10_000]
)
async def test_hostile_text_stays_text(dashboard, name):
    page = await page_in(dashboard, Failed(23333, PortTaken(23333, Holder(name, 1, name), 23334), NOW))
    told = find_all(page, "dd")
    assert [told[0].text, told[2].text] == [name, name]
    assert find_all(page, "img") == []
    assert "hx-ignore" in find(page, "dl").attributes


# The key


async def test_the_key_is_masked_but_for_its_last_four(dashboard):
    key = dashboard.api.gateway.keys.main()
    async with dashboard.client() as browser:
        page = (await browser.get("/")).text
    assert key not in page
    masked = find(page, class_="value secret__masked not-s").text
    assert re.fullmatch(r"cs-sk-•{8}-•{4}-•{4}-•{4}-•{8}[0-9a-f]{4}", masked)
    assert masked[-4:] == key[-4:]


async def test_the_key_is_revealed_to_a_post_and_only_in_its_answer(dashboard):
    key = dashboard.api.gateway.keys.main()
    async with dashboard.client(**HTMX) as browser:
        part = (await browser.post("/key/reveal")).text
        assert find(part, class_="value secret__clear").text == key
        assert find(part, class_="secret")["data-revealed"] == "30"
        assert key not in (await browser.get("/")).text


async def test_the_key_can_be_seen_without_javascript(dashboard):
    async with dashboard.client() as browser:
        page = (await browser.post("/key/reveal", data={"csrf": dashboard.csrf})).text
    assert find(page, class_="value secret__clear").text == dashboard.api.gateway.keys.main()
    assert find(page, "html")["lang"] == "en"


async def test_regenerating_asks_first_without_javascript_too(dashboard):
    async with dashboard.client() as browser:
        assert "open" not in find((await browser.get("/")).text, "dialog").attributes
        page = (await browser.get("/?ask=regenerate")).text
    assert "open" in find(page, "dialog").attributes
    assert dashboard.api.gateway.keys.main()[-4:] in find(page, id="regenerate-text").text


async def test_regenerating_makes_and_shows_the_new_key(dashboard):
    old = dashboard.api.gateway.keys.main()
    async with dashboard.client(**HTMX) as browser:
        answer = await browser.post("/key/regenerate")
    new = dashboard.api.gateway.keys.main()
    assert new != old
    assert find(answer.text, class_="value secret__clear").text == new
    assert find(answer.text, class_="toast").text == "New key made. The old one no longer works."


async def test_a_key_in_use_is_not_regenerated(dashboard):
    await dashboard.api.door.start()
    old = dashboard.api.gateway.keys.main()
    async with dashboard.client(**HTMX) as browser:
        answer = await browser.post("/key/regenerate")
    assert answer.status_code == 200
    assert "Stop it first; the key is unchanged." in find(answer.text, class_="toast").text
    assert dashboard.api.gateway.keys.main() == old


# Start, stop, restart, port


async def test_start_restart_and_stop_answer_with_the_card_as_it_then_is(dashboard):
    port = dashboard.api.door.port
    async with dashboard.client(**HTMX) as browser:
        for path, state, toast in (
            ("/start", "running", f"Started on port {port}."),
            ("/restart", "running", "Restarted. Every connection was cut."),
            ("/stop", "stopped", "Stopped."),
        ):
            part = (await browser.post(path)).text
            assert find(part, id="server")["data-state"] == state == dashboard.api.door.state.name
            assert find(part, class_="toast").text == toast
            assert find(part, id="chip").tag == "a"


async def test_plain_forms_come_back_to_the_page(dashboard):
    async with dashboard.client() as browser:
        for path in ("/start", "/restart", "/stop"):
            answer = await browser.post(path, data={"csrf": dashboard.csrf})
            assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("typed", ["99", "999", "65536", "abc", "", "-1", "23 333", "²", "9" * 5000])
async def test_a_wrong_port_comes_back_with_what_was_typed_and_why(dashboard, typed):
    before = dashboard.api.door.port
    async with dashboard.client(**HTMX) as browser:
        for path in ("/port", "/start"):
            answer = await browser.post(path, data={"port": typed})
            assert answer.status_code == 200
            assert find(answer.text, id="port")["value"] == typed
            assert find(answer.text, id="port")["aria-invalid"] == "true"
            assert re.search("Choose one from 1000 to 65535|Type a number", find(answer.text, id="port-hint").text)
    assert dashboard.api.door.port == before
    assert isinstance(dashboard.api.door.state, Stopped)


async def test_a_wrong_port_is_explained_without_javascript_too(dashboard):
    async with dashboard.client() as browser:
        answer = await browser.post("/port", data={"csrf": dashboard.csrf, "port": "99"})
    assert answer.status_code == 422
    assert find(answer.text, "html")["lang"] == "en"
    assert find(answer.text, id="port")["value"] == "99"


async def test_a_new_port_is_kept_and_said(dashboard):
    port = dashboard.api.door.port + 1
    async with dashboard.client(**HTMX) as browser:
        answer = await browser.post("/port", data={"port": str(port)})
        assert find(answer.text, class_="toast").text == f"Port {port} saved."
        again = await browser.post("/port", data={"port": str(port)})
    assert dashboard.api.gateway.settings.port == port
    assert find_all(again.text, class_="toast") == []


async def test_the_dashboards_own_port_is_refused(dashboard):
    async with dashboard.client(**HTMX) as browser:
        answer = await browser.post("/port", data={"port": str(dashboard.port)})
    assert answer.status_code == 200
    assert "the dashboard's own" in find(answer.text, id="port-hint").text


async def test_start_takes_the_port_that_stands_in_the_field(dashboard):
    port = free_port()
    async with dashboard.client(**HTMX) as browser:
        await browser.post("/start", data={"port": str(port)})
    state = dashboard.api.door.state
    assert isinstance(state, Running)
    assert state.port == port


async def test_a_port_does_not_change_under_a_running_api(dashboard):
    await dashboard.api.door.start()
    before = dashboard.api.door.port
    async with dashboard.client(**HTMX) as browser:
        answer = await browser.post("/port", data={"port": str(before + 1)})
    assert answer.status_code == 200
    assert "Stop it first." in find(answer.text, class_="toast").text
    assert dashboard.api.door.port == before


async def test_a_taken_port_is_answered_and_left_by_one_click(dashboard, taken_port):
    async with dashboard.client(**HTMX) as browser:
        refused = await browser.post("/start")
        assert refused.status_code == 200
        assert find(refused.text, id="server")["data-state"] == "failed"
        free = find(refused.text, id="use-free")
        port = next(part["value"] for part in free.inside if part.attributes.get("name") == "port")
        started = await browser.post("/start", data={"port": port})
    assert find(started.text, id="server")["data-state"] == "running"
    assert dashboard.api.door.port == int(port) != taken_port


async def test_stop_waits_for_the_drain_and_stop_now_does_not(dashboard):
    await dashboard.api.gateway.choices.change(drain=30.0)
    await dashboard.api.door.start()
    with dashboard.api.app.ctx.calls.running() as call:
        call.streams = True
        call.task = asyncio.create_task(asyncio.Event().wait())
        async with dashboard.client(**HTMX) as browser:
            stopping = asyncio.create_task(browser.post("/stop"))
            await until(lambda: isinstance(dashboard.api.door.state, Stopping))
            page = (await browser.get("/")).text
            assert find(page, id="server-title").text == "Stopping…"
            assert not stopping.done()
            now = asyncio.create_task(browser.post("/stop", data={"now": "1"}))
            await until(call.task.cancelled)
            first, second = await stopping, await now
    assert find(first.text, class_="toast").text == "Stopped. 1 stream was cut."
    assert find_all(second.text, class_="toast") == []


async def test_what_was_begun_is_ended_though_the_caller_hangs_up(dashboard, caplog):
    await dashboard.api.gateway.choices.change(drain=0.5)
    await dashboard.api.door.start()
    with dashboard.api.app.ctx.calls.running() as call:
        call.task = asyncio.create_task(asyncio.Event().wait())
        async with dashboard.client(**HTMX) as browser:
            hanging_up = asyncio.create_task(browser.post("/stop"))
            await until(lambda: isinstance(dashboard.api.door.state, Stopping))
            hanging_up.cancel()
        await until(call.task.cancelled)
    await until(lambda: isinstance(dashboard.api.door.state, Stopped))
    assert caplog.text == ""


@pytest.mark.parametrize(("path", "form"), [("/drain", {"drain": "5"}), ("/port", {"port": "20001"})])
async def test_what_is_written_is_in_force_though_the_caller_hangs_up(dashboard, monkeypatch, path, form):
    store, writing, go_on = dashboard.api.gateway.store, asyncio.Event(), asyncio.Event()
    write = store.write

    async def slowly(work):
        await write(work)
        writing.set()
        await go_on.wait()

    monkeypatch.setattr(store, "write", slowly)
    before = dashboard.api.gateway.settings
    async with dashboard.client(**HTMX) as browser:
        hanging_up = asyncio.create_task(browser.post(path, data=form))
        await writing.wait()
        hanging_up.cancel()
    await asyncio.sleep(0.05)
    go_on.set()
    await until(lambda: dashboard.api.gateway.settings != before)


async def test_health_says_where_the_api_is(dashboard):
    async with dashboard.stranger() as browser:
        told = (await browser.get("/health")).json()
    assert told == {
        "name": "Morello",
        "dashboard": dashboard.url,
        "api": dashboard.api.door.address,
        "state": "stopped",
    }


async def test_the_first_page_with_everything_is_small(dashboard):
    async with dashboard.client() as browser:
        page = await browser.get("/")
        named = [link["href"] for link in find_all(page.text, "link")]
        named += [script["src"] for script in find_all(page.text, "script")]
        named.append(find(page.text, "use")["href"].partition("#")[0])
        sizes = [(await browser.get(address)).num_bytes_downloaded for address in named]
    assert page.num_bytes_downloaded + sum(sizes) < 120_000
