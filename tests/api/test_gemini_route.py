"""Gemini's routes: model and method in the URL, and its own shapes for streams, lists and errors."""

import json
from typing import Any

import pytest

from tests.conftest import Api
from tests.fakes import FRAMES, GENERATED, answers, far_end, says

HI = {"contents": [{"role": "user", "parts": [{"text": "Hi there"}]}]}


def said(chunks: list[dict[str, Any]]) -> str:
    parts = (part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"])
    return "".join(part.get("text", "") for part in parts)


@pytest.mark.parametrize("model", ["morello:echo", "morello%3Aecho", "morello/echo", "morello%2Fecho", "morello::echo"])
async def test_the_last_colon_parts_the_model_from_the_method(api: Api, model: str) -> None:
    async with api.client() as client:
        got = await client.post(f"/v1beta/models/{model}:generateContent", json=HI)
    assert said([got.json()]) == "Hi there"


@pytest.mark.parametrize("name", ["a/b:free", "tunedModels/x", "models/y"])
async def test_a_models_name_reaches_its_provider_whole(api: Api, name: str) -> None:
    async with far_end() as far, api.client() as client:
        await api.gateway.providers.add("far", "openai_chat", far.url, None)
        got = await client.post(f"/v1beta/models/far:{name}:generateContent", json=HI)
    assert got.status_code == 200
    assert json.loads(far.last.body)["model"] == name


async def test_alt_sse_streams_events(api: Api) -> None:
    async with api.client() as client:
        got = await client.post("/v1beta/models/morello:echo:streamGenerateContent?alt=sse", json=HI)
    assert got.headers["content-type"].startswith("text/event-stream")
    assert said([json.loads(line[6:]) for line in got.text.splitlines() if line]) == "Hi there"


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic", "gemini"])
async def test_without_alt_sse_the_stream_is_one_json_array(api: Api, dialect: str) -> None:
    async with far_end(says(*FRAMES[dialect](["Hi", " there"]))) as far, api.client() as client:
        await api.gateway.providers.add("far", dialect, far.url, None)
        got = await client.post("/v1beta/models/far:m:streamGenerateContent", json=HI)
    assert got.headers["content-type"].startswith("application/json")
    assert said(got.json()) == "Hi there"


async def test_an_array_that_breaks_off_ends_with_the_error(api: Api) -> None:
    whole = FRAMES["gemini"](["Hi", " there"])
    async with far_end(says(whole[0], whole[1][:20])) as far, api.client() as client:
        await api.gateway.providers.add("far", "gemini", far.url, None)
        got = await client.post("/v1beta/models/far:m:streamGenerateContent", json=HI)
    first, *_, last = got.json()
    assert said([first]) == "Hi"
    assert last["error"]["code"] == 502


async def test_signs_of_life_are_white_space_in_an_array(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.relay import turn

    monkeypatch.setattr(turn, "HEARTBEAT_SECONDS", 0.02)
    slow = says(*FRAMES["gemini"](["Hi", " there"]), pause=0.2)
    async with far_end(slow) as far, api.client() as client:
        await api.gateway.providers.add("far", "gemini", far.url, None)
        got = await client.post("/v1beta/models/far:m:streamGenerateContent", json=HI)
    assert "\n\n" in got.text
    assert said(got.json()) == "Hi there"


async def test_a_whole_answer_to_a_wish_for_a_stream_is_an_array_too(api: Api) -> None:
    async with far_end(answers(200, GENERATED)) as far, api.client() as client:
        await api.gateway.providers.add("far", "gemini", far.url, None)
        got = await client.post("/v1beta/models/far:m:streamGenerateContent", json=HI)
    assert said(got.json()) == "Hello"


async def test_bytes_pass_to_a_provider_of_the_same_dialect(api: Api) -> None:
    body = json.dumps({**HI, "somethingNew": {"a": 1}}, indent=3)
    async with far_end(answers(200, GENERATED)) as far, api.client() as client:
        await api.gateway.providers.add("far", "gemini", far.url, None)
        got = await client.post("/v1beta/models/far:m:generateContent", content=body)
    assert far.last.path == "/v1beta/models/m:generateContent"
    assert far.last.body == body.encode()
    assert got.content == GENERATED


async def test_the_list_is_in_googles_shape_and_paged(api: Api) -> None:
    async with api.client() as client:
        every = (await client.get("/v1beta/models?pageSize=1000")).json()
        paged: list[dict[str, Any]] = []
        token: str | None = ""
        while token is not None:
            page = (await client.get("/v1beta/models", params={"pageSize": 2, "pageToken": token})).json()
            paged, token = paged + page["models"], page.get("nextPageToken")
        one = (await client.get("/v1beta/models/morello:echo")).json()
        for wrong in ("pageSize=x", "pageToken=x", "pageToken=-1"):
            assert (await client.get(f"/v1beta/models?{wrong}")).status_code == 400
    assert paged == every["models"]
    assert "nextPageToken" not in every
    assert one in paged
    assert one["name"] == "models/morello:echo"
    assert "generateContent" in one["supportedGenerationMethods"]


@pytest.mark.parametrize(
    ("path", "body", "status", "name"),
    [
        ("nobody:m:generateContent", HI, 404, "NOT_FOUND"),
        ("morello:echo:generateContent", {}, 400, "INVALID_ARGUMENT"),
        ("morello:echo:generateContent", {"contents": []}, 400, "INVALID_ARGUMENT"),
        ("morello:echo:generateContent", {"contents": "x"}, 400, "INVALID_ARGUMENT"),
        ("morello:echo:embedContent", HI, 400, "INVALID_ARGUMENT"),
        ("a/b:predict", HI, 404, "NOT_FOUND"),
    ],
)
async def test_errors_are_in_googles_shape(api: Api, path: str, body: Any, status: int, name: str) -> None:
    async with api.client() as client:
        got = await client.post(f"/v1beta/models/{path}", json=body)
    assert got.status_code == status
    assert (got.json()["error"]["code"], got.json()["error"]["status"]) == (status, name)


async def test_the_call_table_names_the_route_and_never_the_key(api: Api) -> None:
    async with api.client(None) as client:
        await client.post(f"/v1beta/models/morello:echo:generateContent?key={api.key}", json=HI)
        await client.post(f"/v1beta/models/morello/echo:generateContent?key={api.key}", json=HI)
    rows = await api.rows()
    assert [row.asked for row in rows] == ["morello:echo", "morello/echo"]
    assert all(row.route.startswith("v1beta/models") and len(row.route) < 64 for row in rows)


async def test_googles_sdk_asks_below_v1_and_is_answered_in_its_own_shapes(api: Api) -> None:
    async with api.client(None, **{"x-goog-api-key": api.key}) as client:
        answer = await client.post("/v1/models/morello:echo:generateContent", json=HI)
        slashed = await client.post("/v1/models/morello/echo:generateContent", json=HI)
        listed = (await client.get("/v1/models?pageSize=2")).json()
        one = (await client.get("/v1/models/morello:echo")).json()
        lost = (await client.post("/v1/models/nobody:m:generateContent", json=HI)).json()
    assert said([answer.json()]) == said([slashed.json()]) == "Hi there"
    assert (len(listed["models"]), listed["nextPageToken"]) == (2, "2")
    assert one["name"] == "models/morello:echo"
    assert lost["error"]["status"] == "NOT_FOUND"
    async with api.client() as client:
        assert (await client.get("/v1/models")).json()["object"] == "list"
        lost = (await client.post("/v1/models/nobody:m:generateContent", json=HI)).json()
    assert lost["error"]["status"] == "NOT_FOUND"
