"""What the Open Responses suite demands of a server: its HTTP cases, against providers of other dialects.

The demands on the response object are those of the suite's own schema, field by field; the events of a stream are
checked with the types of OpenAI's SDK besides.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.conftest import Api
from tests.fakes import CALLS, FRAMES, far_end, says

PICTURE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather of a place",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "A city"}},
        "required": ["location"],
    },
}


def says_to(role: str, content: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content}


LOOK = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": PICTURE}]
CASES: dict[str, dict[str, Any]] = {
    "basic text": {"input": [says_to("user", "Say hello in exactly 3 words.")]},
    "system prompt": {"input": [says_to("system", "You are a pirate."), says_to("user", "Say hello.")]},
    "tool calling": {"input": [says_to("user", "What is the weather in Paris?")], "tools": [WEATHER]},
    "image input": {"input": [says_to("user", LOOK)]},
    "multi-turn": {
        "input": [says_to("user", "I am Alice."), says_to("assistant", "Hello Alice."), says_to("user", "Who am I?")]
    },
    "with wishes": {
        "input": "Hello",
        "instructions": "Be brief",
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 99,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "tools": [WEATHER],
        "tool_choice": {"type": "function", "name": "get_weather"},
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "text"}, "verbosity": "low"},
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "store": False,
    },
}
PROVIDERS = ("openai_chat", "anthropic", "gemini")

Demand = Callable[[Any], bool]


def a(*kinds: type) -> Demand:
    return lambda value: type(value) in kinds


def null_or(*kinds: type) -> Demand:
    return lambda value: value is None or type(value) in kinds


def is_usage(usage: Any) -> bool:
    numbers = [usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]]
    details = [usage["input_tokens_details"]["cached_tokens"], usage["output_tokens_details"]["reasoning_tokens"]]
    return all(type(number) is int and number >= 0 for number in numbers + details)


# Every field that the suite's schema requires, and what may stand there.
DEMANDS: dict[str, Demand] = {
    "id": a(str),
    "object": lambda value: value == "response",
    "created_at": a(int),
    "completed_at": null_or(int),
    "status": lambda value: value == "completed",
    "incomplete_details": null_or(dict),
    "model": a(str),
    "previous_response_id": null_or(str),
    "instructions": null_or(str, list),
    "output": lambda value: type(value) is list and len(value) > 0,
    "error": null_or(dict),
    "tools": a(list),
    "tool_choice": a(str, dict),
    "truncation": lambda value: value in ("auto", "disabled"),
    "parallel_tool_calls": a(bool),
    "text": lambda value: value["format"]["type"] in ("text", "json_object", "json_schema"),
    "top_p": a(int, float),
    "presence_penalty": a(int, float),
    "frequency_penalty": a(int, float),
    "top_logprobs": a(int),
    "temperature": a(int, float),
    "reasoning": null_or(dict),
    "user": null_or(str),
    "usage": is_usage,
    "max_output_tokens": null_or(int),
    "max_tool_calls": null_or(int),
    "store": a(bool),
    "background": a(bool),
    "service_tier": a(str),
    "metadata": a(dict),
    "safety_identifier": null_or(str),
    "prompt_cache_key": null_or(str),
}
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def require_whole(response: dict[str, Any]) -> None:
    """Every field of a complete response is there, and is what it should be."""
    assert not DEMANDS.keys() - response.keys()
    wrong = {name: response[name] for name, demand in DEMANDS.items() if not demand(response[name])}
    assert not wrong
    Response.model_validate(response)


async def ask(api: Api, provider: str, case: dict[str, Any], stream: bool) -> Any:
    """What a provider's answer comes to: words, or a call where tools are offered."""
    called = CALLS[provider](("call_1", "get_weather", '{"location":"Paris"}'))
    frames = called if "tools" in case else FRAMES[provider](["Hello ", "there, ", "you"])
    async with far_end(says(*frames)) as far, api.client() as client:
        await api.gateway.providers.add("far", provider, f"{far.url}/v1", None)
        got = await client.post("/v1/responses", json={"model": "far:m", **case, "stream": stream})
    assert got.status_code == 200, got.text
    return got


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("case", CASES)
async def test_a_response_is_complete_in_every_field(api: Api, provider: str, case: str) -> None:
    response = (await ask(api, provider, CASES[case], stream=False)).json()
    require_whole(response)
    kinds = [item["type"] for item in response["output"]]
    assert ("function_call" in kinds) == ("tools" in CASES[case])
    assert ("message" in kinds) != ("tools" in CASES[case])


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("case", CASES)
async def test_a_streamed_response_is_complete_in_every_field(api: Api, provider: str, case: str) -> None:
    text = (await ask(api, provider, CASES[case], stream=True)).text
    names = [line[7:] for line in text.splitlines() if line.startswith("event: ")]
    told = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    for event in told:
        EVENT.validate_python(event)
    assert [event["type"] for event in told] == names
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert names[:2] == ["response.created", "response.in_progress"]
    assert names[-1] == "response.completed"
    require_whole(told[-1]["response"])
    ended = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert told[-1]["response"]["output"] == ended
    if "tools" in CASES[case]:
        assert {"response.function_call_arguments.delta", "response.function_call_arguments.done"} <= set(names)
        added = next(event["item"] for event in told if event["type"] == "response.output_item.added")
        assert added["type"] == "function_call"
        assert json.loads(ended[0]["arguments"]) == {"location": "Paris"}
    else:
        deltas = [event["delta"] for event in told if event["type"] == "response.output_text.delta"]
        assert "".join(deltas) == ended[0]["content"][0]["text"] == "Hello there, you"


@pytest.mark.parametrize("stream", [False, True])
async def test_what_was_asked_is_echoed(api: Api, stream: bool) -> None:
    got = await ask(api, "openai_chat", CASES["with wishes"], stream)
    response = json.loads(got.text.strip().splitlines()[-1][6:])["response"] if stream else got.json()
    echoed = (
        *("temperature", "top_p", "max_output_tokens", "metadata", "parallel_tool_calls", "instructions"),
        *("prompt_cache_key", "safety_identifier", "store", "tool_choice"),
    )
    assert {name: response[name] for name in echoed} == {name: CASES["with wishes"][name] for name in echoed}
    assert response["model"] == "far:m"
    assert response["text"]["verbosity"] == "low"
    assert response["reasoning"]["effort"] == "low"
    assert response["tools"][0]["name"] == "get_weather"


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_picture_reaches_a_provider_of_another_dialect(api: Api, provider: str) -> None:
    async with far_end(says(*FRAMES[provider](["A dot"]))) as far, api.client() as client:
        await api.gateway.providers.add("far", provider, f"{far.url}/v1", None)
        await client.post("/v1/responses", json={"model": "far:m", **CASES["image input"]})
    assert PICTURE.partition(",")[2].encode() in far.last.body
