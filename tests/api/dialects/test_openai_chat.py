"""OpenAI Chat Completions: requests and replies, read and written, from both sides."""

import json
import re

import httpx2
import msgspec
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.conversation import (
    Audio,
    ChatRequest,
    Choice,
    Citation,
    Cited,
    Ended,
    Event,
    Failed,
    File,
    Finish,
    Finished,
    Format,
    Image,
    Inline,
    Link,
    Logprob,
    Message,
    PartEnded,
    PartGrew,
    PartStarted,
    Reasoning,
    Refusal,
    Reply,
    Role,
    Seal,
    Started,
    Stored,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Unread,
    Usage,
    collect,
)
from api.dialects import openai_chat, sse
from api.dialects.dialect import Dialect, Told
from api.dialects.openai_chat.shapes import ChatCompletion
from api.dialects.quirks import NONE, Quirks
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

SPOKEN: list[Event] = [
    Started(),
    PartStarted(0, Text("")),
    PartGrew(0, "Hello"),
    PartGrew(0, " wörld\u2028"),
    PartEnded(0),
    Finished(Finish.STOP, "stop"),
    Ended(Usage(9, 2)),
]
CALLED: list[Event] = [
    Started(),
    PartStarted(0, Text("")),
    PartGrew(0, "Let me look."),
    PartEnded(0),
    PartStarted(1, ToolCall("call_1", "Read", "")),
    PartGrew(1, '{"path":'),
    PartGrew(1, '"a"}'),
    PartEnded(1),
    PartStarted(2, ToolCall("call_2", "Bash", "")),
    PartGrew(2, '{"command":"ls"}'),
    PartEnded(2),
    Finished(Finish.TOOL_CALLS, "tool_calls"),
    Ended(Usage(20, 30)),
]


def test_the_package_is_a_dialect():
    dialect: Dialect = openai_chat
    assert dialect.NAME == "openai_chat"


# Helpers of both sides


def asked(**fields):
    said = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}
    return openai_chat.read_request(json.dumps(said).encode())


def messages(*said):
    return asked(messages=list(said)).messages


def sent(request, quirks=NONE, provider="p"):
    written = openai_chat.write_request(request, quirks, provider)
    return json.loads(written.body), written.dropped


def again(quirks=NONE, **fields):
    """What a request of the dialect becomes that goes through the vocabulary."""
    return sent(asked(**fields), quirks)[0]


def abroad(*parts, role=Role.USER, **fields):
    return ChatRequest("m", (Message(role, parts),), dialect="elsewhere", **fields)


def frames(stream):
    return [
        json.loads(frame.data) if frame.data != b"[DONE]" else "[DONE]" for frame in sse.Reader().feed(bytes(stream))
    ]


def written(events, request=None):
    writer = openai_chat.Writer(request or ChatRequest("morello:echo", ()), "1")
    return b"".join(writer.write(event) for event in events)


def read(stream, ended=True):
    reader = openai_chat.Reader()
    events = reader.feed(sse.Reader().feed(stream))
    return events + (reader.end() if ended else [])


def frame(value):
    return sse.Frame(b"", value if isinstance(value, bytes) else json.dumps(value).encode())


def heard(*deltas, finish="stop", done=True, last=None):
    """The reply in chunks of these deltas."""
    reader = openai_chat.Reader()
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}], **(last or {})})
    events = reader.feed([frame(chunk) for chunk in chunks] + ([frame(b"[DONE]")] if done else []))
    return events + reader.end()


def parts(events):
    return collect(events).choices[0].parts


def require_grammar(events):
    """Fail unless `events` obey the grammar of a reply that ended."""
    open_part: dict[int, int] = {}
    kinds = [type(event) for event in events]
    assert kinds[0] is Started
    assert kinds[-1] is Ended
    assert kinds.count(Started) == kinds.count(Ended) == 1
    started = [event.index for event in events if isinstance(event, PartStarted)]
    assert started == list(range(len(started)))
    for event in events:
        match event:
            case PartStarted(index, _, choice):
                assert choice not in open_part
                open_part[choice] = index
            case PartGrew(index) | Cited(index):
                assert index in open_part.values()
            case PartEnded(index):
                (choice,) = [number for number, part in open_part.items() if part == index]
                del open_part[choice]
            case Finished(choice=choice):
                assert choice not in open_part


# Requests, read


def test_a_plain_request_is_read():
    request = asked(model="morello:echo", stream=True, temperature=0.5, max_tokens=5, unknown={"x": [1]})
    assert request.model == "morello:echo"
    assert request.messages == (Message(Role.USER, (Text("Hi"),)),)
    assert (request.max_tokens, request.stream, request.tools, request.temperature) == (5, True, (), 0.5)
    assert (request.dialect, request.extra) == ("openai_chat", {"unknown": {"x": [1]}})


def test_boundaries_of_system_and_developer_stay():
    read = messages(
        {"role": "system", "content": "s"},
        {"role": "developer", "content": [{"type": "text", "text": "d"}, {"type": "text", "text": "e"}]},
        {"role": "user", "content": "a", "name": "x"},
        {"role": "system", "content": "In between: be brief."},
    )
    assert read == (
        Message(Role.SYSTEM, (Text("s"),)),
        Message(Role.DEVELOPER, (Text("d"), Text("e"))),
        Message(Role.USER, (Text("a"),), "x"),
        Message(Role.SYSTEM, (Text("In between: be brief."),)),
    )


@pytest.mark.parametrize(
    ("part", "read"),
    [
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}},
            Image(Inline("image/png", "AA"), "low"),
        ),
        ({"type": "image_url", "image_url": {"url": "https://h/i.png"}}, Image(Link("https://h/i.png"))),
        ({"type": "image_url", "image_url": "https://h/i.png"}, Image(Link("https://h/i.png"))),
        ({"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}}, Audio(Inline("audio/mpeg", "AA"))),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA", "filename": "a.pdf"}},
            File(Inline("application/pdf", "AA"), "a.pdf"),
        ),
        ({"type": "file", "file": {"file_data": "AA"}}, File(Inline("application/pdf", "AA"))),
        ({"type": "file", "file": {"file_id": "f_1"}}, File(Stored("f_1"))),
        ({"type": "refusal", "refusal": "No."}, Refusal("No.")),
        (
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            Text("a", carried={"cache_control": {"type": "ephemeral"}}),
        ),
        ({"type": "of_next_year", "x": [1]}, Unread("of_next_year", {"type": "of_next_year", "x": [1]})),
        ({"type": "image_url", "image_url": 7}, Unread("image_url", {"type": "image_url", "image_url": 7})),
    ],
    ids=lambda value: str(value)[:60],
)
def test_each_kind_of_part_is_read(part, read):
    (message,) = messages({"role": "user", "content": [part, {"type": "text", "text": "b"}]})
    assert message.parts == (read, Text("b"))


def test_an_image_without_data_is_refused():
    with pytest.raises(InvalidRequest, match="empty"):
        messages({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}]})


def test_a_turn_with_tools_is_read():
    read = messages(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "r1"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "r"}], "name": "g"},
    )
    assert read == (
        Message(Role.ASSISTANT, (ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "g", "{}"))),
        Message(Role.USER, (ToolResult("c1", (Text("r1"),)),)),
        Message(Role.USER, (ToolResult("c2", (Text("r"),), name="g"),)),
    )


def test_the_deprecated_function_call_finds_its_answer():
    call, result = messages(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a":1}'}},
        {"role": "function", "name": "f", "content": "r"},
    )
    assert call.parts[0].name == "f"
    assert result.parts[0].call_id == call.parts[0].id != ""


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_sent_back_are_read(field):
    (message,) = messages({"role": "assistant", "content": "a", field: "hm"})
    assert [type(part) for part in message.parts] == [Reasoning, Text]
    assert message.parts[0].text == "hm"


def test_reasoning_details_are_a_seal():
    details = [{"type": "reasoning.text", "text": "hm", "signature": "s", "format": "x", "index": 0}]
    (message,) = messages({"role": "assistant", "content": "a", "reasoning": "hm", "reasoning_details": details})
    thought = message.parts[0]
    assert (thought.text, thought.seal.minted, json.loads(thought.seal.value)) == ("hm", "openai_chat", details)


@pytest.mark.parametrize(
    ("wish", "choice"),
    [
        ("auto", ToolChoice(Choice.AUTO)),
        ("none", ToolChoice(Choice.NONE)),
        ("required", ToolChoice(Choice.REQUIRED)),
        ("any", ToolChoice(Choice.REQUIRED)),
        ({"type": "any"}, ToolChoice(Choice.REQUIRED)),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice(Choice.REQUIRED, ("f",))),
        ({"type": "custom", "custom": {"name": "f"}}, ToolChoice(Choice.REQUIRED, ("f",))),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "function", "function": {"name": name}} for name in "fg"],
                },
            },
            ToolChoice(Choice.AUTO, ("f", "g")),
        ),
    ],
    ids=str,
)
def test_each_form_of_tool_choice_is_read(wish, choice):
    request = asked(tool_choice=wish)
    assert (request.tool_choice, request.extra) == (choice, {})


def test_parallel_tool_calls_never_change_the_choice():
    request = asked(parallel_tool_calls=False, tools=[{"type": "function", "function": {"name": "f"}}])
    assert (request.parallel_tools, request.tool_choice) == (False, None)
    assert "tool_choice" not in sent(request)[0]


def test_tools_of_every_kind_are_read():
    schema = {"type": "object"}
    request = asked(
        tools=[
            {
                "type": "function",
                "function": {"name": "f", "description": "d", "parameters": schema, "strict": True},
                "cache_control": {"type": "ephemeral"},
            },
            {"type": "function", "function": {"name": "g"}},
            {"type": "custom", "custom": {"name": "h", "format": {"type": "text"}}},
            {"type": "web_search", "limit": 2},
        ],
        functions=[{"name": "old"}],
    )
    f, g, h, old = request.tools
    assert f == Tool("f", schema, "d", True, carried={"cache_control": {"type": "ephemeral"}})
    assert (g, old) == (Tool("g", {}), Tool("old", {}))
    assert (h.name, h.takes_text) == ("h", True)
    assert request.hosted == (Unread("web_search", {"type": "web_search", "limit": 2}),)


@pytest.mark.parametrize(
    ("fields", "thinking"),
    [
        ({"reasoning_effort": "low"}, {"effort": "low"}),
        ({"reasoning": {"effort": "high", "exclude": True}}, {"effort": "high", "shown": False}),
        ({"reasoning": {"max_tokens": 100, "enabled": True}}, {"budget": 100, "enabled": True}),
        ({"thinking": {"type": "enabled", "budget_tokens": 7}}, {"enabled": True, "budget": 7}),
        ({"thinking": {"type": "disabled"}}, {"enabled": False}),
        ({"enable_thinking": True, "thinking_budget": 9}, {"enabled": True, "budget": 9}),
        ({"enable_thinking": False, "reasoning_effort": "low"}, {"enabled": False, "effort": "low"}),
    ],
    ids=str,
)
def test_each_way_to_ask_for_thoughts_is_understood_and_kept(fields, thinking):
    request = asked(**fields)
    assert msgspec.structs.replace(request.thinking, carried={}) == Thinking(**thinking)
    assert request.extra == {}
    assert again(**fields).items() >= fields.items()


@pytest.mark.parametrize(
    ("wish", "read"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, Format()),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}},
            Format({"type": "object"}, "n", None, True),
        ),
    ],
    ids=str,
)
def test_the_format_of_the_answer_is_read(wish, read):
    assert asked(response_format=wish).format == read


def test_an_unknown_format_or_choice_is_kept():
    fields = {"response_format": {"type": "grammar", "grammar": "g"}, "tool_choice": "sometimes"}
    assert again(**fields).items() >= fields.items()


def test_the_wish_for_usage_and_both_limits_are_read():
    request = asked(max_completion_tokens=7, stream_options={"include_usage": True}, stop="x")
    assert (request.max_tokens, request.usage_wanted, request.stop) == (7, True, ("x",))
    assert not asked().usage_wanted


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
def test_a_wrong_field_is_named(fields, named):
    with pytest.raises(InvalidRequest) as refused:
        asked(**fields)
    assert named in str(refused.value)


# Requests, written


def test_nothing_is_said_that_was_not_said():
    assert again() == {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


WHOLE = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "x": 1},
        {
            "role": "user",
            "name": "me",
            "content": [
                {"type": "text", "text": "Look", "prompt_cache_breakpoint": {"mode": "explicit"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "high", "y": 2}},
                {"type": "image_url", "image_url": {"url": "https://h/i.png"}},
                {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA", "filename": "a.pdf"}},
                {"type": "file", "file": {"file_id": "f_1"}},
                {"type": "video_url", "video_url": {"url": "https://h/v.mp4"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "hm",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "f", "arguments": "{}", "z": 3},
                    "extra_content": {"google": {"thought_signature": "sig"}},
                },
                {"id": "c2", "type": "custom", "custom": {"name": "h", "input": 'say "hi"'}},
            ],
            "annotations": [{"type": "url_citation"}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "r", "name": "f"},
        {"role": "tool", "tool_call_id": "c2", "content": "", "w": 4},
        {"role": "assistant", "content": None, "audio": {"id": "audio_1"}},
        {"role": "assistant", "content": None, "refusal": "No."},
        {
            "role": "assistant",
            "content": "a",
            "reasoning": "hm",
            "reasoning_details": [{"type": "reasoning.encrypted", "data": "d", "id": "r_1", "index": 0}],
        },
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True, "q": 1},
            "r": 2,
        },
        {"type": "custom", "custom": {"name": "h", "description": "d", "format": {"type": "text"}}},
        {"type": "web_search", "limit": 2},
    ],
    "tool_choice": {
        "type": "allowed_tools",
        "allowed_tools": {
            "mode": "required",
            "tools": [
                {"type": "function", "function": {"name": "f"}},
                {"type": "custom", "custom": {"name": "h"}},
            ],
        },
    },
    "parallel_tool_calls": False,
    "max_tokens": 5,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 4,
    "stop": ["a", "b"],
    "seed": 0,
    "presence_penalty": 0.0,
    "frequency_penalty": 1.5,
    "n": 2,
    "logprobs": True,
    "top_logprobs": 3,
    "logit_bias": {"50256": -100.0},
    "user": "u",
    "metadata": {"a": "b"},
    "service_tier": "flex",
    "verbosity": "low",
    "prompt_cache_key": "k",
    "safety_identifier": "s",
    "reasoning_effort": "low",
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "n", "description": "d", "schema": {"type": "object"}, "strict": False},
    },
    "prediction": {"type": "content", "content": "x"},
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "web_search_options": {},
    "store": False,
}


def test_a_request_that_goes_home_loses_nothing():
    body, dropped = sent(openai_chat.read_request(json.dumps(WHOLE).encode()))
    assert body == WHOLE
    assert dropped == ()


def test_what_was_written_is_read_the_same():
    request = openai_chat.read_request(json.dumps(WHOLE).encode())
    assert openai_chat.read_request(openai_chat.write_request(request, NONE, "p").body) == msgspec.structs.replace(
        request, usage_wanted=False
    )


def test_a_stream_is_asked_for_with_its_usage():
    body = again(stream=True)
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    assert "stream_options" not in again(Quirks(stream_options=False), stream=True)
    assert "stream" not in again(stream=False)


def test_the_limit_has_the_name_the_provider_knows():
    quirks = Quirks(max_tokens_field="max_completion_tokens")
    written = openai_chat.write_request(asked(max_tokens=7), quirks, "p")
    assert json.loads(written.body)["max_completion_tokens"] == 7
    assert written.renamed == ("max_tokens",)


@pytest.mark.parametrize(("knows", "role"), [(True, "developer"), (False, "system")])
def test_developer_is_system_where_nobody_knows_it(knows, role):
    body = again(Quirks(developer_role=knows), messages=[{"role": "developer", "content": "d"}])
    assert body["messages"] == [{"role": role, "content": "d"}]


def test_blocks_are_one_text_where_lists_are_refused():
    system = {"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    body = again(Quirks(content_lists=False), messages=[system, {"role": "user", "content": "x"}])
    assert body["messages"][0] == {"role": "system", "content": "a\n\nb"}


def test_an_image_url_where_only_data_is_taken_is_refused_in_words():
    with pytest.raises(InvalidRequest, match="data URL"):
        sent(abroad(Image(Link("https://h/i.png"))), Quirks(image_urls=False))


def test_images_of_tool_results_follow_in_a_message_of_the_user():
    image = Image(Inline("image/png", "AA"))
    request = ChatRequest(
        "m",
        (
            Message(Role.ASSISTANT, (ToolCall("c1", "f", "{}"), ToolCall("c2", "f", "{}"))),
            Message(Role.USER, (ToolResult("c1", (Text("see"), image)),)),
            Message(Role.USER, (ToolResult("c2", (Text("b"),)), Text("Go on."))),
        ),
        dialect="anthropic",
    )
    body, dropped = sent(request)
    _, first, second, user = body["messages"]
    assert (first["content"], second["content"]) == ("see", "b")
    assert [part["type"] for part in user["content"]] == ["text", "image_url", "text"]
    assert user["content"][1] == {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    assert (user["content"][2]["text"], dropped) == ("Go on.", ())


def test_a_message_of_calls_alone_has_null_for_content():
    body, _ = sent(abroad(Text(""), ToolCall("c", "f", "{}"), role=Role.ASSISTANT))
    assert body["messages"][0]["content"] is None


def test_a_message_of_which_nothing_is_left_is_an_empty_text():
    body, dropped = sent(abroad(Reasoning("hm"), role=Role.ASSISTANT))
    assert body["messages"] == [{"role": "assistant", "content": ""}]
    assert dropped == ("messages.reasoning",)


def test_cache_markers_go_to_those_who_know_them():
    mark = {"cache_control": {"type": "ephemeral"}}
    tool = Tool("f", {}, carried=mark)
    request = abroad(Text("a", carried=mark), Text("b"), tools=(tool,))
    body, dropped = sent(request, Quirks(cache_control=True))
    assert body["messages"][0]["content"][0] == {"type": "text", "text": "a", **mark}
    assert body["tools"][0]["cache_control"] == mark["cache_control"]
    assert dropped == ()
    body, dropped = sent(request)
    assert b"cache_control" not in json.dumps(body).encode()
    assert dropped == ("messages.cache_control", "tools.cache_control")


@pytest.mark.parametrize("lists", [True, False])
def test_a_lost_cache_marker_is_named_wherever_it_stood(lists):
    mark = {"cache_control": {"type": "ephemeral"}}
    request = abroad(Text("a", carried=mark), role=Role.SYSTEM)
    assert sent(request, Quirks(content_lists=lists)) == (
        {"model": "m", "messages": [{"role": "system", "content": "a"}]},
        ("messages.cache_control",),
    )


def test_thoughts_go_back_with_calls_to_who_wants_them():
    thought = Reasoning("hm", Seal("anthropic", "s"))
    request = abroad(thought, ToolCall("c", "f", "{}"), role=Role.ASSISTANT)
    body, dropped = sent(request, Quirks(reasoning_field="reasoning_content"))
    assert (body["messages"][0]["reasoning_content"], dropped) == ("hm", ())
    body, dropped = sent(request)
    assert ("reasoning_content" in body["messages"][0], dropped) == (False, ("messages.reasoning",))


def test_thoughts_without_calls_stay_with_us_where_calls_alone_want_them():
    request = abroad(Reasoning("hm"), Text("a"), role=Role.ASSISTANT)
    body, dropped = sent(request, Quirks(reasoning_field="reasoning_content"))
    assert body["messages"] == [{"role": "assistant", "content": "a"}]
    assert dropped == ()


def signature(call, quirks=NONE, provider="p"):
    body, _ = sent(abroad(call, role=Role.ASSISTANT), quirks, provider)
    return body["messages"][0]["tool_calls"][0].get("extra_content", {}).get("google", {}).get("thought_signature")


def test_a_calls_signature_goes_back_to_who_made_it_and_to_nobody_else():
    call = ToolCall("c", "f", "{}", Seal("openai_chat", "sig", provider="p"))
    assert signature(call) == "sig"
    assert signature(call, provider="other") is None
    assert signature(ToolCall("c", "f", "{}", Seal("gemini", "sig"))) is None


def test_a_call_whose_signature_nobody_has_says_so_to_gemini():
    quirks = Quirks(call_signatures=True)
    assert signature(ToolCall("c", "f", "{}"), quirks) == "skip_thought_signature_validator"
    assert signature(ToolCall("c", "f", "{}", Seal("openai_chat", "sig")), quirks) == "sig"


def test_what_cannot_be_said_here_is_named():
    request = abroad(
        Text("a", (Citation("u"),)),
        Image(Stored("f")),
        File(Link("https://h/a.pdf")),
        Unread("search_result", {"type": "search_result"}),
        ToolResult("c", (Text("no"),), is_error=True),
        top_k=5,
        metadata={"a": "b"},
        verbosity="low",
        cache_key="k",
        service_tier="standard_only",
        hosted=(Unread("web_search", {}),),
        extra={"context_management": {}, "mcp_servers": [], "store": True},
    )
    body, dropped = sent(request)
    assert body == {
        "model": "m",
        "messages": [
            {"role": "tool", "tool_call_id": "c", "content": "no"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "text", "text": "[document, which is not included here, lies at https://h/a.pdf]"},
                ],
            },
        ],
    }
    assert dropped == (
        *("cache_key", "mcp_servers", "messages.citations", "messages.file", "messages.image", "messages.is_error"),
        *("messages.search_result", "metadata", "service_tier", "tools.web_search", "top_k", "verbosity"),
    )


def test_a_text_file_is_text_and_a_pdf_a_file():
    body, _ = sent(abroad(File(Inline("text/plain", "SGk=")), File(Inline("application/pdf", "AA"))))
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "Hi"},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA", "filename": "document.pdf"}},
    ]


def tool_sent(tool, quirks=NONE, **fields):
    body, dropped = sent(abroad(Text("a"), tools=(tool,), **fields), quirks)
    return body["tools"][0]["function"], dropped


def test_a_strict_schema_is_closed_or_no_longer_strict():
    open_schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    function, dropped = tool_sent(Tool("f", open_schema, strict=True))
    assert (function["strict"], function["parameters"]["required"], dropped) == (True, ["a"], ())
    free = {"type": "object", "additionalProperties": {"type": "string"}}
    function, dropped = tool_sent(Tool("f", free, strict=True))
    assert ("strict" in function, function["parameters"], dropped) == (False, free, ("tools.strict",))


def test_strict_is_dropped_where_it_is_refused():
    function, dropped = tool_sent(Tool("f", {"type": "object"}, strict=True), Quirks(strict_schemas=False))
    assert ("strict" in function, dropped) == (False, ("tools.strict",))


def test_refused_keywords_leave_the_schemas():
    schema = {"type": "object", "properties": {"format": {"type": "string", "format": "date"}}}
    function, _ = tool_sent(Tool("f", schema), Quirks(schema_refused=("format",)))
    assert function["parameters"] == {"type": "object", "properties": {"format": {"type": "string"}}}


def test_required_names_only_what_is_defined():
    schema = {"type": "object", "properties": {"a": {}}, "required": ["a", "ghost"]}
    assert tool_sent(Tool("f", schema))[0]["parameters"]["required"] == ["a"]
    home = again(tools=[{"type": "function", "function": {"name": "f", "parameters": schema}}])
    assert home["tools"][0]["function"]["parameters"] == schema


def test_a_tool_of_free_text_is_offered_with_one_argument():
    function, _ = tool_sent(Tool("f", {}, "d", takes_text=True))
    assert function["parameters"]["required"] == ["input"]


def test_a_tool_whose_name_is_not_allowed_has_another_everywhere():
    long, dotted = "mcp__" + "x" * 100, "files.read"
    request = ChatRequest(
        "m",
        (Message(Role.ASSISTANT, (ToolCall("c", dotted, "{}"),)),),
        tools=(Tool(long, {}), Tool(dotted, {}), Tool("files_read", {})),
        tool_choice=ToolChoice(Choice.REQUIRED, (dotted,)),
        dialect="anthropic",
    )
    written = openai_chat.write_request(request, NONE, "p")
    body = json.loads(written.body)
    offered = [tool["function"]["name"] for tool in body["tools"]]
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", name) for name in offered)
    assert [written.names.get(name, name) for name in offered] == [long, dotted, "files_read"]
    assert body["messages"][0]["tool_calls"][0]["function"]["name"] == offered[1]
    assert body["tool_choice"]["function"]["name"] == offered[1]


@pytest.mark.parametrize(
    ("choice", "said", "offered"),
    [
        (ToolChoice(Choice.AUTO), "auto", ["f", "g", "h"]),
        (ToolChoice(Choice.NONE), "none", ["f", "g", "h"]),
        (ToolChoice(Choice.REQUIRED), "required", ["f", "g", "h"]),
        (ToolChoice(Choice.REQUIRED, ("g",)), {"type": "function", "function": {"name": "g"}}, ["f", "g", "h"]),
        (ToolChoice(Choice.REQUIRED, ("f", "g")), "required", ["f", "g"]),
        (ToolChoice(Choice.AUTO, ("h",)), "auto", ["h"]),
    ],
    ids=str,
)
def test_each_choice_is_said(choice, said, offered):
    body, _ = sent(abroad(Text("a"), tools=tuple(Tool(name, {}) for name in "fgh"), tool_choice=choice))
    assert body["tool_choice"] == said
    assert [tool["function"]["name"] for tool in body["tools"]] == offered


@pytest.mark.parametrize(
    ("thinking", "quirks", "said"),
    [
        (Thinking(effort="low"), {}, {"reasoning_effort": "low"}),
        (Thinking(enabled=True, budget=10_000), {}, {"reasoning_effort": "medium"}),
        (Thinking(enabled=True), {}, {}),
        (Thinking(budget=9), {"thinking_field": "reasoning"}, {"reasoning": {"max_tokens": 9}}),
        (Thinking(enabled=False), {"thinking_field": "reasoning"}, {"reasoning": {"enabled": False}}),
        (Thinking(effort="high"), {"thinking_field": "thinking"}, {"thinking": {"type": "enabled"}}),
        (Thinking(enabled=False), {"thinking_field": "thinking"}, {"thinking": {"type": "disabled"}}),
        (
            Thinking(budget=9),
            {"thinking_field": "enable_thinking"},
            {"enable_thinking": True, "thinking_budget": 9},
        ),
        (Thinking(effort="none"), {"thinking_field": "enable_thinking"}, {"enable_thinking": False}),
    ],
    ids=str,
)
def test_how_much_to_think_is_said_in_the_providers_way(thinking, quirks, said):
    body, dropped = sent(abroad(Text("a"), thinking=thinking), Quirks(**quirks))
    assert {name: value for name, value in body.items() if name not in ("model", "messages")} == said
    assert dropped == ()


def test_not_to_think_is_named_where_it_cannot_be_said():
    assert sent(abroad(Text("a"), thinking=Thinking(enabled=False)))[1] == ("thinking",)


# Replies, written


def chunk(delta=None, reason=None, **more):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason}]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "morello:echo"}
    return {**head, "choices": choices, **more}


@pytest.fixture
def at_the_epoch(monkeypatch):
    monkeypatch.setattr("api.dialects.openai_chat.answering.time.time", lambda: 1_700_000_000.5)


@pytest.mark.usefixtures("at_the_epoch")
def test_a_text_is_said_in_these_frames():
    assert frames(written(SPOKEN)) == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hello"}),
        chunk({"content": " wörld\u2028"}),
        chunk({}, "stop"),
        chunk(usage={"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}),
        "[DONE]",
    ]


@pytest.mark.usefixtures("at_the_epoch")
def test_parallel_calls_have_indices_of_their_own_from_zero():
    def call(index, **fields):
        return chunk({"tool_calls": [{"index": index, **fields}]})

    assert frames(written(CALLED, ChatRequest("morello:echo", (), usage_wanted=False))) == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Let me look."}),
        call(0, id="call_1", type="function", function={"name": "Read", "arguments": ""}),
        call(0, function={"arguments": '{"path":'}),
        call(0, function={"arguments": '"a"}'}),
        call(1, id="call_2", type="function", function={"name": "Bash", "arguments": ""}),
        call(1, function={"arguments": '{"command":"ls"}'}),
        chunk({}, "tool_calls"),
        "[DONE]",
    ]


def deltas(events, request=None):
    """What the first choice is told, role and end left out."""
    told = [said["choices"][0] for said in frames(written(events, request)) if said != "[DONE]" and said["choices"]]
    return [choice["delta"] for choice in told if choice["delta"] and "role" not in choice["delta"]]


def test_a_call_without_arguments_is_an_empty_object():
    call = PartStarted(0, ToolCall("c", "now", ""))
    events: list[Event] = [Started(), call, PartEnded(0), Finished(Finish.TOOL_CALLS), Ended()]
    assert deltas(events)[-1] == {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}
    reply = json.loads(openai_chat.write_reply(collect(events), ChatRequest("m", ()), "1"))
    assert reply["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_thoughts_refusals_and_sources_are_said():
    events: list[Event] = [
        Started(),
        PartStarted(0, Reasoning("")),
        PartGrew(0, "hm"),
        PartEnded(0, Seal("anthropic", "s")),
        PartStarted(1, Text("")),
        PartGrew(1, "a", (Logprob("a", -0.5, (97,)),)),
        Cited(1, Citation("https://h", "t", start=0, end=1)),
        PartEnded(1),
        PartStarted(2, Refusal("")),
        PartGrew(2, "No."),
        PartEnded(2),
        Finished(Finish.REFUSAL, "refusal"),
        Ended(),
    ]
    source = {"url": "https://h", "title": "t", "start_index": 0, "end_index": 1}
    annotations = [{"type": "url_citation", "url_citation": source}]
    assert deltas(events) == [
        {"reasoning_content": "hm"},
        {"content": "a"},
        {"annotations": annotations},
        {"refusal": "No."},
    ]
    choice = json.loads(openai_chat.write_reply(collect(events), ChatRequest("m", ()), "1"))["choices"][0]
    assert choice["message"] == {
        "role": "assistant",
        "content": "a",
        "reasoning_content": "hm",
        "refusal": "No.",
        "annotations": annotations,
    }
    assert choice["finish_reason"] == "content_filter"
    assert choice["logprobs"]["content"] == [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]


@pytest.mark.parametrize(
    ("reason", "raw", "word", "native"),
    [
        (Finish.STOP, "end_turn", "stop", None),
        (Finish.LENGTH, "max_tokens", "length", None),
        (Finish.TOOL_CALLS, "tool_use", "tool_calls", None),
        (Finish.REFUSAL, "refusal", "content_filter", None),
        (Finish.PAUSE, "pause_turn", "stop", "pause_turn"),
        (Finish.CONTEXT, "model_context_window_exceeded", "length", "model_context_window_exceeded"),
        (Finish.OTHER, "MALFORMED", "stop", "MALFORMED"),
    ],
)
def test_each_reason_has_its_word_and_a_strange_one_is_kept(reason, raw, word, native):
    finished = Finished(reason, raw)
    reply = Reply((collect([Started(), finished]).choices[0],))
    whole = json.loads(openai_chat.write_reply(reply, ChatRequest("m", ()), "1"))["choices"][0]
    streamed = frames(written([Started(), finished]))[-1]["choices"][0]
    for choice in (whole, streamed):
        assert (choice["finish_reason"], choice.get("native_finish_reason")) == (word, native)


def test_several_choices_are_told_apart():
    events: list[Event] = [
        Started(),
        PartStarted(0, Text("")),
        PartStarted(1, ToolCall("c", "f", ""), 1),
        PartGrew(0, "a"),
        PartGrew(1, "{}"),
        PartEnded(0),
        PartEnded(1),
        Finished(Finish.STOP, "stop"),
        Finished(Finish.TOOL_CALLS, "tool_calls", choice=1),
        Ended(),
    ]
    assert collect(read(written(events))).choices == collect(events).choices
    whole = openai_chat.write_reply(collect(events), ChatRequest("m", ()), "1")
    assert [choice["index"] for choice in json.loads(whole)["choices"]] == [0, 1]
    assert collect(openai_chat.read_reply(whole)).choices == collect(events).choices


def test_a_signature_of_this_dialect_stands_at_its_call_and_a_foreign_one_nowhere():
    def told(minted):
        call = PartStarted(0, ToolCall("c", "f", "", Seal(minted, "sig")))
        return deltas([Started(), call, PartGrew(0, "{}"), PartEnded(0), Finished(Finish.TOOL_CALLS), Ended()])[0]

    assert told("openai_chat")["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "sig"}}
    assert "extra_content" not in told("gemini")["tool_calls"][0]


def test_a_tool_of_free_text_is_called_with_it():
    request = ChatRequest("m", (), tools=(Tool("h", {}, takes_text=True),))
    events: list[Event] = [
        Started(),
        PartStarted(0, ToolCall("c", "h", "")),
        PartGrew(0, '{"input":"say \\"'),
        PartGrew(0, 'hi\\""}'),
        PartEnded(0),
        Finished(Finish.TOOL_CALLS, "tool_calls"),
        Ended(),
    ]
    message = json.loads(openai_chat.write_reply(collect(events), request, "1"))["choices"][0]["message"]
    assert message["tool_calls"] == [{"id": "c", "type": "custom", "custom": {"name": "h", "input": 'say "hi"'}}]
    (call,) = parts(read(written(events, request)))
    assert json.loads(call.arguments) == {"input": 'say "hi"'}


@pytest.mark.usefixtures("at_the_epoch")
def test_a_whole_reply_is_written_with_its_calls():
    reply = openai_chat.write_reply(collect(CALLED), ChatRequest("morello:tools", ()), "7")
    assert json.loads(reply) == {
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
                        {"id": "call_1", "type": "function", "function": {"name": "Read", "arguments": '{"path":"a"}'}},
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
    assert msgspec.json.decode(reply, type=ChatCompletion).choices[0].finish_reason == "tool_calls"


def test_content_is_null_without_text_and_empty_with_an_empty_one():
    def content(part):
        reply = collect([Started(), PartStarted(0, part), PartEnded(0), Finished(Finish.STOP), Ended()])
        return json.loads(openai_chat.write_reply(reply, ChatRequest("m", ()), "1"))["choices"][0]["message"]["content"]

    assert content(ToolCall("1", "f", "")) is None
    assert content(Text("")) == ""


def test_usage_has_details_where_there_is_something_to_tell():
    usage = Usage(100, 50, cached=40, cache_write=7, reasoning=30, audio_in=1, audio_out=2)
    told = frames(written([*SPOKEN[:-1], Ended(usage)]))[-2]["usage"]
    assert told == {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 7, "audio_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 2},
    }


@pytest.mark.parametrize("cut", range(1, len(CALLED)))
def test_a_stream_that_fails_ends_in_an_error_and_no_mark_of_success(cut):
    writer = openai_chat.Writer(ChatRequest("m", ()), "1")
    stream = b"".join(writer.write(event) for event in CALLED[:cut]) + writer.fail(StreamBroken("It broke."))
    *_, last = frames(stream)
    assert last["error"]["message"] == "It broke."
    assert b"[DONE]" not in stream
    assert [event for event in read(stream) if isinstance(event, Failed)] == [Failed("It broke.", "server_error")]


def test_the_official_sdk_understands_stream_and_reply():
    def answer(asked):
        request = openai_chat.read_request(asked.content)
        if request.stream:
            kind = {"content-type": "text/event-stream"}
            return httpx2.Response(200, headers=kind, content=written(CALLED, request))
        kind = {"content-type": "application/json"}
        return httpx2.Response(200, headers=kind, content=openai_chat.write_reply(collect(CALLED), request, "1"))

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as wire:
        sdk = openai.OpenAI(api_key="k", base_url="http://far.example/v1", http_client=wire)
        whole = sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
        with sdk.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "Hi"}], stream_options={"include_usage": True}
        ) as stream:
            streamed = stream.get_final_completion()
    for reply in (whole, streamed):
        message = reply.choices[0].message
        assert message.content == "Let me look."
        calls = [call.function for call in message.tool_calls or () if call.type == "function"]
        assert [(call.name, call.arguments) for call in calls] == [
            ("Read", '{"path":"a"}'),
            ("Bash", '{"command":"ls"}'),
        ]
        assert reply.usage
        assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (20, 30)


# Replies, read


def test_a_plain_stream_is_read():
    assert read(written(SPOKEN)) == SPOKEN
    assert read(written(CALLED)) == CALLED


def test_thoughts_are_closed_before_the_text_begins():
    for field in ("reasoning_content", "reasoning"):
        events = heard(
            {"role": "assistant", "content": ""}, {field: "h", "content": ""}, {field: "m"}, {"content": "a"}
        )
        require_grammar(events)
        assert parts(events) == (Reasoning("hm"), Text("a"))


def test_reasoning_details_are_gathered_into_a_seal():
    def detail(**fields):
        return {"reasoning_details": [{"type": "reasoning.text", "index": 0, **fields}]}

    events = heard(
        {**detail(text="h"), "reasoning": "h"},
        {**detail(text="m"), "reasoning": "m"},
        detail(signature="sig"),
        {"content": "a"},
    )
    require_grammar(events)
    thought, text = parts(events)
    assert (thought.text, text) == ("hm", Text("a"))
    assert thought.seal
    assert json.loads(thought.seal.value) == [{"type": "reasoning.text", "index": 0, "text": "hm", "signature": "sig"}]


def test_an_encrypted_thought_that_comes_late_is_kept():
    encrypted = {"type": "reasoning.encrypted", "data": "d", "id": "c1", "index": 0}
    events = heard({"content": "a"}, {"reasoning_details": [encrypted]})
    require_grammar(events)
    (seal,) = [part.seal for part in parts(events) if isinstance(part, Reasoning)]
    assert seal
    assert json.loads(seal.value) == [encrypted]


def function(name=None, arguments=None, **fields):
    told = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {**fields, "function": told}


CALLS = {
    "in pieces with an index": [
        [function("f", "", index=0, id="c1", type="function")],
        [function(arguments='{"a"', index=0)],
        [function(arguments=":1}", index=0)],
        [function("g", "", index=1, id="c2", type="function")],
        [function(arguments='{"b":2}', index=1)],
    ],
    "without an index": [
        [function("f", "", id="c1")],
        [function(arguments='{"a":1}')],
        [function("g", "", id="c2")],
        [function(arguments='{"b":2}')],
    ],
    "the id in every chunk": [
        [function("f", '{"a"', index=0, id="c1")],
        [function(arguments=":1}", index=0, id="c1")],
        [function("g", '{"b":2}', index=1, id="c2")],
    ],
    "the id in every chunk and no index": [
        [function("f", '{"a"', id="c1")],
        [function(arguments=":1}", id="c1")],
        [function("g", '{"b":2}', id="c2")],
    ],
    "the name in every chunk": [
        [function("f", '{"a"', index=0, id="c1")],
        [function("f", ":1}", index=0)],
        [function("g", '{"b":2}', index=1, id="c2")],
    ],
    "whole, several in one chunk": [
        [function("f", '{"a":1}', index=0, id="c1"), function("g", '{"b":2}', index=1, id="c2")],
    ],
    "whole, one index for all": [
        [function("f", '{"a":1}', index=0, id="c1")],
        [function("g", '{"b":2}', index=0, id="c2")],
    ],
    "arguments as objects, no index": [
        [function("f", {"a": 1}, id="c1"), function("g", {"b": 2}, id="c2")],
    ],
    "interleaved": [
        [function("f", "", index=0, id="c1"), function("g", "", index=1, id="c2")],
        [function(arguments='{"b"', index=1)],
        [function(arguments='{"a":1}', index=0)],
        [function(arguments=":2}", index=1)],
    ],
    "an index that starts at one": [
        [function("f", '{"a":1}', index=1, id="c1")],
        [function("g", '{"b":2}', index=2, id="c2")],
    ],
    "the id first, the rest later": [
        [{"index": 0, "id": "c1"}],
        [function("f", '{"a":1}', index=0)],
        [{"index": 1, "id": "c2", "function": None}],
        [function("g", '{"b":2}', index=1)],
    ],
}


@pytest.mark.parametrize("chunks", CALLS.values(), ids=CALLS.keys())
def test_parallel_calls_are_read_however_they_come(chunks):
    events = heard(*({"tool_calls": chunk} for chunk in chunks), finish="tool_calls")
    require_grammar(events)
    first, second = parts(events)
    assert (first.id, first.name, json.loads(first.arguments)) == ("c1", "f", {"a": 1})
    assert (second.id, second.name, json.loads(second.arguments)) == ("c2", "g", {"b": 2})


def test_a_name_in_pieces_is_put_together():
    events = heard(
        {"tool_calls": [function("get_", index=0, id="c")]},
        {"tool_calls": [function("weather", index=0)]},
        {"tool_calls": [function(arguments="{}", index=0)]},
    )
    assert parts(events) == (ToolCall("c", "get_weather", "{}"),)


def test_a_call_without_an_id_gets_one():
    events = heard({"tool_calls": [function("f", {}), function("f", {})]})
    first, second = parts(events)
    assert re.fullmatch("call_[0-9a-f]{24}", first.id)
    assert first.id != second.id


def test_calls_without_arguments_are_empty_objects():
    events = heard({"tool_calls": [function("f", "", index=0, id="c1"), function("g", None, index=1, id="c2")]})
    require_grammar(events)
    assert parts(events) == (ToolCall("c1", "f", "{}"), ToolCall("c2", "g", "{}"))


def test_the_deprecated_function_call_is_a_call():
    events = heard({"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": '{"a":1}'}})
    (call,) = parts(events)
    assert (call.name, call.arguments) == ("f", '{"a":1}')


def test_a_call_of_free_text_is_read_as_one_argument():
    events = heard(
        {"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "h", "input": ""}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": 'say "'}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": 'hi"\n'}}]},
    )
    (call,) = parts(events)
    assert (call.name, json.loads(call.arguments)) == ("h", {"input": 'say "hi"\n'})


def test_a_calls_signature_is_its_seal():
    signed = function("f", "{}", index=0, id="c", extra_content={"google": {"thought_signature": "sig"}})
    (call,) = parts(heard({"tool_calls": [signed]}))
    assert call.seal == Seal("openai_chat", "sig")


def test_a_stop_after_calls_means_the_calls():
    events = heard({"tool_calls": [function("f", "{}", index=0, id="c")]}, finish="stop")
    assert events[-2] == Finished(Finish.TOOL_CALLS, "stop")


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", Finish.STOP),
        ("length", Finish.LENGTH),
        ("tool_calls", Finish.TOOL_CALLS),
        ("function_call", Finish.TOOL_CALLS),
        ("content_filter", Finish.REFUSAL),
        ("model_length", Finish.CONTEXT),
        ("insufficient_system_resource", Finish.OTHER),
    ],
)
def test_each_word_for_the_end_is_understood_and_kept(word, reason):
    assert heard({"content": "a"}, finish=word)[-2] == Finished(reason, word)


def test_refusals_images_sources_and_logprobs_are_read():
    logprobs = {
        "content": [{"token": "a", "logprob": -1, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -2}]}]
    }
    reader = openai_chat.Reader()
    source = {"url": "https://h", "title": "t", "start_index": 0, "end_index": 1}
    events = reader.feed(
        [
            frame({"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": logprobs}]}),
            frame(
                {
                    "choices": [
                        {
                            "index": 0,
                            "delta": {"annotations": [{"type": "url_citation", "url_citation": source}]},
                        }
                    ]
                }
            ),
            frame(
                {"choices": [{"index": 0, "delta": {"images": [{"image_url": {"url": "data:image/png;base64,AA"}}]}}]}
            ),
            frame({"choices": [{"index": 0, "delta": {"refusal": "No."}, "finish_reason": "stop"}]}),
            frame(b"[DONE]"),
        ]
    )
    require_grammar(events)
    choice = collect(events).choices[0]
    text, image, refusal = choice.parts
    assert text == Text("a", (Citation("https://h", "t", start=0, end=1),))
    assert (image, refusal) == (Image(Inline("image/png", "AA")), Refusal("No."))
    assert choice.logprobs == (Logprob("a", -1.0, (97,), (Logprob("b", -2.0),)),)


def test_sound_is_told_whole_with_its_transcript():
    events = heard(
        {"audio": {"id": "a_1", "transcript": "He"}},
        {"audio": {"data": "AQ=="}},
        {"audio": {"data": "Ag==", "transcript": "llo"}},
        {"audio": {"expires_at": 7}},
    )
    require_grammar(events)
    assert parts(events) == (Audio(Inline("audio/pcm", "AQI="), "Hello", {"id": "a_1", "expires_at": 7}),)


def test_tags_inside_a_text_are_left_alone():
    assert parts(heard({"content": "<think>hm</think>a"})) == (Text("<think>hm</think>a"),)


def test_content_in_lists_is_read():
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    assert parts(heard({"content": [thinking]}, {"content": [{"type": "text", "text": "a"}]})) == (
        Reasoning("hm"),
        Text("a"),
    )


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 2}, Usage(5, 2)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 9,
                "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 4},
            },
            Usage(5, 9, 3, 0, 4, 1),
        ),
        ({"prompt_tokens": 5, "completion_tokens": 2, "prompt_cache_hit_tokens": 4}, Usage(5, 2, 4)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 2,
                "total_tokens": 17,
                "completion_tokens_details": {"reasoning_tokens": 10},
            },
            Usage(5, 12, reasoning=10),
        ),
        ({"prompt_tokens": None}, None),
        ("many", None),
    ],
    ids=str,
)
def test_usage_is_read_wherever_it_stands(told, usage):
    assert heard({"content": "a"}, last={"usage": told})[-1] == Ended(usage)
    assert heard({"content": "a"}, last={"x_groq": {"usage": told}})[-1] == Ended(usage)
    ear = openai_chat.Ear()
    ear.hear([frame({"choices": [], "usage": told})])
    assert ear.usage == usage


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        ({"error": {"message": "Busy", "type": "overloaded", "code": 503}}, Failed("Busy", "overloaded")),
        ({"error": {"message": "Busy", "code": 503}}, Failed("Busy", "503")),
        ({"error": "Busy"}, Failed("Busy")),
        ({"object": "error", "message": "Busy"}, Failed("Busy")),
        ({"choices": [{"delta": {}, "error": {"message": "Busy"}, "finish_reason": "error"}]}, Failed("Busy")),
    ],
    ids=str,
)
def test_a_providers_error_ends_the_reply(error, failed):
    reader = openai_chat.Reader()
    events = reader.feed([frame({"choices": [{"delta": {"content": "a"}}]}), frame(error), frame(b"[DONE]")])
    assert (events[-1], reader.finished, reader.end()) == (failed, True, [])


def test_a_stream_without_its_last_mark_is_complete_after_a_reason():
    assert heard({"content": "a"}, done=False)[-2:] == [Finished(Finish.STOP, "stop"), Ended()]


def test_a_stream_that_breaks_off_is_not_finished():
    reader = openai_chat.Reader()
    reader.feed([frame({"choices": [{"delta": {"content": "a"}}]})])
    assert (reader.end(), reader.finished) == ([], False)


def test_a_reason_in_every_chunk_ends_the_reply_once():
    reader = openai_chat.Reader()
    said = [frame({"choices": [{"delta": {"content": text}, "finish_reason": "stop"}]}) for text in "ab"]
    events = reader.feed([*said, frame(b"[DONE]")])
    require_grammar(events)
    assert parts(events) == (Text("ab"),)


def test_a_whole_reply_is_read():
    reply = {
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "a",
                    "reasoning_content": "hm",
                    "tool_calls": [function("f", "", id="c", type="function")],
                    "annotations": [],
                },
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
        "service_tier": "flex",
    }
    events = openai_chat.read_reply(json.dumps(reply).encode())
    require_grammar(events)
    assert parts(events) == (Reasoning("hm"), Text("a"), ToolCall("c", "f", "{}"))
    assert events[-1] == Ended(Usage(5, 2), "flex")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"choices":[]}', b"\xff"])
def test_what_is_no_reply_is_none(body):
    with pytest.raises(ValueError, match="chat completion"):
        openai_chat.read_reply(body)


def test_an_error_instead_of_a_reply_is_a_failure():
    assert openai_chat.read_reply(b'{"error":{"message":"Busy"}}') == [Failed("Busy")]


# Laws

texts = st.text(min_size=1, max_size=8)
arguments = st.dictionaries(texts, texts | st.integers(-9, 9) | st.none(), max_size=3).map(json.dumps)


@st.composite
def replies(draw):
    """Events of a whole reply whose neighbouring parts are of different kinds."""
    events: list[Event] = [Started()]
    kinds = draw(st.lists(st.sampled_from([Text, Reasoning, Refusal, ToolCall]), max_size=5))
    kinds = [kind for at, kind in enumerate(kinds) if not at or kind is ToolCall or kind is not kinds[at - 1]]
    for index, kind in enumerate(kinds):
        pieces = draw(st.lists(texts, min_size=1, max_size=3))
        part = kind("") if kind is not ToolCall else ToolCall(f"call_{index}", "f", "")
        if kind is ToolCall:
            whole = draw(arguments)
            cut = draw(st.integers(1, len(whole)))
            pieces = [piece for piece in (whole[:cut], whole[cut:]) if piece]
        events += [PartStarted(index, part), *(PartGrew(index, piece) for piece in pieces), PartEnded(index)]
    reason = Finish.TOOL_CALLS if ToolCall in kinds else draw(st.sampled_from([Finish.STOP, Finish.LENGTH]))
    count = st.integers(0, 10**6)
    return [*events, Finished(reason, reason.value), Ended(draw(st.builds(Usage, count, count, count)))]


@settings(max_examples=60)
@given(replies())
def test_what_is_written_is_read_back(events):
    again = read(written(events))
    require_grammar(again)
    assert again == events


@settings(max_examples=30)
@given(replies())
def test_one_byte_at_a_time_changes_nothing(events):
    reader, bytewise = openai_chat.Reader(), sse.Reader()
    stream = written(events)
    heard = [event for at in range(len(stream)) for event in reader.feed(bytewise.feed(stream[at : at + 1]))]
    assert heard + reader.end() == events


@settings(max_examples=40)
@given(replies())
def test_a_whole_reply_says_what_the_stream_says(events):
    whole = collect(events)
    message = json.loads(openai_chat.write_reply(whole, ChatRequest("m", ()), "1"))["choices"][0]["message"]

    def joined(kind):
        return "".join(part.text for part in whole.choices[0].parts if isinstance(part, kind))

    assert (message["content"] or "") == joined(Text)
    assert message.get("reasoning_content", "") == joined(Reasoning)
    assert message.get("refusal", "") == joined(Refusal)
    calls = [part for part in whole.choices[0].parts if isinstance(part, ToolCall)]
    assert [call["function"]["arguments"] for call in message.get("tool_calls", [])] == [c.arguments for c in calls]


@settings(max_examples=40)
@given(replies(), st.data())
def test_a_stream_cut_anywhere_is_broken_or_complete_and_well_formed(events, data):
    stream = written(events)
    cut = data.draw(st.integers(0, len(stream)))
    reader = openai_chat.Reader()
    said = reader.feed(sse.Reader().feed(stream[:cut])) + reader.end()
    if reader.finished:
        require_grammar(said)
    else:
        assert not [event for event in said if isinstance(event, Finished | Ended)]


GARBAGE = [
    *(b"", b"{", b"null", b"[]", b"7", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"choices":' * 50_000, b"{}"),
    b'{"choices":{}}',
    b'{"choices":[null]}',
    b'{"choices":[{"delta":7}]}',
    b'{"choices":[{"delta":{"content":7,"reasoning":[],"refusal":{},"annotations":7,"audio":[],"images":[7]}}]}',
    b'{"choices":[{"index":"x","delta":{"tool_calls":[7,null,{}],"function_call":[]},"logprobs":7}]}',
    b'{"choices":[{"delta":{"tool_calls":[{"index":-1,"id":7,"function":{"name":7,"arguments":7}}]}}]}',
    b'{"choices":[{"delta":{"reasoning_details":[7,{"text":7},{"data":"x"}],"content":[7,{"text":1}]}}]}',
    b'{"choices":null,"usage":[],"x_groq":7,"service_tier":7}',
    b'{"choices":[{"delta":{"content":"\\ud800"}}]}',
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=[f"{data[:40]!r}" for data in GARBAGE])
def test_garbage_hurts_neither_reader_nor_ear(garbage):
    reader, ear = openai_chat.Reader(), openai_chat.Ear()
    stream = [frame(garbage), *sse.Reader().feed(written(SPOKEN))]
    events = reader.feed(stream)
    ear.hear(stream)
    require_grammar(events)
    assert "Hello wörld\u2028" in [part.text for part in parts(events) if isinstance(part, Text)]
    assert (ear.usage, ear.finished, ear.has_spoken) == (Usage(9, 2), True, True)
    openai_chat.Ear().hear_whole(garbage)


@given(st.binary(max_size=60))
def test_no_bytes_hurt_reader_or_ear(data):
    openai_chat.Reader().feed([frame(data)])
    openai_chat.Ear().hear([frame(data)])
    openai_chat.Ear().hear_whole(data)


# The ear


@settings(max_examples=40)
@given(replies())
def test_the_ear_hears_what_the_writer_writes(events):
    ear = openai_chat.Ear()
    ear.hear(sse.Reader().feed(written(events)))
    assert (ear.usage, ear.finished) == (events[-1].usage, True)
    whole = openai_chat.Ear()
    whole.hear_whole(openai_chat.write_reply(collect(events), ChatRequest("m", ()), "1"))
    assert (whole.usage, whole.finished, whole.has_spoken) == (events[-1].usage, True, True)


def test_the_ear_has_heard_nothing_before_the_first_word_and_no_end_before_the_end():
    ear = openai_chat.Ear()
    ear.hear(sse.Reader().feed(written(SPOKEN[:2]) + openai_chat.HEARTBEAT))
    assert not ear.has_spoken
    ear.hear(sse.Reader().feed(written(SPOKEN[:-2])))
    assert (ear.has_spoken, ear.finished) == (True, False)


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
    ear = openai_chat.Ear()
    ear.hear([frame({"choices": [{"index": 0, "delta": delta}]})])
    assert ear.has_spoken


@pytest.mark.parametrize("tokens", [-1, 10**30, 1e308, "7", "many", [], {}, True, None], ids=repr)
def test_an_odd_count_is_none_and_hides_no_end(tokens):
    usage = {"prompt_tokens": tokens, "completion_tokens": tokens}
    ear = openai_chat.Ear()
    ear.hear([frame({"choices": [{"delta": {"content": "."}, "finish_reason": "stop"}], "usage": usage})])
    assert (ear.usage, ear.finished, ear.has_spoken) == (None, True, True)


def test_the_last_usage_counts():
    ear = openai_chat.Ear()
    ear.hear(
        frame({"choices": [], "usage": usage})
        for usage in (
            {"prompt_tokens": 5, "completion_tokens": 1},
            None,
            {"prompt_tokens": 5, "completion_tokens": 8, "total_tokens": 13},
        )
    )
    assert ear.usage == Usage(5, 8)


def test_a_providers_own_error_ends_the_stream():
    ear = openai_chat.Ear()
    ear.hear(sse.Reader().feed(openai_chat.error_frame(UpstreamRefused("Overloaded.", 503, "overloaded"), "1")))
    assert ear.finished


# Errors


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("Wrong.", "messages"), "invalid_request_error"),
        (NotAllowed("No key."), "authentication_error"),
        (UnknownModel("No such model."), "invalid_request_error"),
        (TooLarge("Too large."), "request_too_large"),
        (UpstreamTimeout("Late."), "server_error"),
        (GatewayError("Failed."), "server_error"),
        (UpstreamRefused("Slow down.", 429, "rate_limit_exceeded"), "rate_limit_error"),
        (UpstreamRefused("Busy.", 503, "x"), "server_error"),
        (UpstreamRefused("Own words.", 400, "x", "own_type"), "own_type"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_has_its_shape_and_can_be_read(error, kind):
    body = openai_chat.write_error(error, "req_1")
    assert json.loads(body) == {
        "error": {"message": str(error), "type": kind, "param": error.param, "code": error.kind}
    }
    assert openai_chat.error_in(body) == Told(str(error), kind, error.kind)


def test_an_error_in_a_stream_is_one_frame_without_a_mark_of_success():
    said = openai_chat.error_frame(StreamBroken("It broke."), "req_1")
    assert [one["error"]["message"] for one in frames(said)] == ["It broke."]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"error":{"message":"m","type":"t","param":null,"code":"c"}}', Told("m", "t", "c")),
        (b'{"error":{"message":"m","code":404,"metadata":{}}}', Told("m")),
        (b'{"error":{"message":"m","type":null,"code":null}}', Told("m")),
        (b'{"error":"model not found"}', Told("model not found")),
        *((body, None) for body in (b'{"error":{"message":""}}', b'{"error":""}', b'{"error":{}}', b'{"error":null}')),
        *((body, None) for body in (b'{"detail":"Not Found"}', b"", b"<html>", b"\xff", b"[]", b"null")),
        *((body, None) for body in (b"[" * 100_000, b'{"error":' * 20_000, b'{"error":{"message":"\xff"}}')),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_providers_error_is_found(body, found):
    assert openai_chat.error_in(body) == found


def test_the_schema_names_its_required_fields():
    _, schemas = msgspec.json.schema_components([openai_chat.ChatCompletionRequest])
    assert schemas["ChatCompletionRequest"]["required"] == ["model", "messages"]
