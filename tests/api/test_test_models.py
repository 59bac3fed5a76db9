"""The test models: the same answer every time, whatever they are asked."""

import asyncio
import json
import time
from contextlib import aclosing, suppress
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.conversation import (
    ChatRequest,
    Ended,
    Finish,
    Finished,
    Message,
    PartGrew,
    PartStarted,
    Role,
    Started,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Unread,
    Usage,
    collect,
)
from api.dialects import anthropic, openai_chat
from api.errors import GatewayError, InvalidRequest, StreamBroken, UnknownModel, UpstreamRefused
from api.providers import testing
from api.providers.testing import smallest

texts = st.text()


def user(*parts):
    return Message(Role.USER, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def assistant(*parts):
    return Message(Role.ASSISTANT, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def request(*messages, **more):
    return ChatRequest("morello:x", messages, **more)


async def events(model, asked):
    return [event async for event in testing.answer(model, asked)]


async def reply(model, asked):
    return collect(await events(model, asked))


def answered(model, asked):
    return asyncio.run(reply(model, asked))


def parts_of(answer):
    return answer.choices[0].parts


def result(call, text):
    return ToolResult(call, (Text(text),))


def text_of(answer):
    return "".join(part.text for part in parts_of(answer) if isinstance(part, Text))


# Echo


@given(texts)
def test_echo_gives_back_exactly_what_the_user_said(text):
    assert text_of(answered("echo", request(user(text)))) == text


@given(st.lists(texts, min_size=1, max_size=4))
def test_echo_joins_the_parts_of_a_message(parts):
    assert text_of(answered("echo", request(user(*parts)))) == "".join(parts)


async def test_echo_answers_the_last_message_of_the_user():
    said = request(user("first"), assistant("no"), user("second"), assistant("no"))
    assert text_of(await reply("echo", said)) == "second"


async def test_echo_leaves_out_tool_results_and_what_the_system_says():
    said = request(user("mine"), user(result("1", "theirs")), Message(Role.SYSTEM, (Text("system"),)))
    assert text_of(await reply("echo", said)) == "mine"


async def test_echo_of_a_picture_alone_is_what_was_said_before_it():
    assert text_of(await reply("echo", request(user("look"), user(Unread("image"))))) == "look"


async def test_echo_of_nothing_is_nothing():
    assert text_of(await reply("echo", request(assistant("only me")))) == ""


async def test_echo_streams_word_by_word():
    said = await events("echo", request(user("one two  three\n")))
    assert [event.text for event in said if isinstance(event, PartGrew)] == ["one", " two", "  three", "\n"]
    assert isinstance(said[0], Started)
    assert [type(event) for event in said[-2:]] == [Finished, Ended]


@given(texts, st.integers(1, 6))
def test_a_limit_cuts_the_answer_and_says_so(text, limit):
    whole = answered("echo", request(user(text)))
    cut = answered("echo", request(user(text), max_tokens=limit))
    assert text.startswith(text_of(cut))
    assert cut.usage.tokens_out == min(limit, whole.usage.tokens_out)
    assert cut.choices[0].finished.reason is (Finish.LENGTH if whole.usage.tokens_out > limit else Finish.STOP)


async def test_the_same_question_has_the_same_answer():
    said = request(user("again"))
    assert await events("echo", said) == await events("echo", said)


async def test_usage_counts_words_out_and_letters_in():
    answer = await reply("echo", request(user("eight letters and more")))
    assert answer.usage == Usage(tokens_in=len("eight letters and more") // 4, tokens_out=4)


async def test_an_unknown_test_model_is_refused_with_the_known_ones():
    with pytest.raises(UnknownModel, match=r"morello:echo.*morello:error"):
        await events("parrot", request(user("hi")))


# Slow


async def test_slow_says_a_word_and_waits(monkeypatch):
    monkeypatch.setattr(testing, "SLOW_SECONDS", 0.03)
    times = []
    async for event in testing.answer("slow", request(user("one two three"))):
        if isinstance(event, PartGrew):
            times.append(time.monotonic())
    assert len(times) == 3
    assert all(later - sooner >= 0.025 for sooner, later in pairwise(times))


async def test_slow_does_not_wait_before_its_first_word(monkeypatch):
    monkeypatch.setattr(testing, "SLOW_SECONDS", 60)
    async with asyncio.timeout(10), aclosing(testing.answer("slow", request(user("one two")))) as answer:  # type: ignore[type-var]
        async for event in answer:
            if isinstance(event, PartGrew):
                break
    assert event == PartGrew(0, "one")


async def test_slow_says_the_same_as_echo(monkeypatch):
    monkeypatch.setattr(testing, "SLOW_SECONDS", 0)
    said = request(user("one two  three"))
    assert await reply("slow", said) == await reply("echo", said)


# Tools

BASH = Tool("Bash", {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]})
READ = Tool("Read", {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]})
json_objects = st.dictionaries(
    texts,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts | st.just(0.5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)


def called(text, *tools, asked=None):
    answer = answered("tools", asked or request(user(text), tools=tools or (BASH, READ)))
    (call,) = parts_of(answer)
    assert isinstance(call, ToolCall)
    assert answer.choices[0].finished.reason is Finish.TOOL_CALLS
    return call.name, json.loads(call.arguments)


@given(json_objects, st.booleans(), texts.filter(lambda text: "{" not in text and "Read" not in text))
def test_a_named_tool_is_called_with_the_arguments_beside_its_name(arguments, ascii_only, after):
    text = f"Call Read {json.dumps(arguments, ensure_ascii=ascii_only)} {after}"
    assert called(text) == ("Read", arguments)


@pytest.mark.parametrize(
    "text",
    [
        'Bash {"command":"echo hi"}',
        'Bash{"command":"echo hi"}',
        'Run Bash\n{"command": "echo hi"} now. {"x":1}',
    ],
)
def test_the_arguments_may_stand_anywhere_behind_the_name(text):
    assert called(text) == ("Bash", {"command": "echo hi"})


@pytest.mark.parametrize("text", ["Use Read.", "Read", "Read [1]", 'Read {"path":', "Read {not json}", 'Read "x"'])
def test_a_tool_named_without_arguments_gets_the_smallest(text):
    assert called(text) == ("Read", {"path": ""})


@pytest.mark.parametrize("text", ["Hello", "", "Reading is good", 'Nope {"a":1}', "Unbash"])
def test_where_none_is_named_the_first_is_called_with_the_smallest(text):
    assert called(text) == ("Bash", {"command": ""})


def test_names_with_dashes_dots_and_colons_are_names():
    tool = Tool("mcp__files-1.read:all", {"type": "object"})
    assert called('mcp__files-1.read:all {"a":1}', BASH, tool) == ("mcp__files-1.read:all", {"a": 1})


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"properties": {"a": {"type": "string"}}}])
def test_a_tool_that_needs_nothing_is_called_with_an_empty_object(schema):
    assert called("now", Tool("now", schema)) == ("now", {})


@pytest.mark.parametrize("choice", ["anyOf", "oneOf", "allOf"])
def test_a_choice_beside_the_fields_of_an_object_adds_to_them(choice):
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, choice: [{"required": ["a"]}]}
    assert called("f", Tool("f", schema)) == ("f", {"a": 0})


def test_a_schema_may_point_into_itself():
    schema = {
        "type": "object",
        "properties": {"size": {"$ref": "#/$defs/Size"}},
        "required": ["size"],
        "$defs": {"Size": {"enum": ["small", "large"]}},
    }
    assert called("f", Tool("f", schema)) == ("f", {"size": "small"})


@pytest.mark.parametrize(
    "text",
    [
        'Bash {"x": NaN}',
        'Bash {"x": 1e999}',
        'Bash {"x": "\\ud800"}',
        'Bash {"x": -Infinity}',
        "Bash " + '{"a":' * 100_000,
    ],
    ids=lambda text: text[:24],
)
@pytest.mark.parametrize("dialect", [openai_chat, anthropic], ids=lambda dialect: dialect.NAME)
async def test_whatever_stands_behind_the_name_the_call_can_be_written(dialect, text):
    answer = await reply("tools", request(user(text), tools=(BASH,)))
    (call,) = parts_of(answer)
    assert isinstance(json.loads(call.arguments), dict)
    msgspec.json.decode(dialect.write_reply(answer, request(), "1"))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "required": ["a"], "properties": {"a": True}},
        {"type": "object", "required": ["a"], "properties": {"a": False}},
        {"type": "object", "required": ["a"], "properties": []},
        {"type": "object", "required": 7},
        {"type": "object", "required": [7]},
        {"type": []},
        {"type": 7},
        {"enum": {"a": 1}},
        {"enum": []},
        {"anyOf": [7]},
        {"anyOf": {}},
        {"const": 7},
        {"type": "string"},
        {"type": "object", "required": ["a"], "properties": {"a": {"minLength": "x"}}},
        {"type": "object", "required": ["a"], "properties": {"a": {"minLength": 10**7}}},
        {"type": "object", "required": ["a"], "properties": {"a": {"type": "array", "minItems": 10**7}}},
        {"type": "object", "required": ["a"], "properties": {"a": {"type": "array", "minItems": -1}}},
        {"$ref": "#"},
        {"$ref": "#/$defs/none"},
        {"$ref": "https://example.com/schema"},
    ],
    ids=lambda schema: json.dumps(schema)[:60],
)
async def test_a_schema_that_makes_no_sense_is_refused_or_answered_with_an_object(schema):
    began = time.perf_counter()
    arguments = "{}"
    with suppress(InvalidRequest):
        (call,) = parts_of(await reply("tools", request(user("f"), tools=(Tool("f", schema),))))
        arguments = call.arguments
    assert isinstance(json.loads(arguments), dict)
    assert len(arguments) < 10**6
    assert time.perf_counter() - began < 3


def test_a_long_text_is_searched_in_time_that_grows_with_its_length():
    began = time.perf_counter()
    for text in ("a" * 20_000, "a " * 10_000, "a" + " " * 20_000 + "a", "Bash " * 4_000, "{" * 20_000):
        assert called(text)[0] == "Bash"
    assert time.perf_counter() - began < 2  # a search that looks at every beginning of every word takes far longer


async def test_after_a_result_it_answers_with_it_and_calls_no_more():
    said = request(
        user("Bash {}"),
        assistant(ToolCall("1", "Bash", "{}")),
        user(result("1", "hi there")),
        tools=(BASH,),
    )
    answer = await reply("tools", said)
    assert parts_of(answer) == (Text("hi there"),)
    assert answer.choices[0].finished.reason is Finish.STOP


@pytest.mark.parametrize(
    "behind",
    [
        (user(result("1", "a"), result("2", "b")),),
        (user(result("1", "a")), user(result("2", "b"))),
        (user(result("1", "a"), result("2", "b"), "<system-reminder>"),),
        (user(result("1", "a"), result("2", "b")), Message(Role.SYSTEM, (Text("A reminder."),))),
        (user(result("1", "a"), result("2", "b")), user("<system-reminder>")),
    ],
    ids=[
        "one message",
        "two messages",
        "text beside them",
        "a system message behind",
        "a user message behind",
    ],
)
async def test_results_since_its_last_turn_are_answered_however_they_come(behind):
    calls = assistant(ToolCall("1", "Bash", "{}"), ToolCall("2", "Bash", "{}"))
    answer = await reply("tools", request(user("Bash {}"), calls, *behind, tools=(BASH,)))
    assert parts_of(answer) == (Text("a\nb"),)


def test_a_result_of_an_earlier_turn_is_over():
    said = request(
        user("Bash {}"),
        assistant(ToolCall("1", "Bash", "{}")),
        user(result("1", "old")),
        assistant("old"),
        user('Bash {"command":"new"}'),
        tools=(BASH,),
    )
    assert called("", asked=said) == ("Bash", {"command": "new"})


async def test_without_tools_it_says_what_is_missing():
    with pytest.raises(InvalidRequest, match="offers none") as refused:
        await reply("tools", request(user("Bash {}")))
    assert refused.value.param == "tools"


async def test_a_call_is_streamed_in_parts():
    said = await events("tools", request(user('Bash {"command":"ls"}'), tools=(BASH,)))
    started = next(event for event in said if isinstance(event, PartStarted))
    grown = "".join(event.text for event in said if isinstance(event, PartGrew))
    assert isinstance(started.part, ToolCall)
    assert (started.part.name, started.part.arguments) == ("Bash", "")
    assert json.loads(grown) == {"command": "ls"}


# The smallest value of a schema


def valid(value, schema):
    """Whether `value` is what `schema` allows, for the words of JSON Schema used here."""
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": int | float,
        "boolean": bool,
    }
    if "const" in schema and value != schema["const"]:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "anyOf" in schema and not any(valid(value, choice) for choice in schema["anyOf"]):
        return False
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names and not any(value is None if name == "null" else isinstance(value, kinds[name]) for name in names):
        return False
    if isinstance(value, bool) and names and "boolean" not in names:
        return False
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        known = all(valid(value[name], field) for name, field in fields.items() if name in value)
        return known and all(name in value for name in schema.get("required", []))
    if isinstance(value, list):
        enough = len(value) >= schema.get("minItems", 0)
        return enough and all(valid(item, schema.get("items", {})) for item in value)
    if isinstance(value, str):
        return len(value) >= schema.get("minLength", 0)
    if isinstance(value, int | float) and not isinstance(value, bool):
        above = value >= schema.get("minimum", value) and value > schema.get("exclusiveMinimum", value - 1)
        return above and value <= schema.get("maximum", value)
    return True


small = st.integers(-3, 3)
leaves = st.one_of(
    st.just({}),
    st.builds(lambda n: {"type": "string", "minLength": n}, st.integers(0, 3)),
    st.builds(lambda n: {"type": "integer", "minimum": n}, small),
    st.builds(lambda n: {"type": "integer", "exclusiveMinimum": n}, small),
    st.builds(lambda n: {"type": "number", "maximum": n}, small),
    st.builds(lambda n: {"type": "integer", "minimum": n, "maximum": n + 2}, small),
    st.sampled_from([{"type": kind} for kind in ("string", "number", "boolean", "null", "array", "object")]),
    st.just({"type": ["null", "string"]}),
    st.builds(lambda values: {"enum": values}, st.lists(small | texts, min_size=1, max_size=3)),
    st.builds(lambda value: {"const": value}, small | texts | st.none()),
)


def compound(inner):
    fields = st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    return st.one_of(
        fields.flatmap(
            lambda known: st.builds(
                lambda required: {"type": "object", "properties": known, "required": required},
                st.lists(st.sampled_from(sorted(known)), unique=True) if known else st.just([]),
            )
        ),
        st.builds(lambda items, n: {"type": "array", "items": items, "minItems": n}, inner, st.integers(0, 2)),
        st.builds(lambda choices: {"anyOf": choices}, st.lists(inner, min_size=1, max_size=2)),
    )


@given(st.recursive(leaves, compound, max_leaves=8))
def test_the_smallest_value_is_valid(schema):
    assert valid(smallest(schema), schema)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"enum": ["b", "a"]}, "b"),
        ({"const": None}, None),
        ({"type": "string"}, ""),
        ({"type": "string", "minLength": 3}, "xxx"),
        ({"type": "integer"}, 0),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "exclusiveMinimum": 0}, 1),
        ({"type": "integer", "maximum": -2}, -2),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        ({"type": ["integer", "null"]}, 0),
        ({"type": "array", "items": {"type": "integer"}}, []),
        ({"type": "array", "items": {"enum": ["x"]}, "minItems": 2}, ["x", "x"]),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 0),
        (
            {
                "type": "object",
                "properties": {
                    "a": {"type": "object", "properties": {"b": {"type": "boolean"}}, "required": ["b"]},
                    "c": {"type": "string"},
                },
                "required": ["a"],
            },
            {"a": {"b": False}},
        ),
        ({"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"a": 0}),
        ({"type": "object", "required": ["unknown"]}, {"unknown": ""}),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_the_smallest_values_of_some_schemas(schema, value):
    assert smallest(schema) == value


# Errors


@pytest.mark.parametrize(
    ("prompt", "status", "wait"),
    [
        ("429 retry-after 7", 429, "7"),
        ("429", 429, None),
        ("500", 500, None),
        ("400 whatever else", 400, None),
        ("599 retry-after", 599, None),
        ("529 retry-after 0", 529, "0"),
    ],
)
async def test_error_fails_with_the_status_that_is_named(prompt, status, wait):
    with pytest.raises(UpstreamRefused, match=str(status)) as refused:
        await events("error", request(user(prompt)))
    assert refused.value.status == status
    assert refused.value.headers.get("retry-after") == wait


@pytest.mark.parametrize("wait", ["soon", "-1", "7\x00", "é", "\uff17"])
async def test_a_retry_after_that_is_no_number_of_seconds_is_not_sent(wait):
    with pytest.raises(GatewayError) as refused:
        await events("error", request(user(f"429 retry-after {wait}")))
    assert "retry-after" not in refused.value.headers


async def test_error_cut_begins_and_breaks():
    said = []

    async def listen():
        async for event in testing.answer("error", request(user("cut"))):
            said.append(event)

    with pytest.raises(StreamBroken, match="as it was asked to"):
        await listen()
    assert [type(event) for event in said] == [Started, PartStarted, PartGrew]


async def test_error_hang_says_nothing_for_ever():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await events("error", request(user("hang")))


@pytest.mark.parametrize("prompt", ["", "hello", "200", "399", "600", "99999", "٤٢٩", "4" * 5000])
async def test_error_says_how_it_wants_to_be_asked(prompt):
    with pytest.raises(InvalidRequest, match="429 retry-after 7"):
        await events("error", request(user(prompt)))


@given(texts.filter(lambda text: text.split()[:1] != ["hang"]))
def test_error_always_fails_in_words(prompt):
    with pytest.raises(GatewayError) as failed:
        answered("error", request(user(prompt)))
    assert str(failed.value).endswith(".")


# Counting


@given(st.lists(texts, max_size=3))
def test_a_count_is_a_quarter_of_the_letters_and_never_nothing(parts):
    letters = sum(map(len, parts))
    assert testing.count(request(user(*parts))) == max(1, letters // 4)
