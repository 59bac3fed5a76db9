"""The official SDKs as the specification: what their parsers take, we may send.

Here in their own dialects and with the test models; what they get from providers of every dialect stands beside this.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest

from api.relay import turn
from tests.conftest import Api
from tests.fakes import CHAT, MESSAGE, FarEnd, answers, chat_frames, far_end, message_frames, says

QUESTION: Any = [{"role": "user", "content": "Say hello"}]
OPENAI_TOOL: Any = {
    "type": "function",
    "function": {
        "name": "Bash",
        "parameters": {
            "type": "object",
            "properties": {"command": {"type": "string"}},
            "required": ["command"],
        },
    },
}
ANTHROPIC_TOOL: Any = {"name": "Bash", "input_schema": OPENAI_TOOL["function"]["parameters"]}


@pytest.fixture
async def openai_client(api: Api) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{api.url}/v1", api_key=api.key, max_retries=0) as client:
        yield client


@pytest.fixture
async def anthropic_client(api: Api) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=api.url, api_key=api.key, max_retries=0) as client:
        yield client


@pytest.fixture
async def far(api: Api) -> AsyncIterator[FarEnd]:
    """One far end that is two providers: `oai` in one dialect, `ant` in the other."""
    async with far_end() as far:
        await api.gateway.providers.add("oai", "openai_chat", f"{far.url}/v1", "sk-far-0123456789")
        await api.gateway.providers.add("ant", "anthropic", f"{far.url}/v1", "sk-far-0123456789")
        yield far


class TestOpenAI:
    async def test_an_answer_from_a_provider(self, openai_client: openai.AsyncOpenAI, far: FarEnd) -> None:
        far.behaviour = answers(200, CHAT)
        got = await openai_client.chat.completions.create(model="oai:gpt-test", messages=QUESTION)
        assert got.choices[0].message.content == "Hello"
        assert got.usage
        assert got.usage.total_tokens == 18

    async def test_a_stream_from_a_provider(self, openai_client: openai.AsyncOpenAI, far: FarEnd) -> None:
        far.behaviour = says(*chat_frames(["Hel", "lo"]))
        stream = await openai_client.chat.completions.create(
            model="oai:gpt-test", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello"
        assert chunks[-1].usage
        assert chunks[-1].usage.prompt_tokens == 11

    async def test_the_streaming_helper_ends_cleanly(self, openai_client: openai.AsyncOpenAI) -> None:
        async with openai_client.chat.completions.stream(model="morello:echo", messages=QUESTION) as stream:
            final = await stream.get_final_completion()
        assert final.choices[0].message.content == "Say hello"

    async def test_a_tool_round_trip_with_the_test_model(self, openai_client: openai.AsyncOpenAI) -> None:
        messages: Any = [{"role": "user", "content": 'Bash {"command":"echo hi"}'}]
        first = await openai_client.chat.completions.create(
            model="morello:tools", messages=messages, tools=[OPENAI_TOOL]
        )
        assert first.choices[0].finish_reason == "tool_calls"
        calls = first.choices[0].message.tool_calls
        assert calls
        call: Any = calls[0]
        assert call.function.arguments == '{"command": "echo hi"}'
        messages += [first.choices[0].message.model_dump(exclude_none=True)]
        messages += [{"role": "tool", "tool_call_id": call.id, "content": "hi"}]
        second = await openai_client.chat.completions.create(
            model="morello:tools", messages=messages, tools=[OPENAI_TOOL]
        )
        assert second.choices[0].message.content == "hi"

    async def test_models_are_listed_and_retrieved(self, openai_client: openai.AsyncOpenAI) -> None:
        listed = [model.id async for model in openai_client.models.list()]
        assert "morello:echo" in listed
        assert (await openai_client.models.retrieve("morello:echo")).id == "morello:echo"

    async def test_errors_are_the_sdks_own(self, api: Api, openai_client: openai.AsyncOpenAI, far: FarEnd) -> None:
        async def create(model: str, words: str = "Hi") -> Any:
            messages: Any = [{"role": "user", "content": words}]
            return await openai_client.chat.completions.create(model=model, messages=messages)

        with pytest.raises(openai.NotFoundError) as unknown:
            await create("nobody:m")
        assert unknown.value.code == "model_not_found"
        with pytest.raises(openai.RateLimitError) as limited:
            await create("morello:error", "429 retry-after 7")
        assert limited.value.response.headers["retry-after"] == "7"
        assert (limited.value.request_id or "").startswith("req_")
        far.behaviour = answers(400, b'{"type":"error","error":{"type":"invalid_request_error","message":"too long"}}')
        with pytest.raises(openai.BadRequestError, match="too long"):
            await create("ant:m")
        with pytest.raises(openai.InternalServerError):
            await create("morello:error", "500")
        wrong = openai_client.with_options(api_key="cs-sk-wrong")
        with pytest.raises(openai.AuthenticationError):
            await wrong.chat.completions.create(model="morello:echo", messages=QUESTION)

    async def test_a_cut_stream_raises_and_does_not_end_as_if_complete(self, openai_client: openai.AsyncOpenAI) -> None:
        messages: Any = [{"role": "user", "content": "cut"}]
        stream = await openai_client.chat.completions.create(model="morello:error", messages=messages, stream=True)
        with pytest.raises(openai.APIError, match="cut this answer"):
            async for _ in stream:
                pass


class TestAnthropic:
    async def test_an_answer_from_a_provider(self, anthropic_client: anthropic.AsyncAnthropic, far: FarEnd) -> None:
        far.behaviour = answers(200, MESSAGE)
        got = await anthropic_client.messages.create(model="ant:claude-test", max_tokens=64, messages=QUESTION)
        assert got.content[0].text == "Hello"  # type: ignore[union-attr]
        assert got.usage.input_tokens == 11

    async def test_a_stream_from_a_provider(self, anthropic_client: anthropic.AsyncAnthropic, far: FarEnd) -> None:
        far.behaviour = says(*message_frames(["Hel", "lo"]))
        async with anthropic_client.messages.stream(
            model="ant:claude-test", max_tokens=64, messages=QUESTION
        ) as stream:
            text = "".join([part async for part in stream.text_stream])
            final = await stream.get_final_message()
        assert text == "Hello"
        assert (final.usage.output_tokens, final.stop_reason) == (7, "end_turn")

    async def test_the_test_model_streams(self, anthropic_client: anthropic.AsyncAnthropic) -> None:
        async with anthropic_client.messages.stream(model="morello:echo", max_tokens=64, messages=QUESTION) as stream:
            final = await stream.get_final_message()
        assert final.content[0].text == "Say hello"  # type: ignore[union-attr]

    async def test_a_tool_round_trip_with_the_test_model(self, anthropic_client: anthropic.AsyncAnthropic) -> None:
        messages: Any = [{"role": "user", "content": "call Bash"}]
        for stream in (False, True):
            first = await self._ask(anthropic_client, messages, stream)
            assert first.stop_reason == "tool_use"
            call: Any = first.content[0]
            assert (call.name, call.input) == ("Bash", {"command": ""})
            result = [{"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "hi"}]}]
            told = [
                *messages,
                {"role": "assistant", "content": first.content},
                {"role": "user", "content": result},
            ]
            second = await self._ask(anthropic_client, told, stream)
            assert second.content[0].text == "hi"  # type: ignore[union-attr]

    async def _ask(self, client: anthropic.AsyncAnthropic, messages: Any, stream: bool) -> anthropic.types.Message:
        asked: Any = {
            "model": "morello:tools",
            "max_tokens": 64,
            "messages": messages,
            "tools": [ANTHROPIC_TOOL],
        }
        if not stream:
            message: anthropic.types.Message = await client.messages.create(**asked)
            return message
        async with client.messages.stream(**asked) as running:
            return await running.get_final_message()

    async def test_tokens_are_counted(self, anthropic_client: anthropic.AsyncAnthropic, far: FarEnd) -> None:
        assert (await anthropic_client.messages.count_tokens(model="morello:echo", messages=QUESTION)).input_tokens > 0
        far.behaviour = answers(200, b'{"input_tokens": 77}')
        counted = await anthropic_client.messages.count_tokens(model="ant:m", messages=QUESTION)
        assert counted.input_tokens == 77

    async def test_models_are_listed_and_retrieved(self, anthropic_client: anthropic.AsyncAnthropic) -> None:
        listed = [model.id async for model in anthropic_client.models.list(limit=2)]
        assert "morello:error" in listed
        assert (await anthropic_client.models.retrieve("morello:echo")).type == "model"

    async def test_errors_are_the_sdks_own(self, anthropic_client: anthropic.AsyncAnthropic, far: FarEnd) -> None:
        async def create(model: str, words: str = "Hi") -> Any:
            messages: Any = [{"role": "user", "content": words}]
            return await anthropic_client.messages.create(model=model, max_tokens=9, messages=messages)

        with pytest.raises(anthropic.NotFoundError):
            await create("nobody:m")
        with pytest.raises(anthropic.RateLimitError) as limited:
            await create("morello:error", "429 retry-after 7")
        assert limited.value.response.headers["retry-after"] == "7"
        assert (limited.value.request_id or "").startswith("req_")
        far.behaviour = answers(400, b'{"error":{"message":"too long","type":"invalid_request_error"}}')
        with pytest.raises(anthropic.BadRequestError, match="too long"):
            await create("oai:m")
        with pytest.raises(anthropic.AuthenticationError):
            await anthropic_client.with_options(api_key="cs-sk-wrong").models.list()
        far.behaviour = answers(529, b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}')
        with pytest.raises(anthropic.APIStatusError, match="busy"):
            await create("ant:m")

    async def test_a_cut_stream_raises(self, anthropic_client: anthropic.AsyncAnthropic) -> None:
        messages: Any = [{"role": "user", "content": "cut"}]
        with pytest.raises(anthropic.APIStatusError, match="cut this answer"):
            async with anthropic_client.messages.stream(
                model="morello:error", max_tokens=64, messages=messages
            ) as stream:
                await stream.get_final_message()

    async def test_pings_are_taken_in_stride(
        self,
        api: Api,
        anthropic_client: anthropic.AsyncAnthropic,
        far: FarEnd,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(turn, "HEARTBEAT_SECONDS", 0.05)

        async def slowly(_received: Any, wire: Any) -> None:
            await wire.begin_stream()
            await asyncio.sleep(0.2)
            for frame in message_frames(["Hello"]):
                await wire.chunk(frame)
                await asyncio.sleep(0.12)
            await wire.end_stream()

        far.behaviour = slowly
        async with anthropic_client.messages.stream(model="ant:m", max_tokens=64, messages=QUESTION) as stream:
            assert "".join([part async for part in stream.text_stream]) == "Hello"
