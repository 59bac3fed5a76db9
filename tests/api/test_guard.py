"""Who gets in: the key in every form that clients send it, and nothing else."""

import pytest

from tests.conftest import Api
from tests.fakes import far_end
from tests.raw import ask_raw

CHAT = {"model": "morello:echo", "messages": [{"role": "user", "content": "Hi"}]}
PUBLIC = {("GET", "/"), ("HEAD", "/"), ("GET", "/health"), ("HEAD", "/health"), ("GET", "/docs")}
PUBLIC |= {("GET", "/openapi.json"), ("GET", "/docs/assets/<name:str>"), ("GET", "/docs.md"), ("GET", "/llms.txt")}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_key_opens_as_a_bearer_token_in_any_case(api: Api, scheme: str) -> None:
    async with api.client(None, authorization=f"{scheme} {api.key}") as client:
        assert (await client.get("/v1/models")).status_code == 200


@pytest.mark.parametrize("header", ["x-api-key", "x-goog-api-key", "api-key"])
async def test_the_key_opens_in_the_header_of_every_sdk_on_every_route(api: Api, header: str) -> None:
    async with api.client(None, **{header: api.key}) as client:
        assert (await client.get("/v1/models")).status_code == 200
        assert (await client.post("/v1/chat/completions", json=CHAT)).status_code == 200
        assert (await client.post("/v1/messages", json=CHAT)).status_code == 200
        assert (await client.get("/v1beta/models")).status_code == 200


async def test_the_key_opens_in_the_query_of_geminis_routes_and_nowhere_else(api: Api) -> None:
    content = {"contents": [{"parts": [{"text": "Hi"}]}]}
    async with api.client(None) as client:
        assert (await client.get(f"/v1beta/models?key={api.key}")).status_code == 200
        asked = await client.post(f"/v1beta/models/morello:echo:generateContent?key={api.key}", json=content)
        assert asked.status_code == 200
        assert (await client.get("/v1beta/models?key=wrong")).status_code == 401
        assert (await client.get("/v1beta/models?key=")).status_code == 401
        for path in ("/v1/models", "/v1/responses/x", "/v1/nope", "/nope/v1/models"):
            assert (await client.get(f"{path}?key={api.key}")).status_code == 401, path
        lost = await client.get(f"/v1beta/nope?key={api.key}")
    assert lost.status_code == 404
    assert api.key not in lost.text


async def test_a_key_in_the_query_never_reaches_the_log_or_the_call_table(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    content = {"contents": [{"parts": [{"text": "400"}]}]}
    caplog.set_level("DEBUG")
    async with api.client(None) as client:
        await client.post(f"/v1beta/models/morello:error:generateContent?key={api.key}", json=content)
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert not [record for record in ours if api.key in record.getMessage()]
    assert api.key not in repr(await api.rows())


@pytest.mark.parametrize("other", ["sk-ant-something-else", "anything"])
async def test_where_both_headers_come_the_one_of_our_form_counts(api: Api, other: str) -> None:
    for headers in (
        {"authorization": f"Bearer {other}", "x-api-key": api.key},
        {"authorization": f"Bearer {api.key}", "x-api-key": other},
    ):
        async with api.client(None, **headers) as client:
            assert (await client.get("/v1/models")).status_code == 200


@pytest.mark.parametrize("header", ["x-goog-api-key", "api-key"])
async def test_two_different_keys_are_refused_wherever_they_stand(api: Api, header: str) -> None:
    other = "cs-sk-00000000-0000-4000-8000-000000000000"
    async with api.client(None, **{header: other}) as client:
        got = await client.get(f"/v1beta/models?key={api.key}")
    assert got.status_code == 401
    assert header in got.text
    assert "?key=" in got.text
    assert got.json()["error"]["status"] == "UNAUTHENTICATED"


async def test_two_different_keys_of_our_form_are_refused_and_both_headers_named(api: Api) -> None:
    other = "cs-sk-00000000-0000-4000-8000-000000000000"
    async with api.client(None, authorization=f"Bearer {api.key}", **{"x-api-key": other}) as client:
        got = await client.get("/v1/models")
    assert got.status_code == 401
    assert "Authorization" in got.text
    assert "x-api-key" in got.text


async def test_missing_and_wrong_are_both_401_in_the_callers_dialect(api: Api) -> None:
    for key in (None, "cs-sk-wrong"):
        async with api.client(key) as client:
            openai = await client.post("/v1/chat/completions", json=CHAT)
            anthropic = await client.post("/v1/messages", json=CHAT)
        for got in (openai, anthropic):
            assert got.status_code == 401
            assert got.headers["www-authenticate"].startswith("Bearer")
            assert got.headers["x-request-id"].startswith("req_")
        assert openai.json()["error"]["code"] == "invalid_api_key"
        assert anthropic.json()["error"]["type"] == "authentication_error"
        assert anthropic.json()["type"] == "error"


async def test_nothing_but_the_key_itself_opens(api: Api) -> None:
    key = api.key
    strange = [
        key[:-1],
        key + "x",
        key[6:],
        key.upper(),
        "' OR '1'='1",
        "%",
        "cs-sk-%",
        "x" * 6000,
        "",
        " ",
    ]
    for presented in strange:
        got = await ask_raw(
            api, f"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {presented}\r\n\r\n"
        )
        assert got.status == 401, presented
    for line in (
        f"authorization: Basic {key}",
        f"authorization: {key}",
        f"cookie: key={key}",
        f"x-morello-key: {key}",
    ):
        got = await ask_raw(api, f"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n{line}\r\n\r\n")
        assert got.status == 401, line
    got = await ask_raw(api, f"GET /v1/models?key={key}&api_key={key} HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert got.status == 401


@pytest.mark.parametrize("presented", [b"caf\xe9", b"\xe5\xaf\x86\xe9\x91\xb0", b"a\x00b"])
async def test_a_key_of_strange_bytes_is_wrong_not_a_crash(api: Api, presented: bytes) -> None:
    head = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer " + presented
    assert (await ask_raw(api, head + b"\r\n\r\n")).status in (400, 401)


async def test_forty_wrong_keys_do_not_lock_the_right_one_out(api: Api) -> None:
    async with api.client("cs-sk-wrong") as client:
        for _ in range(40):
            assert (await client.get("/v1/models")).status_code == 401
    async with api.client() as client:
        assert (await client.get("/v1/models")).status_code == 200


async def test_a_refusal_comes_before_a_large_body_is_read_and_arrives(api: Api) -> None:
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 33000000\r\n\r\n"
    got = await ask_raw(api, head.encode() + b"x" * 1_000_000)
    assert got.status == 401
    assert got.headers["connection"] == "close"


async def test_every_route_but_the_public_ones_wants_the_key(api: Api) -> None:
    open_routes = set()
    async with api.client(None) as client:
        for route in api.app.router.routes:
            path = "/" + route.path
            for method in route.methods:
                got = await client.request(method, path.replace("<name:str>", "favicon.svg").replace("<", ""))
                if got.status_code != 401:
                    open_routes.add((method, path))
    assert open_routes == PUBLIC


async def test_whoever_has_no_key_does_not_learn_which_paths_there_are(api: Api) -> None:
    async with api.client(None) as client:
        assert (await client.get("/v1/nope")).status_code == 401
        assert (await client.put("/v1/models")).status_code == 401


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "0.0.0.0:{port}",
        "192.168.1.10:{port}",
        "a@127.0.0.1",
        "127.0.0.1:",
        "[::1",
        "",
    ],
)
async def test_a_host_that_is_not_this_machine_is_refused_before_all_else(api: Api, host: str) -> None:
    host = host.format(port=api.listener.port)
    for path in ("/", "/v1/models", "/docs", "/nope"):
        got = await ask_raw(api, f"GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {api.key}\r\n\r\n")
        assert got.status in (400, 421)


async def test_two_hosts_or_none_are_refused(api: Api) -> None:
    for lines in ("host: localhost\r\nhost: localhost\r\n", ""):
        assert (await ask_raw(api, f"GET /health HTTP/1.1\r\n{lines}\r\n")).status in (400, 421)


@pytest.mark.parametrize("host", ["localhost:{port}", "LOCALHOST", "127.0.0.1:8080", "[::1]:{port}"])
async def test_this_machine_is_known_by_its_names_on_any_port(api: Api, host: str) -> None:
    host = host.format(port=api.listener.port)
    assert (await ask_raw(api, f"GET /health HTTP/1.1\r\nhost: {host}\r\n\r\n")).status == 200


async def test_a_page_of_another_origin_gets_nothing(api: Api) -> None:
    async with far_end() as far:
        await api.gateway.providers.add("far", "openai_chat", far.url, None)
        async with api.client(None, origin="null", **{"content-type": "text/plain"}) as page:
            got = await page.post("/v1/chat/completions", content='{"model":"far:m","messages":[{}]}')
            preflight = await page.options("/v1/chat/completions")
    assert got.status_code == 401
    assert preflight.status_code == 405
    for answer in (got, preflight):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert not far.received
