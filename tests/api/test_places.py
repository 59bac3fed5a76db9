"""The same API below each name: `/{name}/v1/…`."""

import json

import pytest

from api.providers.groups import Policy
from tests.fakes import answers, chat_reply, far_end

HELLO = {"messages": [{"role": "user", "content": "hello"}]}
GOOD = answers(200, chat_reply())


@pytest.fixture
async def far(api):
    async with far_end(GOOD) as far:
        await api.gateway.providers.add("vllm", "openai_chat", far.url, None)
        await api.gateway.providers.add("good", "openai_chat", far.url, None)
        await api.gateway.providers.group("smart", ["good:b", "morello:echo"], Policy())
        yield far


async def test_a_group_is_a_base_path_whatever_model_is_named(api, far):
    async with api.client() as client:
        answer = await client.post("/smart/v1/chat/completions", json={**HELLO, "model": "gpt-5"})
    assert answer.status_code == 200
    assert json.loads(far.last.body)["model"] == "b"


@pytest.mark.parametrize(
    ("name", "model"), [("good", "never-listed"), ("good", "good:never-listed"), ("vllm", "never-listed")]
)
async def test_a_provider_is_a_base_path_for_its_own_models(api, far, name, model):
    async with api.client() as client:
        answer = await client.post(f"/{name}/v1/chat/completions", json={**HELLO, "model": model})
    assert answer.status_code == 200
    assert json.loads(far.last.body)["model"] == "never-listed"
    assert (await api.rows())[-1].route == "v1/chat/completions"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/morello/v1/chat/completions", {**HELLO, "model": "echo"}),
        ("/morello/v1/messages", {**HELLO, "model": "echo", "max_tokens": 9}),
        ("/morello/v1/messages/count_tokens", {**HELLO, "model": "echo"}),
        ("/morello/v1/responses", {"input": "hello", "model": "echo"}),
        ("/morello/v1/responses/input_tokens", {"input": "hello", "model": "echo"}),
        ("/morello/v1beta/models/echo:generateContent", {"contents": [{"parts": [{"text": "hello"}]}]}),
    ],
)
async def test_every_dialect_is_there_below_a_name(api, path, body):
    async with api.client() as client:
        answer = await client.post(path, json=body)
    assert answer.status_code == 200, answer.text


async def test_what_is_behind_a_name_is_listed_there(api, far):
    async with api.client() as client:
        behind = (await client.get("/smart/v1/models")).json()
        built_in = (await client.get("/morello/v1/models")).json()
        one = (await client.get("/morello/v1/models/echo")).json()
    assert [model["id"] for model in behind["data"]] == ["good:b", "morello:echo"]
    assert {model["provider"] for model in built_in["data"]} == {"morello"}
    assert one["id"] == "morello:echo"


async def test_a_name_that_is_nobodys_is_said_so(api):
    async with api.client() as client:
        answer = await client.post("/nobody/v1/messages", json={**HELLO, "model": "echo", "max_tokens": 9})
    assert answer.status_code == 404
    assert answer.json()["error"]["message"].startswith("“nobody” is no provider, alias or group.")
    assert answer.json()["type"] == "error"


@pytest.mark.parametrize("path", ["/good/v1/nothing", "/v1/v1/models", "/good/x/v1/models", "/Good/v1/models"])
async def test_below_a_name_there_is_nothing_else(api, far, path):
    async with api.client() as client:
        answer = await client.get(path)
    assert answer.status_code == 404


async def test_below_a_name_the_key_is_wanted_first(api, far):
    async with api.client(key=None) as client:
        for path in ("/good/v1/models", "/nobody/v1/models"):
            assert (await client.get(path)).status_code == 401


async def test_names_are_listed_before_the_models_in_every_shape(api, far):
    async with api.client() as client:
        openai = (await client.get("/v1/models")).json()["data"]
        anthropic = (await client.get("/v1/models", headers={"anthropic-version": "2023-06-01"})).json()["data"]
        gemini = (await client.get("/v1beta/models")).json()["models"]
        ollama = (await client.get("/api/tags")).json()["models"]
        one = (await client.get("/v1/models/smart")).json()
    assert [openai[0]["id"], anthropic[0]["id"], gemini[0]["name"], ollama[0]["name"]] == [
        *("smart", "smart"),
        *("models/smart", "smart"),
    ]
    assert one["models"] == ["good:b", "morello:echo"]
    assert (one["owned_by"], one["provider_model_id"]) == ("morello", "b")
