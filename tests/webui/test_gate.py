"""Who is let in: the rows T1 to T8 and T12 of the threat model, over real sockets."""

import asyncio
import itertools

import pytest

from tests.webui.reading import find
from tests.webui.wire import raw, status_of
from webui.session import Session

SAFE = {"GET", "HEAD"}
PUBLIC = {"enter", "health", "serve", "docs", "document", "docs_asset"}


def name_of(route) -> str:
    return route.name.rpartition(".")[2]


def path_of(route) -> str:
    return "/" + route.path.replace("<name:path>", "app.css").replace("<name:str>", "docs.js")


def routes(dashboard):
    return sorted(dashboard.app.router.routes, key=lambda route: route.path)


def unsafe(dashboard) -> list[tuple[str, str]]:
    """Every method and path that may change something, found by walking the router."""
    found = [(method, path_of(route)) for route in routes(dashboard) for method in set(route.methods) - SAFE]
    assert len(found) >= 8
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
        for method, path in unsafe(dashboard):
            by_header = await browser.request(method, path, headers=headers)
            by_field = await browser.request(method, path, data={"csrf": wrong or ""})
            assert (path, by_header.status_code, by_field.status_code) == (path, 403, 403)
    assert state_of(dashboard) == before


async def test_nothing_changes_for_a_stranger(dashboard):
    before = state_of(dashboard)
    async with dashboard.stranger(origin=dashboard.url, x_csrf_token=dashboard.csrf) as browser:
        for method, path in unsafe(dashboard):
            answer = await browser.request(method, path)
            assert (path, answer.status_code) == (path, 401)
    assert state_of(dashboard) == before


async def test_nothing_changes_by_a_get(dashboard):
    before = state_of(dashboard)
    async with dashboard.client() as browser:
        for _, path in unsafe(dashboard):
            answer = await browser.get(path)
            assert (path, answer.status_code) == (path, 405)
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
