"""The `openai` SDK's chat completions, answered by a provider of each dialect."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests import sdks
from tests.conftest import Api
from tests.fakes import FarEnd, answers
from tests.sdks import FARS, NOTHING, OSLO, PICTURES, REFUSALS, ROME, WEATHER, model, sent, squeezed, tells

ABROAD = [dialect for dialect in FARS if dialect != "openai_chat"]
QUESTION: Any = [{"role": "user", "content": "Weather?"}]
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "description": "It.", "parameters": WEATHER}}]


class Weather(BaseModel):
    city: str
    degrees: int


@pytest.fixture
async def client(api: Api) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{api.url}/v1", api_key=api.key, max_retries=0) as client:
        yield client


@pytest.fixture
async def far(api: Api) -> AsyncIterator[FarEnd]:
    async with sdks.four_providers(api) as far:
        yield far


async def ask(client: openai.AsyncOpenAI, stream: bool, **asked: Any) -> Any:
    """The completion, through the SDK's own streaming helper or at once."""
    if not stream:
        return await client.chat.completions.create(**asked)
    async with client.chat.completions.stream(**asked) as running:
        return await running.get_final_completion()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", FARS)
class TestAnswers:
    async def test_a_text(self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str, stream: bool) -> None:
        far.behaviour = tells(dialect, "It is", " sunny ☀")
        got = await ask(client, stream, model=model(dialect), messages=QUESTION)
        assert got.choices[0].message.content == "It is sunny ☀"
        assert got.choices[0].finish_reason == "stop"

    async def test_a_tool_round_trip(self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str, stream: bool) -> None:
        far.behaviour = sdks.calls_then_tells(dialect, ROME)
        first = await ask(client, stream, model=model(dialect), messages=QUESTION, tools=TOOLS)
        assert first.choices[0].finish_reason == "tool_calls"
        (call,) = first.choices[0].message.tool_calls
        assert (call.function.name, call.function.arguments.replace(" ", "")) == ("weather", '{"city":"Rome"}')
        told = [*QUESTION, first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
        second = await ask(client, stream, model=model(dialect), messages=told, tools=TOOLS)
        assert second.choices[0].message.content == "It is sunny."

    async def test_parallel_calls(self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str, stream: bool) -> None:
        far.behaviour = sdks.calls_then_tells(dialect, ROME, OSLO, NOTHING)
        got = await ask(client, stream, model=model(dialect), messages=QUESTION, tools=TOOLS)
        calls = got.choices[0].message.tool_calls
        assert [call.function.arguments.replace(" ", "") for call in calls] == [
            '{"city":"Rome"}',
            '{"city":"Oslo"}',
            "{}",
        ]
        assert len({call.id for call in calls}) == 3
        results = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in calls]
        told = [*QUESTION, got.choices[0].message, *results]
        second = await ask(client, stream, model=model(dialect), messages=told, tools=TOOLS)
        assert second.choices[0].message.content == "It is sunny."
        assert squeezed(far).count("sunny") == 3

    async def test_a_shape_is_parsed(self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str, stream: bool) -> None:
        far.behaviour = tells(dialect, '{"city": "Rome",', ' "degrees": 21}')
        asked: Any = {"model": model(dialect), "messages": QUESTION, "response_format": Weather}
        parse = client.chat.completions.parse
        got = await (ask(client, stream, **asked) if stream else parse(**asked))
        assert got.choices[0].message.parsed == Weather(city="Rome", degrees=21)
        assert '"degrees"' in squeezed(far)  # the provider was told the shape


@pytest.mark.parametrize("dialect", FARS)
class TestStreams:
    async def test_usage_is_told_to_who_asks(self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str) -> None:
        far.behaviour = tells(dialect, "Hel", "lo")
        chunks = await self._chunks(client, dialect, stream_options={"include_usage": True})
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello"
        assert [chunk.usage.prompt_tokens for chunk in chunks if chunk.usage] == [11]
        assert not chunks[-1].choices

    async def test_a_stream_that_breaks_raises(self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str) -> None:
        far.behaviour = sdks.breaks_off(dialect)
        with pytest.raises(openai.APIError, match="The answer is cut"):
            await self._chunks(client, dialect)

    async def _chunks(self, client: openai.AsyncOpenAI, dialect: str, **more: Any) -> list[Any]:
        asked: Any = {"model": model(dialect), "messages": QUESTION, "stream": True, **more}
        return [chunk async for chunk in await client.chat.completions.create(**asked)]


@pytest.mark.parametrize("dialect", FARS)
class TestRequests:
    async def test_a_picture(self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str) -> None:
        far.behaviour = tells(dialect, "A dot.")
        url = f"data:image/png;base64,{sdks.PNG}"
        parts: Any = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": url}}]
        got = await client.chat.completions.create(
            model=model(dialect), messages=[{"role": "user", "content": parts}], stream=False
        )
        assert got.choices[0].message.content == "A dot."
        assert PICTURES[dialect] in squeezed(far)

    async def test_a_named_tool_must_be_called(self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str) -> None:
        far.behaviour = tells(dialect, "Hello")
        choice: Any = {"type": "function", "function": {"name": "weather"}}
        await client.chat.completions.create(model=model(dialect), messages=QUESTION, tools=TOOLS, tool_choice=choice)
        said = sent(far).get("tool_choice") or sent(far)["toolConfig"]["functionCallingConfig"]
        assert {
            "openai_chat": choice,
            "openai_responses": {"type": "function", "name": "weather"},
            "anthropic": {"type": "tool", "name": "weather"},
            "gemini": {"mode": "ANY", "allowedFunctionNames": ["weather"]},
        }[dialect] == said

    async def test_its_errors_are_the_sdks_own(self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str) -> None:
        cases: Any = [
            (400, openai.BadRequestError),
            (401, openai.InternalServerError),  # the provider's key is wrong, not the caller's
            (404, openai.NotFoundError),
            (429, openai.RateLimitError),
            (500, openai.InternalServerError),
        ]
        for status, kind in cases:
            far.behaviour = answers(status, REFUSALS[dialect], retry_after="7")
            with pytest.raises(kind, match="its own words") as raised:
                await client.chat.completions.create(model=model(dialect), messages=QUESTION)
            assert raised.value.request_id.startswith("req_")
            if status == 429:
                assert raised.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize("dialect", ABROAD)
class TestAbroad:
    async def test_usage_is_told_to_nobody_who_did_not_ask(
        self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str
    ) -> None:
        far.behaviour = tells(dialect, "Hello")
        stream = await client.chat.completions.create(model=model(dialect), messages=QUESTION, stream=True)
        chunks = [chunk async for chunk in stream]
        assert all(chunk.choices and not chunk.usage for chunk in chunks)

    async def test_a_cut_answer_raises_where_no_stream_was_asked_for(
        self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str
    ) -> None:
        far.behaviour = sdks.breaks_off(dialect)
        with pytest.raises(openai.InternalServerError, match="The answer is cut"):
            await client.chat.completions.create(model=model(dialect), messages=QUESTION)
