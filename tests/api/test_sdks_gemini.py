"""The `google-genai` SDK, answered by a provider of each dialect."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from tests import sdks
from tests.conftest import Api
from tests.fakes import CHAT_MODELS, FarEnd, answers
from tests.sdks import FARS, NOTHING, OSLO, PICTURES, REFUSALS, ROME, WEATHER, model, sent, squeezed, tells

ABROAD = [dialect for dialect in FARS if dialect != "gemini"]
DECLARED = types.FunctionDeclaration(name="weather", description="It.", parameters_json_schema=WEATHER)
TOOLS: Any = [types.Tool(function_declarations=[DECLARED])]


class Weather(BaseModel):
    city: str
    degrees: int


@pytest.fixture
async def client(api: Api) -> AsyncIterator[Any]:
    whole = genai.Client(api_key=api.key, http_options=types.HttpOptions(base_url=api.url))
    async with whole.aio as client:
        yield client
    whole.close()


@pytest.fixture
async def far(api: Api) -> AsyncIterator[FarEnd]:
    async with sdks.four_providers(api) as far:
        yield far


async def ask(client: Any, stream: bool, dialect: str, contents: Any = "Weather?", **config: Any) -> list[Any]:
    """The chunks of a stream, or the one answer."""
    asked = {"model": model(dialect), "contents": contents, "config": types.GenerateContentConfig(**config)}
    if not stream:
        return [await client.models.generate_content(**asked)]
    return [chunk async for chunk in await client.models.generate_content_stream(**asked)]


def parts_of(chunks: list[Any]) -> list[Any]:
    return [part for chunk in chunks if chunk.candidates for part in chunk.candidates[0].content.parts or []]


def text_of(chunks: list[Any]) -> str:
    return "".join(part.text or "" for part in parts_of(chunks))


def calls_of(chunks: list[Any]) -> list[Any]:
    return [part.function_call for part in parts_of(chunks) if part.function_call]


def results_of(chunks: list[Any]) -> Any:
    """The talk so far, with a result for each call."""
    told = [
        types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": "sunny"}))
        for call in calls_of(chunks)
    ]
    said = [part for part in parts_of(chunks) if part.function_call]
    question = types.Content(role="user", parts=[types.Part(text="Weather?")])
    return [question, types.Content(role="model", parts=said), types.Content(role="user", parts=told)]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", FARS)
class TestAnswers:
    async def test_a_text(self, client: Any, far: FarEnd, dialect: str, stream: bool) -> None:
        far.behaviour = tells(dialect, "It is", " sunny ☀")
        chunks = await ask(client, stream, dialect)
        assert text_of(chunks) == "It is sunny ☀"
        last = chunks[-1]
        assert last.candidates[0].finish_reason == types.FinishReason.STOP
        assert (last.usage_metadata.prompt_token_count, last.usage_metadata.candidates_token_count) == (11, 7)

    async def test_a_tool_round_trip(self, client: Any, far: FarEnd, dialect: str, stream: bool) -> None:
        far.behaviour = sdks.calls_then_tells(dialect, ROME)
        first = await ask(client, stream, dialect, tools=TOOLS)
        (call,) = calls_of(first)
        assert (call.name, call.args) == ("weather", {"city": "Rome"})
        second = await ask(client, stream, dialect, results_of(first), tools=TOOLS)
        assert text_of(second) == "It is sunny."

    async def test_parallel_calls(self, client: Any, far: FarEnd, dialect: str, stream: bool) -> None:
        far.behaviour = sdks.calls_then_tells(dialect, ROME, OSLO, NOTHING)
        first = await ask(client, stream, dialect, tools=TOOLS)
        assert [call.args for call in calls_of(first)] == [{"city": "Rome"}, {"city": "Oslo"}, {}]
        second = await ask(client, stream, dialect, results_of(first), tools=TOOLS)
        assert text_of(second) == "It is sunny."
        assert squeezed(far).count("sunny") == 3

    async def test_a_shape_is_parsed(self, client: Any, far: FarEnd, dialect: str, stream: bool) -> None:
        far.behaviour = tells(dialect, '{"city": "Rome",', ' "degrees": 21}')
        chunks = await ask(client, stream, dialect, response_mime_type="application/json", response_schema=Weather)
        assert Weather.model_validate_json(text_of(chunks)) == Weather(city="Rome", degrees=21)
        assert stream or chunks[0].parsed == Weather(city="Rome", degrees=21)
        assert '"degrees"' in squeezed(far)


@pytest.mark.parametrize("dialect", FARS)
class TestStreams:
    async def test_a_stream_that_breaks_raises(self, client: Any, far: FarEnd, dialect: str) -> None:
        far.behaviour = sdks.breaks_off(dialect)
        with pytest.raises(errors.APIError, match="The answer is cut"):
            await ask(client, True, dialect)


@pytest.mark.parametrize("dialect", FARS)
class TestRequests:
    async def test_the_sdk_calls_a_function_of_python_itself(self, client: Any, far: FarEnd, dialect: str) -> None:
        asked = []

        def weather(city: str) -> str:
            """The weather of a city."""
            asked.append(city)
            return "sunny"

        far.behaviour = sdks.calls_then_tells(dialect, ROME)
        chunks = await ask(client, False, dialect, tools=[weather])
        assert (asked, text_of(chunks)) == (["Rome"], "It is sunny.")

    async def test_a_picture(self, client: Any, far: FarEnd, dialect: str) -> None:
        far.behaviour = tells(dialect, "A dot.")
        picture = types.Part.from_bytes(data=base64.b64decode(sdks.PNG), mime_type="image/png")
        chunks = await ask(client, False, dialect, ["What?", picture])
        assert text_of(chunks) == "A dot."
        if dialect == "gemini":  # the bytes pass as the SDK spells them: this one uses the alphabet for URLs
            data = sent(far)["contents"][0]["parts"][1]["inlineData"]["data"]
            assert data == sdks.PNG.replace("+", "-").replace("/", "_")
        else:
            assert PICTURES[dialect] in squeezed(far)

    async def test_its_wishes_reach_the_provider(self, client: Any, far: FarEnd, dialect: str) -> None:
        far.behaviour = tells(dialect, "Hello")
        await ask(client, False, dialect, system_instruction="Be brief.", max_output_tokens=64)
        said = sent(far)
        assert '"Be brief."' in squeezed(far)
        limit = said.get("max_tokens") or said.get("max_output_tokens") or said["generationConfig"]["maxOutputTokens"]
        assert limit == 64

    async def test_tokens_are_counted(self, client: Any, far: FarEnd, dialect: str) -> None:
        counts = {
            "openai_responses": b'{"object":"response.input_tokens","input_tokens":77}',
            "anthropic": b'{"input_tokens":77}',
            "gemini": b'{"totalTokens":77}',
        }
        far.behaviour = answers(200, counts.get(dialect, b"{}"))
        counted = (await client.models.count_tokens(model=model(dialect), contents="Weather?")).total_tokens
        assert counted > 0 if dialect == "openai_chat" else counted == 77

    async def test_its_errors_are_the_sdks_own(self, client: Any, far: FarEnd, dialect: str) -> None:
        cases = [
            (400, errors.ClientError, 400),
            (401, errors.ServerError, 502),  # the provider's key is wrong, not the caller's
            (404, errors.ClientError, 404),
            (429, errors.ClientError, 429),
            (500, errors.ServerError, 502),
        ]
        for status, kind, told in cases:
            far.behaviour = answers(status, REFUSALS[dialect])
            with pytest.raises(kind, match="its own words") as raised:
                await ask(client, False, dialect)
            assert raised.value.code == told


@pytest.mark.parametrize("dialect", ABROAD)
async def test_a_cut_answer_raises_where_no_stream_was_asked_for(client: Any, far: FarEnd, dialect: str) -> None:
    far.behaviour = sdks.breaks_off(dialect)
    with pytest.raises(errors.ServerError, match="The answer is cut"):
        await ask(client, False, dialect)


async def test_a_chat_remembers(client: Any, far: FarEnd) -> None:
    chat = client.chats.create(model=model("anthropic"))
    far.behaviour = tells("anthropic", "I am Bob.")
    assert (await chat.send_message("Who?")).text == "I am Bob."
    far.behaviour = tells("anthropic", "Bob.")
    assert (await chat.send_message("Say it again.")).text == "Bob."
    assert [message["role"] for message in sent(far)["messages"]] == ["user", "assistant", "user"]


async def test_models_are_listed_and_retrieved(client: Any, far: FarEnd) -> None:
    far.behaviour = answers(200, CHAT_MODELS)
    pager = await client.models.list(config={"page_size": 1})
    listed = [listed.name async for listed in pager]
    assert "models/morello:echo" in listed
    found = await client.models.get(model="morello:echo")
    assert found.name == "models/morello:echo"
    assert "generateContent" in found.supported_actions


async def test_a_wrong_key_is_refused_in_its_own_words(api: Api) -> None:
    whole = genai.Client(api_key="cs-sk-wrong", http_options=types.HttpOptions(base_url=api.url))
    async with whole.aio as client:
        with pytest.raises(errors.ClientError) as raised:
            await client.models.generate_content(model="morello:echo", contents="Hi")
    whole.close()
    assert (raised.value.code, raised.value.status) == (401, "UNAUTHENTICATED")
