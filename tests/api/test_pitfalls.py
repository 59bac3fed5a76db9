"""The bugs that every gateway of this kind has had, row by row: none of them is one of ours.

The rows are those of the list of translation bugs that was gathered from the issues of our peers.
"""

import asyncio
import json
from typing import Any

import pytest
from httpx import Response

from api.conversation import (
    Ended,
    Event,
    Finish,
    Finished,
    PartEnded,
    PartGrew,
    PartStarted,
    Reasoning,
    Seal,
    Started,
    Text,
    ToolCall,
    Usage,
    collect,
)
from api.dialects import sse
from api.dialects.quirks import NONE, Quirks
from api.dialects.spoken import SPOKEN
from api.errors import InvalidRequest
from api.relay import turn
from api.upstream.paths import conversation_path
from tests.conftest import Api
from tests.fakes import CALLS, CHAT, FRAMES, WHOLE_CALLS, FarEnd, Received, Wire, answers, far_end, says
from tests.sdks import FARS, PICTURES, PNG, ROME, WEATHER

CHAT_, RESPONSES, MESSAGES, GEMINI = FARS
PLACES = {
    CHAT_: "/v1/chat/completions",
    RESPONSES: "/v1/responses",
    MESSAGES: "/v1/messages",
    GEMINI: "/v1beta/models/far:m:generateContent",
}
CALLED = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}}
TOOL = {"name": "weather", "input_schema": WEATHER}
CHAT_TOOL = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}


def asks(caller: str, **more: Any) -> dict[str, Any]:
    """A question in a dialect."""
    plain: dict[str, dict[str, Any]] = {
        CHAT_: {"messages": [{"role": "user", "content": "Hi"}]},
        RESPONSES: {"input": "Hi"},
        MESSAGES: {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 64},
        GEMINI: {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
    }
    return {**({} if caller == GEMINI else {"model": "far:m"}), **plain[caller], **more}


def crossed(caller: str, far: str, quirks: Quirks = NONE, model: str = "m", **asked: Any) -> Any:
    """The body that a provider of the dialect `far` gets for what a caller asks."""
    return json.loads(written(caller, far, quirks, model, **asked).body)


def written(caller: str, far: str, quirks: Quirks = NONE, model: str = "m", **asked: Any) -> Any:
    request = SPOKEN[caller].read_request(json.dumps({**asks(caller, **asked), "model": model}).encode())
    return SPOKEN[far].write_request(request, quirks, "far")


def heard(far: str, stream: bytes) -> list[Event]:
    reader = SPOKEN[far].Reader()
    return [*reader.feed(sse.Reader().feed(stream)), *reader.end()]


def said(caller: str, events: list[Event], **asked: Any) -> bytes:
    """The stream that a caller gets."""
    request = SPOKEN[caller].read_request(json.dumps({**asks(caller, stream=True), **asked}).encode())
    writer = SPOKEN[caller].Writer(request, "req_1")
    return b"".join(map(writer.write, events))


def frames(stream: bytes) -> list[Any]:
    return [json.loads(frame.data) for frame in sse.Reader().feed(stream) if frame.data != b"[DONE]"]


def event(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def delta(reason: str | None = None, **fields: Any) -> bytes:
    return event(choices=[{"index": 0, "delta": fields, "finish_reason": reason}])


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> bytes:
    told = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    begun = {"type": "content_block_start", "index": index, "content_block": start}
    return b"".join(event(**each) for each in (begun, *told, {"type": "content_block_stop", "index": index}))


def reply(*parts: Any, reason: Finish = Finish.STOP, raw: str | None = None, usage: Usage | None = None) -> list[Event]:
    """The events of an answer."""
    events: list[Event] = [Started()]
    for index, part in enumerate(parts):
        events += [PartStarted(index, part), PartEnded(index)]
    return [*events, Finished(reason, raw), Ended(usage)]


async def provide(api: Api, far: FarEnd, dialect: str, quirks: Quirks = NONE, name: str = "far", **more: Any) -> None:
    base = far.url + ("/v1beta" if dialect == GEMINI else "/v1")
    await api.gateway.providers.add(name, dialect, base, None, quirks=quirks, **more)


async def ask(api: Api, caller: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    async with api.client() as client:
        return await client.post(PLACES[caller], json=asks(caller, **more), headers=headers or {})


def sent(far: FarEnd) -> Any:
    return json.loads(far.last.body)


def after_a_call(call: str = "call_1") -> list[dict[str, Any]]:
    """A talk in Chat Completions whose tool has answered."""
    return [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [{**CALLED, "id": call}]},
        {"role": "tool", "tool_call_id": call, "content": "sunny"},
    ]


def after_a_use(content: Any = "sunny", thinking: tuple[dict[str, Any], ...] = ()) -> list[dict[str, Any]]:
    """The same in Messages."""
    use = {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Rome"}}
    return [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": [*thinking, use]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": content}]},
    ]


# 1: signatures


def test_row_01_thinking_signatures_survive_both_ways() -> None:
    blocks = (
        {"type": "thinking", "thinking": " a b\n", "signature": "c2ln+/="},
        {"type": "redacted_thinking", "data": "cmVk"},
    )
    there = crossed(MESSAGES, MESSAGES, model="claude-opus-4-5", messages=after_a_use(thinking=blocks))
    assert tuple(there["messages"][1]["content"][:2]) == blocks
    whole = json.dumps({"type": "message", "role": "assistant", "content": [*blocks], "stop_reason": "end_turn"})
    back = SPOKEN[MESSAGES].write_reply(
        collect(SPOKEN[MESSAGES].read_reply(whole.encode())),
        SPOKEN[MESSAGES].read_request(json.dumps(asks(MESSAGES)).encode()),
        "req_1",
    )
    assert tuple(json.loads(back)["content"]) == blocks


def test_row_01_a_signature_comes_before_its_block_stops_and_alone_is_no_empty_block() -> None:
    alone: list[Event] = [Started(), PartStarted(0, Reasoning("")), PartEnded(0, Seal(MESSAGES, "c2ln"))]
    _, start, signed, stop = frames(said(MESSAGES, alone))
    assert start["content_block"]["type"] == "thinking"
    assert signed["delta"] == {"type": "signature_delta", "signature": "c2ln"}
    assert stop["type"] == "content_block_stop"


# 2: reasoning of servers like OpenAI's


def test_row_02_reasoning_content_is_thinking_closed_before_the_text() -> None:
    stream = delta(reasoning_content="Hm") + delta(reasoning_content=".") + delta(content="Hi") + delta("stop")
    told = frames(said(MESSAGES, heard(CHAT_, stream)))
    kinds = [(each["type"], each.get("index")) for each in told if "index" in each]
    assert kinds == [
        *(("content_block_start", 0), ("content_block_delta", 0), ("content_block_delta", 0)),
        *(("content_block_stop", 0), ("content_block_start", 1), ("content_block_delta", 1), ("content_block_stop", 1)),
    ]
    assert [each["content_block"]["type"] for each in told if "content_block" in each] == ["thinking", "text"]


def test_row_02_unsigned_thinking_is_dropped_and_named_on_the_way_to_anthropic() -> None:
    talk = [
        {**message, "reasoning_content": "Hm."} if message["role"] == "assistant" else message
        for message in after_a_call()
    ]
    there = written(CHAT_, MESSAGES, messages=talk)
    assert "messages.reasoning" in there.dropped
    assert b"thinking" not in there.body
    assert b"signature" not in there.body


# 3: thoughts that come back on tool turns


@pytest.mark.parametrize("caller", [CHAT_, MESSAGES])
async def test_row_03_thoughts_go_back_with_the_calls_they_led_to(api: Api, caller: str) -> None:
    first, *rest = CALLS[CHAT_](ROME)
    talk = after_a_call() if caller == CHAT_ else after_a_use()
    async with far_end(says(first, delta(reasoning_content="Rome is in Italy."), *rest)) as far:
        await provide(api, far, CHAT_, Quirks(reasoning_field="reasoning_content"))
        await ask(api, caller, stream=True)
        await ask(api, caller, stream=True, messages=talk)
        assert sent(far)["messages"][1]["reasoning_content"] == "Rome is in Italy."


# 4: thought signatures


async def test_row_04_a_thought_signature_goes_back_with_its_call(api: Api) -> None:
    call = {"functionCall": {"name": "weather", "args": {"city": "Rome"}}, "thoughtSignature": "c2ln"}
    candidate = {"content": {"role": "model", "parts": [call]}, "finishReason": "STOP"}
    async with far_end(says(event(candidates=[candidate]))) as far:
        await provide(api, far, GEMINI)
        (made,) = (await ask(api, CHAT_)).json()["choices"][0]["message"]["tool_calls"]
        await ask(api, CHAT_, messages=after_a_call(made["id"]))
        (back,) = [part for content in sent(far)["contents"] for part in content["parts"] if "functionCall" in part]
    assert back["thoughtSignature"] == "c2ln"


def test_row_04_a_call_whose_signature_is_lost_is_excused_in_googles_own_words() -> None:
    there = crossed(CHAT_, GEMINI, model="gemini-3-pro", messages=after_a_call())
    (call,) = [part for content in there["contents"] for part in content["parts"] if "functionCall" in part]
    assert call["thoughtSignature"] == "skip_thought_signature_validator"


# 5, 6, 7: calls in streams


def test_row_05_calls_are_numbered_among_calls_not_among_blocks() -> None:
    begun = event(type="message_start", message={"usage": {"input_tokens": 1}})
    text = block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Look"})
    use = block(
        1,
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
        {"type": "input_json_delta", "partial_json": "{}"},
    )
    end = event(type="message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 1})
    told = frames(said(CHAT_, heard(MESSAGES, begun + text + use + end + event(type="message_stop"))))
    calls = [call for each in told if each["choices"] for call in each["choices"][0]["delta"].get("tool_calls", [])]
    assert {call["index"] for call in calls} == {0}
    assert calls[0]["id"] == "toolu_1"


@pytest.mark.parametrize("far", FARS)
def test_row_06_parallel_calls_have_one_start_and_one_stop_in_order(far: str) -> None:
    stream = b"".join(CALLS[far](ROME, ("call_2", "weather", '{"city": "Oslo"}')))
    events = heard(far, stream)
    life = [each["type"] for each in frames(said(MESSAGES, events)) if "index" in each]
    one = [kind for kind in life if kind != "content_block_delta"]
    assert one == ["content_block_start", "content_block_stop"] * 2
    told = frames(said(CHAT_, events))
    calls = [call for each in told if each["choices"] for call in each["choices"][0]["delta"].get("tool_calls", [])]
    assert [(call["index"], call["function"]["name"]) for call in calls if "id" in call] == [
        (0, "weather"),
        (1, "weather"),
    ]
    assert all("name" not in call["function"] for call in calls if "id" not in call)


def test_row_07_calls_without_an_index_are_heard_and_get_one() -> None:
    calls = [{"id": f"c{n}", "function": {"name": "weather", "arguments": "{}"}} for n in range(2)]
    stream = delta(tool_calls=[calls[0]]) + delta(tool_calls=[calls[1]]) + delta("tool_calls") + b"data: [DONE]\n\n"
    events = heard(CHAT_, stream)
    (answered,) = collect(events).choices
    assert [part.id for part in answered.parts if isinstance(part, ToolCall)] == ["c0", "c1"]
    told = [each["choices"][0]["delta"] for each in frames(said(CHAT_, events)) if each["choices"]]
    assert {call["index"] for each in told for call in each.get("tool_calls", [])} == {0, 1}


async def test_row_07_a_provider_that_loses_calls_in_streams_is_not_asked_for_one(api: Api) -> None:
    async with far_end(answers(200, CHAT)) as far:
        await provide(api, far, CHAT_, Quirks(streams_tools=False))
        got = await ask(api, MESSAGES, stream=True, tools=[TOOL])
        assert "stream" not in sent(far)
    assert "message_stop" in got.text


# 8: tool_choice

CHOICES = [
    pytest.param("auto", {"type": "auto"}, "auto", {"mode": "AUTO"}, id="auto"),
    pytest.param("required", {"type": "any"}, "required", {"mode": "ANY"}, id="any"),
    pytest.param("none", {"type": "none"}, "none", {"mode": "NONE"}, id="none"),
    pytest.param(
        {"type": "function", "function": {"name": "weather"}},
        {"type": "tool", "name": "weather"},
        {"type": "function", "name": "weather"},
        {"mode": "ANY", "allowedFunctionNames": ["weather"]},
        id="one",
    ),
]


@pytest.mark.parametrize(("chat", "messages", "responses", "gemini"), CHOICES)
def test_row_08_every_tool_choice_crosses(chat: Any, messages: Any, responses: Any, gemini: Any) -> None:
    ways: Any = {CHAT_: chat, MESSAGES: messages, RESPONSES: responses}
    tools: Any = {
        CHAT_: CHAT_TOOL,
        MESSAGES: TOOL,
        RESPONSES: {"type": "function", "name": "weather", "parameters": WEATHER},
    }
    for caller, way in ways.items():
        asked = {"tools": [tools[caller]], "tool_choice": way}
        for far, other in ways.items():
            assert crossed(caller, far, **asked)["tool_choice"] == other
        assert crossed(caller, GEMINI, **asked)["toolConfig"]["functionCallingConfig"] == gemini


def test_row_08_no_parallel_calls_never_means_that_one_must_be_made() -> None:
    there = crossed(CHAT_, MESSAGES, tools=[CHAT_TOOL], parallel_tool_calls=False)
    assert there["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    back = crossed(MESSAGES, CHAT_, tools=[TOOL], tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    assert (back["parallel_tool_calls"], back["tool_choice"]) == (False, "auto")


# 9: cache markers

MARK = {"cache_control": {"type": "ephemeral"}}


def test_row_09_cache_markers_stay_wherever_they_stand() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}, **MARK}
    use = {"type": "tool_use", "id": "call_1", "name": "weather", "input": {}, **MARK}
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": "sunny", **MARK}
    asked: dict[str, Any] = {
        "system": [{"type": "text", "text": "Be brief.", **MARK}],
        "tools": [{**TOOL, **MARK}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hi", **MARK}, image]},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
        ],
    }
    for places in (("system", "tools"), ("messages",)):  # four markers at most
        part = {name: _marked(value, name in places) for name, value in asked.items()}
        there = crossed(MESSAGES, MESSAGES, **part)
        assert {name: there[name] for name in part} == part


def _marked(value: Any, keep: bool) -> Any:
    """`value` with its cache markers, or without them."""
    if isinstance(value, list):
        return [_marked(each, keep) for each in value]
    if isinstance(value, dict):
        return {name: _marked(each, keep) for name, each in value.items() if keep or name != "cache_control"}
    return value


def test_row_09_no_more_than_four_go_out_and_losing_them_is_named() -> None:
    system = [{"type": "text", "text": f"Rule {number}.", **MARK} for number in range(6)]
    chat = [{"role": "system", "content": system}, {"role": "user", "content": "Hi"}]
    assert json.dumps(crossed(CHAT_, MESSAGES, messages=chat)).count("cache_control") == 4
    assert "messages.cache_control" in written(MESSAGES, RESPONSES, system=system).dropped
    assert "messages.cache_control" in written(MESSAGES, CHAT_, system=system).dropped
    assert b"cache_control" in written(MESSAGES, CHAT_, Quirks(cache_control=True), system=system).body


# 10: why it ended


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "stop"),
        ("never_heard_of", "stop"),
    ],
)
def test_row_10_every_reason_has_its_word_and_keeps_its_own(raw: str, word: str) -> None:
    whole = {"type": "message", "role": "assistant", "content": [], "stop_reason": raw, "usage": {}}
    events = SPOKEN[MESSAGES].read_reply(json.dumps(whole).encode())
    (finished,) = [each for each in events if isinstance(each, Finished)]
    assert finished.raw == raw
    told = [each for each in frames(said(CHAT_, events)) if each["choices"]]
    assert told[-1]["choices"][0]["finish_reason"] == word


# 11: usage


def test_row_11_input_is_estimated_at_the_start_and_exact_at_the_end() -> None:
    events = heard(CHAT_, b"".join(FRAMES[CHAT_](["Hi"])))
    told = {each["type"]: each for each in frames(said(MESSAGES, events))}
    assert told["message_start"]["message"]["usage"]["input_tokens"] > 0
    assert (told["message_delta"]["usage"]["input_tokens"], told["message_delta"]["usage"]["output_tokens"]) == (11, 7)


def test_row_11_what_was_cached_is_counted_once() -> None:
    counted = Usage(tokens_in=100, tokens_out=5, cached=60, cache_write=30)
    usage = {each["type"]: each for each in frames(said(MESSAGES, reply(Text("x"), usage=counted)))}["message_delta"][
        "usage"
    ]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (
        10,
        60,
        30,
    )
    whole = {"type": "message", "role": "assistant", "content": [], "stop_reason": "end_turn", "usage": usage}
    (ended,) = [each for each in SPOKEN[MESSAGES].read_reply(json.dumps(whole).encode()) if isinstance(each, Ended)]
    assert ended.usage == counted


async def test_row_11_usage_is_asked_for_and_told_to_who_asked(api: Api) -> None:
    for far_dialect in (MESSAGES, CHAT_):
        async with far_end(says(*FRAMES[far_dialect](["Hi"]))) as far:
            await provide(api, far, far_dialect, name="far")
            caller = CHAT_ if far_dialect == MESSAGES else MESSAGES
            got = await ask(api, caller, stream=True)
            if far_dialect == CHAT_:
                assert sent(far)["stream_options"] == {"include_usage": True}
            else:
                assert '"usage":{' not in got.text
        await api.gateway.providers.remove("far")


# 12: no arguments


@pytest.mark.parametrize("far", FARS)
@pytest.mark.parametrize("arguments", ["", None, "{}"])
def test_row_12_a_call_without_arguments_has_an_empty_object_both_ways(far: str, arguments: str | None) -> None:
    called = {**CALLED, "function": {"name": "weather", "arguments": arguments}}
    talk = [after_a_call()[0], {"role": "assistant", "content": None, "tool_calls": [called]}, after_a_call()[2]]
    there = json.dumps(crossed(CHAT_, far, messages=talk))
    assert {
        CHAT_: '"arguments": "{}"',
        RESPONSES: '"arguments": "{}"',
        MESSAGES: '"input": {}',
        GEMINI: '"args": {}',
    }[far] in there


@pytest.mark.parametrize("caller", FARS)
def test_row_12_a_stream_of_a_call_without_arguments_is_valid(caller: str) -> None:
    events: list[Event] = [
        *(Started(), PartStarted(0, ToolCall("call_1", "now", "")), PartEnded(0)),
        *(Finished(Finish.TOOL_CALLS), Ended()),
    ]
    (answered,) = collect(heard(caller, said(caller, events))).choices
    assert [part.arguments for part in answered.parts if isinstance(part, ToolCall)] == ["{}"]


# 13, 14: pictures

PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}


@pytest.mark.parametrize("far", FARS)
def test_row_13_a_picture_in_a_result_is_never_lost(far: str) -> None:
    there = written(MESSAGES, far, messages=after_a_use([{"type": "text", "text": "Seen."}, PICTURE]))
    assert there.body.count(PNG.encode()) == 1
    assert "messages.image" not in there.dropped
    assert PICTURES[far] in json.dumps(json.loads(there.body), separators=(",", ":"))


def test_row_13_where_results_hold_no_pictures_it_follows_in_a_message_of_the_user() -> None:
    *_, result, follows = crossed(MESSAGES, CHAT_, messages=after_a_use([PICTURE]))["messages"]
    assert (result["role"], follows["role"]) == ("tool", "user")
    assert PNG in json.dumps(follows)


def with_image(caller: str, url: str) -> dict[str, Any]:
    kind, _, data = url.removeprefix("data:").partition(";base64,")
    match caller:
        case "openai_chat":
            return {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]}
        case "openai_responses":
            return {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}]}
        case "anthropic":
            source = {"type": "base64", "media_type": kind, "data": data}
            return {"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]}
        case _:
            return {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": kind, "data": data}}]}]}


@pytest.mark.parametrize("far", FARS)
@pytest.mark.parametrize("caller", FARS)
def test_row_14_the_declared_media_type_stays(caller: str, far: str) -> None:
    there = written(caller, far, **with_image(caller, "data:image/webp;base64,UklGRg=="))
    assert b"image/webp" in there.body
    assert b"image/png" not in there.body


@pytest.mark.parametrize("caller", FARS)
def test_row_14_a_picture_without_data_is_refused(caller: str) -> None:
    with pytest.raises(InvalidRequest, match=r"empty|no data|base64"):
        written(caller, CHAT_, **with_image(caller, "data:image/png;base64,"))


@pytest.mark.parametrize("far", FARS)
def test_row_14_nobody_fetches_a_picture_for_a_provider_that_does_not(far: str) -> None:
    """A gateway that fetched what callers name would be their way into the owner's network."""
    caller = RESPONSES if far == CHAT_ else CHAT_
    with pytest.raises(InvalidRequest, match="does not fetch images"):
        written(caller, far, Quirks(image_urls=False), **with_image(caller, "https://example.org/a.png"))
    assert b"https://example.org/a.png" in written(caller, far, **with_image(caller, "https://example.org/a.png")).body


# 15: system messages

BLOCKS = [{"type": "text", "text": "x-header: one"}, {"type": "text", "text": "Be brief."}]


def test_row_15_blocks_of_the_system_stay_apart() -> None:
    chat = crossed(MESSAGES, CHAT_, system=BLOCKS)["messages"]
    assert [part["text"] for part in chat[0]["content"]] == ["x-header: one", "Be brief."]
    back = crossed(CHAT_, MESSAGES, messages=[{"role": "developer", "content": BLOCKS}, *asks(CHAT_)["messages"]])
    assert [part["text"] for part in back["system"]] == ["x-header: one", "Be brief."]
    there = crossed(MESSAGES, GEMINI, system=BLOCKS)["systemInstruction"]["parts"]
    assert [part["text"] for part in there] == ["x-header: one", "Be brief."]


def test_row_15_a_developer_is_the_system_where_that_is_not_known() -> None:
    talk = [{"role": "developer", "content": "Be brief."}, *asks(CHAT_)["messages"]]
    for quirks, role in ((NONE, "system"), (Quirks(developer_role=True), "developer")):
        items = crossed(RESPONSES, CHAT_, quirks, input=talk)["messages"]
        assert items[0]["role"] == role


@pytest.mark.parametrize("far", [CHAT_, RESPONSES, GEMINI])
def test_row_15_a_system_message_in_mid_talk_stays_in_its_place(far: str) -> None:
    talk = [
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": "Second"},
        {"role": "system", "content": "Third"},
        {"role": "user", "content": "Fourth"},
    ]
    there = json.dumps(crossed(MESSAGES, far, messages=talk))
    places = [there.index(word) for word in ("First", "Second", "Third", "Fourth")]
    assert places == sorted(places)


def test_row_15_keys_that_nobody_knows_stay_at_home() -> None:
    talk = [{"role": "user", "content": [{"type": "text", "text": "Hi", "id": "strange"}]}]
    assert b"strange" not in written(CHAT_, MESSAGES, messages=talk).body


# 16: limits


def test_row_16_the_limit_is_called_as_the_provider_calls_it() -> None:
    assert crossed(MESSAGES, CHAT_)["max_tokens"] == 64
    newer = crossed(MESSAGES, CHAT_, Quirks(max_tokens_field="max_completion_tokens"))
    assert (newer["max_completion_tokens"], "max_tokens" in newer) == (64, False)
    assert crossed(MESSAGES, RESPONSES)["max_output_tokens"] == 64
    assert crossed(MESSAGES, GEMINI)["generationConfig"]["maxOutputTokens"] == 64


def test_row_16_anthropic_gets_a_limit_always_and_never_one_above_the_models() -> None:
    assert crossed(CHAT_, MESSAGES, model="claude-opus-4-5")["max_tokens"] > 0
    assert crossed(CHAT_, MESSAGES, model="claude-3-haiku-20240307", max_tokens=999_999)["max_tokens"] == 4096


# 17: nothing


def test_row_17_a_turn_of_calls_alone_says_null_or_nothing() -> None:
    chat = crossed(MESSAGES, CHAT_, messages=after_a_use())["messages"][1]
    assert chat["content"] is None
    there = crossed(CHAT_, MESSAGES, messages=after_a_call())["messages"][1]
    assert [each["type"] for each in there["content"]] == ["tool_use"]


@pytest.mark.parametrize("empty", ["", None])
def test_row_17_empty_texts_are_not_sent(empty: str | None) -> None:
    talk = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": empty},
        {"role": "user", "content": "?"},
    ]
    there = crossed(CHAT_, MESSAGES, messages=talk)["messages"]
    texts = [block["text"] for message in there for block in _blocks(message["content"])]
    assert texts == ["Hi", "?"]


def _blocks(content: Any) -> list[Any]:
    return [{"text": content}] if isinstance(content, str) else content


# 18: schemas

SHAPE = {
    "type": "object",
    "properties": {"a": {"type": "string", "format": "uri", "minLength": 2}, "b": {"$ref": "#/$defs/b"}},
    "required": ["a", "gone"],
    "$defs": {"b": {"type": "integer"}},
}


def test_row_18_schemas_are_cleaned_for_who_refuses_them_and_left_alone_at_home() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": SHAPE, "strict": True}}
    assert crossed(CHAT_, CHAT_, tools=[tool])["tools"] == [tool]
    abroad = crossed(CHAT_, MESSAGES, tools=[tool])["tools"][0]["input_schema"]
    assert "gone" not in abroad.get("required", [])
    shaped = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SHAPE}}
    there = crossed(CHAT_, MESSAGES, model="claude-opus-4-5", response_format=shaped)["output_config"]["format"][
        "schema"
    ]
    assert (there["additionalProperties"], "minLength" in json.dumps(there)) == (False, False)


def test_row_18_keywords_that_a_row_refuses_are_not_sent() -> None:
    refusing = Quirks(schema_refused=("format", "minLength"), strict_schemas=False)
    there = json.dumps(crossed(MESSAGES, CHAT_, refusing, tools=[{"name": "f", "input_schema": SHAPE, "strict": True}]))
    assert "minLength" not in there
    assert '"strict"' not in there


# 19, 20: Responses


def test_row_19_an_item_is_added_grows_and_is_done_and_the_end_holds_them_all() -> None:
    events = heard(CHAT_, delta(content="Look") + b"".join(CALLS[CHAT_](ROME)))
    told = frames(said(RESPONSES, events))
    life = [(each["type"].rpartition(".")[2], each["output_index"]) for each in told if "output_item" in each["type"]]
    assert life == [("added", 0), ("done", 0), ("added", 1), ("done", 1)]
    done = [each["item"] for each in told if each["type"] == "response.output_item.done"]
    assert told[-1]["type"] == "response.completed"
    assert told[-1]["response"]["output"] == done


def test_row_19_a_result_whose_call_is_gone_is_said_all_the_same() -> None:
    orphan = [
        {"type": "function_call_output", "call_id": "call_9", "output": "sunny"},
        {"role": "user", "content": "?"},
    ]
    for far in (CHAT_, MESSAGES, GEMINI):
        assert b"sunny" in written(RESPONSES, far, input=orphan).body


async def test_row_20_sealed_thoughts_go_to_the_provider_that_sealed_them_and_to_no_other(api: Api) -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2VhbGVk"}
    whole = json.loads(WHOLE_CALLS[RESPONSES](ROME))
    async with far_end(answers(200, json.dumps({**whole, "output": [thought, *whole["output"]]}).encode())) as far:
        await provide(api, far, RESPONSES)
        await provide(api, far, RESPONSES, name="other")
        got = (await ask(api, MESSAGES, tools=[TOOL])).json()
        talk = [*after_a_use()[:1], {"role": "assistant", "content": got["content"]}, after_a_use()[2]]
        await ask(api, MESSAGES, messages=talk)
        back = far.last.body
        await ask(api, MESSAGES, messages=talk, model="other:m")
    assert b"c2VhbGVk" in back
    assert b"c2VhbGVk" not in far.last.body
    assert b"morello-seal" not in back + far.last.body


# 21, 22, 23: the wire


async def test_row_21_beta_flags_reach_nobody_of_another_dialect(api: Api) -> None:
    flags = {"anthropic-beta": "context-1m-2025-08-07", "anthropic-version": "2023-06-01"}
    async with far_end(says(*FRAMES[CHAT_](["Hi"]))) as far:
        await provide(api, far, CHAT_)
        await ask(api, MESSAGES, flags)
        assert not [name for name in far.last.headers if name.startswith("anthropic")]
        far.behaviour = answers(200, CHAT)
        await ask(api, CHAT_, {"openai-beta": "x", "x-strange": "y"})
        assert "x-strange" not in far.last.headers


@pytest.mark.parametrize("far", FARS)
@pytest.mark.parametrize("caller", FARS)
def test_row_22_nothing_is_said_that_was_not_asked(caller: str, far: str) -> None:
    there = crossed(caller, far)
    assert "null" not in json.dumps(there)
    assert not {"temperature", "top_p", "encoding_format", "tools", "tool_choice", "metadata"} & there.keys()


@pytest.mark.parametrize("caller", [CHAT_, MESSAGES, RESPONSES])
async def test_row_23_a_silent_stream_shows_signs_of_life(
    api: Api, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "HEARTBEAT_SECONDS", 0.05)
    spoken, far_dialect = asyncio.Event(), CHAT_ if caller != CHAT_ else MESSAGES
    first, *rest = FRAMES[far_dialect](["Hi"])

    async def pauses(_received: Received, wire: Wire) -> None:
        await wire.begin_stream()
        await wire.chunk(first)
        await spoken.wait()
        await wire.chunk(b"".join(rest))
        await wire.end_stream()

    sign = b"event: ping" if caller == MESSAGES else b"\n:"
    async with far_end(pauses) as far, api.client() as client:
        await provide(api, far, far_dialect)
        got = b""
        async with client.stream("POST", PLACES[caller], json=asks(caller, stream=True)) as reply:
            async for chunk in reply.aiter_raw():
                got += chunk
                if sign in b"\n" + got:  # it came while the provider was silent
                    spoken.set()
    assert got.index(sign.lstrip()) < got.index(b"Hi")


# 24: death in mid-stream


@pytest.mark.parametrize("caller", FARS)
async def test_row_24_a_stream_that_dies_ends_in_an_error_and_no_mark_of_success(api: Api, caller: str) -> None:
    far_dialect = CHAT_ if caller != CHAT_ else GEMINI

    async def dies(_received: Received, wire: Wire) -> None:
        await wire.begin_stream()
        await wire.chunk(b"".join(FRAMES[far_dialect](["Hel", "lo"])[:2]))
        wire.hang_up()

    async with far_end(dies) as far, api.client() as client:
        await provide(api, far, far_dialect)
        place = "/v1beta/models/far:m:streamGenerateContent?alt=sse" if caller == GEMINI else PLACES[caller]
        body = asks(caller) if caller == GEMINI else asks(caller, stream=True)
        got = await client.post(place, json=body)
    last = frames(got.content)[-1]
    assert "The answer is cut" in json.dumps(last)
    assert {
        CHAT_: "error" in last,
        RESPONSES: last.get("type") == "response.failed",
        MESSAGES: last.get("type") == "error" and b"event: error" in got.content,
        GEMINI: "error" in last,
    }[caller]
    for mark in (b"[DONE]", b"message_stop", b"response.completed", b'"finishReason":"STOP"'):
        assert mark not in got.content


# 25: bytes


@pytest.mark.parametrize("far", FARS)
def test_row_25_letters_that_are_cut_in_two_are_whole_again(far: str) -> None:
    stream = b"".join(FRAMES[far](["日本 ☀", "\u2028🍋"])).replace(b"\\u65e5\\u672c", "日本".encode())
    reader, lines = SPOKEN[far].Reader(), sse.Reader()
    events = [each for at in range(len(stream)) for each in reader.feed(lines.feed(stream[at : at + 1]))]
    (answered,) = collect([*events, *reader.end()]).choices
    assert "".join(part.text for part in answered.parts if isinstance(part, Text)) == "日本 ☀\u2028🍋"


@pytest.mark.parametrize("far", FARS)
def test_row_25_a_line_of_many_megabytes_is_a_line(far: str) -> None:
    long = "x" * (5 * 1024 * 1024)
    stream = b"".join(FRAMES[far]([long]))
    reader, lines = SPOKEN[far].Reader(), sse.Reader()
    events = [each for at in range(0, len(stream), 65536) for each in reader.feed(lines.feed(stream[at : at + 65536]))]
    assert sum(len(each.text) for each in events if isinstance(each, PartGrew)) == len(long)


# 26: counting


async def test_row_26_tokens_are_counted_for_every_provider_tools_among_them(api: Api) -> None:
    async with far_end(answers(404, b"{}")) as far:
        for dialect in FARS:
            await provide(api, far, dialect, name=dialect.replace("_", "-"))
            counts = []
            for more in ({}, {"tools": [TOOL]}):
                async with api.client() as client:
                    asked = {**asks(MESSAGES, **more), "model": f"{dialect.replace('_', '-')}:m"}
                    got = await client.post("/v1/messages/count_tokens", json=asked)
                assert got.headers["x-morello-estimated"] == "1"
                counts.append(got.json()["input_tokens"])
            assert 0 < counts[0] < counts[1]


async def test_row_26_the_length_of_the_context_is_listed(api: Api) -> None:
    listing = b'{"data":[{"id":"m","object":"model","created":1,"owned_by":"x","context_length":4096}]}'
    async with far_end(answers(200, listing)) as far, api.client() as client:
        await provide(api, far, CHAT_)
        (mine,) = [model for model in (await client.get("/v1/models")).json()["data"] if model["provider"] == "far"]
    assert mine["context_length"] == 4096


# 27, 28: rows of providers


@pytest.mark.parametrize("base", ["/openai/v1", "", "/api/paas/v4"])
async def test_row_27_what_is_called_is_the_base_url_and_the_question(api: Api, base: str) -> None:
    async with far_end(answers(200, CHAT)) as far:
        await api.gateway.providers.add("far", CHAT_, far.url + base, None)
        await ask(api, CHAT_)
        assert far.last.path == base + conversation_path(CHAT_, NONE, "m", False)


async def test_row_28_stream_options_are_left_out_after_one_refusal(api: Api) -> None:
    async def refuses(received: Received, wire: Wire) -> None:
        if b"stream_options" in received.body:
            return await wire.reply(400, b'{"error":{"message":"Unknown parameter: stream_options"}}')
        return await says(*FRAMES[CHAT_](["Hi"]))(received, wire)

    async with far_end(refuses) as far:
        await provide(api, far, CHAT_)
        first, second = await ask(api, MESSAGES, stream=True), await ask(api, MESSAGES, stream=True)
        assert ("message_stop" in first.text, "message_stop" in second.text) == (True, True)
        assert [b"stream_options" in received.body for received in far.received] == [True, False, False]


async def test_row_28_nor_are_they_sent_where_the_row_says_so(api: Api) -> None:
    async with far_end(says(*FRAMES[CHAT_](["Hi"]))) as far:
        await provide(api, far, CHAT_, Quirks(stream_options=False))
        await ask(api, MESSAGES, stream=True)
        assert "stream_options" not in sent(far)
