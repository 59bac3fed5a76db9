"""The built-in model through Morello, with the official SDKs: a real answer without an account or a network."""

from typing import Any

import anthropic
import openai
import pytest

from api.conversation import Text, collect
from api.dialects import sse
from api.dialects.spoken import SPOKEN
from api.providers import local
from tests.conftest import Api

MODEL = f"local:{local.MODEL}"
QUESTION: Any = [{"role": "user", "content": "What is the capital of France?"}]

pytestmark = pytest.mark.skipif(
    local.unavailable() is not None, reason="the extra morello[local] (xllamacpp and Gemma 3) is not installed"
)


async def test_both_sdks_get_a_streamed_answer(api: Api) -> None:
    async with openai.AsyncOpenAI(base_url=f"{api.url}/v1", api_key=api.key, max_retries=0) as client:
        chunks = await client.chat.completions.create(
            model=MODEL, messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])
        assert "Paris" in text
        whole = await client.chat.completions.create(model=MODEL, messages=QUESTION)
        assert "Paris" in (whole.choices[0].message.content or "")
    async with anthropic.AsyncAnthropic(base_url=api.url, api_key=api.key, max_retries=0) as claude:
        async with claude.messages.stream(model=MODEL, max_tokens=64, messages=QUESTION) as stream:
            assert "Paris" in "".join([part async for part in stream.text_stream])
        counted = await claude.messages.count_tokens(model=MODEL, messages=QUESTION)
        assert counted.input_tokens > 5
    rows = await api.rows()
    assert [(row.provider, row.status) for row in rows] == [("local", 200)] * 4
    assert all(row.tokens_out for row in rows[:3])  # the last was only counted


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic", "gemini"])
async def test_it_answers_in_every_dialect(api: Api, dialect: str, streamed: bool) -> None:
    body: dict[str, Any] = {"model": MODEL, "messages": QUESTION, "max_tokens": 32, "stream": streamed}
    path = {"openai_chat": "/v1/chat/completions", "anthropic": "/v1/messages"}.get(dialect, "")
    if dialect == "openai_responses":
        path, body = "/v1/responses", {"model": MODEL, "input": QUESTION, "stream": streamed}
    elif dialect == "gemini":
        verb = "streamGenerateContent?alt=sse" if streamed else "generateContent"
        path = f"/v1beta/models/{MODEL}:{verb}"
        body = {"contents": [{"role": "user", "parts": [{"text": QUESTION[0]["content"]}]}]}
    async with api.client() as client:
        got = await client.post(path, json=body)
    spoken = SPOKEN[dialect]
    whole = got.content
    [answered] = collect(
        spoken.Reader().feed(sse.Reader().feed(whole)) if streamed else spoken.read_reply(whole)
    ).choices
    text = "".join(part.text for part in answered.parts if isinstance(part, Text))
    assert "Paris" in text
    assert ("event-stream" in got.headers["content-type"]) is streamed


async def test_it_is_listed(api: Api) -> None:
    async with api.client() as client:
        listed = (await client.get("/v1/models")).json()["data"]
    entry = next(model for model in listed if model["id"] == MODEL)
    assert "tiny" in entry["name"]


async def test_a_stream_is_answered_at_once_while_the_child_starts(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.relay.turn.HEARTBEAT_SECONDS", 0.1)
    async with api.client() as client:
        body = {"model": MODEL, "messages": QUESTION, "stream": True}
        async with client.stream("POST", "/v1/chat/completions", json=body) as got:
            assert not api.gateway.local.is_running
            text = (await got.aread()).decode()
    assert text.startswith(": ")
    assert text.endswith("data: [DONE]\n\n")


async def test_a_start_that_fails_is_told_in_the_stream_and_as_503(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_self: local.LocalModel) -> local.Endpoint:
        raise local.LocalModelFailed("The disk is full. Make room and try again.")

    monkeypatch.setattr(local.LocalModel, "endpoint", fail)
    async with api.client() as client:
        body = {"model": MODEL, "messages": QUESTION, "max_tokens": 9}
        whole = await client.post("/v1/messages", json=body)
        streamed = await client.post("/v1/messages", json={**body, "stream": True})
    assert (whole.status_code, whole.json()["error"]["message"]) == (503, "The disk is full. Make room and try again.")
    assert streamed.status_code == 200
    assert streamed.text.startswith("event: error")
