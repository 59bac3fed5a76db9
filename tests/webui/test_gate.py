"""Who is let in: the rows T1 to T8 and T12 of the threat model, over real sockets."""

import asyncio
import itertools
import re
import time

import pytest
from sanic import Request

from tests.webui.conftest import LOGIN_COMMAND
from tests.webui.reading import find, find_all
from tests.webui.wire import raw, status_of
from webui.password import ATTEMPTS
from webui.session import Session

pytestmark = pytest.mark.usefixtures("quick_hashes")

SAFE = {"GET", "HEAD"}
PUBLIC = {
    *("enter", "enter_by_password", "choose_language"),
    *("health", "serve", "docs", "document", "docs_asset", "llms", "manual"),
}


def name_of(route) -> str:
    return route.name.rpartition(".")[2]


def path_of(route) -> str:
    filled = route.path.replace("<name:path>", "app.css").replace("<name:str>", "docs.js")
    return "/" + re.sub("<[^>]+>", "anything", filled)


def routes(dashboard):
    return sorted(dashboard.app.router.routes, key=lambda route: route.path)


def unsafe(dashboard) -> list[tuple[str, str]]:
    """Every method and path that may change something, found by walking the router."""
    found = [(method, path_of(route)) for route in routes(dashboard) for method in set(route.methods) - SAFE]
    assert len(found) >= 8
    return found


def guarded(dashboard) -> list[tuple[str, str]]:
    """Those of them that want a session and its token."""
    open_to_all = {path_of(route) for route in routes(dashboard) if name_of(route) in PUBLIC}
    found = [(method, path) for method, path in unsafe(dashboard) if path not in open_to_all]
    assert len(unsafe(dashboard)) - len(found) == 2
    return found


def state_of(dashboard):
    gateway = dashboard.api.gateway
    return (dashboard.api.door.state, gateway.settings, gateway.keys.main(), len(dashboard.sessions._rows))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://evil.example", "content-type": "text/plain"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://127.0.0.1:9999", "sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": ""},
    ],
)
async def test_no_other_page_can_change_anything_though_it_has_cookie_and_token(dashboard, headers):
    before = state_of(dashboard)
    async with dashboard.client(**headers) as browser:
        for method, path in unsafe(dashboard):
            answer = await browser.request(method, path)
            assert (path, answer.status_code) == (path, 403)
    assert state_of(dashboard) == before


@pytest.mark.parametrize("token", [None, "", "0" * 64, "another session's"])
async def test_nothing_changes_without_the_token_of_this_session(dashboard, token):
    before = state_of(dashboard)
    wrong = Session("another").csrf if token == "another session's" else token
    async with dashboard.client() as browser:
        del browser.headers["x-csrf-token"]
        headers = {} if wrong is None else {"x-csrf-token": wrong}
        for method, path in guarded(dashboard):
            by_header = await browser.request(method, path, headers=headers)
            by_field = await browser.request(method, path, data={"csrf": wrong or ""})
            assert (path, by_header.status_code, by_field.status_code) == (path, 403, 403)
    assert state_of(dashboard) == before


async def test_nothing_changes_for_a_stranger(dashboard):
    before = state_of(dashboard)
    async with dashboard.stranger(origin=dashboard.url, x_csrf_token=dashboard.csrf) as browser:
        for method, path in guarded(dashboard):
            answer = await browser.request(method, path)
            assert (path, answer.status_code) == (path, 401)
    assert state_of(dashboard) == before


async def test_nothing_changes_by_a_get(dashboard):
    before = state_of(dashboard)
    readable = {path_of(route) for route in routes(dashboard) if "GET" in route.methods}
    async with dashboard.client() as browser:
        for _, path in unsafe(dashboard):
            answer = await browser.get(path)
            assert path in readable or (path, answer.status_code) == (path, 405)
    assert state_of(dashboard) == before


async def test_the_right_page_with_the_right_token_is_let_in(dashboard):
    async with dashboard.client(sec_fetch_site="same-origin") as browser:
        del browser.headers["origin"]
        assert (await browser.post("/key/copy")).text == dashboard.api.gateway.keys.main()
        del browser.headers["x-csrf-token"]
        by_field = await browser.post("/key/copy", data={"csrf": dashboard.csrf})
        assert by_field.text == dashboard.api.gateway.keys.main()


async def test_a_stranger_sees_only_what_is_marked_public(dashboard):
    public = {name_of(route) for route in routes(dashboard) if getattr(route.ctx, "public", False)}
    assert public == PUBLIC
    async with dashboard.stranger() as browser:
        for route in routes(dashboard):
            if set(route.methods) & SAFE and name_of(route) not in PUBLIC:
                answer = await browser.get(path_of(route))
                assert (route.path, answer.status_code) == (route.path, 401)
                assert dashboard.api.gateway.keys.main()[-4:] not in answer.text


async def test_a_part_is_not_given_to_another_page(dashboard):
    async with dashboard.client(origin="http://evil.example") as browser:
        assert (await browser.get("/live")).status_code == 403
    for site in ("cross-site", "same-site", "none"):
        async with dashboard.client(sec_fetch_site=site, origin="http://evil.example") as browser:
            assert (await browser.get("/live")).status_code == 403


async def test_a_page_is_shown_to_whoever_navigates_there_and_given_to_no_script(dashboard):
    for site in ("none", "same-origin", "same-site", "cross-site"):
        walk = {"sec_fetch_site": site, "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
        async with dashboard.client(**walk) as browser:
            assert (await browser.get("/")).status_code == 200
    for mode, destination in (("no-cors", "script"), ("cors", "empty"), ("navigate", "iframe")):
        script = {"sec_fetch_site": "cross-site", "sec_fetch_mode": mode, "sec_fetch_dest": destination}
        async with dashboard.client(**script) as browser:
            assert (await browser.get("/")).status_code == 403


RIGHT = "correct horse"


async def sign_in(browser, password: str, **more: str):
    return await browser.post("/login", data={"password": password, **more})


async def test_the_password_signs_in_and_leads_to_the_page_that_was_wanted(dashboard):
    await dashboard.sessions.password.set(RIGHT)
    async with dashboard.stranger(origin=dashboard.url) as browser:
        locked = await browser.get("/settings?x=%20y")
        assert locked.status_code == 401
        wanted = find(locked.text, "input", name="wanted")["value"]
        answer = await sign_in(browser, RIGHT, wanted=wanted)
        assert (answer.status_code, answer.headers["location"]) == (303, "/settings?x=%20y")
        assert (await browser.get("/settings")).status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "http://evil.example",
        "javascript:alert(1)",
        "/a\r\nset-cookie: a=b",
        "/a\tb",
        "/\x00",
        "/ä",
        "settings",
        "/" + "x" * 2000,
    ],
)
async def test_signing_in_leads_to_no_other_site(dashboard, wanted):
    await dashboard.sessions.password.set(RIGHT)
    async with dashboard.stranger(origin=dashboard.url) as browser:
        answer = await sign_in(browser, RIGHT, wanted=wanted)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert answer.headers.get_list("set-cookie")[0].startswith(f"{dashboard.sessions.cookie}=")
    assert len(answer.headers.get_list("set-cookie")) == 1


@pytest.mark.parametrize("path", ["/live", "/login", "/login?token=abc", "/start", "/nowhere", "//evil.example/"])
async def test_only_a_page_is_gone_back_to(dashboard, path):
    await dashboard.sessions.password.set(RIGHT)
    async with dashboard.stranger() as browser:
        answer = await browser.request("GET", f"{dashboard.url}{path}")
    found = find_all(answer.text, "input", name="wanted")
    assert [field["value"] for field in found] in ([], ["/"])


async def test_a_wrong_password_comes_back_with_a_sentence_and_what_was_wanted(dashboard):
    await dashboard.sessions.password.set(RIGHT)
    async with dashboard.stranger(origin=dashboard.url) as browser:
        answer = await sign_in(browser, "wrong", wanted="/settings")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    field = find(answer.text, "input", name="password")
    assert (field.attributes.get("value"), field["aria-invalid"], "autofocus" in field.attributes) == (
        None,
        "true",
        True,
    )
    assert find(answer.text, id=field["aria-describedby"]).text == "That is not the password."
    assert find(answer.text, "input", name="wanted")["value"] == "/settings"


async def test_another_page_can_sign_nobody_in_though_it_knows_the_password(dashboard):
    await dashboard.sessions.password.set(RIGHT)
    before = state_of(dashboard)
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "http://evil.example", "sec_fetch_site": "cross-site"},
        {"origin": "http://127.0.0.1:9999", "sec_fetch_site": "same-site"},
        {"origin": "null"},
        {},
    ):
        async with dashboard.stranger(**headers) as browser:
            answer = await sign_in(browser, RIGHT)
            assert (headers, answer.status_code, "set-cookie" in answer.headers) == (headers, 403, False)
    assert state_of(dashboard) == before


async def test_guessing_is_refused_in_words_and_the_owners_link_works_all_the_while(dashboard):
    await dashboard.sessions.password.set(RIGHT)
    async with dashboard.stranger(origin=dashboard.url) as thief:
        tried = await asyncio.gather(*(sign_in(thief, f"guess {n}") for n in range(ATTEMPTS + 5)))
        statuses = sorted(answer.status_code for answer in tried)
        assert statuses == [401] * ATTEMPTS + [429] * 5
        began = time.monotonic()
        refused = await sign_in(thief, RIGHT)
        assert time.monotonic() - began < 5
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 60
    said = find(refused.text, "p", id="password-hint").text
    assert said.startswith("There were ten wrong passwords within a minute. Try again in ")
    async with dashboard.stranger() as owner:
        assert (await owner.get(dashboard.link())).status_code == 303
        assert (await owner.get("/")).status_code == 200
    async with dashboard.client() as signed_in:
        assert (await signed_in.get("/")).status_code == 200


async def test_the_tenth_guess_counts_also_when_it_is_made_by_who_is_signed_in(dashboard):
    await dashboard.sessions.password.set(RIGHT)
    async with dashboard.client() as browser:
        guess = {"new": "another one", "again": "another one", "current": "wrong"}
        for _ in range(ATTEMPTS):
            assert (await browser.post("/password", data=guess)).status_code == 422
        refused = await browser.post("/password", data={**guess, "current": RIGHT})
        assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)
        assert (await browser.post("/password/clear", data={"current": RIGHT})).status_code == 429


async def test_without_a_password_there_is_no_field_for_one_and_none_is_right(dashboard):
    async with dashboard.stranger(origin=dashboard.url) as browser:
        assert find_all((await browser.get("/")).text, "input", type="password") == []
        for nothing in ("", "anything"):
            answer = await sign_in(browser, nothing)
            assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
        assert "No password is set. Open the dashboard with a new link." in answer.text


async def test_without_a_password_no_attempt_is_one(dashboard):
    async with dashboard.stranger(origin=dashboard.url) as browser:
        for _ in range(ATTEMPTS + 2):
            answer = await sign_in(browser, "anything")
    assert answer.status_code == 401
    assert "No password is set. Open the dashboard with a new link." in answer.text
    await dashboard.sessions.password.set(RIGHT)
    assert await dashboard.sessions.password.check(RIGHT)


async def test_the_locked_page_always_says_how_to_get_a_link(dashboard):
    for password in (None, RIGHT):
        if password:
            await dashboard.sessions.password.set(password)
        async with dashboard.stranger() as browser:
            assert LOGIN_COMMAND in find((await browser.get("/")).text, "p", class_="command").text


async def test_signing_in_takes_a_fresh_session_and_ends_the_one_the_browser_had(dashboard):
    await dashboard.sessions.password.set(RIGHT)
    async with dashboard.client() as browser:
        answer = await sign_in(browser, RIGHT)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert cookie != f"{dashboard.sessions.cookie}={dashboard.identity}"
    assert len(dashboard.sessions.all()) == 1
    async with dashboard.client() as before:
        assert (await before.get("/")).status_code == 401


async def test_strange_words_for_a_password_are_wrong_and_not_a_crash(dashboard):
    await dashboard.sessions.password.set(RIGHT)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    async with dashboard.stranger(origin=dashboard.url) as browser:
        for body in (b"password=%ff%fe", b"password=%00", b"password=\xff", b"", b"password=" + b"x" * 60_000):
            answer = await browser.post("/login", content=body, headers=kind)
            assert (body[:20], answer.status_code) == (body[:20], 401)


EVIL_HOSTS = [
    "evil.example",
    "evil.example:23300",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "0.0.0.0:23300",
    "192.168.1.10:23300",
    "a@b",
    "127.0.0.1@evil.example",
    "127.0.0.1:99999999",
    "",
]


@pytest.mark.parametrize("host", EVIL_HOSTS)
async def test_a_name_that_is_not_this_machine_is_refused_everywhere(dashboard, host):
    async with dashboard.client(host=host) as browser:
        for path in ("/", "/login", "/static/app.css", "/docs", "/nowhere", "/live"):
            answer = await browser.get(path)
            assert (path, answer.status_code) == (path, 421)
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert (await browser.post("/start")).status_code == 421


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1", "127.0.0.1"], ["127.0.0.1", "evil.example"]])
async def test_exactly_one_host_is_wanted(dashboard, hosts):
    lines = [f"host: {host}\r\n" for host in hosts]
    assert await status_of(dashboard, f"GET / HTTP/1.1\r\n{''.join(lines)}\r\n") == 421


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:9999"])
async def test_a_tunnel_may_have_any_port(dashboard, host):
    async with dashboard.client(host=host, origin=f"http://{host}") as browser:
        assert (await browser.get("/")).status_code == 200
        assert (await browser.post("/key/copy")).status_code == 200


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("localhost:9999", "127.0.0.1:9999"),
        ("LOCALHOST:9999", "127.0.0.1:9999"),
        ("localhost", "127.0.0.1"),
        ("[::1]:9999", "127.0.0.1:9999"),
    ],
)
async def test_localhost_is_sent_to_the_name_the_cookie_belongs_to(dashboard, host, place):
    async with dashboard.client(host=host) as browser:
        answer = await browser.get("/login?token=a%20b")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"http://{place}/login?token=a%20b"


async def test_the_way_from_localhost_leads_nowhere_else(dashboard):
    head = "GET http://evil.example/ HTTP/1.1\r\nhost: localhost:1\r\n\r\n"
    answer = await raw(dashboard, head)
    assert b"location: http://127.0.0.1:1/\r\n" in answer.lower()


async def test_a_change_asked_for_as_localhost_is_not_carried_over(dashboard):
    async with dashboard.stranger(host="localhost:1", origin="http://localhost:1") as browser:
        assert (await browser.post("/start")).status_code == 401


async def test_no_other_page_may_read_anything(dashboard):
    async with dashboard.client(origin="http://evil.example") as browser:
        for method, path in itertools.product(("GET", "OPTIONS", "POST"), ("/", "/live", "/start", "/login")):
            answer = await browser.request(method, path)
            assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_there_is_no_websocket(dashboard):
    lines = (
        "GET / HTTP/1.1",
        "host: 127.0.0.1",
        f"cookie: {dashboard.sessions.cookie}={dashboard.identity}",
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
        "sec-websocket-version: 13",
    )
    assert await status_of(dashboard, "\r\n".join([*lines, "", ""])) == 200


async def test_an_api_key_opens_no_page(dashboard):
    key = dashboard.api.gateway.keys.main()
    async with dashboard.stranger(authorization=f"Bearer {key}", x_api_key=key) as browser:
        assert (await browser.get("/")).status_code == 401


async def test_a_stranger_is_refused_before_the_body_is_read(dashboard):
    lines = (
        "POST /start HTTP/1.1",
        "host: 127.0.0.1",
        "origin: http://127.0.0.1",
        "content-length: 1000000000000",
    )
    head = "\r\n".join([*lines, "", ""])
    async with asyncio.timeout(5):
        assert await status_of(dashboard, head) == 401


async def test_a_refusal_of_a_large_body_arrives(dashboard):
    async with dashboard.stranger(origin=dashboard.url) as browser:
        answer = await browser.post("/start", content=b"x" * 5_000_000)
    assert answer.status_code == 401


async def test_a_body_beyond_the_limit_is_refused_in_words(dashboard):
    async with dashboard.client() as browser:
        answer = await browser.post("/port", data={"port": "2" * 70_000})
    assert answer.status_code == 413
    assert find(answer.text, "h1").text == "The request is too large."


async def test_a_form_is_read_once_however_many_of_its_fields_are_asked_for(dashboard, monkeypatch):
    read, get_form = itertools.count(), Request.get_form

    def counted(*given, **more):
        next(read)
        return get_form(*given, **more)

    monkeypatch.setattr(Request, "get_form", counted)
    async with dashboard.client() as browser:
        del browser.headers["x-csrf-token"]
        form = {"csrf": dashboard.csrf, "preset": "openai", **{f"field-{n}": "x" for n in range(2000)}}
        assert (await browser.post("/providers/add", data=form)).status_code == 422
    assert next(read) == 1


STRANGE_BODIES = [b"\xff\xfe", b"csrf=%ff&port=%zz", b"--x\r\n", b"{}", b"", b"csrf=1&csrf=2"]
STRANGE_KINDS = [
    b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=x",
    b"multipart/form-data",
    b"text/plain",
    b"\xff",
]


async def test_a_strange_body_is_wrong_and_not_a_crash(dashboard):
    async with dashboard.client() as browser:
        del browser.headers["x-csrf-token"]
        for body, kind in itertools.product(STRANGE_BODIES, STRANGE_KINDS):
            answer = await browser.post("/port", content=body, headers=[(b"content-type", kind)])
            assert (body, kind, answer.status_code) == (body, kind, 403)


async def test_the_environment_bends_nothing(dashboard, monkeypatch, closed_api):
    monkeypatch.setenv("SANIC_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("SANIC_INSPECTOR", "1")
    monkeypatch.setenv("MORELLO_DASHBOARD_REQUEST_MAX_SIZE", "1")
    from sanic import Sanic

    from webui import app

    built = app.build(
        closed_api.gateway,
        closed_api.door,
        dashboard.sessions,
        document=dashboard.api.app.ctx.document,
        login_command="",
        name="another-dashboard",
    )
    Sanic.unregister_app(built)
    assert dict(built.config) == dict(dashboard.app.config)
