"""Thoughts of a provider of each dialect, as every official SDK shows them: recorded, and told apart from the text."""

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from tests import sdks
from tests.conftest import Api
from tests.fakes import FarEnd, says
from tests.recording import FOLDER, Recording
from tests.sdks import FARS, model

Talk = list[tuple[str, str]]  # what was said, each with its kind
QUESTION: Any = [{"role": "user", "content": "Think."}]
RECORDED = {dialect: Recording(FOLDER / dialect / "aimock-reasoning.sse") for dialect in FARS if dialect != "anthropic"}
RECORDED["anthropic"] = Recording(FOLDER / "anthropic" / "aimock-signed.sse")
THOUGHT, SIGNED = ("Let me think it over, step by step.", "The answer is 42."), ("A thought with a seal.", "Signed.")


async def by_chat(api: Api, model: str) -> Talk:
    async with openai.AsyncOpenAI(base_url=f"{api.url}/v1", api_key=api.key, max_retries=0) as client:
        stream = await client.chat.completions.create(model=model, messages=QUESTION, stream=True)
        deltas = [chunk.choices[0].delta async for chunk in stream if chunk.choices]
    thoughts = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    return [("thought", thoughts), ("text", "".join(delta.content or "" for delta in deltas))]


async def by_responses(api: Api, model: str) -> Talk:
    async with (
        openai.AsyncOpenAI(base_url=f"{api.url}/v1", api_key=api.key, max_retries=0) as client,
        client.responses.stream(model=model, input="Think.") as stream,
    ):
        got: Any = await stream.get_final_response()
    items = [item for item in got.output if item.type == "reasoning"]
    thoughts = [part for item in items for part in (*item.summary, *(item.content or ()))]
    return [("thought", "".join(part.text for part in thoughts)), ("text", got.output_text)]


async def by_messages(api: Api, model: str) -> Talk:
    async with (
        anthropic.AsyncAnthropic(base_url=api.url, api_key=api.key, max_retries=0) as client,
        client.messages.stream(model=model, max_tokens=64, messages=QUESTION) as stream,
    ):
        got: Any = await stream.get_final_message()
    blocks = [block for block in got.content if block.type != "redacted_thinking"]
    return [("thought", b.thinking) if b.type == "thinking" else (b.type, b.text) for b in blocks]


async def by_contents(api: Api, model: str) -> Talk:
    whole = genai.Client(api_key=api.key, http_options=types.HttpOptions(base_url=api.url))
    async with whole.aio as client:
        stream: Any = await client.models.generate_content_stream(model=model, contents="Think.")
        parts: list[Any] = [part async for chunk in stream for part in chunk.candidates[0].content.parts or []]
    whole.close()
    thoughts = "".join(part.text or "" for part in parts if part.thought)
    return [("thought", thoughts), ("text", "".join(part.text or "" for part in parts if not part.thought))]


@pytest.fixture
async def far(api: Api) -> AsyncIterator[FarEnd]:
    async with sdks.four_providers(api) as far:
        yield far


@pytest.mark.parametrize("dialect", FARS)
@pytest.mark.parametrize("shown", [by_chat, by_responses, by_messages, by_contents])
async def test_thoughts_are_shown_as_thoughts_and_the_text_as_text(
    api: Api, far: FarEnd, dialect: str, shown: Callable[[Api, str], Coroutine[Any, Any, Talk]]
) -> None:
    far.behaviour = says(RECORDED[dialect].body)
    thought, text = SIGNED if dialect == "anthropic" else THOUGHT
    assert await shown(api, model(dialect)) == [("thought", thought), ("text", text)]
