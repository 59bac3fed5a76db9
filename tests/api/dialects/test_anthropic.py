"""Anthropic Messages: requests read and written, replies said and heard, errors printed and found."""

import json
from typing import Any

import anthropic as sdk
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.conversation import (
    Answered,
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
    Message,
    Part,
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
from api.dialects import anthropic, sealing, sse
from api.dialects.anthropic.words import REASONS
from api.dialects.dialect import Dialect, Told
from api.dialects.quirks import NONE
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

_: Dialect = anthropic

SIGNED = {"type": "thinking", "thinking": "hm", "signature": "c2lnbmVk+/="}
ASKED = ChatRequest("morello:echo", (Message(Role.USER, (Text("Hi"),)),))
USER = Message(Role.USER, (Text("Hi"),))


def read(**fields: Any) -> ChatRequest:
    said = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}], **fields}
    return anthropic.read_request(json.dumps(said).encode())


def read_parts(*blocks: dict[str, Any], role: str = "user") -> tuple[Part, ...]:
    return read(messages=[{"role": role, "content": list(blocks)}]).messages[0].parts


def passed(**fields: Any) -> dict[str, Any]:
    """A body of this dialect after a way through the vocabulary."""
    written = anthropic.write_request(read(**fields), NONE, "claude")
    assert written.dropped == ()
    body: dict[str, Any] = json.loads(written.body)
    return body


def asked(*messages: Message, model: str = "claude-haiku-4-5", **fields: Any) -> tuple[dict[str, Any], set[str]]:
    """What a caller of another dialect gets said for them, and what is lost."""
    request = ChatRequest(model, messages or (USER,), dialect="openai_chat", **fields)
    written = anthropic.write_request(request, NONE, "claude")
    return json.loads(written.body), set(written.dropped)


def renamed(*messages: Message, model: str = "claude-haiku-4-5", **fields: Any) -> set[str]:
    request = ChatRequest(model, messages or (USER,), dialect="openai_chat", **fields)
    return set(anthropic.write_request(request, NONE, "claude").renamed)


def written(events: list[Event], request: ChatRequest = ASKED) -> bytes:
    writer = anthropic.Writer(request, "1")
    return b"".join(writer.write(event) for event in events)


def frames(stream: bytes) -> list[tuple[str, dict[str, Any]]]:
    return [(frame.event.decode(), json.loads(frame.data)) for frame in sse.Reader().feed(stream)]


def heard(*said: dict[str, Any]) -> list[Event]:
    return anthropic.Reader().feed([sse.Frame(b"", json.dumps(one).encode()) for one in said])


def streamed(*blocks: dict[str, Any], reason: str = "end_turn", **usage: Any) -> list[dict[str, Any]]:
    """A stream in which each block comes as a whole with its start."""
    told = [
        piece
        for index, block in enumerate(blocks)
        for piece in (
            {"type": "content_block_start", "index": index, "content_block": block},
            {"type": "content_block_stop", "index": index},
        )
    ]
    return [
        {"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 1}}},
        *told,
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 7, **usage}},
        {"type": "message_stop"},
    ]


def reply(*parts: Any, reason: Finish = Finish.STOP, **finished: Any) -> dict[str, Any]:
    told = Reply((Answered(parts, Finished(reason, **finished)),), Usage(9, 2))
    body: dict[str, Any] = json.loads(anthropic.write_reply(told, ASKED, "7"))
    return body


# Reading requests


def test_claude_codes_turn_is_read() -> None:
    request = read(
        system=[
            {"type": "text", "text": "You are", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": " Claude Code."},
        ],
        tools=[
            {"name": "Bash", "description": "d", "input_schema": {"type": "object"}, "defer_loading": True},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
        ],
        thinking={"type": "adaptive"},
        output_config={"effort": "high"},
        context_management={"edits": []},
        metadata={"user_id": '{"device":"x"}'},
        messages=[
            {"role": "user", "content": "run it"},
            {"role": "assistant", "content": [SIGNED, {"type": "tool_use", "id": "t", "name": "Bash", "input": {}}]},
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "t", "content": "no", "is_error": True}],
            },
            {"role": "system", "content": "The user opened a file."},
        ],
    )
    assert request.messages == (
        Message(
            Role.SYSTEM, (Text("You are", carried={"cache_control": {"type": "ephemeral"}}), Text(" Claude Code."))
        ),
        Message(Role.USER, (Text("run it"),)),
        Message(Role.ASSISTANT, (Reasoning("hm", Seal("anthropic", SIGNED["signature"])), ToolCall("t", "Bash", "{}"))),
        Message(Role.USER, (ToolResult("t", (Text("no"),), True),)),
        Message(Role.SYSTEM, (Text("The user opened a file."),)),
    )
    assert request.tools == (Tool("Bash", {"type": "object"}, "d", carried={"defer_loading": True}),)
    assert [tool.kind for tool in request.hosted] == ["web_search_20250305"]
    assert request.thinking == Thinking(True, "high")
    assert (request.user, request.metadata) == ('{"device":"x"}', None)
    assert request.extra == {"context_management": {"edits": []}}


def test_pictures_and_documents_are_read_from_every_source() -> None:
    png = {"type": "base64", "media_type": "image/png", "data": "AA=="}
    assert read_parts(
        {"type": "image", "source": png},
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "f1"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "né"}, "title": "t"},
        {"type": "document", "source": {**png, "media_type": "application/pdf"}, "citations": {"enabled": True}},
    ) == (
        Image(Inline("image/png", "AA==")),
        Image(Link("https://x/y.png")),
        Image(Stored("f1")),
        File(Inline("text/plain", "bsOp"), "t"),
        File(Inline("application/pdf", "AA=="), carried={"citations": {"enabled": True}}),
    )


def test_a_picture_without_data_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no data"):
        read_parts({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ""}})


@pytest.mark.parametrize(
    "block",
    [
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": {"type": "e", "error_code": "x"}},
        {"type": "search_result", "source": "u", "title": "t", "content": [{"type": "text", "text": "x"}]},
        {"type": "of_next_year", "anything": [1, {"b": None}], "data": {"x": 1}},
    ],
    ids=lambda block: block["type"],
)
def test_blocks_of_other_kinds_are_kept_and_come_back(block: dict[str, Any]) -> None:
    assert read_parts(block) == (Unread(block["type"], block),)
    assert passed(messages=[{"role": "user", "content": [block]}])["messages"][0]["content"] == [block]


@pytest.mark.parametrize(
    ("said", "choice", "parallel"),
    [
        ({"type": "auto"}, ToolChoice(Choice.AUTO), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice(Choice.REQUIRED), False),
        ({"type": "tool", "name": "f"}, ToolChoice(Choice.REQUIRED, ("f",)), None),
        ({"type": "none"}, ToolChoice(Choice.NONE), None),
    ],
)
def test_row_8_every_tool_choice_is_read_and_written(said: dict[str, Any], choice: ToolChoice, parallel: Any) -> None:
    request = read(tool_choice=said, tools=[{"name": "f", "input_schema": {"type": "object"}}])
    assert (request.tool_choice, request.parallel_tools) == (choice, parallel)
    body, _ = asked(tools=(Tool("f", {}),), tool_choice=choice, parallel_tools=parallel)
    assert body["tool_choice"] == said


def test_row_8_no_parallel_calls_does_not_mean_that_one_must_be_called() -> None:
    body, _ = asked(tools=(Tool("f", {}),), parallel_tools=False)
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_count_tokens_is_read_asked_and_answered() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"tools":[{"name":"f"}]}'
    request = anthropic.read_count(body)
    assert (request.messages, request.tools) == ((USER,), (Tool("f", {}),))
    question = json.loads(anthropic.write_count_request(request, NONE, "claude").body)
    assert set(question) == {"model", "messages", "tools"}
    assert anthropic.read_count_reply(anthropic.write_count(3)) == 3


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"content": "Hi"}]}, "role"),
        ({"messages": [{"role": "robot", "content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [7]}]}, "messages[0].content[0]"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": "hot"}, "temperature"),
        ({"tools": [1]}, "tools[0]"),
        ({"tools": [{"description": "nameless"}]}, "tools"),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**fields)
    assert named in str(refused.value)


# The same dialect on both sides of the vocabulary


def test_what_was_said_in_this_dialect_comes_out_as_it_came() -> None:
    cache = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    said = {
        "model": "claude-opus-5",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "a", **cache}, {"type": "text", "text": "b"}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "x", **cache}]},
            {
                "role": "assistant",
                "content": [
                    SIGNED,
                    {"type": "redacted_thinking", "data": "xx"},
                    {"type": "thinking", "thinking": "", "signature": "only"},
                    {"type": "tool_use", "id": "t", "name": "f", "input": {"a": [1]}, **cache},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r", **cache}]},
            {"role": "system", "content": [{"type": "text", "text": "late"}], "clear_at": "never"},
        ],
        "tools": [
            {"name": "f", "description": "d", "input_schema": {"type": "object"}, "input_examples": [{}], **cache},
            {"type": "web_search_20260318", "name": "web_search"},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": False},
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {
            "effort": "max",
            "format": {"type": "json_schema", "schema": {"type": "object"}},
            "task_budget": {"total": 5},
        },
        "stop_sequences": ["END"],
        "top_k": 3,
        "metadata": {"user_id": "u", "x": 1},
        "service_tier": "auto",
        "container": "c",
        "mcp_servers": [{"name": "s"}],
        "stream": True,
    }
    assert passed(**said) == said


def test_row_1_thinking_comes_back_byte_for_byte() -> None:
    blocks = [
        SIGNED,
        {"type": "thinking", "thinking": "", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
    ]
    events = heard(*streamed(*blocks))
    assert json.loads(anthropic.write_reply(collect(events), ASKED, "1"))["content"] == blocks
    again = anthropic.Reader().feed(sse.Reader().feed(written(events)))
    assert again == events


# Writing requests of other dialects


def test_row_15_systems_keep_their_boundaries() -> None:
    body, _ = asked(Message(Role.SYSTEM, (Text("a"), Text("b"))), Message(Role.DEVELOPER, (Text("c"),)), USER)
    assert [block["text"] for block in body["system"]] == ["a", "b", "c"]


def test_row_15_a_system_message_in_mid_talk_is_marked_where_the_model_takes_none() -> None:
    talk = (USER, Message(Role.SYSTEM, (Text("Be brief."),)))
    body, _ = asked(*talk)
    assert [block["text"] for block in body["messages"][0]["content"]] == ["Hi", "<system>\nBe brief.\n</system>"]
    body, _ = asked(*talk, model="claude-opus-5")
    assert [turn["role"] for turn in body["messages"]] == ["user", "system"]


def test_results_follow_their_calls_and_come_first() -> None:
    body, _ = asked(
        USER,
        Message(Role.ASSISTANT, (ToolCall("a", "f", ""), ToolCall("b.c", "g", '{"x":1}'))),
        Message(Role.USER, (Text("Well?"),)),
        Message(Role.USER, (ToolResult("b.c", (Text("2"), Image(Inline("image/png", "AA")))),)),
        Message(Role.USER, (ToolResult("a", (Text("1"),)),)),
    )
    _, calls, answer = body["messages"]
    assert [call["input"] for call in calls["content"]] == [{}, {"x": 1}]
    assert [block["type"] for block in answer["content"]] == ["tool_result", "tool_result", "text"]
    assert answer["content"][0]["tool_use_id"] == calls["content"][1]["id"] != "b.c"


def test_row_13_pictures_stay_in_results() -> None:
    result = ToolResult("a", (Image(Inline("image/jpeg", "AA")),))
    body, lost = asked(USER, Message(Role.ASSISTANT, (ToolCall("a", "f", ""),)), Message(Role.USER, (result,)))
    source = body["messages"][2]["content"][0]["content"][0]["source"]
    assert (source, lost) == ({"type": "base64", "media_type": "image/jpeg", "data": "AA"}, set())


def test_a_result_without_its_call_is_said_as_text() -> None:
    body, _ = asked(USER, Message(Role.USER, (ToolResult("gone", (Text("42"),)),)))
    assert {block["type"] for block in body["messages"][0]["content"]} == {"text"}
    assert "42" in json.dumps(body)


def test_a_call_without_its_result_gets_one() -> None:
    body, _ = asked(USER, Message(Role.ASSISTANT, (ToolCall("a", "f", ""),)), USER)
    assert body["messages"][2]["content"][0]["is_error"] is True


def test_row_12_arguments_are_always_an_object() -> None:
    calls = tuple(ToolCall(str(number), "f", text) for number, text in enumerate(["", "[1]", '{"a":', '{"a":1}']))
    body, _ = asked(USER, Message(Role.ASSISTANT, calls))
    inputs = [block["input"] for block in body["messages"][1]["content"]]
    assert inputs == [{}, {"_raw": "[1]"}, {"_raw": '{"a":'}, {"a": 1}]


def test_row_17_empty_texts_are_not_said() -> None:
    body, _ = asked(USER, Message(Role.ASSISTANT, (Text(""), ToolCall("a", "f", ""))), Message(Role.USER, (Text(" "),)))
    assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_use"]


def test_row_2_unsigned_and_foreign_thoughts_are_not_sent() -> None:
    thoughts = (
        Reasoning("hm"),
        Reasoning("hm", Seal("gemini", "s")),
        Reasoning("", Seal("anthropic", "s", provider="other")),
        Reasoning("hm", Seal("anthropic", "s", provider="claude")),
    )
    body, lost = asked(USER, Message(Role.ASSISTANT, (*thoughts, Text("x"))))
    assert [block.get("signature") for block in body["messages"][1]["content"]] == ["s", None]
    assert lost == {"messages.reasoning"}


@pytest.mark.parametrize(
    ("model", "limit", "said"),
    [
        ("claude-opus-4-20250514", None, 32_000),
        ("claude-3-haiku-20240307", 9000, 4096),
        ("anthropic/claude-sonnet-4.6", 200_000, 128_000),
        ("claude-haiku-4-5", 7, 7),
        ("kimi-k2", None, 8192),
        ("kimi-k2", 500_000, 500_000),
    ],
)
def test_row_16_a_limit_is_always_said_and_one_the_model_takes(model: str, limit: int | None, said: int) -> None:
    assert asked(model=model, max_tokens=limit)[0]["max_tokens"] == said


@pytest.mark.parametrize(
    ("model", "thinking", "said", "effort"),
    [
        ("claude-opus-5", Thinking(effort="high"), {"type": "adaptive"}, "high"),
        ("claude-opus-5", Thinking(effort="minimal"), {"type": "adaptive"}, "low"),
        ("claude-opus-5", Thinking(budget=2000), {"type": "adaptive"}, "low"),
        ("claude-opus-4-6", Thinking(effort="xhigh"), {"type": "adaptive"}, "high"),
        ("claude-haiku-4-5", Thinking(effort="low"), {"type": "enabled", "budget_tokens": 1024}, None),
        ("claude-haiku-4-5", Thinking(budget=5), {"type": "enabled", "budget_tokens": 1024}, None),
        ("claude-haiku-4-5", Thinking(effort="none"), None, None),
        ("claude-opus-5", Thinking(effort="none"), {"type": "disabled"}, None),
        ("claude-fable-5", Thinking(enabled=False), None, None),
        (
            "claude-opus-5",
            Thinking(effort="low", summary="auto"),
            {"type": "adaptive", "display": "summarized"},
            "low",
        ),
    ],
)
def test_thinking_is_said_as_the_family_takes_it(model: str, thinking: Thinking, said: Any, effort: Any) -> None:
    body, _ = asked(model=model, thinking=thinking)
    assert (body.get("thinking"), body.get("output_config", {}).get("effort")) == (said, effort)


def test_a_budget_leaves_room_for_the_answer() -> None:
    body, _ = asked(thinking=Thinking(budget=50_000), max_tokens=4000)
    assert body["thinking"]["budget_tokens"] < body["max_tokens"] == 4000
    body, lost = asked(thinking=Thinking(effort="low"), max_tokens=100)
    assert ("thinking" in body, lost) == (False, {"thinking"})


def test_a_tool_cannot_be_forced_while_the_model_thinks() -> None:
    force: dict[str, Any] = {"tools": (Tool("f", {}),), "tool_choice": ToolChoice(Choice.REQUIRED)}
    body, lost = asked(thinking=Thinking(effort="high"), **force)
    assert (body["tool_choice"], "thinking" in body, lost) == ({"type": "any"}, False, {"thinking"})
    assert asked(model="claude-opus-5", **force)[0]["thinking"] == {"type": "disabled"}
    assert asked(model="claude-fable-5", **force)[0]["tool_choice"] == {"type": "auto"}


def test_sampling_is_said_where_the_model_takes_it() -> None:
    body, lost = asked(temperature=1.7, top_p=0.5, top_k=4)
    assert (body["temperature"], body["top_k"], lost) == (1.0, 4, {"top_p"})
    assert renamed(temperature=1.7) == {"temperature"}
    body, lost = asked(model="claude-opus-5", temperature=0.2, top_k=4)
    assert ("temperature" in body, lost) == (False, {"temperature", "top_k"})
    assert asked(thinking=Thinking(effort="low"), temperature=0.2)[1] == {"temperature"}


def test_what_cannot_be_said_is_named() -> None:
    _, lost = asked(
        seed=0,
        n=2,
        logprobs=True,
        logit_bias={"1": 1.0},
        presence_penalty=0.5,
        stop=("\n", "END"),
        metadata={"a": "b"},
        format=Format(),
        service_tier="flex",
        hosted=(Unread("web_search", {}),),
        extra={"prediction": {"x": 1}, "store": True, "audio": None},
    )
    assert lost == {
        *("seed", "n", "logprobs", "logit_bias", "presence_penalty", "stop", "metadata", "format", "service_tier"),
        *("tools.web_search", "prediction"),
    }


def test_row_22_nothing_is_said_that_was_not_asked() -> None:
    assert asked()[0] == {
        "model": "claude-haiku-4-5",
        "max_tokens": 32_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    }


def test_row_18_schemas_of_structured_answers_are_closed_and_cleaned() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
    body, lost = asked(format=Format(schema))
    closed = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
    assert (body["output_config"]["format"]["schema"], lost) == (closed, set())
    assert asked(format=Format({"type": "object"}))[1] == {"format"}


def test_row_18_nothing_is_required_that_is_not_defined() -> None:
    shape = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "gone"]}
    for strict in (True, None):
        body, _ = asked(tools=(Tool("f", shape, strict=strict),))
        assert body["tools"][0]["input_schema"]["required"] == ["a"]


def test_tools_have_schemas_the_provider_takes() -> None:
    either = {"anyOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {"type": "string"}}}]}
    tools = (Tool("f", {}), Tool("g", either), Tool("h", {}, takes_text=True))
    empty, merged, text = (tool["input_schema"] for tool in asked(tools=tools)[0]["tools"])
    assert empty == {"type": "object", "properties": {}}
    assert (merged["type"], set(merged["properties"])) == ("object", {"a", "b"})
    assert text["required"] == ["input"]


def test_a_tool_whose_name_the_provider_refuses_gets_another_and_it_is_told() -> None:
    talk = (USER, Message(Role.ASSISTANT, (ToolCall("a", "fs.read", "{}"),)))
    choice = ToolChoice(Choice.REQUIRED, ("fs.read",))
    request = ChatRequest("claude-haiku-4-5", talk, (Tool("fs.read", {}),), tool_choice=choice, dialect="gemini")
    told = anthropic.write_request(request, NONE, "claude")
    body = json.loads(told.body)
    (name,) = told.names
    assert told.names[name] == "fs.read"
    assert {body["tools"][0]["name"], body["tool_choice"]["name"], body["messages"][1]["content"][0]["name"]} == {name}


def test_row_9_cache_markers_go_along_and_there_are_four_at_most() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    texts = tuple(Text(str(number), carried=mark) for number in range(4))
    result = ToolResult("a", (Text("r"),), carried=mark)
    body, lost = asked(
        Message(Role.SYSTEM, (Text("s", carried=mark),)),
        Message(Role.USER, texts),
        Message(Role.ASSISTANT, (ToolCall("a", "f", "", carried=mark),)),
        Message(Role.USER, (result,)),
        tools=(Tool("f", {}, carried=mark),),
    )
    assert json.dumps(body).count("cache_control") == 4
    assert "cache_control" in body["tools"][0]
    assert "cache_control" in body["messages"][-1]["content"][0]
    assert lost == {"messages.cache_control"}


def test_files_are_documents_and_what_no_document_can_be_is_named() -> None:
    pdf, text, word = (
        Inline("application/pdf", "JVBERg=="),
        Inline("text/csv", "YSxi"),
        Inline("application/msword", "/w=="),
    )
    body, lost = asked(Message(Role.USER, (File(pdf, "a.pdf"), File(text), File(word), Text("x"))))
    first, second, _ = body["messages"][0]["content"]
    assert (first["source"]["type"], first["title"]) == ("base64", "a.pdf")
    assert second["source"] == {"type": "text", "media_type": "text/plain", "data": "a,b"}
    assert lost == {"messages.file"}


# Saying replies

CALLS: list[Event] = [
    Started(20),
    PartStarted(0, Text("")),
    PartGrew(0, "Let me look.\u2028"),
    PartEnded(0),
    PartStarted(1, ToolCall("call_1", "Read", "")),
    PartStarted(2, ToolCall("call_2", "Bash", "")),
    PartGrew(1, '{"path":'),
    PartGrew(2, "{}"),
    PartGrew(1, '"a"}'),
    PartEnded(1),
    PartEnded(2),
    Finished(Finish.TOOL_CALLS, "tool_use"),
    Ended(Usage(20, 30, 5, 4, 2)),
]


def test_row_6_blocks_follow_each_other_strictly() -> None:
    said = frames(written(CALLS))
    life = [(kind, event["index"]) for kind, event in said if "index" in event]
    assert [index for _, index in life] == sorted(index for _, index in life)
    for index in range(3):
        mine = [kind for kind, number in life if number == index]
        assert (mine[0], mine[-1], mine.count("content_block_start")) == (
            "content_block_start",
            "content_block_stop",
            1,
        )
    assert (
        "".join(
            event["delta"]["partial_json"] for kind, event in said if kind.endswith("delta") and event.get("index") == 1
        )
        == '{"path":"a"}'
    )


def test_row_11_usage_is_estimated_at_the_start_and_exact_at_the_end() -> None:
    said = dict(frames(written([Started(), *CALLS[1:]])))
    assert said["message_start"]["message"]["usage"]["input_tokens"] > 0
    assert said["message_delta"]["usage"] == {
        "input_tokens": 11,
        "output_tokens": 30,
        "cache_creation_input_tokens": 4,
        "cache_read_input_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 2},
    }


def test_only_the_first_choice_is_said() -> None:
    events: list[Event] = [
        *(
            Started(1),
            PartStarted(0, Text("")),
            PartStarted(1, Text(""), 1),
            PartGrew(1, "other"),
            PartGrew(0, "first"),
        ),
        *(PartEnded(1), PartEnded(0), Finished(Finish.LENGTH, choice=1), Finished(Finish.STOP), Ended(Usage(1, 1))),
    ]
    said = written(events)
    assert (b"first" in said, b"other" in said, b"end_turn" in said) == (True, False, True)


def test_row_1_a_signature_comes_before_its_block_ends() -> None:
    seal = Seal("anthropic", "sig")
    events: list[Event] = [Started(1), PartStarted(0, Reasoning("")), PartGrew(0, "hm"), PartEnded(0, seal)]
    kinds = [event.get("delta", {}).get("type", kind) for kind, event in frames(written(events))[1:]]
    assert kinds == ["content_block_start", "thinking_delta", "signature_delta", "content_block_stop"]
    unsigned = frames(written([Started(1), PartStarted(0, Reasoning("")), PartEnded(0)]))
    assert unsigned[1][1]["content_block"] == {"type": "thinking", "thinking": "", "signature": ""}
    assert len(unsigned) == 3


def test_a_foreign_seal_comes_back_as_it_was() -> None:
    seal = Seal("openai_responses", "enc", "rs_1", "openai")
    block = reply(Reasoning("", seal))["content"][0]
    assert block["signature"].startswith(sealing.MARK)
    assert read_parts(block, role="assistant") == (Reasoning("", seal),)


def test_row_12_a_call_without_arguments_is_an_empty_object() -> None:
    block = {"type": "tool_use", "id": "1", "name": "now", "input": {}}
    assert reply(ToolCall("1", "now", ""))["content"] == [block]
    assert collect(heard(*streamed(block))).choices[0].parts == (ToolCall("1", "now", "{}"),)


@pytest.mark.parametrize(
    ("reason", "raw", "word"),
    [
        (Finish.STOP, "stop", "end_turn"),
        (Finish.STOP, "stop_sequence", "stop_sequence"),
        (Finish.LENGTH, None, "max_tokens"),
        (Finish.TOOL_CALLS, None, "tool_use"),
        (Finish.REFUSAL, "content_filter", "refusal"),
        (Finish.PAUSE, "compaction", "compaction"),
        (Finish.CONTEXT, None, "model_context_window_exceeded"),
        (Finish.OTHER, "odd", "end_turn"),
    ],
)
def test_row_10_each_reason_has_its_word(reason: Finish, raw: str | None, word: str) -> None:
    said = reply(Text("x"), reason=reason, raw=raw)
    assert said["stop_reason"] == word
    assert said.get("raw_stop_reason") == ("odd" if raw == "odd" else None)


def test_a_refusal_is_a_text_and_a_reason() -> None:
    said = reply(Refusal("No."))
    assert (said["content"], said["stop_reason"]) == ([{"type": "text", "text": "No."}], "refusal")


def test_pictures_in_an_answer_are_noted() -> None:
    (block,) = reply(Image(Inline("image/png", "AA")))["content"]
    assert "image" in block["text"]


def test_citations_are_said_where_they_are_anthropics() -> None:
    mine = {"type": "char_location", "cited_text": "q", "document_index": 0, "start_char_index": 0, "end_char_index": 1}
    events: list[Event] = [
        *(Started(1), PartStarted(0, Text("")), PartGrew(0, "x")),
        *(Cited(0, Citation(quote="q", carried=mine)), Cited(0, Citation("https://x"))),
        *(PartEnded(0), Finished(Finish.STOP, "end_turn"), Ended(Usage(1, 1))),
    ]
    assert written(events).count(b"citations_delta") == 1
    whole = json.loads(anthropic.write_reply(collect(events), ASKED, "1"))
    assert whole["content"] == [{"type": "text", "text": "x", "citations": [mine]}]


@pytest.mark.parametrize("count", range(len(CALLS) + 1))
def test_row_24_a_stream_that_failed_ends_in_an_error_and_no_success(count: int) -> None:
    writer = anthropic.Writer(ASKED, "1")
    stream = b"".join(writer.write(event) for event in CALLS[: min(count, len(CALLS) - 1)])
    said = frames(stream + writer.fail(StreamBroken("It broke.")))
    assert said[-1][0] == "error"
    assert "message_stop" not in dict(said)


def test_the_sdks_own_parser_takes_a_stream() -> None:
    for kind, event in frames(written(CALLS)):
        shape = getattr(sdk.types, "Raw" + "".join(word.title() for word in kind.split("_")) + "Event")
        assert shape.model_validate(event).type == kind


# Hearing replies


def test_every_kind_of_block_is_heard() -> None:
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    events = heard(
        {"type": "message_start", "message": {"usage": {"input_tokens": 1, "cache_read_input_tokens": 4}}},
        {"type": "ping"},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""},
        },
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": search},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"q":1}'}},
        {"type": "content_block_stop", "index": 1},
        {
            "type": "content_block_start",
            "index": 2,
            "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        },
        {"type": "content_block_stop", "index": 2},
        {"type": "of_next_year", "x": 1},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )
    assert events[0] == Started(5)
    assert collect(events) == Reply(
        (
            Answered(
                (
                    Reasoning("hm", Seal("anthropic", "s")),
                    Unread("server_tool_use", {**search, "input": {"q": 1}}),
                    ToolCall("t", "f", '{"a":1}'),
                ),
                Finished(Finish.TOOL_CALLS, "tool_use"),
            ),
        ),
        Usage(5, 9, 4),
    )


def test_a_whole_reply_says_what_its_stream_says() -> None:
    blocks: list[dict[str, Any]] = [
        SIGNED,
        {"type": "text", "text": "x"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
    ]
    whole = {
        "type": "message",
        "content": blocks,
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 3, "output_tokens": 7},
    }
    assert anthropic.read_reply(json.dumps(whole).encode()) == heard(*streamed(*blocks, reason="tool_use"))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b"\xff", b"[" * 100_000])
def test_what_is_no_reply_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        anthropic.read_reply(body)


def test_a_providers_own_error_ends_the_reply() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}
    reader = anthropic.Reader()
    frame = sse.Frame(b"error", json.dumps(error).encode())
    assert reader.feed([frame]) == [Started(), Failed("Busy", "overloaded_error")]
    assert reader.finished


def test_a_missing_last_mark_is_made_up_for_and_a_broken_reply_is_not() -> None:
    said = [sse.Frame(b"", json.dumps(one).encode()) for one in streamed({"type": "text", "text": "x"})]
    reader = anthropic.Reader()
    reader.feed(said[:-1])
    assert isinstance(reader.end()[-1], Ended)
    assert reader.finished
    broken = anthropic.Reader()
    broken.feed(said[:-2])
    assert (broken.end(), broken.finished) == ([], False)


def test_row_10_a_refusal_is_heard_with_its_words() -> None:
    stop = {"stop_reason": "refusal", "stop_details": {"type": "refusal", "explanation": "Too risky."}}
    events = heard({"type": "message_start"}, {"type": "message_delta", "delta": stop}, {"type": "message_stop"})
    answered = collect(events).choices[0]
    assert (answered.parts, answered.finished.reason) == ((Refusal("Too risky."),), Finish.REFUSAL)


GARBAGE = [
    *(b"", b"{", b"null", b"[]", b"7", b"\xff\xfe", b"[" * 100_000, b'{"type":7}', b"{}"),
    b'{"type":"message_start","message":7}',
    b'{"type":"message_delta","usage":[]}',
    b'{"type":"content_block_start","index":0,"content_block":7}',
    b'{"type":"content_block_delta","index":9,"delta":{"type":"input_json_delta","partial_json":"x"}}',
    b'{"type":"content_block_stop","index":9}',
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=[f"{data[:60]!r}" for data in GARBAGE])
def test_garbage_hides_nothing_that_follows(garbage: bytes) -> None:
    reader, ear = anthropic.Reader(), anthropic.Ear()
    said = [sse.Frame(b"", garbage), *sse.Reader().feed(written(CALLS))]
    events = reader.feed(said)
    ear.hear(said)
    assert (reader.finished, ear.finished) == (True, True)
    assert collect(events).choices == collect(CALLS).choices
    assert ear.usage == Usage(20, 30, 5, 4, 2)
    anthropic.Ear().hear_whole(garbage)


@given(st.binary(max_size=60))
def test_no_bytes_hurt_reader_or_ear(data: bytes) -> None:
    anthropic.Reader().feed([sse.Frame(b"", data)])
    anthropic.Ear().hear([sse.Frame(b"", data)])


def test_the_ear_hears_the_first_word_and_the_end_and_neither_before() -> None:
    ear = anthropic.Ear()
    ear.hear(sse.Reader().feed(written(CALLS[:2]) + anthropic.HEARTBEAT))
    assert (ear.has_spoken, ear.finished) == (False, False)
    ear.hear(sse.Reader().feed(written(CALLS)[:-60]))
    assert (ear.has_spoken, ear.finished) == (True, False)
    ear.hear(sse.Reader().feed(anthropic.error_frame(StreamBroken("It broke."), "1")))
    assert ear.finished


def test_a_strict_tool_stays_strict_where_its_schema_can_be_closed() -> None:
    body, lost = asked(tools=(Tool("now", {"type": "object", "properties": {}}, strict=True),))
    assert (body["tools"][0]["strict"], lost) == (True, set())
    free = {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}}
    assert asked(tools=(Tool("f", free, strict=True),))[1] == {"tools.strict"}


@pytest.mark.parametrize("tokens", [-1, 10**30, 1e308, "7", [], {}, True, None], ids=repr)
def test_an_odd_count_is_passed_over(tokens: Any) -> None:
    ear = anthropic.Ear()
    ear.hear_whole(json.dumps({"type": "message", "usage": {"input_tokens": tokens}}).encode())
    assert ear.usage in (None, Usage())


texts = st.text(max_size=12)
objects = st.dictionaries(texts, texts | st.integers(-9, 9) | st.none(), max_size=3)


@st.composite
def replies(draw: Any) -> list[Event]:
    usage = draw(st.builds(Usage, st.integers(9, 10**6), st.integers(9, 10**6), st.integers(0, 4), st.integers(0, 4)))
    word = draw(st.sampled_from(["end_turn", "max_tokens", "tool_use", "pause_turn", "refusal"]))
    events: list[Event] = [Started(usage.tokens_in)]
    for index in range(draw(st.integers(0, 4))):
        seal = None
        match draw(st.integers(0, 2)):
            case 0:
                events += [
                    PartStarted(index, Text("")),
                    *(PartGrew(index, text) for text in draw(st.lists(texts)) if text),
                ]
            case 1:
                seal = draw(st.none() | st.builds(Seal, st.sampled_from(["anthropic", "gemini"]), st.just("s")))
                events += [PartStarted(index, Reasoning("")), PartGrew(index, "hm")]
            case _:
                call = ToolCall(f"call_{index}", draw(st.sampled_from(["Bash", "a-b_c"])), "")
                events += [PartStarted(index, call), PartGrew(index, json.dumps(draw(objects)))]
        events.append(PartEnded(index, seal))
    reason = REASONS[word]
    return [*events, Finished(reason, word), Ended(usage)]


@settings(max_examples=60)
@given(replies())
def test_what_is_written_is_read_back(events: list[Event]) -> None:
    said = written(events)
    again = anthropic.Reader().feed(sse.Reader().feed(said))
    assert again[1:] == events[1:]
    ear = anthropic.Ear()
    ear.hear(sse.Reader().feed(said))
    assert ear.usage == collect(events).usage
    whole = anthropic.read_reply(anthropic.write_reply(collect(events), ASKED, "1"))
    assert len(collect(whole).choices[0].parts) == len(collect(events).choices[0].parts)


# Errors


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("Wrong.", "messages"), "invalid_request_error"),
        (NotAllowed("No key."), "authentication_error"),
        (UnknownModel("No such model."), "not_found_error"),
        (TooLarge("Too large."), "request_too_large"),
        (UpstreamTimeout("Late."), "timeout_error"),
        (GatewayError("Failed."), "api_error"),
        (UpstreamRefused("Slow down.", 429, "rate_limit_exceeded"), "rate_limit_error"),
        (UpstreamRefused("Own words.", 400, "x", "own_type"), "own_type"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_printed_in_its_shape_and_found_again(error: GatewayError, kind: str) -> None:
    body = anthropic.write_error(error, "req_1")
    assert json.loads(body) == {
        "type": "error",
        "error": {"type": kind, "message": str(error)},
        "request_id": "req_1",
    }
    assert anthropic.error_in(body) == Told(str(error), kind)


def test_a_talk_that_is_too_long_is_said_so_that_claude_code_shortens_it() -> None:
    error = UpstreamRefused("130000 tokens are more than 128000.", 400, "context_length_exceeded")
    told = json.loads(anthropic.write_error(error, "1"))["error"]
    assert told == {
        "type": "invalid_request_error",
        "message": "prompt is too long: 130000 tokens are more than 128000.",
    }


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"\xff", b"[]", b"null", b"[" * 100_000, b'{"error":"text"}', b'{"error":{"type":"x"}}']
)
def test_what_is_no_error_of_the_dialect_is_none(body: bytes) -> None:
    assert anthropic.error_in(body) is None


def test_the_schemas_name_their_required_fields() -> None:
    _, schemas = msgspec.json.schema_components([anthropic.MessagesRequest])
    assert schemas["MessagesRequest"]["required"] == ["model", "messages"]


def test_what_is_lost_of_a_tool_is_named_as_the_tools():
    tool = Tool("look", {"type": "object"}, carried={"namespace": "agents"})
    asked = ChatRequest("m", (Message(Role.USER, (Text("hi"),)),), (tool,), dialect="openai_responses")
    assert "tools.namespace" in anthropic.write_request(asked, NONE, "far").dropped
