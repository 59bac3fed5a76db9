"""The `anthropic` SDK, answered by a provider of each dialect."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
from pydantic import BaseModel

from tests import sdks
from tests.conftest import Api
from tests.fakes import FarEnd, answers
from tests.sdks import FARS, NOTHING, OSLO, PICTURES, REFUSALS, ROME, WEATHER, model, sent, squeezed, tells

ABROAD = [dialect for dialect in FARS if dialect != "anthropic"]
QUESTION: Any = [{"role": "user", "content": "Weather?"}]
TOOLS: Any = [{"name": "weather", "input_schema": WEATHER}]


class Weather(BaseModel):
    city: str
    degrees: int


@pytest.fixture
async def client(api: Api) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=api.url, api_key=api.key, max_retries=0) as client:
        yield client


@pytest.fixture
async def far(api: Api) -> AsyncIterator[FarEnd]:
    async with sdks.four_providers(api) as far:
        yield far


async def ask(client: anthropic.AsyncAnthropic, stream: bool, **asked: Any) -> Any:
    """The message, through the SDK's own streaming helper or at once."""
    asked = {"max_tokens": 64, "messages": QUESTION, **asked}
    if not stream:
        return await client.messages.create(**asked)
    async with client.messages.stream(**asked) as running:
        return await running.get_final_message()


def results_of(message: Any) -> list[Any]:
    """A result for each call of `message`."""
    calls = [block for block in message.content if block.type == "tool_use"]
    content = [{"type": "text", "text": "sunny"}]
    return [{"type": "tool_result", "tool_use_id": call.id, "content": content} for call in calls]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", FARS)
class TestAnswers:
    async def test_a_text(self, client: anthropic.AsyncAnthropic, far: FarEnd, dialect: str, stream: bool) -> None:
        far.behaviour = tells(dialect, "It is", " sunny ☀")
        got = await ask(client, stream, model=model(dialect))
        assert [block.text for block in got.content] == ["It is sunny ☀"]
        assert (got.stop_reason, got.usage.input_tokens, got.usage.output_tokens) == ("end_turn", 11, 7)

    async def test_a_tool_round_trip(
        self, client: anthropic.AsyncAnthropic, far: FarEnd, dialect: str, stream: bool
    ) -> None:
        far.behaviour = sdks.calls_then_tells(dialect, ROME)
        first = await ask(client, stream, model=model(dialect), tools=TOOLS)
        assert first.stop_reason == "tool_use"
        (call,) = first.content
        assert (call.name, call.input) == ("weather", {"city": "Rome"})
        told = [
            *QUESTION,
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": results_of(first)},
        ]
        second = await ask(client, stream, model=model(dialect), tools=TOOLS, messages=told)
        assert second.content[0].text == "It is sunny."

    async def test_parallel_calls(
        self, client: anthropic.AsyncAnthropic, far: FarEnd, dialect: str, stream: bool
    ) -> None:
        far.behaviour = sdks.calls_then_tells(dialect, ROME, OSLO, NOTHING)
        first = await ask(client, stream, model=model(dialect), tools=TOOLS)
        assert [call.input for call in first.content] == [{"city": "Rome"}, {"city": "Oslo"}, {}]
        assert len({call.id for call in first.content}) == 3
        told = [
            *QUESTION,
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": results_of(first)},
        ]
        second = await ask(client, stream, model=model(dialect), tools=TOOLS, messages=told)
        assert second.content[0].text == "It is sunny."
        assert squeezed(far).count("sunny") == 3

    async def test_a_shape_is_parsed(
        self, client: anthropic.AsyncAnthropic, far: FarEnd, dialect: str, stream: bool
    ) -> None:
        far.behaviour = tells(dialect, '{"city": "Rome",', ' "degrees": 21}')
        asked: Any = {"model": model(dialect), "output_format": Weather}
        parsing = client.messages.parse(**asked, max_tokens=64, messages=QUESTION)
        got = await (ask(client, stream, **asked) if stream else parsing)
        if stream:
            parsing.close()
        assert got.parsed_output == Weather(city="Rome", degrees=21)
        assert '"degrees"' in squeezed(far)


@pytest.mark.parametrize("dialect", FARS)
class TestStreams:
    async def test_the_helper_tells_the_text_as_it_comes(
        self, client: anthropic.AsyncAnthropic, far: FarEnd, dialect: str
    ) -> None:
        far.behaviour = tells(dialect, "Hel", "lo")
        async with client.messages.stream(model=model(dialect), max_tokens=64, messages=QUESTION) as stream:
            assert [text async for text in stream.text_stream] == ["Hel", "lo"]

    async def test_arguments_come_as_they_are_said(
        self, client: anthropic.AsyncAnthropic, far: FarEnd, dialect: str
    ) -> None:
        far.behaviour = sdks.calls_then_tells(dialect, ROME)
        events: list[Any] = []
        async with client.messages.stream(
            model=model(dialect), max_tokens=64, messages=QUESTION, tools=TOOLS
        ) as stream:
            events += [event async for event in stream]
        pieces = [event.partial_json for event in events if event.type == "input_json"]
        assert "".join(pieces).replace(" ", "") == '{"city":"Rome"}'

    async def test_a_stream_that_breaks_raises(
        self, client: anthropic.AsyncAnthropic, far: FarEnd, dialect: str
    ) -> None:
        far.behaviour = sdks.breaks_off(dialect)
        with pytest.raises(anthropic.APIStatusError, match="The answer is cut"):
            await ask(client, True, model=model(dialect))


@pytest.mark.parametrize("dialect", FARS)
class TestRequests:
    async def test_a_picture(self, client: anthropic.AsyncAnthropic, far: FarEnd, dialect: str) -> None:
        far.behaviour = tells(dialect, "A dot.")
        source = {"type": "base64", "media_type": "image/png", "data": sdks.PNG}
        content = [{"type": "text", "text": "What?"}, {"type": "image", "source": source}]
        got = await ask(client, False, model=model(dialect), messages=[{"role": "user", "content": content}])
        assert got.content[0].text == "A dot."
        assert PICTURES[dialect] in squeezed(far)

    async def test_system_and_stop_sequences_reach_the_provider(
        self, client: anthropic.AsyncAnthropic, far: FarEnd, dialect: str
    ) -> None:
        far.behaviour = tells(dialect, "Hello")
        raw = await client.messages.with_raw_response.create(
            model=model(dialect),
            max_tokens=64,
            messages=QUESTION,
            system=[{"type": "text", "text": "Be brief."}],
            stop_sequences=["END"],
        )
        assert '"Be brief."' in squeezed(far)
        if dialect == "openai_responses":  # which has no such field
            assert raw.headers["x-morello-dropped"] == "stop_sequences"
        else:
            said = sent(far)
            stops = said.get("stop") or said.get("stop_sequences") or said["generationConfig"]["stopSequences"]
            assert stops == ["END"]

    async def test_tokens_are_counted(self, client: anthropic.AsyncAnthropic, far: FarEnd, dialect: str) -> None:
        counts = {
            "openai_responses": b'{"object":"response.input_tokens","input_tokens":77}',
            "anthropic": b'{"input_tokens":77}',
            "gemini": b'{"totalTokens":77}',
        }
        far.behaviour = answers(200, counts.get(dialect, b"{}"))
        count = client.messages.count_tokens
        plain = (await count(model=model(dialect), messages=QUESTION)).input_tokens
        more = (await count(model=model(dialect), messages=QUESTION, tools=TOOLS)).input_tokens
        if dialect == "openai_chat":  # which cannot count: an estimate, tools among it
            assert 0 < plain < more
        else:
            assert (plain, more) == (77, 77)
            assert "weather" in squeezed(far)

    async def test_its_errors_are_the_sdks_own(
        self, client: anthropic.AsyncAnthropic, far: FarEnd, dialect: str
    ) -> None:
        cases: Any = [
            (400, anthropic.BadRequestError),
            (401, anthropic.InternalServerError),  # the provider's key is wrong, not the caller's
            (404, anthropic.NotFoundError),
            (429, anthropic.RateLimitError),
            (500, anthropic.InternalServerError),
        ]
        for status, kind in cases:
            far.behaviour = answers(status, REFUSALS[dialect], retry_after="7")
            with pytest.raises(kind, match="its own words") as raised:
                await ask(client, False, model=model(dialect))
            assert raised.value.request_id.startswith("req_")
            if status == 429:
                assert raised.value.response.headers["retry-after"] == "7"
                assert raised.value.type in ("rate_limit_error", "some_error")


@pytest.mark.parametrize("dialect", ABROAD)
async def test_a_cut_answer_raises_where_no_stream_was_asked_for(
    client: anthropic.AsyncAnthropic, far: FarEnd, dialect: str
) -> None:
    far.behaviour = sdks.breaks_off(dialect)
    with pytest.raises(anthropic.InternalServerError, match="The answer is cut"):
        await ask(client, False, model=model(dialect))
