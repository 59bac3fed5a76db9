"""Bad input: each gets its status and a sentence in the caller's dialect, and the server stays well."""

import json
from typing import Any

import pytest

from tests.conftest import Api
from tests.fakes import far_end
from tests.raw import ask_raw

OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
GOOD = {"model": "morello:echo", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}


def with_model(model: Any) -> bytes:
    return json.dumps({**GOOD, "model": model}).encode()


def without(field: str) -> bytes:
    return json.dumps({name: value for name, value in GOOD.items() if name != field}).encode()


BODIES = {
    "row 1: empty body": b"",
    "row 3: cut JSON": b"{",
    "row 4: text": b"hello there",
    "row 5: trailing bytes": json.dumps(GOOD).encode() + b" x",
    "row 5: two documents": json.dumps(GOOD).encode() * 2,
    "row 6: array": b"[]",
    "row 6: string": b'"x"',
    "row 6: number": b"1",
    "row 6: null": b"null",
    "row 6: true": b"true",
    "row 7: 100 k brackets": b"[" * 100_000,
    "row 7: 20 k objects": b'{"a":' * 20_000,
    "row 8: depth 5000 in an extra field": json.dumps(GOOD).encode()[:-1] + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "row 10: NaN": json.dumps(GOOD).encode()[:-1] + b',"temperature":NaN}',
    "row 12: a name twice": json.dumps(GOOD).encode()[:-1] + b',"model":"morello:slow"}',
    "row 13: invalid UTF-8": json.dumps(GOOD).encode().replace(b"Hi", b"\xff"),
    "row 18: raw control character": json.dumps(GOOD).encode().replace(b"Hi", b"H\x01i"),
    "row 25: no model": without("model"),
    "row 25: model null": with_model(None),
    "row 25: model int": with_model(1),
    "row 25: model list": with_model(["a"]),
    "row 25: model object": with_model({"a": 1}),
    "row 25: model empty": with_model(""),
    "row 25: model blank": with_model("  "),
    "row 26: model 100 kB": with_model("m" * 100_000),
    "row 30: no messages": without("messages"),
    "row 30: messages null": json.dumps({**GOOD, "messages": None}).encode(),
    "row 30: messages string": json.dumps({**GOOD, "messages": "hi"}).encode(),
    "row 30: messages empty": json.dumps({**GOOD, "messages": []}).encode(),
    "row 34: stream yes": json.dumps({**GOOD, "stream": "yes"}).encode(),
}


async def refused(api: Api, path: str, body: bytes, status: int, **headers: str) -> dict[str, Any]:
    """The error that `body` gets, after looking at its shape; and the server still answers."""
    async with api.client(**headers) as client:
        got = await client.post(path, content=body, headers={"content-type": "application/json", **headers})
        assert got.status_code == status, got.text
        assert got.headers["x-request-id"]
        assert got.headers["content-type"] == "application/json"
        told = got.json()
        if path.endswith("/messages"):
            assert (told["type"], set(told["error"])) == ("error", {"type", "message"})
        else:
            assert set(told["error"]) == {"message", "type", "param", "code"}
        assert len(told["error"]["message"]) > 15
        assert (await client.post(path, json=GOOD)).status_code == 200
    error: dict[str, Any] = told["error"]
    return error


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("row", BODIES)
async def test_a_bad_body_is_a_400(api: Api, path: str, row: str) -> None:
    assert (await refused(api, path, BODIES[row], 400))["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
async def test_row_2_no_body_and_no_length(api: Api, path: str) -> None:
    request = f"POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {api.key}\r\n\r\n"
    assert (await ask_raw(api, request)).status == 400


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("model", ["nobody:m", "m", ":", ":x", "morello:", "far:", "a" * 300])
async def test_row_27_an_unknown_model_is_a_404(api: Api, path: str, model: str) -> None:
    error = await refused(api, path, with_model(model), 404)
    assert error["type"] in ("invalid_request_error", "not_found_error")


@pytest.mark.parametrize("model", ["a\r\nb", "../../etc/passwd", "http://127.0.0.1:1/x"])
async def test_row_29_a_strange_name_reaches_the_provider_as_one_json_string(api: Api, model: str) -> None:
    async with far_end() as far, api.client() as client:
        await api.gateway.providers.add("far", "openai_chat", f"{far.url}/v1", None)
        assert (await client.post(OPENAI, content=with_model(model))).status_code == 404
        assert (await client.post(OPENAI, content=with_model(f"far:{model}"))).status_code == 200
        assert json.loads(far.last.body)["model"] == model
        assert far.last.path == OPENAI


async def test_row_28_a_provider_that_is_switched_off_is_named(api: Api) -> None:
    from msgspec import structs

    await api.gateway.providers.add("far", "openai_chat", "http://127.0.0.1:9/v1", None)
    rows = api.gateway.providers._rows
    rows["far"] = structs.replace(rows["far"], enabled=False)
    error = await refused(api, OPENAI, with_model("far:m"), 400)
    assert error["code"] == "provider_not_configured"
    assert "“far”" in error["message"]


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize(
    "kind",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "text/plain"],
)
async def test_row_37_another_content_type_is_a_415(api: Api, path: str, kind: str) -> None:
    async with api.client() as client:
        got = await client.post(path, content=json.dumps(GOOD), headers={"content-type": kind})
    assert got.status_code == 415
    assert "application/json" in got.text


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
async def test_row_39_no_content_type_is_believed(api: Api, path: str) -> None:
    body = json.dumps(GOOD)
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {api.key}\r\ncontent-length: {len(body)}\r\n\r\n"
    assert (await ask_raw(api, head + body)).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_row_43_another_method_on_a_post_route_is_a_405(api: Api, method: str) -> None:
    async with api.client() as client:
        for path in (OPENAI, ANTHROPIC):
            got = await client.request(method, path)
            assert (got.status_code, got.headers["allow"]) == (405, "POST")
            assert "Use POST" in got.json()["error"]["message"]


async def test_row_44_post_on_models_is_a_405(api: Api) -> None:
    async with api.client() as client:
        assert (await client.post("/v1/models", json={})).status_code == 405


async def test_row_45_head_has_no_body(api: Api) -> None:
    async with api.client() as client:
        for path in ("/", "/health", "/v1/models"):
            got = await client.head(path)
            assert got.status_code in (200, 405)
            assert got.content == b""
        assert (await client.head("/")).status_code == 200


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
async def test_row_48_an_unknown_path_is_a_404_in_json(api: Api, accept: str) -> None:
    async with api.client(accept=accept) as client:
        got = await client.get("/v1/nope")
    assert got.status_code == 404
    assert got.json()["error"]["code"] == "not_found"


async def test_row_61_a_terabyte_is_refused_at_once(api: Api) -> None:
    head = f"POST {OPENAI} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {api.key}\r\ncontent-length: {10**12}\r\n\r\n"
    got = await ask_raw(api, head, seconds=1)
    assert (got.status, json.loads(got.body)["error"]["type"]) == (413, "request_too_large")


async def test_row_62_the_limit_passes_and_one_byte_more_does_not(api: Api) -> None:
    from api.app import LARGEST_BODY

    spare = LARGEST_BODY - len(json.dumps({**GOOD, "pad": ""}))
    async with api.client() as client:
        fits = await client.post(OPENAI, content=json.dumps({**GOOD, "pad": "x" * spare}))
        over = await client.post(OPENAI, content=json.dumps({**GOOD, "pad": "x" * (spare + 1)}))
        again = await client.post(OPENAI, json=GOOD)
    assert (fits.status_code, over.status_code, again.status_code) == (200, 413, 200)
    assert over.json()["error"]["type"] == "request_too_large"


async def test_a_stream_of_chunks_over_the_limit_is_refused_too(api: Api) -> None:
    head = f"POST {OPENAI} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {api.key}\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    assert (await ask_raw(api, head.encode() + chunk * 34)).status == 413


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_refused_and_forgotten(api: Api, garbage: bytes) -> None:
    got = await ask_raw(api, garbage + b"\r\n\r\n")
    assert got.status in (0, 400, 505)
    async with api.client() as client:
        assert (await client.get("/health")).status_code == 200


async def test_a_wrong_field_is_named(api: Api) -> None:
    bad = {**GOOD, "messages": [{"role": "user", "content": 5}]}
    error = await refused(api, OPENAI, json.dumps(bad).encode(), 400)
    assert error["param"] == "messages[0].content"
    assert "messages[0].content" in error["message"]
