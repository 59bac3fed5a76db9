"""Requests: written and read back in one dialect nothing is lost, in another one only what was named."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from api.conversation import (
    ChatRequest,
    Choice,
    Format,
    Image,
    Inline,
    Message,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from api.dialects.dialect import Written
from api.dialects.quirks import Quirks
from api.dialects.spoken import SPOKEN

each_dialect = pytest.mark.parametrize("name", SPOKEN)
each_pair = pytest.mark.parametrize(
    ("caller", "provider"), [(caller, provider) for caller in SPOKEN for provider in SPOKEN if caller != provider]
)
ALL = Quirks(developer_role=True, cache_control=True)
PIXEL = Inline("image/png", "iVBORw0KGgo=")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=12)
texts = st.builds(Text, words)
systems = st.builds(Message, st.just(Role.SYSTEM), st.tuples(texts))
images = st.just(Image(PIXEL))
tools = st.builds(
    Tool, st.sampled_from(["get_weather", "now", "write_file"]), st.just(SCHEMA), description=st.none() | words
)


@st.composite
def turns(draw: st.DrawFn) -> list[Message]:
    """What a user says, and perhaps a loop of tools and an answer."""
    said = [Message(Role.USER, tuple(draw(st.lists(texts | images, min_size=1, max_size=3))))]
    names = draw(st.lists(st.sampled_from(["get_weather", "now"]), max_size=3))
    if names:
        numbers = draw(st.lists(st.integers(0, 10**9), min_size=len(names), max_size=len(names), unique=True))
        calls = [
            ToolCall(f"call_{number}", name, '{"city":"Rome"}') for number, name in zip(numbers, names, strict=True)
        ]
        results = [ToolResult(call.id, (draw(texts),), name=call.name) for call in calls]
        said += [Message(Role.ASSISTANT, tuple(calls)), Message(Role.USER, tuple(results))]
    return [*said, Message(Role.ASSISTANT, (draw(texts),))]


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    """A request made of what all dialects have a word for."""
    system = draw(st.lists(systems, max_size=1))
    talk = [message for turn in draw(st.lists(turns(), max_size=3)) for message in turn]
    offered = tuple(draw(st.lists(tools, max_size=2, unique_by=lambda tool: tool.name)))
    return ChatRequest(
        "m",
        (*system, *talk, Message(Role.USER, (draw(texts),))),
        offered,
        draw(st.integers(16, 8192)),
        draw(st.booleans()),
        tool_choice=draw(st.sampled_from([None, *map(ToolChoice, Choice)])) if offered else None,
        temperature=draw(st.sampled_from([None, 0.5, 1.0])),
        top_p=draw(st.sampled_from([None, 0.25, 1.0])),
    )


def through(name: str, request: ChatRequest) -> tuple[ChatRequest, Written]:
    """A request written in a dialect and read back."""
    written = SPOKEN[name].write_request(request, ALL, "far")
    return SPOKEN[name].read_request(written.body, request.model, request.stream), written


def told(request: ChatRequest) -> dict[str, Any]:
    """What a request says to a model, whoever says it: every text, call, result and wish."""
    said = [(message.role, _content(part)) for message in request.messages for part in message.parts]
    return {
        "said": said,
        "tools": [(tool.name, tool.description, tool.schema) for tool in request.tools],
        "wishes": (request.max_tokens, request.stream, request.temperature, request.top_p),
        "choice": request.tool_choice,
    }


def _content(part: object) -> object:
    match part:
        case Text(text):
            return text
        case Image(source):
            return source
        case ToolCall(call, name, arguments):
            return call, name, msgspec.json.decode(arguments)
        case ToolResult(call_id=call):
            return call, part.text, part.is_error
        case _:
            return part


@each_dialect
@given(request=requests())
def test_what_every_dialect_can_say_is_read_back(name, request):
    back, written = through(name, request)
    assert written.dropped == ()
    assert told(back) == told(request)


@each_dialect
@given(request=requests())
def test_nothing_that_was_not_said_is_null(name, request):
    body = msgspec.json.decode(SPOKEN[name].write_request(request, ALL, "far").body)
    # Chat Completions wants the content of a turn that only calls tools to be null.
    assert set(nulls(body)) <= ({"content"} if name == "openai_chat" else set())


def nulls(value: Any) -> Iterator[str]:
    """The names of the fields that are null, however deep."""
    if isinstance(value, dict):
        yield from (key for key, inner in value.items() if inner is None)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nulls(inner)


@each_pair
@given(request=requests())
def test_a_request_crosses_two_dialects(caller, provider, request):
    asked, _ = through(caller, request)
    back, written = through(provider, asked)
    assert written.dropped == ()
    assert told(back) == told(request)


@each_dialect
@given(request=requests())
def test_writing_twice_says_the_same(name, request):
    back, written = through(name, request)
    assert SPOKEN[name].write_request(back, ALL, "far").body == written.body


@each_dialect
def test_unknown_fields_come_back_to_their_own_dialect(name):
    body = msgspec.json.decode(SPOKEN[name].write_request(simple(), ALL, "far").body)
    body["tomorrow"] = {"a": [1]}
    asked = SPOKEN[name].read_request(msgspec.json.encode(body), "m", False)
    written = SPOKEN[name].write_request(asked, ALL, "far")
    assert msgspec.json.decode(written.body)["tomorrow"] == {"a": [1]}
    assert written.dropped == ()


@each_pair
def test_unknown_fields_are_named_when_they_cannot_cross(caller, provider):
    body = msgspec.json.decode(SPOKEN[caller].write_request(simple(), ALL, "far").body)
    asked = SPOKEN[caller].read_request(msgspec.json.encode({**body, "tomorrow": 1}), "m", False)
    written = SPOKEN[provider].write_request(asked, ALL, "far")
    assert "tomorrow" in written.dropped
    assert b"tomorrow" not in written.body


@each_pair
@pytest.mark.parametrize("choice", [ToolChoice(Choice.REQUIRED, ("now",)), *map(ToolChoice, Choice)], ids=str)
def test_every_tool_choice_crosses(caller, provider, choice):
    request = structs.replace(simple(), tools=(Tool("now", SCHEMA), Tool("write", SCHEMA)), tool_choice=choice)
    back, _ = through(provider, through(caller, request)[0])
    assert back.tool_choice == choice


@each_pair
def test_a_shape_of_the_answer_crosses(caller, provider):
    schema = {**SCHEMA, "additionalProperties": False}
    request = structs.replace(simple(), format=Format(schema, "weather"))
    back, written = through(provider, through(caller, request)[0])
    assert back.format is not None
    assert back.format.schema == schema
    assert "format" not in written.dropped


@each_pair
def test_an_image_in_a_tool_result_is_not_lost(caller, provider):
    call = ToolCall("call_1", "look", "{}")
    result = ToolResult("call_1", (Text("Seen."), Image(PIXEL)), name="look")
    said = (
        Message(Role.USER, (Text("Look."),)),
        Message(Role.ASSISTANT, (call,)),
        Message(Role.USER, (result,)),
    )
    asked, _ = through(caller, structs.replace(simple(), messages=said))
    written = SPOKEN[provider].write_request(asked, ALL, "far")
    assert PIXEL.data.encode() in written.body


def simple() -> ChatRequest:
    return ChatRequest("m", (Message(Role.USER, (Text("Hi"),)),), max_tokens=64)
