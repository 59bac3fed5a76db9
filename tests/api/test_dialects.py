"""How it is said: both dialects read requests, write replies, and hear what is written."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.conversation import (
    Event,
    Finish,
    Finished,
    Message,
    PartEnded,
    PartGrew,
    PartStarted,
    Reply,
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
from api.dialects import anthropic, openai_chat, sse
from api.errors import (
    GatewayError,
    InvalidRequest,
    NotAllowed,
    StreamBroken,
    TooLarge,
    UnknownModel,
    UpstreamRefused,
    UpstreamTimeout,
)

BOTH = [openai_chat, anthropic]
both = pytest.mark.parametrize("dialect", BOTH, ids=lambda dialect: dialect.NAME)


# Conversations in events

SPOKEN: list[Event] = [
    Started(9),
    PartStarted(0, Text("")),
    PartGrew(0, "Hello"),
    PartGrew(0, " wörld\u2028"),
    PartEnded(0),
    Finished(Finish.STOP, Usage(9, 2)),
]
CALLED: list[Event] = [
    Started(20),
    PartStarted(0, Text("")),
    PartGrew(0, "Let me look."),
    PartEnded(0),
    PartStarted(1, ToolCall("call_1", "Read", "")),
    PartStarted(2, ToolCall("call_2", "Bash", "")),
    PartGrew(1, '{"path":'),
    PartGrew(2, '{"command":"ls"}'),
    PartGrew(1, '"a"}'),
    PartEnded(1),
    PartEnded(2),
    Finished(Finish.TOOL_CALLS, Usage(20, 30)),
]

texts = st.text(max_size=12)
objects = st.dictionaries(texts, texts | st.integers(-9, 9) | st.none(), max_size=3)


@st.composite
def streams(draw):
    """Events of a whole answer, as the test models and later the providers tell it."""
    usage = draw(st.builds(Usage, st.integers(0, 10**6), st.integers(0, 10**6)))
    reason = draw(st.sampled_from(Finish))
    events: list[Event] = [Started(usage.tokens_in)]
    for index in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            events += [
                PartStarted(index, Text("")),
                *(PartGrew(index, text) for text in draw(st.lists(texts, max_size=3))),
            ]
        else:
            whole = json.dumps(draw(objects))
            cut = draw(st.integers(0, len(whole)))
            call = ToolCall(f"call_{index}", draw(st.sampled_from(["Bash", "a-b_c"])), "")
            events += [PartStarted(index, call), PartGrew(index, whole[:cut]), PartGrew(index, whole[cut:])]
        events.append(PartEnded(index))
    return [*events, Finished(reason, usage)]


# Writing


def written(dialect, events, usage_wanted=True):
    writer = dialect.Writer("morello:echo", "1", usage_wanted)
    return b"".join(writer.write(event) for event in events)


def frames(stream):
    """What a stream says, frame by frame: the event's name and its JSON."""
    return [
        (frame.event.decode(), json.loads(frame.data) if frame.data != b"[DONE]" else "[DONE]")
        for frame in sse.Reader().feed(stream)
    ]


def chunk(delta=None, reason=None, **more):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason}]
    head = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "morello:echo",
    }
    return ("", {**head, "choices": choices, **more})


@pytest.fixture
def at_the_epoch(monkeypatch):
    monkeypatch.setattr("api.dialects.openai_chat.time.time", lambda: 1_700_000_000.5)


@pytest.mark.usefixtures("at_the_epoch")
def test_openai_says_a_text_in_these_frames():
    assert frames(written(openai_chat, SPOKEN)) == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hello"}),
        chunk({"content": " wörld\u2028"}),
        chunk({}, "stop"),
        chunk(usage={"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}),
        ("", "[DONE]"),
    ]


@pytest.mark.usefixtures("at_the_epoch")
def test_openai_says_parallel_tool_calls_in_these_frames():
    def call(index, **fields):
        return chunk({"tool_calls": [{"index": index, **fields}]})

    assert frames(written(openai_chat, CALLED, usage_wanted=False)) == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Let me look."}),
        call(0, id="call_1", type="function", function={"name": "Read", "arguments": ""}),
        call(1, id="call_2", type="function", function={"name": "Bash", "arguments": ""}),
        call(0, function={"arguments": '{"path":'}),
        call(1, function={"arguments": '{"command":"ls"}'}),
        call(0, function={"arguments": '"a"}'}),
        chunk({}, "tool_calls"),
        ("", "[DONE]"),
    ]


def told(kind, **fields):
    return (kind, {"type": kind, **fields})


def begun(tokens_in):
    message: dict[str, object] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "morello:echo",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": tokens_in, "output_tokens": 0},
    }
    return told("message_start", message=message)


def ended(reason, tokens_in, tokens_out):
    usage = {"input_tokens": tokens_in, "output_tokens": tokens_out}
    delta = {"stop_reason": reason, "stop_sequence": None}
    return [told("message_delta", delta=delta, usage=usage), told("message_stop")]


def grew(index, kind, **fields):
    return told("content_block_delta", index=index, delta={"type": kind, **fields})


def test_anthropic_says_a_text_in_these_frames():
    assert frames(written(anthropic, SPOKEN)) == [
        begun(9),
        told("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        grew(0, "text_delta", text="Hello"),
        grew(0, "text_delta", text=" wörld\u2028"),
        told("content_block_stop", index=0),
        *ended("end_turn", 9, 2),
    ]


def test_anthropic_says_parallel_tool_calls_in_these_frames():
    def tool(index, call, name):
        block = {"type": "tool_use", "id": call, "name": name, "input": {}}
        return told("content_block_start", index=index, content_block=block)

    assert frames(written(anthropic, CALLED)) == [
        begun(20),
        told("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        grew(0, "text_delta", text="Let me look."),
        told("content_block_stop", index=0),
        tool(1, "call_1", "Read"),
        tool(2, "call_2", "Bash"),
        grew(1, "input_json_delta", partial_json='{"path":'),
        grew(2, "input_json_delta", partial_json='{"command":"ls"}'),
        grew(1, "input_json_delta", partial_json='"a"}'),
        told("content_block_stop", index=1),
        told("content_block_stop", index=2),
        *ended("tool_use", 20, 30),
    ]


@pytest.mark.parametrize(
    ("dialect", "reason", "word"),
    [
        (openai_chat, Finish.STOP, "stop"),
        (openai_chat, Finish.LENGTH, "length"),
        (openai_chat, Finish.TOOL_CALLS, "tool_calls"),
        (anthropic, Finish.STOP, "end_turn"),
        (anthropic, Finish.LENGTH, "max_tokens"),
        (anthropic, Finish.TOOL_CALLS, "tool_use"),
    ],
)
def test_each_reason_has_its_word(dialect, reason, word):
    reply = json.loads(dialect.write_reply(Reply((Text("x"),), reason, Usage()), "m", "1"))
    assert word in (reply.get("stop_reason"), reply.get("choices", [{}])[0].get("finish_reason"))


@pytest.mark.usefixtures("at_the_epoch")
def test_openai_writes_a_whole_reply_with_its_calls():
    assert json.loads(openai_chat.write_reply(collect(CALLED), "morello:tools", "7")) == {
        "id": "chatcmpl-7",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "morello:tools",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": "Let me look.",
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "Read", "arguments": '{"path":"a"}'},
                        },
                        {
                            "id": "call_2",
                            "type": "function",
                            "function": {"name": "Bash", "arguments": '{"command":"ls"}'},
                        },
                    ],
                },
            }
        ],
        "usage": {"prompt_tokens": 20, "completion_tokens": 30, "total_tokens": 50},
    }


def test_openai_writes_a_reply_without_text_as_null_and_without_calls_as_none():
    only_calls = json.loads(
        openai_chat.write_reply(Reply((ToolCall("1", "f", "{}"),), Finish.TOOL_CALLS, Usage()), "m", "1")
    )
    only_text = json.loads(openai_chat.write_reply(Reply((Text(""),), Finish.STOP, Usage()), "m", "1"))
    assert only_calls["choices"][0]["message"]["content"] is None
    assert only_text["choices"][0]["message"] == {"role": "assistant", "content": ""}


def test_anthropic_writes_a_whole_reply_with_its_calls():
    assert json.loads(anthropic.write_reply(collect(CALLED), "morello:tools", "7")) == {
        "id": "msg_7",
        "type": "message",
        "role": "assistant",
        "model": "morello:tools",
        "content": [
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "call_1", "name": "Read", "input": {"path": "a"}},
            {"type": "tool_use", "id": "call_2", "name": "Bash", "input": {"command": "ls"}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 20, "output_tokens": 30},
    }


@both
def test_a_call_that_needs_no_arguments_is_written_with_empty_ones(dialect):
    events: list[Event] = [
        Started(),
        PartStarted(0, ToolCall("1", "now", "")),
        PartEnded(0),
        Finished(Finish.TOOL_CALLS, Usage()),
    ]
    reply = json.loads(dialect.write_reply(collect(events), "m", "1"))
    if dialect is anthropic:
        assert reply["content"][0]["input"] == {}
    else:
        assert reply["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "now"


def texts_and_calls(dialect, stream):
    """What a client makes of a stream: the text, and each call's name and arguments."""
    text, calls = "", {}
    for _, said in frames(stream):
        if dialect is anthropic:
            delta = said.get("delta", {})
            text += delta.get("text", "")
            if said.get("content_block", {}).get("type") == "tool_use":
                calls[said["index"]] = [said["content_block"]["name"], ""]
            if "partial_json" in delta:
                calls[said["index"]][1] += delta["partial_json"]
        elif said != "[DONE]":
            for choice in said["choices"]:
                text += choice["delta"].get("content", "")
                for call in choice["delta"].get("tool_calls", []):
                    known = calls.setdefault(call["index"], [call["function"].get("name"), ""])
                    known[1] += call["function"]["arguments"]
    return text, [(name, json.loads(arguments)) for name, arguments in calls.values()]


@both
@settings(max_examples=40)
@given(events=streams())
def test_a_stream_says_what_the_whole_reply_says(dialect, events):
    reply = collect(events)
    text = "".join(part.text for part in reply.parts if isinstance(part, Text))
    calls = [(part.name, json.loads(part.arguments)) for part in reply.parts if isinstance(part, ToolCall)]
    assert texts_and_calls(dialect, written(dialect, events)) == (text, calls)
    whole = json.loads(dialect.write_reply(reply, "m", "1"))
    if dialect is anthropic:
        assert [(block["name"], block["input"]) for block in whole["content"] if block["type"] == "tool_use"] == calls
    else:
        message = whole["choices"][0]["message"]
        assert (message["content"] or "") == text


# Hearing


def heard(dialect, *frames):
    ear = dialect.Ear()
    ear.hear(frames)
    return ear


def frame(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return sse.Frame(b"", data)


@both
@settings(max_examples=40)
@given(events=streams())
def test_the_ear_hears_what_the_writer_writes(dialect, events):
    ear = dialect.Ear()
    ear.hear(sse.Reader().feed(written(dialect, events)))
    assert ear.usage == events[-1].usage
    assert ear.finished
    if any(isinstance(event, PartGrew) and event.text for event in events):
        assert ear.has_spoken


@both
@settings(max_examples=40)
@given(events=streams())
def test_the_ear_has_heard_no_end_before_the_answer_ended(dialect, events):
    ear = dialect.Ear()
    ear.hear(sse.Reader().feed(written(dialect, events[:-1])))
    assert not ear.finished


@both
def test_the_ear_has_heard_nothing_before_the_first_word(dialect):
    ear = dialect.Ear()
    ear.hear(sse.Reader().feed(written(dialect, SPOKEN[:2])))
    assert not ear.has_spoken
    ear.hear(sse.Reader().feed(dialect.HEARTBEAT))
    assert not ear.has_spoken


@both
@settings(max_examples=40)
@given(events=streams())
def test_the_ear_hears_a_whole_reply(dialect, events):
    ear = dialect.Ear()
    ear.hear_whole(dialect.write_reply(collect(events), "m", "1"))
    assert (ear.usage, ear.finished, ear.has_spoken) == (events[-1].usage, True, True)


GARBAGE = [
    *(b"", b"{", b"null", b"[]", b"7", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"type":' * 50_000, b"{}"),
    b'{"type":7}',
    b'{"choices":{}}',
    b'{"choices":[null]}',
    b'{"choices":[{"delta":7}]}',
    b'{"choices":null,"usage":null}',
    b'{"type":"message_start","message":7}',
    b'{"type":"message_delta","usage":[]}',
    b'{"type":"never_heard_of","x":{}}',
    b'{"choices":[{"delta":{"content":"\\ud800"}}]}',
]


@both
@pytest.mark.parametrize("garbage", GARBAGE, ids=[f"{data[:24]!r}" for data in GARBAGE])
def test_the_ear_survives_garbage_and_hears_what_follows(dialect, garbage):
    ear = dialect.Ear()
    ear.hear([frame(garbage)])
    ear.hear(sse.Reader().feed(written(dialect, SPOKEN)))
    assert (ear.usage, ear.finished, ear.has_spoken) == (Usage(9, 2), True, True)
    dialect.Ear().hear_whole(garbage)


@both
@given(st.binary(max_size=60))
def test_no_bytes_hurt_the_ear(dialect, data):
    heard(dialect, frame(data))
    dialect.Ear().hear_whole(data)


ODD = [-1, 10**30, 1e308, "7", "many", [], {}, True, None]


@both
@pytest.mark.parametrize("tokens", ODD, ids=repr)
def test_an_odd_count_is_none_or_a_sane_one(dialect, tokens):
    usage = dict.fromkeys(("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens"), tokens)
    ear = heard(
        dialect,
        frame({"type": "message_start", "message": {"usage": usage}}),
        frame({"type": "message_delta", "choices": [], "usage": usage}),
    )
    assert ear.usage in (None, Usage(0, 0))
    ear.hear_whole(json.dumps({"type": "message", "choices": [], "usage": usage}).encode())
    assert ear.usage in (None, Usage(0, 0))


@pytest.mark.parametrize("tokens", ODD, ids=repr)
def test_an_odd_count_does_not_hide_the_end_of_an_answer(tokens):
    last = {
        "choices": [{"index": 0, "delta": {"content": "."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": tokens, "completion_tokens": tokens},
    }
    ear = heard(openai_chat, frame(last))
    assert ear.finished
    assert ear.has_spoken


def test_openais_usage_may_come_with_any_chunk_and_the_last_counts():
    ear = heard(
        openai_chat,
        frame({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 1}}),
        frame({"choices": [], "usage": None}),
        frame({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 8, "total_tokens": 13}}),
    )
    assert ear.usage == Usage(5, 8)


def test_anthropics_usage_is_put_together_from_both_ends():
    ear = heard(
        anthropic,
        frame({"type": "message_start", "message": {"usage": {"input_tokens": 12, "output_tokens": 1}}}),
        frame({"type": "message_delta", "usage": {"output_tokens": 30}}),
    )
    assert ear.usage == Usage(12, 30)


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x"},
        {"reasoning_content": "x"},
        {"reasoning": "x"},
        {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": ""}}]},
    ],
)
def test_a_word_a_thought_or_a_call_is_a_first_token(delta):
    assert heard(openai_chat, frame({"choices": [{"index": 0, "delta": delta}]})).has_spoken


@both
def test_a_providers_own_error_ends_the_stream(dialect):
    error = dialect.error_frame(UpstreamRefused("The model is overloaded.", 503, "overloaded"), "1")
    ear = dialect.Ear()
    ear.hear(sse.Reader().feed(written(dialect, SPOKEN[:3]) + error))
    assert ear.finished


# Reading requests


def asked(dialect, **fields):
    said = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}], **fields}
    return dialect.read_request(json.dumps(said).encode())


def messages(dialect, *said, **fields):
    return asked(dialect, messages=list(said), **fields).messages


@both
def test_a_plain_request_is_read(dialect):
    request = asked(dialect, model="morello:echo", stream=True, temperature=0.5, unknown={"x": [1]})
    assert request.model == "morello:echo"
    assert request.messages == (Message(Role.USER, (Text("Hi"),)),)
    assert (request.max_tokens, request.stream, request.tools) == (5, True, ())


@both
def test_roles_and_lists_of_parts_are_read(dialect):
    parts = [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}},
    ]
    read = messages(
        dialect,
        {"role": "user", "content": parts},
        {"role": "assistant", "content": "c", "name": "x"},
        {"role": "system", "content": "In between: be brief."},
        {"role": "user", "content": [{"type": "text", "text": "d"}]},
    )
    assert read == (
        Message(Role.USER, (Text("a"), Text("b"))),
        Message(Role.ASSISTANT, (Text("c"),)),
        Message(Role.SYSTEM, (Text("In between: be brief."),)),
        Message(Role.USER, (Text("d"),)),
    )


@both
@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}},
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "AA"},
        {
            "type": "document",
            "source": {"type": "text", "data": "x"},
            "title": None,
            "citations": {"enabled": True},
        },
        {"type": "of_next_year", "anything": [1, {"b": None}]},
    ],
    ids=lambda part: part["type"],
)
def test_a_part_of_another_kind_is_noted_and_nothing_is_lost_beside_it(dialect, part):
    (message,) = messages(dialect, {"role": "user", "content": [part, {"type": "text", "text": "b"}]})
    assert message.parts == (Unread(part["type"]), Text("b"))


def test_openai_reads_system_developer_tool_and_function():
    read = messages(
        openai_chat,
        {"role": "system", "content": "s"},
        {"role": "developer", "content": [{"type": "text", "text": "d"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "r1"},
        {
            "role": "tool",
            "tool_call_id": "c2",
            "content": [{"type": "text", "text": "r"}, {"type": "text", "text": "2"}],
        },
        {"role": "function", "name": "f", "content": "old"},
    )
    assert read == (
        Message(Role.SYSTEM, (Text("s"),)),
        Message(Role.SYSTEM, (Text("d"),)),
        Message(Role.ASSISTANT, (ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "g", "{}"))),
        Message(Role.USER, (ToolResult("c1", "r1"),)),
        Message(Role.USER, (ToolResult("c2", "r2"),)),
        Message(Role.USER, (ToolResult("", "old"),)),
    )


def test_openai_reads_tools_limits_and_the_wish_for_usage():
    tool = {
        "type": "function",
        "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
    }
    bare = {"type": "function", "function": {"name": "g"}}
    foreign = {"type": "custom", "custom": {"name": "h"}}
    request = asked(
        openai_chat,
        tools=[tool, bare, foreign],
        tool_choice="auto",
        max_completion_tokens=7,
        stream_options={"include_usage": True},
    )
    assert request.tools == (Tool("f", {"type": "object"}), Tool("g", {}))
    assert request.max_tokens == 7
    assert request.usage_wanted
    assert not asked(openai_chat).usage_wanted


def test_anthropic_reads_a_turn_of_claude_code():
    request = asked(
        anthropic,
        system=[
            {"type": "text", "text": "You are", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": " Claude Code."},
        ],
        tools=[
            {
                "name": "Bash",
                "description": "d",
                "input_schema": {"type": "object"},
                "cache_control": {"type": "ephemeral"},
            },
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
        ],
        thinking={"type": "adaptive"},
        context_management={"edits": []},
        metadata={"user_id": "u"},
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "<system-reminder>"},
                    {"type": "text", "text": "run it"},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "text", "text": "I run it."},
                    {
                        "type": "tool_use",
                        "id": "t1",
                        "name": "Bash",
                        "input": {"command": "ls"},
                        "caller": {"type": "direct"},
                    },
                    {"type": "tool_use", "id": "t2", "name": "Bash", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "a.txt", "is_error": False},
                    {
                        "type": "tool_result",
                        "tool_use_id": "t2",
                        "is_error": True,
                        "content": [
                            {"type": "text", "text": "Error: "},
                            {
                                "type": "image",
                                "source": {"type": "base64", "media_type": "image/png", "data": "AA"},
                            },
                            {"type": "text", "text": "no"},
                        ],
                    },
                    {"type": "tool_result", "tool_use_id": "t3"},
                    {"type": "text", "text": "Go on."},
                ],
            },
            {"role": "system", "content": "The user opened a file."},
        ],
    )
    assert request.tools == (Tool("Bash", {"type": "object"}), Tool("web_search", {}))
    assert request.messages == (
        Message(Role.SYSTEM, (Text("You are"), Text(" Claude Code."))),
        Message(Role.USER, (Text("<system-reminder>"), Text("run it"))),
        Message(
            Role.ASSISTANT,
            (
                Unread("thinking"),
                Text("I run it."),
                ToolCall("t1", "Bash", '{"command":"ls"}'),
                ToolCall("t2", "Bash", "{}"),
            ),
        ),
        Message(
            Role.USER,
            (ToolResult("t1", "a.txt"), ToolResult("t2", "Error: no"), ToolResult("t3", ""), Text("Go on.")),
        ),
        Message(Role.SYSTEM, (Text("The user opened a file."),)),
    )


@pytest.mark.parametrize(
    "block",
    [
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "s",
            "content": [{"type": "web_search_result", "url": "u", "title": "t", "encrypted_content": "e"}],
        },
        {
            "type": "web_search_tool_result",
            "tool_use_id": "s",
            "content": {"type": "web_search_tool_result_error", "error_code": "x"},
        },
        {"type": "search_result", "source": "u", "title": "t", "content": [{"type": "text", "text": "x"}]},
        {"type": "container_upload", "file_id": "f"},
    ],
    ids=lambda block: block["type"],
)
def test_anthropics_own_tools_are_read_past(block):
    (message,) = messages(anthropic, {"role": "assistant", "content": [block]})
    assert message.parts == (Unread(block["type"]),)


def test_anthropic_reads_system_as_a_string_and_as_nothing():
    assert asked(anthropic, system="s").messages[0] == Message(Role.SYSTEM, (Text("s"),))
    assert len(asked(anthropic, system=None).messages) == len(asked(anthropic, system="").messages) == 1


def test_anthropic_counts_without_max_tokens():
    body = b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"tools":[{"name":"f"}]}'
    request = anthropic.read_count(body)
    assert request.messages == (Message(Role.USER, (Text("Hi"),)),)
    assert request.tools == (Tool("f", {}),)
    assert json.loads(anthropic.write_count(3)) == {"input_tokens": 3}


@both
@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"model": 7}, "model"),
        ({"model": ""}, "model"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [1]}, "messages[0]"),
        ({"messages": [None]}, "messages[0]"),
        ({"messages": [{"content": "Hi"}]}, "role"),
        ({"messages": [{"role": "robot", "content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [7]}]}, "messages[0].content[0]"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": 1e30}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": "hot"}, "temperature"),
        ({"tools": {}}, "tools"),
        ({"tools": [1]}, "tools[0]"),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_a_wrong_field_is_named(dialect, fields, named):
    with pytest.raises(InvalidRequest) as refused:
        asked(dialect, **fields)
    assert named in str(refused.value)


# Errors

ERRORS = [
    (InvalidRequest("Wrong.", "messages"), "invalid_request_error", "invalid_request_error"),
    (NotAllowed("No key."), "authentication_error", "authentication_error"),
    (UnknownModel("No such model."), "invalid_request_error", "not_found_error"),
    (TooLarge("Too large."), "request_too_large", "request_too_large"),
    (UpstreamTimeout("Late."), "server_error", "api_error"),
    (GatewayError("Failed."), "server_error", "api_error"),
    (UpstreamRefused("Slow down.", 429, "rate_limit_exceeded"), "rate_limit_error", "rate_limit_error"),
    (UpstreamRefused("Busy.", 503, "x"), "server_error", "overloaded_error"),
    (UpstreamRefused("Own words.", 400, "x", "own_type"), "own_type", "own_type"),
]


@pytest.mark.parametrize(("error", "openai_type", "_"), ERRORS, ids=lambda value: type(value).__name__)
def test_openai_prints_an_error_in_its_shape(error, openai_type, _):
    assert json.loads(openai_chat.write_error(error, "req_1")) == {
        "error": {"message": str(error), "type": openai_type, "param": error.param, "code": error.kind}
    }


@pytest.mark.parametrize(("error", "_", "anthropic_type"), ERRORS, ids=lambda value: type(value).__name__)
def test_anthropic_prints_an_error_in_its_shape(error, _, anthropic_type):
    assert json.loads(anthropic.write_error(error, "req_1")) == {
        "type": "error",
        "error": {"type": anthropic_type, "message": str(error)},
        "request_id": "req_1",
    }


@both
def test_an_error_in_a_stream_is_one_frame_without_a_mark_of_success(dialect):
    said = frames(dialect.error_frame(StreamBroken("It broke."), "req_1"))
    assert len(said) == 1
    assert said[0][0] == ("error" if dialect is anthropic else "")
    assert said[0][1]["error"]["message"] == "It broke."
    assert b"[DONE]" not in dialect.error_frame(StreamBroken("It broke."), "req_1")


@both
def test_an_error_we_print_is_one_we_can_read(dialect):
    words, kind, _ = dialect.error_in(dialect.write_error(InvalidRequest("Wrong.", "x"), "1"))
    assert (words, kind) == ("Wrong.", "invalid_request_error")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"error":{"message":"m","type":"t","param":null,"code":"c"}}', ("m", "t", "c")),
        (b'{"error":{"message":"m","code":404,"metadata":{}}}', ("m", None, None)),
        (b'{"error":{"message":"m","type":null,"code":null}}', ("m", None, None)),
        (b'{"error":"model not found"}', ("model not found", None, None)),
        (b'{"error":{"message":""}}', None),
        (b'{"error":""}', None),
        (b'{"error":{}}', None),
        (b'{"error":null}', None),
        (b'{"detail":"Not Found"}', None),
    ],
)
def test_openais_errors_are_found(body, found):
    assert openai_chat.error_in(body) == found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (
            b'{"type":"error","error":{"type":"overloaded_error","message":"Busy"}}',
            ("Busy", "overloaded_error", None),
        ),
        (b'{"type":"error","error":{"message":"Busy"},"request_id":"r"}', ("Busy", None, None)),
        (b'{"type":"error","error":{"type":"x"}}', None),
        (b'{"error":"text"}', None),
        (b"{}", None),
    ],
)
def test_anthropics_errors_are_found(body, found):
    assert anthropic.error_in(body) == found


@both
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"error":' * 20_000,
        b'{"error":{"message":"\xff"}}',
    ],
)
def test_what_is_no_error_of_the_dialect_is_none(dialect, body):
    assert dialect.error_in(body) is None


@both
def test_the_schemas_name_their_required_fields(dialect):
    struct = openai_chat.ChatCompletionRequest if dialect is openai_chat else anthropic.MessagesRequest
    _, schemas = msgspec.json.schema_components([struct])
    assert schemas[struct.__name__]["required"] == ["model", "messages"]
