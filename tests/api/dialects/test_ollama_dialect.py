"""Ollama's dialect: what its callers say is understood, and what they are told is what their SDK reads."""

import json
from typing import Any

import msgspec
import ollama as sdk
import pytest

from api.conversation import (
    Audio,
    Citation,
    Cited,
    Ended,
    Event,
    Failed,
    Finish,
    Finished,
    Format,
    Image,
    Inline,
    Link,
    Logprob,
    PartEnded,
    PartGrew,
    PartStarted,
    Reasoning,
    Refusal,
    Role,
    Started,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    collect,
)
from api.dialects import ollama
from api.dialects.ollama import generate
from api.errors import BadReply, InvalidRequest
from tests.sdks import PNG

HI = {"role": "user", "content": "Hi"}
EVERYTHING: list[Event] = [
    Started(3),
    PartStarted(0, Reasoning("")),
    PartGrew(0, "Hm."),
    PartEnded(0),
    PartStarted(1, Text("")),
    PartGrew(1, "It is", (Logprob("It is", -0.5, (73,), (Logprob("It", -1.0),)),)),
    Cited(1, Citation("https://a.b")),
    PartGrew(1, " sunny"),
    PartEnded(1),
    PartStarted(2, ToolCall("call_1", "weather", "")),
    PartGrew(2, '{"city":'),
    PartGrew(2, ' "Rome"}'),
    PartEnded(2),
    PartStarted(3, ToolCall("call_2", "now", "")),
    PartEnded(3),
    Finished(Finish.TOOL_CALLS),
    Ended(Usage(11, 7)),
]


def asked(**more: Any) -> Any:
    return ollama.read_request(msgspec.json.encode({"model": "a:b", "messages": [HI], **more}))


def prompted(**more: Any) -> Any:
    return generate.read_request(msgspec.json.encode({"model": "a:b", "prompt": "Hi", **more}))


def lines(writer: Any, events: list[Event]) -> list[dict[str, Any]]:
    return [json.loads(line) for event in events for line in writer.write(event).splitlines()]


def chunks(events: list[Event]) -> list[Any]:
    told = lines(ollama.Writer(asked(), "r1"), events)
    return [sdk.ChatResponse.model_validate_json(json.dumps(line)) for line in told]


def says(*parts: Any) -> list[Event]:
    told: list[Event] = []
    for number, part in enumerate(parts):
        told += (PartStarted(number, part), PartEnded(number))
    return [Started(), *told, Finished(Finish.STOP), Ended()]


def test_a_conversation_is_read_whole():
    request = asked(
        options={"temperature": 0, "top_p": 0.5, "top_k": 4, "seed": 7, "stop": "x", "num_predict": 9},
        tools=[{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
    )
    assert (request.temperature, request.top_p, request.top_k, request.seed) == (0, 0.5, 4, 7)
    assert (request.stop, request.max_tokens, request.stream) == (("x",), 9, True)
    (tool,) = request.tools
    assert (tool.name, tool.description, tool.schema) == ("f", "d", {"type": "object"})
    assert request.extra == {}


@pytest.mark.parametrize("limit", [-2, -1, 0])
def test_no_limit_is_no_limit(limit: int):
    assert asked(options={"num_predict": limit}).max_tokens is None


def test_what_only_an_engine_knows_is_kept_by_its_place():
    request = asked(
        options={"num_ctx": 4096, "low_vram": False, "num_gpu": None, "num_keep": 0}, truncate=True, keep_alive="5m"
    )
    assert request.extra == {"options.num_ctx": 4096, "options.num_keep": 0, "truncate": True}


@pytest.mark.parametrize(
    ("wish", "read"),
    [
        (True, Thinking(enabled=True)),
        (False, Thinking(enabled=False)),
        ("high", Thinking(effort="high")),
        ("", None),
        (None, None),
    ],
)
def test_how_much_to_think(wish: Any, read: Any):
    assert asked(think=wish).thinking == read


@pytest.mark.parametrize(("wish", "read"), [("", None), (None, None), ("json", Format()), ({"a": 1}, Format({"a": 1}))])
def test_the_shape_of_the_answer(wish: Any, read: Any):
    assert asked(format=wish).format == read


def test_results_find_their_calls_by_id_by_name_or_by_order():
    calls: list[Any] = [{"function": {"name": name, "arguments": {}}} for name in ("f", "g", "g")] + [
        {"id": "mine", "function": {"name": "h", "arguments": {"a": 1}}}
    ]
    results = [{"tool_name": "g"}, {"tool_call_id": "mine"}, {"tool_name": "g"}, {}]
    told = [{"role": "tool", "content": str(number), **more} for number, more in enumerate(results)]
    _, said, *read = asked(messages=[HI, {"role": "assistant", "tool_calls": calls}, *told]).messages
    ids = {part.id: part.name for part in said.parts if isinstance(part, ToolCall)}
    answered = [part for message in read for part in message.parts if isinstance(part, ToolResult)]
    assert [ids[result.call_id] for result in answered] == ["g", "h", "g", "f"]
    assert len({result.call_id for result in answered}) == len(ids) == 4


def test_thoughts_come_back_before_what_was_said():
    _, said = asked(messages=[HI, {"role": "assistant", "content": "Yes", "thinking": "Hm."}]).messages
    assert said.parts == (Reasoning("Hm."), Text("Yes"))


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (PNG, "image/png"),
        ("/9j/4AAQ", "image/jpeg"),
        ("R0lGODlh", "image/gif"),
        ("UklGRgAA", "image/webp"),
        (f"data:image/x-odd;base64,{PNG}", "image/x-odd"),
    ],
)
def test_a_picture_is_known_by_its_first_bytes(picture: str, kind: str):
    ((text, image),) = [message.parts for message in asked(messages=[{**HI, "images": [picture]}]).messages]
    assert text == Text("Hi")
    assert image.source == Inline(kind, picture.rpartition(",")[2])


@pytest.mark.parametrize("picture", ["", "https://a.b/c.png", "photo.png"])
def test_what_is_no_picture_is_refused_in_words(picture: str):
    with pytest.raises(InvalidRequest, match="picture"):
        asked(messages=[{**HI, "images": [picture]}])


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": [{"role": "nobody"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"format": 5},
        {"think": "much"},
        {"tools": [{}]},
        {"options": {"temperature": "hot"}},
        {"options": []},
    ],
)
def test_a_wrong_field_is_named(wrong: dict[str, Any]):
    with pytest.raises(InvalidRequest) as raised:
        asked(**wrong)
    assert next(iter(wrong)) in str(raised.value)


def test_a_prompt_is_a_conversation_of_one_message():
    request = prompted(system="Be brief.", images=[PNG], suffix="end", raw=True, template="", context=[1])
    system, user = request.messages
    assert (system.role, system.parts) == (Role.SYSTEM, (Text("Be brief."),))
    assert user.parts == (Text("Hi"), Image(Inline("image/png", PNG)))
    assert request.extra == {"suffix": "end", "raw": True, "context": [1]}


def test_a_stream_is_what_the_sdk_reads():
    told = chunks(EVERYTHING)
    assert "".join(chunk.message.thinking or "" for chunk in told) == "Hm."
    assert "".join(chunk.message.content or "" for chunk in told) == "It is sunny"
    calls = [call.function for chunk in told for call in chunk.message.tool_calls or []]
    assert [(call.name, call.arguments) for call in calls] == [("weather", {"city": "Rome"}), ("now", {})]
    (logprob,) = [logprob for chunk in told for logprob in chunk.logprobs or []]
    assert (logprob.token, logprob.top_logprobs[0].token) == ("It is", "It")
    assert [chunk.done for chunk in told] == [False] * (len(told) - 1) + [True]


def test_the_last_line_counts_tokens_and_time():
    last = chunks(EVERYTHING)[-1]
    assert (last.done_reason, last.prompt_eval_count, last.eval_count) == ("stop", 11, 7)
    assert last.total_duration > 0
    assert last.eval_duration > 0
    assert last.prompt_eval_duration + last.eval_duration <= last.total_duration + 1
    assert (last.load_duration, last.model) == (0, "a:b")


def test_nobody_is_told_tokens_that_nobody_counted():
    (last,) = lines(ollama.Writer(asked(), "r1"), [Started(), Finished(Finish.LENGTH), Ended()])
    assert last["done_reason"] == "length"
    assert "eval_count" not in last


def test_a_whole_answer_says_what_its_stream_says():
    whole: Any = sdk.ChatResponse.model_validate_json(ollama.write_reply(collect(EVERYTHING), asked(), "r1"))
    assert (whole.message.thinking, whole.message.content) == ("Hm.", "It is sunny")
    assert [call.function.arguments for call in whole.message.tool_calls] == [{"city": "Rome"}, {}]
    assert (whole.done, whole.done_reason, whole.prompt_eval_count, whole.eval_count) == (True, "stop", 11, 7)
    assert whole.total_duration > 0


def test_a_prompts_answer_stands_beside_everything_else():
    told = lines(generate.Writer(prompted(), "r1"), EVERYTHING)
    read: list[Any] = [sdk.GenerateResponse.model_validate_json(json.dumps(line)) for line in told]
    assert "".join(chunk.response for chunk in read) == "It is sunny"
    assert "".join(chunk.thinking or "" for chunk in read) == "Hm."
    whole: Any = sdk.GenerateResponse.model_validate_json(generate.write_reply(collect(EVERYTHING), prompted(), "r1"))
    assert (whole.response, whole.thinking, whole.eval_count) == ("It is sunny", "Hm.", 7)


def test_who_wants_no_thoughts_is_told_none():
    request = asked(think=False)
    assert "thinking" not in str(lines(ollama.Writer(request, "r1"), EVERYTHING))
    assert b"thinking" not in ollama.write_reply(collect(EVERYTHING), request, "r1")


@pytest.mark.parametrize(
    ("part", "text", "images"),
    [
        (Refusal("I will not."), "I will not.", []),
        (Image(Link("https://a.b/c.png")), "![image](https://a.b/c.png)", []),
        (Image(Inline("image/png", PNG)), "", [PNG]),
        (Audio(Inline("audio/wav", "AAAA")), "", []),
    ],
)
def test_what_ollama_has_no_word_for_is_told_in_words_or_left_out(part: Any, text: str, images: list[str]):
    told = lines(ollama.Writer(asked(), "r1"), says(part))
    whole = json.loads(ollama.write_reply(collect(says(part)), asked(), "r1"))["message"]
    assert "".join(line["message"]["content"] for line in told) == whole["content"] == text
    assert [image for line in told for image in line["message"].get("images", [])] == images
    assert whole.get("images", []) == images


def test_only_the_first_choice_is_told():
    second: list[Event] = [PartStarted(0, Text("One")), PartEnded(0), PartStarted(1, Text("Two"), 1), PartEnded(1)]
    told = lines(ollama.Writer(asked(), "r1"), [*second, Finished(Finish.LENGTH, choice=1), Ended()])
    assert [line["message"]["content"] for line in told] == ["One", ""]
    assert told[-1]["done_reason"] == "stop"


def test_arguments_that_are_no_object_are_told_all_the_same():
    call: list[Event] = [PartStarted(0, ToolCall("c", "f", "")), PartGrew(0, '{"a": '), PartEnded(0)]
    (told,) = lines(ollama.Writer(asked(), "r1"), call)
    assert told["message"]["tool_calls"][0]["function"]["arguments"] == {"input": '{"a": '}


@pytest.mark.parametrize("cut", range(len(EVERYTHING)))
def test_a_stream_that_fails_anywhere_ends_with_the_error_and_is_never_done(cut: int):
    writer = ollama.Writer(asked(), "r1")
    told = [*lines(writer, EVERYTHING[:cut]), json.loads(writer.fail(BadReply("It broke.")))]
    assert told[-1] == {"error": "It broke."}
    assert not any(line.get("done") for line in told)


def test_a_providers_failure_is_no_line_of_its_own():
    assert ollama.Writer(asked(), "r1").write(Failed("Too bad.")) == b""


def test_a_sign_of_life_means_nothing_before_a_line():
    line = ollama.Writer(asked(), "r1").write(Ended())
    assert json.loads(ollama.HEARTBEAT + line)["done"]
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
