"""The dialect of OpenAI Responses: requests, streams, replies and errors, against the types of the official SDK."""

from types import ModuleType
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from api.conversation import (
    Audio,
    ChatRequest,
    Choice,
    Citation,
    Cited,
    Ended,
    Event,
    Failed,
    Finish,
    Finished,
    Image,
    Inline,
    Link,
    Message,
    PartEnded,
    PartGrew,
    PartStarted,
    Reasoning,
    Refusal,
    Role,
    Seal,
    Started,
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
from api.dialects import openai_responses as responses
from api.dialects import sealing, sse
from api.dialects.dialect import Dialect
from api.dialects.quirks import NONE, Quirks
from api.errors import InvalidRequest, StreamBroken, UpstreamRefused

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
REQUIRED = (
    "completed_at incomplete_details previous_response_id instructions error tools tool_choice truncation "
    "parallel_tool_calls text top_p presence_penalty frequency_penalty top_logprobs temperature reasoning usage "
    "max_output_tokens max_tool_calls store background service_tier metadata safety_identifier prompt_cache_key"
)
NAMESPACE = {
    "type": "namespace",
    "name": "mcp__files__",
    "description": "Files",
    "tools": [{"type": "function", "name": "read", "parameters": {"type": "object"}, "strict": False}],
}
PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edit",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: LINE"},
}


def read(**fields: Any) -> ChatRequest:
    return responses.read_request(msgspec.json.encode({"model": "p:m", "input": "hi", **fields}))


def written(request: ChatRequest, quirks: Quirks = NONE, provider: str = "p") -> dict[str, Any]:
    return cast("dict[str, Any]", msgspec.json.decode(responses.write_request(request, quirks, provider).body))


def dropped(request: ChatRequest, provider: str = "p") -> tuple[str, ...]:
    return responses.write_request(request, NONE, provider).dropped


def abroad(*messages: Message, **fields: Any) -> ChatRequest:
    return ChatRequest("m", messages, dialect="anthropic", **fields)


def assistant(*parts: Any) -> Message:
    return Message(Role.ASSISTANT, parts)


def stream(events: list[Event], request: ChatRequest | None = None) -> bytes:
    writer = responses.Writer(request or read(), "r1")
    return b"".join(map(writer.write, events))


def frames(data: bytes) -> list[sse.Frame]:
    return sse.Reader().feed(data)


def told(data: bytes) -> list[dict[str, Any]]:
    return [msgspec.json.decode(frame.data) for frame in frames(data)]


def heard(*events: dict[str, Any]) -> list[Event]:
    reader = responses.Reader()
    return [
        event for data in events for event in reader.feed([sse.Frame(b"", msgspec.json.encode(data))])
    ] + reader.end()


def parts(*events: dict[str, Any]) -> tuple[Any, ...]:
    return collect(heard(*events)).choices[0].parts


def part(index: int, blank: Any, *texts: str, seal: Seal | None = None) -> list[Event]:
    return [PartStarted(index, blank), *(PartGrew(index, text) for text in texts), PartEnded(index, seal)]


def reply(*parts: list[Event], reason: Finish = Finish.STOP, usage: Usage | None = None) -> list[Event]:
    return [Started(), *(event for part in parts for event in part), Finished(reason), Ended(usage)]


def done(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"status": "completed", "output": list(items), **more}}


def test_the_package_fulfils_the_contract() -> None:
    module: ModuleType = responses
    dialect: Dialect = responses
    assert dialect.NAME == module.NAME == "openai_responses"


# Requests read


def test_a_text_is_a_message_of_the_user() -> None:
    assert read().messages == (Message(Role.USER, (Text("hi"),)),)


def test_instructions_are_the_first_system_message_and_stay_apart() -> None:
    request = read(instructions="Be brief.")
    assert request.messages[0] == Message(Role.SYSTEM, (Text("Be brief."),), carried={"instructions": True})
    assert written(request)["instructions"] == "Be brief."


def test_items_of_one_turn_of_the_assistant_are_one_message_and_results_in_a_row_another() -> None:
    request = read(
        input=[
            {"role": "user", "content": "go"},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "xyz"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ok"}]},
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "", "status": "completed"},
            {"type": "function_call", "call_id": "b", "name": "g", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "1"},
            {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_text", "text": "2"}]},
        ]
    )
    user, said, results = request.messages
    assert user.role is Role.USER
    assert [type(part) for part in said.parts] == [Reasoning, Text, ToolCall, ToolCall]
    assert isinstance(said.parts[0], Reasoning)
    assert said.parts[0].seal == Seal("openai_responses", "xyz", "rs_1")
    assert isinstance(said.parts[2], ToolCall)
    assert said.parts[2].arguments == "{}"
    assert [part.text for part in results.parts if isinstance(part, ToolResult)] == ["1", "2"]


def test_an_orphan_result_is_kept() -> None:
    items = [{"type": "function_call_output", "call_id": "gone", "output": "1"}]
    assert written(read(input=items))["input"] == items


def test_a_tool_in_a_namespace_has_one_name_abroad_and_comes_back_apart() -> None:
    request = read(tools=[NAMESPACE])
    call = ToolCall("c1", "mcp__files__read", "")
    item = told(stream(reply(part(0, call, "{}")), request))[-1]["response"]["output"][0]
    assert request.tools[0].name == "mcp__files__read"
    assert (item["name"], item["namespace"], item["arguments"]) == ("read", "mcp__files__", "{}")


def test_a_call_in_a_namespace_is_replayed_under_the_name_it_has_abroad() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "read", "namespace": "mcp__files__", "arguments": "{}"}
    request = read(input=[item], tools=[NAMESPACE])
    assert request.messages[0].parts[0].name == "mcp__files__read"  # type: ignore[union-attr]
    assert written(request)["input"] == [item]


def test_a_tool_that_takes_text_is_answered_with_text() -> None:
    request = read(tools=[PATCH])
    call = ToolCall("c1", "apply_patch", "")
    last = told(stream(reply(part(0, call, '{"inp', 'ut":"*** Begin"}')), request))[-1]
    item = last["response"]["output"][0]
    assert request.tools[0].takes_text
    assert "start: LINE" in (request.tools[0].description or "")
    assert (item["type"], item["input"]) == ("custom_tool_call", "*** Begin")


def test_a_call_that_takes_text_is_replayed_as_it_came() -> None:
    items = [
        {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": "a\nb"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "done"},
    ]
    request = read(input=items, tools=[PATCH])
    assert request.messages[0].parts[0].arguments == '{"input":"a\\nb"}'  # type: ignore[union-attr]
    assert written(request)["input"] == items


def test_tools_that_the_provider_runs_and_nameless_kinds_are_kept() -> None:
    hosted = [{"type": "web_search", "external_web_access": False}, {"type": "local_shell"}, {"odd": 1}]
    request = read(tools=hosted)
    assert [tool.kind for tool in request.hosted] == ["web_search", "local_shell", "unknown"]
    assert written(request)["tools"] == hosted


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("auto", ToolChoice(Choice.AUTO)),
        ("none", ToolChoice(Choice.NONE)),
        ("required", ToolChoice(Choice.REQUIRED)),
        ({"type": "function", "name": "f"}, ToolChoice(Choice.REQUIRED, ("f",))),
        ({"type": "custom", "name": "apply_patch"}, ToolChoice(Choice.REQUIRED, ("apply_patch",))),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
            ToolChoice(Choice.AUTO, ("f",)),
        ),
        ({"type": "web_search"}, None),
    ],
)
def test_every_form_of_tool_choice_is_understood_or_kept(asked: Any, meant: ToolChoice | None) -> None:
    request = read(tools=[PATCH], tool_choice=asked)
    assert request.tool_choice == meant
    assert written(request)["tool_choice"] == asked


def test_everything_said_in_this_dialect_is_written_back_to_it() -> None:
    body = {
        "model": "p:m",
        "instructions": "Be brief.",
        "input": [
            {
                "type": "message",
                "role": "developer",
                "content": [
                    {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
                    {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
                    {"type": "input_image", "file_id": "file_1"},
                    {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"},
                    {"type": "input_file", "file_url": "https://x/y.pdf"},
                    {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
                ],
            },
            {"type": "item_reference", "id": "msg_0"},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "t"}], "content": []},
            {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "role": "assistant",
                "content": [
                    {"type": "output_text", "text": "x", "annotations": []},
                    {"type": "refusal", "refusal": "no"},
                ],
            },
            {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
            {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"},
            {
                "type": "function_call_output",
                "call_id": "c",
                "output": [{"type": "input_image", "image_url": "https://x/y.png"}],
            },
            {"type": "compaction", "encrypted_content": "zz"},
        ],
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True, "defer_loading": True},
            NAMESPACE,
        ],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}, "verbosity": "low"},
        "reasoning": {"effort": "high", "summary": "auto", "context": "all_turns"},
        "max_output_tokens": 5,
        "include": ["reasoning.encrypted_content"],
        "store": False,
        "truncation": "auto",
        "safety_identifier": "me",
        "prompt_cache_key": "k",
        "client_metadata": {"a": "b"},
        "presence_penalty": 0.5,
        "stream": True,
    }
    request = responses.read_request(msgspec.json.encode(body))
    assert written(request) == body
    assert dropped(request) == ()


@pytest.mark.parametrize("field", ["background", "conversation", "prompt"])
def test_what_only_openai_can_keep_is_refused_in_words(field: str) -> None:
    value = {"background": True, "conversation": "conv_1", "prompt": {"id": "p"}}[field]
    with pytest.raises(InvalidRequest) as caught:
        read(**{field: value})
    assert caught.value.param == field


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"role": "robot", "content": "x"}, "input[0].role"),
        ({"role": "user", "content": 5}, "input[0].content"),
        ({"type": "function_call", "call_id": "c"}, "input[0].name"),
        ({"role": "user", "content": [{"type": "input_image"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,"}]},
         "input[0].content[0].image_url"),
        ({}, "input[0].type"),
    ],
)  # fmt: skip
def test_a_wrong_item_is_named(item: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(input=[item])
    assert caught.value.param == param


# Requests written


def test_a_tool_says_that_it_is_not_strict_for_silence_would_mean_that_it_is() -> None:
    tool = Tool("f", {"type": "object"})
    assert written(abroad(tools=(tool,)))["tools"][0]["strict"] is False


def test_a_strict_tool_from_abroad_is_closed_or_named_as_strict_no_more() -> None:
    shape = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["gone"]}
    closed = written(abroad(tools=(Tool("f", shape, strict=True),)))["tools"][0]
    assert (closed["strict"], closed["parameters"]["required"]) == (True, ["a"])
    assert closed["parameters"]["additionalProperties"] is False
    free = Tool("f", {"type": "object", "additionalProperties": {"type": "string"}}, strict=True)
    wrote = responses.write_request(abroad(tools=(free,)), Quirks(), "p")
    assert "tools.strict" in wrote.dropped
    assert b'"strict":false' in wrote.body


def test_what_this_dialect_has_no_word_for_is_named() -> None:
    request = abroad(
        Message(Role.USER, (Text("x", carried={"cache_control": {}}),)),
        assistant(Reasoning("thought", Seal("anthropic", "sig"))),
        top_k=3,
        seed=1,
        stop=("a",),
        n=2,
        logit_bias={"1": 2},
        presence_penalty=0.1,
        frequency_penalty=0.1,
        hosted=(Unread("web_search_20250305", {}),),
        extra={"container": "c", "stream_options": {}},
    )
    assert dropped(request) == tuple(
        sorted(
            [
                "container",
                "frequency_penalty",
                "logit_bias",
                "messages.cache_control",
                "messages.reasoning",
                "n",
                "presence_penalty",
                "seed",
                "stop",
                "tools.web_search_20250305",
                "top_k",
            ]
        )
    )


def test_nothing_is_written_that_was_not_said() -> None:
    body = written(abroad(Message(Role.USER, (Text("x"),))))
    assert set(body) == {"model", "input", "store", "include"}


def test_thoughts_go_back_only_to_the_provider_that_sealed_them() -> None:
    seal = Seal("openai_responses", "enc", "rs_9", "p")
    request = abroad(assistant(Reasoning("t", seal, summary=True)))
    assert written(request)["input"] == [
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "t"}],
            "encrypted_content": "enc",
            "id": "rs_9",
        }
    ]
    assert dropped(request, "another") == ("messages.reasoning",)


def test_a_model_without_thoughts_is_not_asked_for_them_encrypted() -> None:
    request = msgspec.structs.replace(abroad(Message(Role.USER, (Text("x"),))), model="gpt-4o-mini")
    assert "include" not in written(request)


def test_images_in_results_of_tools_stay_in_them() -> None:
    result = ToolResult("c", (Text("see"), Image(Inline("image/webp", "AA"))))
    output = written(abroad(Message(Role.USER, (result,))))["input"][0]["output"]
    assert output[1] == {"type": "input_image", "image_url": "data:image/webp;base64,AA", "detail": "auto"}


def test_a_message_keeps_its_order_around_results() -> None:
    request = abroad(Message(Role.USER, (ToolResult("c", (Text("1"),)), Text("go on"))))
    assert [item["type"] for item in written(request)["input"]] == ["function_call_output", "message"]


def test_empty_texts_are_not_sent_and_an_empty_result_is() -> None:
    call, result = ToolCall("c", "f", "{}"), ToolResult("c", (Text(""),))
    request = abroad(assistant(Text(""), call), Message(Role.USER, (result, Text(""))))
    assert written(request)["input"] == [
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": ""},
    ]


def test_a_low_limit_is_raised_to_what_openai_takes_and_a_long_user_told_by_fingerprint() -> None:
    wrote = responses.write_request(abroad(max_tokens=1, user="u" * 100), NONE, "p")
    body = msgspec.json.decode(wrote.body)
    assert body["max_output_tokens"] == 16
    assert len(body["user"]) == 64
    assert wrote.renamed == ("max_tokens", "user")


def test_an_image_that_the_provider_would_have_to_fetch_is_refused_where_it_cannot() -> None:
    request = abroad(Message(Role.USER, (Image(Link("https://x/y.png")), Text("?"))))
    with pytest.raises(InvalidRequest, match="does not fetch images"):
        responses.write_request(request, Quirks(image_urls=False), "p")


def test_a_name_that_is_not_taken_leads_back_to_the_callers() -> None:
    call = Message(Role.ASSISTANT, (ToolCall("c", "files.read", "{}"),))
    request = ChatRequest(
        "m",
        (Message(Role.USER, (Text("hi"),)), call),
        (Tool("files.read", {}), Tool("plain", {}), Tool("free.text", {}, takes_text=True)),
        tool_choice=ToolChoice(Choice.REQUIRED, ("files.read",)),
        dialect="gemini",
    )
    told = responses.write_request(request, NONE, "p1")
    body = msgspec.json.decode(told.body)
    files, _, free = (tool["name"] for tool in body["tools"])
    assert told.names == {files: "files.read", free: "free.text"}
    assert body["tool_choice"] == {"type": "function", "name": files}
    assert body["input"][1]["name"] == files
    assert "tools.name" in told.renamed


def test_a_namespace_of_another_dialects_tool_is_no_namespace_here() -> None:
    tool = Tool("f", {}, carried={"namespace": {}, "name": 5})
    request = ChatRequest("m", (Message(Role.USER, (Text("hi"),)),), (tool,), dialect="openai_chat")
    told = msgspec.json.decode(responses.write_request(request, NONE, "p1").body)
    assert [(tool["type"], tool["name"]) for tool in told["tools"]] == [("function", "f")]


def test_a_budget_is_told_as_an_effort() -> None:
    assert written(abroad(thinking=Thinking(enabled=True, budget=31_999)))["reasoning"] == {"effort": "high"}


# Streams written


TALK: list[Event] = reply(
    part(0, Reasoning("", summary=True), "hm", "m", seal=Seal("openai_responses", "enc", "rs_up")),
    [
        PartStarted(1, Text("")),
        PartGrew(1, "Hel"),
        PartGrew(1, "lo\u2028"),
        Cited(1, Citation("https://a.b/c", "T", start=0, end=3)),
        PartEnded(1),
    ],
    part(2, Refusal(""), "no"),
    part(3, ToolCall("c1", "f", ""), '{"a":', "1}"),
    part(4, ToolCall("c2", "g", "")),
    part(5, Image(Inline("image/png", "AAAA"))),
    reason=Finish.TOOL_CALLS,
    usage=Usage(10, 5, 3, 2, 1),
)


def test_the_whole_life_of_every_part_is_told_in_the_sdks_types() -> None:
    kinds = []
    for number, data in enumerate(told(stream(TALK))):
        EVENT.validate_python(data)
        assert data["sequence_number"] == number
        kinds.append(data["type"])
    assert kinds[:3] == ["response.created", "response.in_progress", "response.output_item.added"]
    assert kinds[-1] == "response.completed"


def test_the_sdk_gathers_a_stream_into_the_response() -> None:
    state: Any = ResponseStreamState(input_tools=omit, text_format=omit)
    for data in told(stream(TALK)):
        state.handle_event(EVENT.validate_python(data))
    final = state._completed_response
    assert final.output_text == "Hello\u2028"
    assert [item.type for item in final.output] == [
        *("reasoning", "message", "function_call", "function_call", "image_generation_call")
    ]
    assert final.usage.input_tokens_details.cached_tokens == 3


def test_a_call_without_arguments_is_an_empty_object() -> None:
    output = told(stream(TALK))[-1]["response"]["output"]
    assert output[3]["arguments"] == "{}"


@pytest.mark.parametrize("kind", ["response.created", "response.in_progress", "response.completed"])
def test_every_field_of_a_response_is_there(kind: str) -> None:
    response = next(data["response"] for data in told(stream(TALK)) if data["type"] == kind)
    assert set(REQUIRED.split()) <= response.keys()


def test_a_whole_reply_has_every_field_and_the_sdks_type() -> None:
    request = read(tools=[NAMESPACE, PATCH], instructions="I", temperature=0.5, metadata={"a": "b"})
    body = msgspec.json.decode(responses.write_reply(collect(TALK), request, "r1"))
    Response.model_validate(body)
    assert set(REQUIRED.split()) <= body.keys()
    assert (body["instructions"], body["temperature"], body["metadata"]) == ("I", 0.5, {"a": "b"})
    assert body["usage"]["output_tokens_details"] == {"reasoning_tokens": 1}


@pytest.mark.parametrize(("reason", "why"), [(Finish.LENGTH, "max_output_tokens"), (Finish.REFUSAL, "content_filter")])
def test_an_answer_that_was_cut_is_incomplete(reason: Finish, why: str) -> None:
    last = told(stream(reply(part(0, Text(""), "x"), reason=reason)))[-1]
    assert (last["type"], last["response"]["incomplete_details"]) == ("response.incomplete", {"reason": why})


@pytest.mark.parametrize("cut", range(len(TALK)))
def test_a_stream_that_fails_anywhere_ends_in_failed_and_says_no_more(cut: int) -> None:
    writer = responses.Writer(read(), "r1")
    data = b"".join(map(writer.write, TALK[:cut])) + writer.fail(StreamBroken("It broke."))
    last = told(data)[-1]
    EVENT.validate_python(last)
    assert (last["type"], last["response"]["error"]["message"]) == ("response.failed", "It broke.")
    assert b"response.completed" not in data
    assert writer.write(Ended()) == b""


def test_a_providers_failure_in_the_stream_is_a_failed_response() -> None:
    last = told(stream([Started(), Failed("Too long", "context_length_exceeded")]))[-1]
    assert last["response"]["error"]["code"] == "context_length_exceeded"


def test_foreign_seals_travel_only_for_who_asked_for_encrypted_thoughts() -> None:
    seal = Seal("anthropic", "sig", provider="anthropic")
    events = reply(part(0, Reasoning(""), "t", seal=seal))
    asked = told(stream(events, read(include=["reasoning.encrypted_content"])))[-1]["response"]["output"][0]
    not_asked = told(stream(events))[-1]["response"]["output"][0]
    assert sealing.unwrap(asked["encrypted_content"], "openai_responses") == seal
    assert "encrypted_content" not in not_asked


def test_a_seal_of_openai_keeps_the_id_of_its_own_item() -> None:
    item = told(stream(TALK, read(include=["reasoning.encrypted_content"])))[-1]["response"]["output"][0]
    back = read(input=[item]).messages[0].parts[0]
    assert isinstance(back, Reasoning)
    assert back.seal == Seal("openai_responses", "enc", "rs_up")


def test_sound_is_told_by_its_transcript() -> None:
    last = told(stream(reply(part(0, Audio(Inline("audio/wav", ""), "hello"), "AAAA"))))[-1]
    assert last["response"]["output"][0]["content"][0]["text"] == "hello"


def test_a_second_choice_is_not_told() -> None:
    events: list[Event] = [Started(), PartStarted(0, Text(""), 1), PartGrew(0, "x"), PartEnded(0), Ended()]
    assert told(stream(events))[-1]["response"]["output"] == []


# Streams read


def test_what_was_written_is_read_back() -> None:
    events = responses.Reader().feed(frames(stream(TALK)))
    first = collect(events).choices[0].parts
    assert [getattr(piece, "text", None) for piece in first[:3]] == ["hmm", "Hello\u2028", "no"]
    assert first[3:] == (ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "g", "{}"), Image(Inline("image/png", "AAAA")))
    assert events[-1] == Ended(Usage(10, 5, 3, 2, 1), "auto")


def test_a_text_without_places_or_ids_is_heard_and_never_doubled() -> None:
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}
    events = heard(
        {"type": "response.output_item.added", "item": {"type": "message", "content": []}},
        {"type": "response.content_part.added", "part": {"type": "output_text", "text": ""}},
        {"type": "response.output_text.delta", "delta": "Hel"},
        {"type": "response.output_text.delta", "delta": "lo"},
        {"type": "response.output_text.done", "text": "Hello"},
        {"type": "response.content_part.done", "part": {"type": "output_text", "text": "Hello"}},
        {"type": "response.output_item.done", "item": item},
        done(item),
    )
    assert events == [
        *[Started(), PartStarted(0, Text("")), PartGrew(0, "Hel"), PartGrew(0, "lo"), PartEnded(0)],
        *[Finished(Finish.STOP, "completed"), Ended()],
    ]


def test_a_text_that_stands_only_in_a_done_event_is_not_lost() -> None:
    assert parts({"type": "response.output_text.done", "output_index": 0, "text": "late"}, done()) == (Text("late"),)


def test_items_that_stand_only_in_the_finished_response_are_said() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    said = {"type": "message", "content": [{"type": "output_text", "text": "x"}, {"type": "refusal", "refusal": "y"}]}
    assert parts(done(said, call)) == (Text("x"), Refusal("y"), ToolCall("c", "f", "{}"))


def test_a_call_whose_name_comes_late_is_told_whole() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'}
    assert parts(
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "function_call"}},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"a":1}'},
        {"type": "response.output_item.done", "output_index": 0, "item": call},
        done(),
    ) == (ToolCall("c", "f", '{"a":1}'),)


def test_calls_that_run_together_are_told_one_after_the_other() -> None:
    def added(place: int, name: str) -> dict[str, Any]:
        item = {"type": "function_call", "call_id": name, "name": name, "arguments": ""}
        return {"type": "response.output_item.added", "output_index": place, "item": item}

    def delta(place: int, text: str) -> dict[str, Any]:
        return {"type": "response.function_call_arguments.delta", "output_index": place, "delta": text}

    events = heard(added(0, "a"), added(1, "b"), delta(0, "{"), delta(1, "[1"), delta(0, "}"), delta(1, "]"), done())
    assert collect(events).choices[0].parts == (ToolCall("a", "a", "{}"), ToolCall("b", "b", "[1]"))
    assert [event.index for event in events if isinstance(event, PartGrew)] == [0, 0, 1, 1]
    assert any(isinstance(event, Finished) and event.reason is Finish.TOOL_CALLS for event in events)


def test_an_id_that_changes_from_event_to_event_does_not_matter_where_the_place_is_said() -> None:
    assert parts(
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "a"}},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "b", "delta": "x"},
        {"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "id": "c"}},
        done({"type": "message", "id": "d", "content": [{"type": "output_text", "text": "x"}]}),
    ) == (Text("x"),)


def test_summaries_of_thoughts_are_one_part_with_the_seal_at_its_end() -> None:
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "encrypted_content": "enc",
        "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
    }
    place = {"output_index": 0, "item_id": "rs_1"}
    assert parts(
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "rs_1"}},
        {"type": "response.reasoning_summary_text.delta", **place, "summary_index": 0, "delta": "a"},
        {"type": "response.reasoning_summary_text.delta", **place, "summary_index": 1, "delta": "b"},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        done(item),
    ) == (Reasoning("a\n\nb", Seal("openai_responses", "enc", "rs_1"), summary=True),)


def test_encrypted_thoughts_without_words_are_kept() -> None:
    item = {"type": "reasoning", "id": "rs_1", "encrypted_content": "enc", "summary": []}
    assert parts(done(item)) == (Reasoning("", Seal("openai_responses", "enc", "rs_1")),)


def test_the_free_text_of_a_call_is_wrapped_as_it_streams() -> None:
    item = {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": ""}
    assert parts(
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.custom_tool_call_input.delta", "output_index": 0, "delta": 'a"\n'},
        {"type": "response.custom_tool_call_input.done", "output_index": 0, "input": 'a"\nb'},
        {"type": "response.output_item.done", "output_index": 0, "item": {**item, "input": 'a"\nb'}},
        done(),
    ) == (ToolCall("c", "p", '{"input":"a\\"\\nb"}'),)


def test_kinds_of_items_that_nobody_knows_are_kept_as_they_came() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}
    assert parts(done(item)) == (Unread("web_search_call", item),)


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "response.failed", "response": {"status": "failed", "error": {"code": "x", "message": "No."}}},
        {"type": "error", "code": "x", "message": "No."},
        {"type": "error", "error": {"type": "x", "message": "No."}},
        {"error": {"code": "x", "message": "No."}},
    ],
)
def test_every_form_of_failure_is_heard(frame: dict[str, Any]) -> None:
    reader = responses.Reader()
    events = reader.feed([sse.Frame(b"", msgspec.json.encode(frame))])
    assert events[-1] == Failed("No.", "x")
    assert reader.finished


@pytest.mark.parametrize(("why", "reason"), [("max_output_tokens", Finish.LENGTH), ("content_filter", Finish.REFUSAL)])
def test_an_incomplete_response_says_why(why: str, reason: Finish) -> None:
    events = heard({"type": "response.incomplete", "response": {"incomplete_details": {"reason": why}, "output": []}})
    assert Finished(reason, why) in events


def test_a_stream_without_its_last_response_broke_off() -> None:
    reader = responses.Reader()
    reader.feed(frames(stream(TALK[:-1])))
    assert reader.end() == []
    assert not reader.finished


def test_a_whole_reply_is_read_and_anything_else_is_none() -> None:
    body = responses.write_reply(collect(TALK), read(), "r1")
    assert collect(responses.read_reply(body)).choices[0].parts[3] == ToolCall("c1", "f", '{"a":1}')
    with pytest.raises(ValueError, match="not a response"):
        responses.read_reply(b'{"choices": []}')


@given(st.lists(st.one_of(st.binary(max_size=60), st.just(b'{"type":"response.output_text.delta","delta":5}'))))
def test_no_bytes_make_the_reader_raise(blocks: list[bytes]) -> None:
    reader = responses.Reader()
    for block in blocks:
        reader.feed([sse.Frame(b"", block), sse.Frame(b"response.output_item.added", block)])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "id",
                    "call_id",
                    "name",
                    "item",
                    "part",
                    "text",
                    "summary",
                    "content",
                    "delta",
                    "output",
                    "arguments",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(
    [
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.delta",
        "response.output_text.done",
        "response.function_call_arguments.delta",
        "response.reasoning_summary_text.delta",
        "response.output_text.annotation.added",
        "response.completed",
        "error",
    ]
)
FIELDS = st.dictionaries(
    st.sampled_from(
        [
            "item",
            "part",
            "response",
            "delta",
            "text",
            "output_index",
            "content_index",
            "item_id",
            "annotation",
            "logprobs",
        ]
    ),
    JSON | st.fixed_dictionaries({"type": st.sampled_from(["message", "reasoning", "function_call", "x"])}),
    max_size=5,
)


@settings(max_examples=200)
@given(st.lists(st.tuples(KINDS, FIELDS), max_size=12))
def test_whatever_a_server_says_the_grammar_is_kept(told: list[tuple[str, dict[str, Any]]]) -> None:
    opened: int | None = None
    following = 0
    for event in heard(*({**fields, "type": kind} for kind, fields in told)):
        match event:
            case PartStarted(index):
                assert (opened, index) == (None, following)
                opened, following = index, following + 1
            case PartGrew(index) | Cited(index):
                assert index == opened
            case PartEnded(index):
                assert index == opened
                opened = None


@st.composite
def conversations(draw: st.DrawFn) -> list[Event]:
    blanks = st.sampled_from(
        [Text(""), Refusal(""), Reasoning(""), Reasoning("", summary=True), ToolCall("c", "f", "")]
    )
    kinds = draw(st.lists(blanks, max_size=6))
    told = []
    for index, blank in enumerate(kinds):
        named = ToolCall(f"c{index}", "f", "") if isinstance(blank, ToolCall) else blank
        texts = draw(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3))
        told.append(part(index, named, *texts))
    return reply(*told, reason=draw(st.sampled_from(list(Finish))), usage=Usage(1, 2))


@settings(max_examples=60, deadline=None)
@given(conversations())
def test_every_answer_is_written_in_the_sdks_types_and_read_back_the_same(events: list[Event]) -> None:
    data = stream(events)
    state: Any = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in told(data):
        state.handle_event(EVENT.validate_python(event))
    back = collect(responses.Reader().feed(frames(data)))
    assert back.choices[0].parts == collect(events).choices[0].parts


# Beside the stream


def test_the_ear_hears_the_first_token_the_tokens_and_the_end() -> None:
    ear = responses.Ear()
    first, *rest = [[frame] for frame in frames(stream(TALK))]
    ear.hear(first)
    assert not ear.has_spoken
    for frame in rest:
        ear.hear(frame)
    assert (ear.has_spoken, ear.finished, ear.usage) == (True, True, Usage(10, 5, 3, 2, 1))


def test_the_ear_hears_a_whole_reply() -> None:
    ear = responses.Ear()
    ear.hear_whole(responses.write_reply(collect(TALK), read(), "r1"))
    assert ear.usage == Usage(10, 5, 3, 2, 1)


def test_our_own_stream_is_whole_and_one_without_numbers_is_not() -> None:
    assert all(map(responses.is_whole, frames(stream(TALK))))
    assert not responses.is_whole(sse.Frame(b"response.created", b'{"type":"response.created","response":{}}'))
    bare = b'{"type":"response.output_text.delta","sequence_number":1,"item_id":"a","delta":"x"}'
    assert not responses.is_whole(sse.Frame(b"", bare))


def test_an_error_is_printed_and_read_back() -> None:
    error = UpstreamRefused("Slow down.", 429, "rate_limit_exceeded", type="requests")
    found = responses.error_in(responses.write_error(error, "r1"))
    assert found is not None
    assert (found.words, found.type, found.code) == ("Slow down.", "requests", "rate_limit_exceeded")
    assert responses.error_in(b'{"object": "response"}') is None


def test_a_passing_stream_that_breaks_ends_in_an_error_event() -> None:
    (data,) = told(responses.error_frame(StreamBroken("It broke."), "r1"))
    EVENT.validate_python(data)
    assert (data["type"], data["message"], data["error"]["message"]) == ("error", "It broke.", "It broke.")
