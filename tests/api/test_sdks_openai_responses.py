"""The `openai` SDK's responses, answered by a provider of each dialect."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests import sdks
from tests.conftest import Api
from tests.fakes import FarEnd, answers
from tests.sdks import FARS, NOTHING, OSLO, PICTURES, REFUSALS, ROME, WEATHER, model, sent, squeezed, tells

ABROAD = [dialect for dialect in FARS if dialect != "openai_responses"]
TOOLS: Any = [{"type": "function", "name": "weather", "parameters": WEATHER}]


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
    """The response, through the SDK's own streaming helper or at once."""
    asked = {"input": "Weather?", **asked}
    if not stream:
        return await client.responses.create(**asked)
    async with client.responses.stream(**asked) as running:
        return await running.get_final_response()


def calls_of(response: Any) -> list[Any]:
    return [item for item in response.output if item.type == "function_call"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", FARS)
class TestAnswers:
    async def test_a_text(self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str, stream: bool) -> None:
        far.behaviour = tells(dialect, "It is", " sunny ☀")
        got = await ask(client, stream, model=model(dialect))
        assert (got.output_text, got.status) == ("It is sunny ☀", "completed")

    async def test_a_tool_round_trip(self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str, stream: bool) -> None:
        far.behaviour = sdks.calls_then_tells(dialect, ROME)
        first = await ask(client, stream, model=model(dialect), tools=TOOLS, store=False)
        (call,) = calls_of(first)
        assert (call.name, call.arguments.replace(" ", "")) == ("weather", '{"city":"Rome"}')
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        items = [item.model_dump(exclude={"parsed_arguments"}, exclude_none=True) for item in first.output]
        told = [{"role": "user", "content": "Weather?"}, *items, result]
        second = await ask(client, stream, model=model(dialect), tools=TOOLS, store=False, input=told)
        assert second.output_text == "It is sunny."

    async def test_parallel_calls_and_going_on_from_them(
        self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str, stream: bool
    ) -> None:
        far.behaviour = sdks.calls_then_tells(dialect, ROME, OSLO, NOTHING)
        first = await ask(client, stream, model=model(dialect), tools=TOOLS)
        calls = calls_of(first)
        assert [call.arguments.replace(" ", "") for call in calls] == ['{"city":"Rome"}', '{"city":"Oslo"}', "{}"]
        results = [{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"} for call in calls]
        second = await ask(
            client, stream, model=model(dialect), tools=TOOLS, input=results, previous_response_id=first.id
        )
        assert second.output_text == "It is sunny."
        assert second.previous_response_id == first.id
        assert squeezed(far).count("sunny") == 3

    async def test_a_shape_is_parsed(self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str, stream: bool) -> None:
        far.behaviour = tells(dialect, '{"city": "Rome",', ' "degrees": 21}')
        asked: Any = {"model": model(dialect), "text_format": Weather}
        got = await (ask(client, stream, **asked) if stream else client.responses.parse(**asked, input="Weather?"))
        assert got.output_parsed == Weather(city="Rome", degrees=21)
        assert '"degrees"' in squeezed(far)


@pytest.mark.parametrize("dialect", FARS)
class TestStreams:
    async def test_the_events_are_numbered_and_end_with_the_response(
        self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str
    ) -> None:
        far.behaviour = tells(dialect, "Hel", "lo")
        stream = await client.responses.create(model=model(dialect), input="Hi", stream=True)
        events: list[Any] = [event async for event in stream]
        assert [event.sequence_number for event in events] == list(range(len(events)))
        assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "Hello"
        assert events[-1].type == "response.completed"
        assert (events[-1].response.usage.input_tokens, events[-1].response.usage.output_tokens) == (11, 7)
        assert "response.output_item.done" in [event.type for event in events]


@pytest.mark.parametrize("dialect", FARS)
class TestKept:
    async def test_a_response_is_found_again_with_what_was_read_for_it(
        self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str
    ) -> None:
        far.behaviour = tells(dialect, "Hello")
        made = await client.responses.create(model=model(dialect), input="Hi")
        assert (await client.responses.retrieve(made.id)).output_text == "Hello"
        items: list[Any] = [item async for item in await client.responses.input_items.list(made.id)]
        assert [item.content[0].text for item in items] == ["Hi"]
        await client.responses.delete(made.id)
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(made.id)


@pytest.mark.parametrize("dialect", FARS)
class TestRequests:
    async def test_a_picture(self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str) -> None:
        far.behaviour = tells(dialect, "A dot.")
        image = {"type": "input_image", "image_url": f"data:image/png;base64,{sdks.PNG}", "detail": "auto"}
        parts: Any = [{"type": "input_text", "text": "What?"}, image]
        got = await ask(client, False, model=model(dialect), input=[{"role": "user", "content": parts}])
        assert got.output_text == "A dot."
        assert PICTURES[dialect] in squeezed(far)

    async def test_instructions_reach_the_provider(self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str) -> None:
        far.behaviour = tells(dialect, "Hello")
        await ask(client, False, model=model(dialect), instructions="Be brief.", max_output_tokens=64)
        assert '"Be brief."' in squeezed(far)
        said = sent(far)
        limit = said.get("max_tokens") or said.get("max_output_tokens") or said["generationConfig"]["maxOutputTokens"]
        assert limit == 64

    async def test_its_errors_are_the_sdks_own(self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str) -> None:
        cases: Any = [
            (400, openai.BadRequestError),
            (401, openai.InternalServerError),
            (404, openai.NotFoundError),
            (429, openai.RateLimitError),
            (500, openai.InternalServerError),
        ]
        for status, kind in cases:
            far.behaviour = answers(status, REFUSALS[dialect])
            with pytest.raises(kind, match="its own words") as raised:
                await ask(client, False, model=model(dialect))
            assert raised.value.request_id.startswith("req_")


class TestElsewhere:
    @pytest.mark.parametrize("dialect", ABROAD)
    async def test_a_stream_that_breaks_has_failed(self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str) -> None:
        far.behaviour = sdks.breaks_off(dialect)
        stream = await client.responses.create(model=model(dialect), input="Hi", stream=True)
        events: list[Any] = [event async for event in stream]
        assert events[-1].type == "response.failed"
        assert "The answer is cut" in events[-1].response.error.message
        assert "response.completed" not in [event.type for event in events]

    async def test_a_stream_of_its_own_dialect_that_breaks_raises(
        self, client: openai.AsyncOpenAI, far: FarEnd
    ) -> None:
        far.behaviour = sdks.breaks_off("openai_responses")
        with pytest.raises(openai.APIError, match="The answer is cut"):
            await ask(client, True, model=model("openai_responses"))

    @pytest.mark.parametrize("dialect", ABROAD)
    async def test_a_cut_answer_raises_where_no_stream_was_asked_for(
        self, client: openai.AsyncOpenAI, far: FarEnd, dialect: str
    ) -> None:
        far.behaviour = sdks.breaks_off(dialect)
        with pytest.raises(openai.InternalServerError, match="The answer is cut"):
            await ask(client, False, model=model(dialect))

    async def test_a_talk_goes_on_from_provider_to_provider(self, client: openai.AsyncOpenAI, far: FarEnd) -> None:
        previous = None
        for number, dialect in enumerate(FARS):
            far.behaviour = tells(dialect, f"Answer {number}.")
            got = await ask(
                client,
                bool(number % 2),
                model=model(dialect),
                input=f"Question {number}?",
                previous_response_id=previous,
            )
            previous = got.id
        text = squeezed(far)
        places = [text.index(words) for number in range(3) for words in (f"Question {number}?", f"Answer {number}.")]
        assert places == sorted(places)

    async def test_an_unknown_previous_response_is_not_found(self, client: openai.AsyncOpenAI, far: FarEnd) -> None:
        with pytest.raises(openai.NotFoundError) as raised:
            await ask(client, False, model=model("anthropic"), previous_response_id="resp_nobody")
        assert raised.value.code == "previous_response_not_found"

    async def test_input_tokens_are_counted(self, client: openai.AsyncOpenAI, far: FarEnd) -> None:
        counts = {
            "openai_responses": b'{"object":"response.input_tokens","input_tokens":77}',
            "anthropic": b'{"input_tokens":77}',
            "gemini": b'{"totalTokens":77}',
        }
        for dialect, count in counts.items():
            far.behaviour = answers(200, count)
            assert (await client.responses.input_tokens.count(model=model(dialect), input="Hi")).input_tokens == 77
        assert (await client.responses.input_tokens.count(model=model("openai_chat"), input="Hi")).input_tokens > 0
