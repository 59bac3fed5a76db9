"""Counting tokens: the provider's own count wherever it can be had, else an estimate that says so."""

import json
from typing import Any

import pytest

from tests.conftest import Api
from tests.fakes import answers, far_end

TOOL = {"type": "object", "properties": {"a_rather_long_name_of_a_field": {"type": "string"}}}
ANTHROPIC: dict[str, Any] = {"model": "far:m", "messages": [{"role": "user", "content": "Count these words"}]}
RESPONSES: dict[str, Any] = {"model": "far:m", "input": "Count these words"}
GEMINI: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Count these words"}]}]}
CALLERS = {
    "anthropic": ("/v1/messages/count_tokens", ANTHROPIC, "input_tokens"),
    "openai_responses": ("/v1/responses/input_tokens", RESPONSES, "input_tokens"),
    "gemini": ("/v1beta/models/far:m:countTokens", GEMINI, "totalTokens"),
}
COUNTED = {
    "anthropic": ("/v1/messages/count_tokens", b'{"input_tokens":42}'),
    "openai_responses": ("/v1/responses/input_tokens", b'{"object":"response.input_tokens","input_tokens":42}'),
    "gemini": ("/v1beta/models/m:countTokens", b'{"totalTokens":42}'),
}


def base(dialect: str, url: str) -> str:
    return url if dialect == "gemini" else f"{url}/v1"


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("provider", COUNTED)
async def test_the_providers_own_count_is_told_in_every_dialect(api: Api, caller: str, provider: str) -> None:
    path, body, field = CALLERS[caller]
    theirs, count = COUNTED[provider]
    async with far_end(answers(200, count)) as far, api.client() as client:
        await api.gateway.providers.add("far", provider, base(provider, far.url), None)
        got = await client.post(path, json=body)
    assert got.status_code == 200, got.text
    assert got.json()[field] == 42
    assert "x-morello-estimated" not in got.headers
    assert far.last.path == theirs
    assert b"Count these words" in far.last.body


@pytest.mark.parametrize("caller", CALLERS)
async def test_bytes_pass_where_the_dialect_is_the_same(api: Api, caller: str) -> None:
    path, body, _ = CALLERS[caller]
    async with far_end(answers(200, COUNTED[caller][1])) as far, api.client() as client:
        await api.gateway.providers.add("far", caller, base(caller, far.url), None)
        await client.post(path, json={**body, "somethingNew": {"a": 1}})
    sent = json.loads(far.last.body)
    assert sent.pop("somethingNew") == {"a": 1}
    assert sent == ({**body, "model": "m"} if "model" in body else body)


@pytest.mark.parametrize("caller", CALLERS)
async def test_a_dialect_that_cannot_count_gets_an_estimate_that_says_so(api: Api, caller: str) -> None:
    path, body, field = CALLERS[caller]
    async with far_end() as far, api.client() as client:
        await api.gateway.providers.add("far", "openai_chat", far.url, None)
        got = await client.post(path, json=body)
    assert got.headers["x-morello-estimated"] == "1"
    assert 4 <= got.json()[field] <= 12
    assert not far.received


@pytest.mark.parametrize("status", [404, 405, 501])
@pytest.mark.parametrize("caller", CALLERS)
async def test_a_server_without_that_route_gets_an_estimate(api: Api, caller: str, status: int) -> None:
    path, body, field = CALLERS[caller]
    async with far_end(answers(status, b'{"error":{"message":"Not here"}}')) as far, api.client() as client:
        await api.gateway.providers.add("far", caller, base(caller, far.url), None)
        got = await client.post(path, json=body)
    assert (got.status_code, got.headers.get("x-morello-estimated")) == (200, "1")
    assert got.json()[field] >= 4


async def test_another_refusal_is_passed_on(api: Api) -> None:
    async with far_end(answers(429, b'{"error":{"message":"Slow down"}}')) as far, api.client() as client:
        await api.gateway.providers.add("far", "anthropic", f"{far.url}/v1", None)
        got = await client.post("/v1/messages/count_tokens", json=ANTHROPIC)
    assert got.status_code == 429
    assert "Slow down" in got.text


async def test_something_else_than_a_count_is_a_502(api: Api) -> None:
    async with far_end(answers(200, b'{"hello":1}')) as far, api.client() as client:
        await api.gateway.providers.add("far", "gemini", far.url, None)
        got = await client.post("/v1/messages/count_tokens", json=ANTHROPIC)
    assert got.status_code == 502


async def test_tools_are_counted(api: Api) -> None:
    with_tools = {**ANTHROPIC, "model": "morello:echo", "tools": [{"name": "look", "input_schema": TOOL}]}
    async with api.client() as client:
        plain = await client.post("/v1/messages/count_tokens", json={**ANTHROPIC, "model": "morello:echo"})
        more = await client.post("/v1/messages/count_tokens", json=with_tools)
    assert more.json()["input_tokens"] > plain.json()["input_tokens"] + 10


async def test_a_whole_gemini_request_is_renamed_inside(api: Api) -> None:
    whole = {"generateContentRequest": {"model": "models/far:m", **GEMINI}}
    async with far_end(answers(200, b'{"totalTokens":42}')) as far, api.client() as client:
        await api.gateway.providers.add("far", "gemini", far.url, None)
        got = await client.post("/v1beta/models/far:m:countTokens", json=whole)
    assert got.json() == {"totalTokens": 42}
    assert json.loads(far.last.body)["generateContentRequest"] == {"model": "models/m", **GEMINI}


async def test_counting_stands_in_the_call_table(api: Api) -> None:
    async with api.client() as client:
        await client.post("/v1/messages/count_tokens", json={**ANTHROPIC, "model": "morello:echo"})
    (row,) = await api.rows()
    assert (row.route, row.asked, row.provider) == ("v1/messages/count_tokens", "morello:echo", "morello")


async def test_a_conversation_that_says_nothing_to_another_dialect_is_asked_all_the_same(api: Api) -> None:
    said = {"contents": [{"parts": [{"thought": True}]}]}
    async with far_end(answers(400, b'{"type":"error","error":{"type":"x","message":"messages: required"}}')) as far:
        await api.gateway.providers.add("far", "anthropic", far.url, None)
        async with api.client() as client:
            got = await client.post("/v1beta/models/far:m:countTokens", json=said)
    assert got.status_code == 400
