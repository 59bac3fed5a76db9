"""Whatever a caller or a provider sends is understood or refused in words, never an accident."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.conversation import (
    Audio,
    ChatRequest,
    Citation,
    Cited,
    Ended,
    Event,
    Finish,
    Finished,
    Image,
    Inline,
    Logprob,
    Message,
    PartEnded,
    PartGrew,
    PartStarted,
    Reasoning,
    Refusal,
    Role,
    Said,
    Seal,
    Started,
    Text,
    Tool,
    ToolCall,
    Unread,
    Usage,
    collect,
)
from api.dialects import anthropic, counting, gemini, openai_chat, openai_responses, sse
from api.dialects.quirks import NONE, Quirks
from api.errors import InvalidRequest, StreamBroken

DIALECTS: tuple[ModuleType, ...] = (openai_chat, openai_responses, anthropic, gemini)
PICKY = Quirks(
    content_lists=False,
    image_urls=False,
    reasoning_field="reasoning_content",
    call_signatures=True,
    schema_refused=("$ref", "oneOf", "const", "format"),
    strict_schemas=False,
    thinking_field="enable_thinking",
)
MODELS = {"anthropic": ("claude-opus-4-1", "claude-opus-5"), "gemini": ("gemini-2.5-pro", "gemini-3-pro")}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "a": {"type": "string", "enum": ["x"]},
        "b": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/c"}]},
    },
    "required": ["a"],
    "additionalProperties": False,
    "oneOf": [{"properties": {"d": {"const": 1}}}],
    "$defs": {"c": {"type": "array", "items": {"allOf": [{"$ref": "#/$defs/c"}]}}},
}
SAMPLING = {"temperature": 0.5, "top_p": 0.9, "stream": True}
REQUESTS: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "model": "m",
        **SAMPLING,
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]},
            {
                "role": "user",
                "name": "n",
                "content": [
                    {"type": "text", "text": "hi"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
                    {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                    {"type": "file", "file": {"file_data": "AA==", "filename": "a.pdf"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "refusal": "no",
                "reasoning_content": "hm",
                "reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "s"}],
                "audio": {"id": "a"},
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "f", "arguments": "{}"},
                        "extra_content": {"google": {"thought_signature": "x"}},
                    },
                    {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "text"}},
                ],
                "function_call": {"name": "old", "arguments": "{}"},
            },
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "r"}]},
            {"role": "function", "name": "old", "content": "r"},
        ],
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}},
            {"type": "custom", "custom": {"name": "g", "description": "d", "format": {"type": "text"}}},
            {"type": "web_search"},
        ],
        "functions": [{"name": "old", "parameters": SCHEMA}],
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
        },
        "function_call": {"name": "old"},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}},
        "reasoning_effort": "low",
        "reasoning": {"effort": "low", "max_tokens": 10, "exclude": True},
        "thinking": {"type": "enabled", "budget_tokens": 10},
        "enable_thinking": True,
        "thinking_budget": 10,
        "max_tokens": 10,
        "max_completion_tokens": 10,
        "stop": ["x"],
        "n": 2,
        "logprobs": True,
        "top_logprobs": 2,
        "logit_bias": {"1": 1},
        "user": "u",
        "metadata": {"a": "b"},
        "service_tier": "auto",
        "verbosity": "low",
        "prompt_cache_key": "k",
        "stream_options": {"include_usage": True},
        "modalities": ["text"],
        "prediction": {"type": "content", "content": "x"},
    },
    "openai_responses": {
        "model": "m",
        **SAMPLING,
        "instructions": "i",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "hi"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
                    {"type": "input_file", "file_data": "AA==", "filename": "a.pdf"},
                    {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                ],
            },
            {
                "type": "reasoning",
                "id": "rs",
                "summary": [{"type": "summary_text", "text": "s"}],
                "encrypted_content": "e",
            },
            {
                "type": "message",
                "role": "assistant",
                "id": "m1",
                "content": [
                    {
                        "type": "output_text",
                        "text": "t",
                        "annotations": [
                            {"type": "url_citation", "url": "https://a", "title": "t", "start_index": 0, "end_index": 1}
                        ],
                    },
                    {"type": "refusal", "refusal": "no"},
                ],
            },
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "namespace": "ns"},
            {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "text"},
            {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "r"}]},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": "r"},
            {"type": "web_search_call", "id": "w", "action": {"type": "search"}},
            {"type": "item_reference", "id": "x"},
        ],
        "tools": [
            {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": True},
            {
                "type": "custom",
                "name": "g",
                "description": "d",
                "format": {"type": "grammar", "syntax": "lark", "definition": "x"},
            },
            {
                "type": "namespace",
                "name": "ns",
                "description": "d",
                "tools": [{"type": "function", "name": "h", "parameters": SCHEMA}],
            },
            {"type": "web_search"},
        ],
        "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}, "verbosity": "low"},
        "reasoning": {"effort": "low", "summary": "auto", "other": 1},
        "max_output_tokens": 10,
        "include": ["message.output_text.logprobs"],
        "top_logprobs": 1,
        "metadata": {"a": "b"},
        "service_tier": "auto",
        "user": "u",
        "safety_identifier": "u",
        "prompt_cache_key": "k",
        "previous_response_id": "resp_1",
        "truncation": "auto",
        "max_tool_calls": 1,
    },
    "anthropic": {
        "model": "m",
        **SAMPLING,
        "max_tokens": 2000,
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "hi", "citations": [{"type": "char_location", "cited_text": "x"}]},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
                    {
                        "type": "document",
                        "title": "t",
                        "source": {"type": "text", "media_type": "text/plain", "data": "x"},
                    },
                    {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "x"}]}},
                    {"type": "search_result", "content": []},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "t", "signature": "s"},
                    {"type": "redacted_thinking", "data": "d"},
                    {"type": "tool_use", "id": "c1", "name": "f", "input": {}, "caller": {"type": "direct"}},
                    {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "c1",
                        "is_error": True,
                        "content": [{"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}],
                        "cache_control": {"type": "ephemeral"},
                    }
                ],
            },
            {"role": "system", "content": "later"},
        ],
        "tools": [
            {
                "name": "f",
                "description": "d",
                "input_schema": SCHEMA,
                "strict": True,
                "cache_control": {"type": "ephemeral"},
            },
            {"type": "web_search_20260209", "name": "web_search", "max_uses": 1},
        ],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
        "output_config": {
            "effort": "low",
            "format": {"type": "json_schema", "schema": SCHEMA},
            "task_budget": {"total": 1},
        },
        "output_format": {"type": "json_schema", "schema": SCHEMA},
        "stop_sequences": ["x"],
        "top_k": 3,
        "metadata": {"user_id": "u", "other": "x"},
        "service_tier": "auto",
        "container": "c",
        "mcp_servers": [{"type": "url", "url": "https://a", "name": "n"}],
        "context_management": {"edits": []},
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "hi"},
                    {"inlineData": {"mimeType": "image/png", "data": "AA==", "displayName": "n"}},
                    {"fileData": {"mimeType": "application/pdf", "fileUri": "https://a/b.pdf"}},
                    {"videoMetadata": {"fps": 1}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"text": "t", "thought": True, "thoughtSignature": "AA=="},
                    {"functionCall": {"id": "c1", "name": "f", "args": {}}, "thoughtSignature": "AA=="},
                    {"executableCode": {"language": "PYTHON", "code": "1"}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {
                        "functionResponse": {
                            "id": "c1",
                            "name": "f",
                            "response": {"output": "r"},
                            "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}],
                        }
                    }
                ],
            },
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "f", "description": "d", "parametersJsonSchema": SCHEMA, "response": {"type": "STRING"}}
                ]
            },
            {
                "function_declarations": [
                    {
                        "name": "g",
                        "parameters": {
                            "type": "OBJECT",
                            "properties": {"a": {"type": "ARRAY", "items": {"type": "STRING"}, "minItems": "1"}},
                            "propertyOrdering": ["a"],
                            "nullable": True,
                        },
                    }
                ]
            },
            {"googleSearch": {}},
        ],
        "toolConfig": {
            "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]},
            "retrievalConfig": {"languageCode": "en"},
        },
        "generationConfig": {
            "maxOutputTokens": 10,
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 3,
            "seed": 1,
            "candidateCount": 2,
            "presencePenalty": 0.1,
            "frequencyPenalty": 0.1,
            "responseLogprobs": True,
            "logprobs": 1,
            "stopSequences": ["x"],
            "responseMimeType": "application/json",
            "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "propertyOrdering": ["a"]},
            "responseJsonSchema": SCHEMA,
            "thinkingConfig": {"thinkingBudget": 100, "includeThoughts": True, "thinkingLevel": "LOW"},
            "speechConfig": {"voiceConfig": {}},
        },
        "labels": {"a": "b"},
        "serviceTier": "flex",
        "safetySettings": [{"category": "x", "threshold": "y"}],
        "cachedContent": "cachedContents/1",
    },
}
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**70,
    1.5,
    "",
    "\ud7ffx",
    "data:,",
    "data:;base64",
    [],
    [[]],
    [None, 1, "x"],
    [{}],
    {},
    {"type": []},
    {"type": "x", "name": {}},
    {"type": {"a": 1}, "role": [1]},
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a body where something else could stand."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from places(below, (*path, key))


def changed(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """A copy of `value` with something odd at a place."""
    if not path:
        return odd
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], odd)
    return copy


def read(dialect: ModuleType, body: bytes) -> ChatRequest | None:
    """The request, or nothing where it is refused in words."""
    try:
        request: ChatRequest = dialect.read_request(body, "m", True)
    except InvalidRequest:
        return None
    return request


def write_everywhere(request: ChatRequest) -> None:
    """Say a request in every dialect, for providers that are easy and for one that is not."""
    counting.estimate(request)
    for dialect in DIALECTS:
        for model in MODELS.get(dialect.NAME, ("gpt-6",)):
            for quirks in (NONE, PICKY):
                try:
                    written = dialect.write_request(msgspec.structs.replace(request, model=model), quirks, "p1")
                except InvalidRequest:
                    continue
                msgspec.json.decode(written.body)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.NAME)
def test_a_full_request_is_read_and_written_everywhere(dialect: ModuleType) -> None:
    request = read(dialect, msgspec.json.encode(REQUESTS[dialect.NAME]))
    assert request is not None
    write_everywhere(request)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.NAME)
@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_something_odd_in_any_place_is_understood_or_refused_in_words(dialect: ModuleType, odd: Any) -> None:
    whole = REQUESTS[dialect.NAME]
    for path in places(whole):
        request = read(dialect, msgspec.json.encode(changed(whole, path, odd)))
        if request is not None:
            write_everywhere(request)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("type", "properties", "required", "items", "anyOf", "allOf", "oneOf", "$ref", "enum", "x")
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(("type", "properties", "required", "anyOf", "$ref", "$defs")), JSON, max_size=4))
def test_any_schema_is_offered_or_refused_in_words(schema: dict[str, Any]) -> None:
    function = {"name": "f", "parameters": schema, "strict": True}
    shape = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": function}],
        "response_format": shape,
    }
    request = read(openai_chat, msgspec.json.encode(body))
    assert request is not None
    write_everywhere(request)


@settings(max_examples=60, deadline=None)
@given(st.lists(JSON, max_size=4))
def test_any_frames_are_heard_without_an_accident(said: list[Any]) -> None:
    frames = [sse.Frame(b"", msgspec.json.encode(value)) for value in said]
    for dialect in DIALECTS:
        reader, ear = dialect.Reader(), dialect.Ear()
        events = reader.feed(frames) + reader.end()
        ear.hear(frames)
        collect(events)
        assert not any(isinstance(event, Ended) for event in events[:-1])


DEEP = {
    "openai_chat": ('{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function",'
                    '"function":{"name":"f","strict":true,"parameters":', "}}]}"),
    "openai_responses": ('{"model":"m","input":"x","tools":[{"type":"function","name":"f","parameters":', "}]}"),
    "anthropic": ('{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],"tools":[{"name":"f",'
                  '"strict":true,"input_schema":', "}]}"),
    "gemini": ('{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":',
               "}]}]}"),
}  # fmt: skip
LEVELS = (
    ('{"type":"object","properties":{"a":', '},"required":["a"],"additionalProperties":false}'),
    ('{"type":"array","items":', "}"),
    ('{"anyOf":[', "]}"),
)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.NAME)
@pytest.mark.parametrize("depth", [100, 240, 330, 490, 900, 10_000])
def test_a_schema_of_many_levels_is_written_or_refused_in_words(dialect: ModuleType, depth: int) -> None:
    opening, closing = DEEP[dialect.NAME]
    for left, right in LEVELS:
        body = f'{opening}{{"type":"object","properties":{{"p":{left * depth}{{}}{right * depth}}}}}{closing}'
        request = read(dialect, body.encode())
        if request is not None:
            write_everywhere(request)


@pytest.mark.parametrize("depth", [2, 100, 300, 450, 10_000])
def test_results_within_results_are_kept_as_they_came(depth: int) -> None:
    inner = '{"type":"tool_result","tool_use_id":"c","content":[' * depth + "]}" * depth
    body = f'{{"model":"m","max_tokens":5,"messages":[{{"role":"user","content":[{inner}]}}]}}'
    request = read(anthropic, body.encode())
    if request is None:
        assert depth > 400
        return
    write_everywhere(request)
    written = anthropic.write_request(request, NONE, "p1")
    assert msgspec.json.decode(written.body)["messages"] == msgspec.json.decode(body)["messages"]


def test_a_call_within_a_result_of_gemini_is_kept_and_named_elsewhere() -> None:
    shown = {"functionCall": {"name": "g", "args": {"a": 1}}}
    told = {"name": "f", "id": "c", "response": {"output": "r"}, "parts": [shown]}
    body = {"contents": [{"role": "user", "parts": [{"text": "x"}, {"functionResponse": told}]}]}
    request = read(gemini, msgspec.json.encode(body))
    assert request is not None
    assert "messages.part" in openai_chat.write_request(request, NONE, "p1").dropped


def test_a_limit_to_many_tools_names_each_of_them_in_one_walk() -> None:
    """Each name is looked up, not searched for: with 20,000 tools a search never ends."""
    names = [f"f{number}" for number in range(20_000)]
    tools = [{"type": "custom", "name": name} for name in names]
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "custom", "name": name} for name in names]}
    body = {"model": "m", "input": "x", "tools": tools, "tool_choice": choice}
    request = read(openai_responses, msgspec.json.encode(body))
    assert request is not None
    for dialect in DIALECTS:
        written = msgspec.json.decode(dialect.write_request(request, NONE, "p1").body)
        offered = written["tools"][0].get("functionDeclarations", written["tools"])
        assert len(offered) == 20_000


@pytest.mark.parametrize("target", DIALECTS, ids=lambda dialect: dialect.NAME)
def test_what_changes_neither_answer_nor_bill_is_silent_everywhere_alike(target: ModuleType) -> None:
    home = anthropic if target is not anthropic else openai_chat
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    wishes = {"store": False, "client_metadata": {"a": "b"}, "diagnostics": {"a": 1}, "odd_wish": 1}
    request = read(home, msgspec.json.encode(body | wishes))
    assert request is not None
    assert set(target.write_request(request, NONE, "p1").dropped) == {"odd_wish"}


ODD_TEXTS = st.sampled_from(
    ("", "a", "\x00", "\u2028", "\u0085\r\n", "\U0001f600", '{"input":', "{}", "[DONE]", "data: x")
)
SEALS = st.none() | st.builds(
    Seal,
    st.sampled_from(("anthropic", "anthropic.redacted", "openai_responses", "openai_chat", "gemini", "")),
    st.sampled_from(("", "AA==", "[1]", "\x00")),
    st.sampled_from(("", "rs_1")),
    st.sampled_from(("", "p1")),
)
CARRIED = st.sampled_from(({}, {"type": "url_citation"}, {"type": "char_location", "x": 1}, {"id": 1, "caller": None}))
CITATIONS = st.builds(
    Citation,
    st.none() | ODD_TEXTS,
    st.none() | ODD_TEXTS,
    st.none() | ODD_TEXTS,
    st.none() | st.integers(-1, 9),
    carried=CARRIED,
)
LOGPROBS = st.just(()) | st.just((Logprob("x", -1.0, None, (Logprob("\x00", -2.0, (0,)),)),))
PARTS: st.SearchStrategy[Said] = st.one_of(
    st.builds(Text, ODD_TEXTS, st.lists(CITATIONS, max_size=1).map(tuple), SEALS, CARRIED),
    st.builds(Reasoning, ODD_TEXTS, SEALS, st.booleans()),
    st.builds(Refusal, ODD_TEXTS),
    st.builds(Image, st.builds(Inline, ODD_TEXTS, ODD_TEXTS), st.none(), SEALS),
    st.builds(Audio, st.builds(Inline, ODD_TEXTS, ODD_TEXTS), st.none() | ODD_TEXTS, CARRIED),
    st.builds(ToolCall, ODD_TEXTS, st.sampled_from(("f", "g", "", "\u2028")), ODD_TEXTS, SEALS, CARRIED),
    st.builds(Unread, st.sampled_from(("", "x_use", "web_search_call", "inlineData")), CARRIED),
)
ASKED = ChatRequest(
    "m", (Message(Role.USER, (Text("hi"),)),), (Tool("f", {}), Tool("g", {}, takes_text=True)), usage_wanted=True
)


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """Events as the grammar has them: parts of one choice follow each other, those of different ones run together."""
    waiting: list[list[list[Event]]] = []
    events: list[Event] = [Started(draw(st.integers(0, 3)))]
    count = 0
    for choice in range(draw(st.integers(1, 2))):
        steps: list[list[Event]] = []
        for part in draw(st.lists(PARTS, max_size=4)):
            steps.append([PartStarted(count, part, choice)])
            for text in draw(st.lists(ODD_TEXTS, max_size=3)):
                steps.append([PartGrew(count, text, draw(LOGPROBS) if isinstance(part, Text) else ())])
            if isinstance(part, Text):
                steps += [[Cited(count, citation)] for citation in draw(st.lists(CITATIONS, max_size=2))]
            steps.append([PartEnded(count, draw(SEALS))])
            count += 1
        reason = draw(st.sampled_from(Finish))
        steps.append([Finished(reason, draw(st.none() | ODD_TEXTS), draw(st.none() | ODD_TEXTS), choice)])
        waiting.append(steps)
    while any(waiting):
        events += draw(st.sampled_from([steps for steps in waiting if steps])).pop(0)
    return [*events, Ended(draw(st.none() | st.just(Usage(9, 5, 3, 2, 1, 1, 1))), draw(st.none() | ODD_TEXTS))]


def heard(stream: bytes) -> list[Any]:
    """What the frames of a stream hold; each is JSON."""
    reader = sse.Reader()
    frames = reader.feed(stream)
    assert reader.between_frames
    return [msgspec.json.decode(frame.data) for frame in frames if frame.data != b"[DONE]"]


@settings(max_examples=60, deadline=None)
@given(answers(), st.integers(0, 20))
def test_any_answer_is_told_in_every_dialect_and_may_break_off_anywhere(events: list[Event], after: int) -> None:
    for dialect in DIALECTS:
        writer = dialect.Writer(ASKED, "r1")
        assert heard(b"".join(writer.write(event) for event in events))
        assert msgspec.json.decode(dialect.write_reply(collect(events), ASKED, "r1"))
        broken = dialect.Writer(ASKED, "r1")
        said = b"".join(broken.write(event) for event in events[: min(after, len(events) - 1)])
        told = said + broken.fail(StreamBroken("It broke off."))
        assert "error" in msgspec.json.encode(heard(told)[-1]).decode()
        reader = dialect.Reader()
        assert not any(isinstance(event, Ended) for event in reader.feed(sse.Reader().feed(told)) + reader.end())
