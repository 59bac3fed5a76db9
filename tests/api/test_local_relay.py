"""The built-in model through Morello, with the official SDKs: a real answer without an account or a network."""

import base64
from array import array
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
import pytest_asyncio
from openai.types import CreateEmbeddingResponse

from api.conversation import Text, collect
from api.dialects import sse
from api.dialects.spoken import SPOKEN
from api.gateway import Gateway
from api.home import Home
from api.providers import local
from tests.conftest import Api, api_over

MODEL = f"local:{local.MODEL}"
QUESTION: Any = [{"role": "user", "content": "What is the capital of France?"}]

pytestmark = [
    pytest.mark.skipif(
        local.unavailable() is not None, reason="the extra morello[local] (xllamacpp and Gemma 3) is not installed"
    ),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Api]:
    """One for all tests here: the child takes a second or two to start."""
    home = Home(tmp_path_factory.mktemp("local") / "home")
    home.prepare()
    async with Gateway.open(home, cache) as gateway, api_over(gateway) as api:
        await api.listener.open(0)
        yield api


def sdk(api: Api) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{api.url}/v1", api_key=api.key, max_retries=0)


def likeness(one: list[float], other: list[float]) -> float:
    """The cosine between two vectors of length one."""
    return sum(a * b for a, b in zip(one, other, strict=True))


def usage_of(got: CreateEmbeddingResponse) -> tuple[int, int]:
    return got.usage.prompt_tokens, got.usage.total_tokens


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
    rows = (await api.rows())[-4:]
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


async def test_a_vector_is_the_same_as_numbers_and_packed_and_the_same_again(api: Api) -> None:
    async with sdk(api) as client:
        plain, packed, again = [
            (await client.embeddings.create(model=MODEL, input="Ships sail.", encoding_format=form)).data[0].embedding
            for form in ("float", "base64", "float")
        ]
        usual = await client.embeddings.create(model=MODEL, input="Ships sail.")  # packed, and unpacked by the SDK
    assert isinstance(packed, str)
    numbers = array("f", base64.b64decode(packed)).tolist()
    assert plain == again == pytest.approx(numbers)
    assert usual.data[0].embedding == numbers
    assert len(plain) == 640
    assert likeness(plain, plain) == pytest.approx(1)
    assert usage_of(usual) == (4, 4)


async def test_related_texts_lie_nearer_than_unrelated_ones(api: Api) -> None:
    texts = ["The cat sleeps on the sofa.", "A kitten naps on the couch.", "Interest rates rose by half a percent."]
    async with sdk(api) as client:
        got = await client.embeddings.create(model=MODEL, input=texts, encoding_format="float")
    cat, kitten, rates = (row.embedding for row in got.data)
    assert [row.index for row in got.data] == [0, 1, 2]
    assert likeness(cat, kitten) > likeness(cat, rates)
    assert likeness(cat, kitten) > likeness(kitten, rates)


async def test_a_text_is_embedded_as_tokens_too(api: Api) -> None:
    async with sdk(api) as client:
        got = await client.embeddings.create(model=MODEL, input=[[2, 669, 5866], [2, 669]], encoding_format="float")
    assert [len(row.embedding) for row in got.data] == [640, 640]
    assert usage_of(got) == (5, 5)


async def test_a_completion_goes_on_over_lines_as_no_answer_of_a_chat_does(api: Api) -> None:
    async with sdk(api) as client:
        whole = await client.completions.create(model=MODEL, prompt="def fib(n):\n", max_tokens=40)
        pieces = await client.completions.create(model=MODEL, prompt="def fib(n):\n", max_tokens=40, stream=True)
        streamed = "".join([piece.choices[0].text async for piece in pieces])
        stopped = await client.completions.create(model=MODEL, prompt="def fib(n):\n", max_tokens=40, stop="return")
        asked = await client.chat.completions.create(model=MODEL, messages=QUESTION)
    text = whole.choices[0].text
    assert text.count("\n") > 1
    assert streamed == text
    assert stopped.choices[0].text == text[: text.index("return")]
    assert asked.choices[0].message.content == "Paris"


async def test_a_callers_own_grammar_stays(api: Api) -> None:
    grammar = {"grammar": 'root ::= "yes" | "no"'}
    async with sdk(api) as client:
        got = await client.completions.create(model=MODEL, prompt="Is it?", max_tokens=9, extra_body=grammar)
    assert got.choices[0].text in ("yes", "no")


@pytest.mark.parametrize("stop", [b"null", b'""', b"[]"])
async def test_stop_words_that_are_none_are_none_in_a_completion(api: Api, stop: bytes) -> None:
    said = api.gateway.local.as_text(b'{"prompt":"a","stop":%s}' % stop)
    assert said == api.gateway.local.as_text(b'{"prompt":"a","stop":null}')
    assert b'"stop":["\\uffff\\uffff"]' in said


async def test_a_stream_is_answered_at_once_while_the_child_starts(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.relay.turn.HEARTBEAT_SECONDS", 0.1)
    await api.gateway.local.close()
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

    await api.gateway.local.close()
    monkeypatch.setattr(local.LocalModel, "endpoint", fail)
    async with api.client() as client:
        body = {"model": MODEL, "messages": QUESTION, "max_tokens": 9}
        whole = await client.post("/v1/messages", json=body)
        streamed = await client.post("/v1/messages", json={**body, "stream": True})
    assert (whole.status_code, whole.json()["error"]["message"]) == (503, "The disk is full. Make room and try again.")
    assert streamed.status_code == 200
    assert streamed.text.startswith("event: error")
