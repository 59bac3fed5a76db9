"""Google Gemini's dialect: what it reads it can write, and what it cannot say it names."""

import base64
from typing import Any

import msgspec
import pytest

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
    Part,
    PartEnded,
    PartGrew,
    PartStarted,
    Reasoning,
    Refusal,
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
    told,
)
from api.dialects import gemini, sealing, sse
from api.dialects.dialect import Dialect, Told, Written
from api.dialects.quirks import NONE, Quirks
from api.errors import GatewayError, InvalidRequest, NotAllowed, UpstreamRefused, UpstreamTimeout

_: Dialect = gemini
PROVIDER = "google"
NEW, OLD = "gemini-3-flash-preview", "gemini-2.5-flash"
SEAL = Seal("gemini", "c2lnbmVk")
HELLO = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
CALLED = {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {"at": 1}}}]}


def read(body: dict[str, Any], model: str = NEW) -> ChatRequest:
    return gemini.read_request(msgspec.json.encode(body), model)


def parts(*said: dict[str, Any], role: str = "user") -> tuple[Part, ...]:
    return read({"contents": [{"role": role, "parts": list(said)}]}).messages[0].parts


def asked(*messages: Message, model: str = NEW, **more: Any) -> ChatRequest:
    return ChatRequest(model, messages or (user(Text("Hello")),), **{"dialect": "anthropic", **more})


def user(*said: Part) -> Message:
    return Message(Role.USER, said)


def model_said(*said: Part) -> Message:
    return Message(Role.ASSISTANT, said)


def write(request: ChatRequest, quirks: Quirks = NONE) -> tuple[dict[str, Any], Written]:
    written = gemini.write_request(request, quirks, PROVIDER)
    return msgspec.json.decode(written.body), written


def contents(*messages: Message, **more: Any) -> list[dict[str, Any]]:
    return write(asked(*messages, **more))[0]["contents"]


def frames(*chunks: Any) -> list[sse.Frame]:
    return [sse.Frame(b"", msgspec.json.encode(chunk)) for chunk in chunks]


def candidate(*said: dict[str, Any], finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    ended = {"finishReason": finish} if finish else {}
    return {"content": {"role": "model", "parts": list(said)}, "index": index, **ended, **more}


def chunk(*said: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"candidates": [candidate(*said, finish=finish, **more)], "responseId": "r1"}


def heard(*chunks: dict[str, Any]) -> list[Event]:
    reader = gemini.Reader()
    return [*reader.feed(frames(*chunks)), *reader.end()]


def answer(*chunks: dict[str, Any]) -> tuple[Any, ...]:
    return collect(heard(*chunks)).choices[0].parts


def say(*events: Event, request: ChatRequest | None = None) -> list[dict[str, Any]]:
    writer = gemini.Writer(request or ChatRequest("google:gemini", ()), "req_1")
    return decoded(b"".join(map(writer.write, events)))


def decoded(stream: bytes) -> list[dict[str, Any]]:
    return [msgspec.json.decode(frame.data) for frame in sse.Reader().feed(stream)]


def reread(*events: Event) -> list[Event]:
    writer, reader = gemini.Writer(ChatRequest("m", ()), "req_1"), gemini.Reader()
    written = b"".join(map(writer.write, events))
    return [*reader.feed(sse.Reader().feed(written)), *reader.end()]


ENDED = (Finished(Finish.STOP, "STOP"), Ended(Usage(3, 2)))


# What a caller asks


def test_the_model_and_the_stream_come_from_the_url():
    request = gemini.read_request(msgspec.json.encode(HELLO), "google:gemini-3-pro", True)

    assert (request.model, request.stream, request.dialect) == ("google:gemini-3-pro", True, "gemini")
    assert request.messages == (user(Text("Hello")),)


def test_names_may_be_written_in_snake_case():
    request = read(
        {
            "contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": "aGk="}}]}],
            "system_instruction": {"parts": [{"text": "Be brief"}]},
            "generation_config": {"max_output_tokens": 9, "thinking_config": {"include_thoughts": True}},
            "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]}],
        }
    )

    assert request.messages[0] == Message(Role.SYSTEM, (Text("Be brief"),))
    assert request.messages[1] == user(Image(Inline("image/png", "aGk=")))
    assert (request.max_tokens, request.thinking, request.tools[0].name) == (9, Thinking(shown=True), "f")


@pytest.mark.parametrize(
    "system", ["Be brief", {"parts": [{"text": "Be brief"}]}, {"text": "Be brief"}, [{"text": "Be brief"}]]
)
def test_the_system_instruction_is_read_in_every_form(system):
    assert read({**HELLO, "systemInstruction": system}).messages[0] == Message(Role.SYSTEM, (Text("Be brief"),))


def test_every_field_of_the_generation_config_is_understood():
    config = {
        "maxOutputTokens": "100",
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40.0,
        "stopSequences": ["END"],
        "seed": 7,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "candidateCount": 2,
        "responseLogprobs": True,
        "logprobs": 3,
    }

    request = read({**HELLO, "generationConfig": config})

    assert (request.max_tokens, request.temperature, request.top_p, request.top_k) == (100, 0.5, 0.9, 40)
    assert (request.stop, request.seed, request.n, request.logprobs) == (("END",), 7, 2, True)
    assert (request.presence_penalty, request.frequency_penalty, request.top_logprobs) == (0.1, 0.2, 3)
    assert request.extra == {}


def test_what_only_google_knows_is_kept_and_comes_back():
    body = {
        **HELLO,
        "generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW", "responseModalities": ["TEXT"]},
        "safetySettings": [{"category": "C", "threshold": "BLOCK_NONE"}],
        "cachedContent": "cachedContents/1",
        "labels": {"team": "a"},
        "serviceTier": "flex",
        "store": False,
        "toolConfig": {"retrievalConfig": {"languageCode": "en"}},
    }

    again, written = write(read(body))

    assert again == body
    assert written.dropped == ()


def test_a_function_may_be_declared_in_googles_own_spelling():
    parameters = {
        "type": "OBJECT",
        "properties": {"b": {"type": "STRING", "nullable": True}, "a": {"type": "ARRAY", "minItems": "2"}},
        "propertyOrdering": ["a", "b"],
        "required": ["a"],
    }

    tool = read({**HELLO, "tools": [{"functionDeclarations": [{"name": "f", "parameters": parameters}]}]}).tools[0]

    assert tool.schema["properties"] == {"a": {"type": "array", "minItems": 2}, "b": {"type": ["string", "null"]}}
    assert list(tool.schema["properties"]) == ["a", "b"]
    assert tool.schema["type"] == "object"


def test_a_property_that_is_named_like_a_keyword_stays_what_it_is():
    parameters = {"type": "OBJECT", "properties": {"type": {"type": "STRING"}, "any_of": {"type": "STRING"}}}

    tool = read({**HELLO, "tools": [{"functionDeclarations": [{"name": "f", "parameters": parameters}]}]}).tools[0]

    assert tool.schema["properties"] == {"type": {"type": "string"}, "any_of": {"type": "string"}}


def test_tools_that_google_runs_are_kept_as_they_came():
    request = read({**HELLO, "tools": [{"googleSearch": {}}, {"codeExecution": {}}]})

    assert request.hosted == (
        Unread("googleSearch", {"googleSearch": {}}),
        Unread("codeExecution", {"codeExecution": {}}),
    )
    assert write(request)[0]["tools"] == [{"googleSearch": {}}, {"codeExecution": {}}]


@pytest.mark.parametrize(
    ("config", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice(Choice.AUTO)),
        ({"mode": "NONE"}, ToolChoice(Choice.NONE)),
        ({"mode": "ANY"}, ToolChoice(Choice.REQUIRED)),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice(Choice.REQUIRED, ("f",))),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, ToolChoice(Choice.AUTO, ("f",))),
        ({"mode": "VALIDATED"}, ToolChoice(Choice.AUTO)),
    ],
)
def test_the_tool_choice_is_read_and_written_back_in_every_mode(config, choice):
    declared = [{"functionDeclarations": [{"name": "f"}]}]

    request = read({**HELLO, "tools": declared, "toolConfig": {"functionCallingConfig": config}})

    assert request.tool_choice == choice
    assert write(request)[0]["toolConfig"] == {"functionCallingConfig": config}


def test_a_wish_for_json_is_a_format():
    schema = {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}}

    request = read({**HELLO, "generationConfig": {"responseMimeType": "application/json", "responseSchema": schema}})

    assert request.format == Format({"type": "object", "properties": {"a": {"type": "integer"}}})


def test_a_wish_for_one_of_several_words_stays_googles_own():
    config = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a", "b"]}}

    request = read({**HELLO, "generationConfig": config})

    assert request.format is None
    assert write(request)[0]["generationConfig"] == config


@pytest.mark.parametrize(
    ("config", "thinking"),
    [
        ({"thinkingBudget": 0}, Thinking(False)),
        ({"thinkingBudget": -1}, Thinking(True)),
        ({"thinkingBudget": 512, "includeThoughts": True}, Thinking(budget=512, shown=True)),
        ({"thinkingLevel": "HIGH"}, Thinking(effort="high")),
    ],
)
def test_how_much_to_think_is_read_and_written_back(config, thinking):
    request = read({**HELLO, "generationConfig": {"thinkingConfig": config}})

    assert request.thinking == thinking
    assert write(request)[0]["generationConfig"]["thinkingConfig"] == config


def test_media_are_told_apart_by_their_type():
    said = parts(
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}},
        {"inlineData": {"mimeType": "application/pdf", "data": "aGk=", "displayName": "a.pdf"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://example.org/a.png"}},
        {"fileData": {"mimeType": "video/mp4", "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x"}},
        {"fileData": {"fileUri": "https://www.youtube.com/watch?v=x"}},
    )

    assert said[0] == Image(Inline("image/png", "aGk="))
    assert said[1] == Audio(Inline("audio/wav", "aGk="))
    assert said[2] == File(Inline("application/pdf", "aGk="), "a.pdf")
    assert said[3] == Image(Link("https://example.org/a.png", "image/png"))
    stored = Stored("https://generativelanguage.googleapis.com/v1beta/files/x")
    assert said[4] == File(stored, carried={"mimeType": "video/mp4"})
    assert said[5] == File(Link("https://www.youtube.com/watch?v=x"))


def test_base64_for_urls_becomes_the_one_that_everybody_takes():
    (image,) = parts({"inlineData": {"mimeType": "image/png", "data": "-_-_"}})

    assert image == Image(Inline("image/png", "+/+/"))


def test_empty_media_are_refused_with_their_place():
    with pytest.raises(InvalidRequest) as refused:
        parts({"inlineData": {"mimeType": "image/png", "data": ""}})

    assert refused.value.param == "contents[0].parts[0].inlineData.data"


def test_a_call_and_its_result_without_ids_belong_together():
    request = read(
        {
            "contents": [
                HELLO["contents"][0],
                {"role": "model", "parts": [CALLED["parts"][0], CALLED["parts"][0]]},
                {
                    "role": "user",
                    "parts": [
                        {"functionResponse": {"name": "look", "response": {"output": "first"}}},
                        {"functionResponse": {"name": "look", "response": {"result": "second"}}},
                    ],
                },
            ]
        }
    )

    calls = [part for part in request.messages[1].parts if isinstance(part, ToolCall)]
    results = [part for part in request.messages[2].parts if isinstance(part, ToolResult)]
    assert calls[0].id != calls[1].id
    assert [result.call_id for result in results] == [call.id for call in calls]
    assert [result.text for result in results] == ["first", "second"]


def test_a_made_id_is_the_same_in_every_turn():
    once = read({"contents": [*HELLO["contents"], CALLED]}).messages[1].parts
    again = read({"contents": [*HELLO["contents"], CALLED, *HELLO["contents"]]}).messages[1].parts

    assert once == again


@pytest.mark.parametrize(
    ("response", "text", "is_error"),
    [
        ({"output": "fine"}, "fine", False),
        ({"result": {"a": 1}}, '{"a":1}', False),
        ({"error": "broken"}, "broken", True),
        ({"temperature": 20}, '{"temperature":20}', False),
        ({}, "", False),
    ],
)
def test_a_result_is_unwrapped_to_its_text(response, text, is_error):
    (result,) = parts({"functionResponse": {"id": "c1", "name": "f", "response": response}})

    assert isinstance(result, ToolResult)
    assert (result.call_id, result.name, result.text, result.is_error) == ("c1", "f", text, is_error)


def test_images_in_a_result_are_its_parts():
    shown = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}

    (result,) = parts({"functionResponse": {"name": "f", "response": {"output": "see"}, "parts": [shown]}})

    assert isinstance(result, ToolResult)
    assert result.parts == (Text("see"), Image(Inline("image/png", "aGk=")))


def test_signatures_are_seals_of_whatever_part_they_came_with():
    said = parts(
        {"text": "Hm", "thought": True, "thoughtSignature": "c2lnbmVk"},
        {"text": "", "thoughtSignature": "c2lnbmVk"},
        {"functionCall": {"name": "f"}, "thoughtSignature": "c2lnbmVk"},
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thoughtSignature": "c2lnbmVk"},
        role="model",
    )

    assert said[0] == Reasoning("Hm", SEAL)
    assert said[1] == Text("", seal=SEAL)
    assert isinstance(said[2], ToolCall)
    assert (said[2].arguments, said[2].seal) == ("{}", SEAL)
    assert said[3] == Image(Inline("image/png", "aGk="), seal=SEAL)


def test_a_foreign_seal_comes_back_as_it_was():
    foreign = Seal("anthropic", "EqQB", provider="claude")
    (signed,) = say(PartStarted(0, Reasoning("")), PartEnded(0, foreign))
    field = signed["candidates"][0]["content"]["parts"][0]["thoughtSignature"]

    # Google's SDK for Python decodes the field and encodes it for URLs.
    round_trip = base64.urlsafe_b64encode(base64.b64decode(field, validate=True)).decode()
    (thought,) = parts({"text": "", "thought": True, "thoughtSignature": round_trip}, role="model")

    assert thought == Reasoning("", foreign)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": 3}, "contents"),
        ({"contents": [{"role": "robot", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": [7]}]}, "contents[0].parts[0]"),
        ({**HELLO, "generationConfig": {"seed": "x"}}, "generationConfig.seed"),
        ({**HELLO, "tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
    ],
)
def test_a_wrong_field_is_named(body, param):
    with pytest.raises(InvalidRequest) as refused:
        read(body)

    assert refused.value.param == param


def test_a_whole_conversation_is_lossless_at_home():
    body = {
        "systemInstruction": {"parts": [{"text": "Be brief"}, {"text": "Be kind"}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "Look"},
                    {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "mediaResolution": {"level": "LOW"}},
                    {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v"}, "videoMetadata": {"fps": 1.0}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"text": "Hm", "thought": True},
                    {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "YQ=="},
                    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
                    {"functionCall": {"id": "c1", "name": "f", "args": {"n": 1}}, "thoughtSignature": "YQ=="},
                ],
            },
            {"role": "user", "parts": [{"functionResponse": {"id": "c1", "name": "f", "response": {"output": "ok"}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "description": "F", "parametersJsonSchema": {"const": 1}}]}],
    }

    again, written = write(read(body))

    assert again == body
    assert (written.dropped, written.renamed) == ((), ())


# What a provider is told


def test_instructions_at_the_head_keep_their_boundaries():
    request = asked(
        Message(Role.SYSTEM, (Text("One"), Text("Two"))), Message(Role.DEVELOPER, (Text("Three"),)), user(Text("Hi"))
    )

    body, written = write(request)

    assert body["systemInstruction"] == {"parts": [{"text": "One"}, {"text": "Two"}, {"text": "Three"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hi"}]}]
    assert written.renamed == ()


def test_an_instruction_in_the_middle_stays_in_its_place_and_is_named():
    body, written = write(asked(user(Text("Hi")), Message(Role.SYSTEM, (Text("Hurry"),))))

    assert body["contents"][0]["parts"] == [{"text": "Hi"}, {"text": "<system>\nHurry\n</system>"}]
    assert written.renamed == ("messages.system",)


def test_instructions_alone_are_said_by_the_user():
    body, _written = write(asked(Message(Role.SYSTEM, (Text("Say hi"),))))

    assert body["contents"] == [{"role": "user", "parts": [{"text": "Say hi"}]}]
    assert "systemInstruction" not in body


def test_a_conversation_that_begins_with_the_model_gets_a_turn_of_the_user_before():
    said = contents(model_said(ToolCall("c1", "f", "{}")), user(ToolResult("c1", (Text("ok"),))))

    assert [content["role"] for content in said] == ["user", "model", "user"]


def test_messages_of_one_side_become_one_content():
    said = contents(user(Text("a")), user(Text("b")), model_said(Text("c")), model_said(Text("d")))

    assert [len(content["parts"]) for content in said] == [2, 2]


def test_results_of_one_turn_are_one_content_and_come_first():
    said = contents(
        user(Text("Go")),
        model_said(ToolCall("c1", "f", '{"n":1}'), ToolCall("c2", "g", "")),
        user(ToolResult("c1", (Text("one"),)), Text("by the way")),
        user(ToolResult("c2", (Text("two"),), is_error=True)),
    )

    assert said[1]["parts"][1]["functionCall"] == {"id": "c2", "name": "g", "args": {}}
    assert said[2]["parts"] == [
        {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "one"}}},
        {"functionResponse": {"id": "c2", "name": "g", "response": {"error": "two"}}},
        {"text": "by the way"},
    ]


def test_images_in_a_result_go_into_it_or_follow_it():
    told_so = (
        user(Text("Go")),
        model_said(ToolCall("c1", "f", "{}")),
        user(ToolResult("c1", (Text("see"), Image(Inline("image/png", "aGk="))))),
    )
    shown = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}

    new, old = contents(*told_so, model=NEW)[2]["parts"], contents(*told_so, model=OLD)[2]["parts"]

    assert (len(new), new[0]["functionResponse"]["parts"]) == (1, [shown])
    assert "parts" not in old[0]["functionResponse"]
    assert old[1] == shown


def test_a_result_of_a_call_nobody_made_is_said_as_text():
    body, written = write(asked(user(ToolResult("c9", (Text("orphan"),)))))

    assert body["contents"][0]["parts"] == [{"text": "<tool_result>\norphan\n</tool_result>"}]
    assert written.renamed == ("messages.tool_result",)


def test_a_signature_goes_back_to_the_provider_that_made_it_alone():
    mine, other = Seal("gemini", "YQ==", provider=PROVIDER), Seal("gemini", "Yg==", provider="other")
    said = contents(user(Text("Go")), model_said(Text("a", seal=mine), Text("b", seal=other)), user(Text("On")))

    assert said[1]["parts"] == [{"text": "a", "thoughtSignature": "YQ=="}, {"text": "b"}]


def test_thoughts_without_a_fitting_seal_are_dropped_and_named():
    seal = Seal("gemini", "YQ==", provider=PROVIDER)
    talk = (user(Text("Go")), model_said(Reasoning("mine", seal), Reasoning("not", Seal("anthropic", "x")), Text("ok")))

    body, written = write(asked(*talk))

    assert body["contents"][1]["parts"][0] == {"text": "mine", "thought": True, "thoughtSignature": "YQ=="}
    assert body["contents"][1]["parts"][1] == {"text": "ok"}
    assert written.dropped == ("messages.reasoning",)


def test_the_first_call_of_each_step_of_this_turn_is_excused_where_its_signature_is_lost():
    talk = (
        user(Text("Go")),
        model_said(ToolCall("c0", "f", "{}")),
        user(ToolResult("c0", (Text("ok"),))),
        model_said(Text("done")),
        user(Text("Again")),
        model_said(ToolCall("c1", "f", "{}"), ToolCall("c2", "f", "{}")),
        user(ToolResult("c1", (Text("ok"),)), ToolResult("c2", (Text("ok"),))),
        model_said(ToolCall("c3", "f", "{}", Seal("gemini", "YQ=="))),
        user(ToolResult("c3", (Text("ok"),))),
    )

    said = contents(*talk)

    signatures = [p.get("thoughtSignature") for c in said for p in c["parts"] if "functionCall" in p]
    assert signatures == [None, "skip_thought_signature_validator", None, "YQ=="]
    assert all("thoughtSignature" not in p for c in contents(*talk[:7], model=OLD) for p in c["parts"])


def test_schemas_are_sent_as_json_schema_without_what_google_refuses():
    schema = {
        "$schema": "x",
        "type": "object",
        "properties": {
            "a": {"$ref": "#/$defs/A", "description": "beside"},
            "$schema": {"const": 1},
            "b": {"type": "string", "pattern": "x"},
        },
        "required": ["a", "missing"],
        "additionalProperties": False,
        "$defs": {"A": {"type": "string"}},
    }
    request = asked(tools=(Tool("f", schema),), format=Format(schema))

    body, _written = write(request, Quirks(schema_refused=("pattern", "additionalProperties")))

    cleaned = body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]
    assert cleaned["properties"] == {"a": {"$ref": "#/$defs/A"}, "$schema": {"enum": [1]}, "b": {"type": "string"}}
    assert (cleaned["required"], "additionalProperties" in cleaned, "$schema" in cleaned) == (["a"], False, False)
    assert body["generationConfig"] == {"responseMimeType": "application/json", "responseJsonSchema": cleaned}


def test_a_name_that_does_not_fit_is_another_over_there_and_itself_again_here():
    request = asked(
        user(Text("Go")),
        model_said(ToolCall("c1", "mcp/read file", "{}")),
        user(ToolResult("c1", (Text("ok"),))),
        tools=(Tool("mcp/read file", {}), Tool("plain", {})),
        tool_choice=ToolChoice(Choice.REQUIRED, ("mcp/read file",)),
    )

    body, written = write(request)

    name = body["tools"][0]["functionDeclarations"][0]["name"]
    assert written.names == {name: "mcp/read file"}
    assert body["contents"][1]["parts"][0]["functionCall"]["name"] == name
    assert body["contents"][2]["parts"][0]["functionResponse"]["name"] == name
    assert body["toolConfig"]["functionCallingConfig"] == {"mode": "ANY", "allowedFunctionNames": [name]}
    assert written.renamed == ("tools.name",)


def test_long_names_that_begin_alike_stay_apart():
    long = "a" * 80

    body, _written = write(asked(tools=(Tool(long + "1", {}), Tool(long + "2", {}))))

    names = [declared["name"] for declared in body["tools"][0]["functionDeclarations"]]
    assert (len(set(names)), max(map(len, names))) == (2, 64)


@pytest.mark.parametrize(
    ("thinking", "model", "config"),
    [
        (Thinking(effort="medium"), OLD, {"thinkingBudget": 8192, "includeThoughts": True}),
        (Thinking(effort="medium"), NEW, {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        (Thinking(False), OLD, {"thinkingBudget": 0}),
        (Thinking(effort="none"), NEW, {"thinkingLevel": "MINIMAL"}),
        (Thinking(effort="minimal"), "gemini-3.1-pro-preview", {"thinkingLevel": "LOW", "includeThoughts": True}),
        (Thinking(True), OLD, {"thinkingBudget": -1, "includeThoughts": True}),
        (Thinking(True), NEW, {"includeThoughts": True}),
        (Thinking(budget=31_999), OLD, {"thinkingBudget": 24_576, "includeThoughts": True}),
        (Thinking(budget=4_000, shown=False), OLD, {"thinkingBudget": 4_000}),
        (Thinking(effort="high", budget=4_000), NEW, {"thinkingLevel": "HIGH", "includeThoughts": True}),
    ],
)
def test_effort_is_a_level_or_a_budget_never_both(thinking, model, config):
    assert write(asked(thinking=thinking, model=model))[0]["generationConfig"]["thinkingConfig"] == config


def test_what_cannot_be_said_is_named():
    request = asked(
        user(Text("a", (Citation("u"),), carried={"cache_control": {}}), Image(Inline("image/png", "aGk="), "high")),
        tools=(Tool("f", {}, strict=True, carried={"cache_control": {}}),),
        hosted=(Unread("web_search"),),
        parallel_tools=False,
        logit_bias={"1": 1.0},
        user="u",
        metadata={"a": "b"},
        verbosity="low",
        service_tier="scale",
        extra={"moderation": True, "stream_options": {}, "store": True},
    )

    assert write(request)[1].dropped == (
        "logit_bias",
        "messages.cache_control",
        "messages.citations",
        "messages.detail",
        "metadata",
        "moderation",
        "parallel_tools",
        "service_tier",
        "tools.cache_control",
        "tools.strict",
        "tools.web_search",
        "user",
        "verbosity",
    )


def test_what_was_not_said_is_not_sent():
    assert write(asked())[0] == HELLO


def test_images_by_url_are_linked_or_refused():
    message = user(Image(Link("https://example.org/a.webp?x=1")))

    (part,) = contents(message)[0]["parts"]

    assert part == {"fileData": {"mimeType": "image/webp", "fileUri": "https://example.org/a.webp?x=1"}}
    with pytest.raises(InvalidRequest, match="base64"):
        write(asked(message), Quirks(image_urls=False))


def test_another_providers_file_cannot_cross():
    body, written = write(asked(user(Text("Read"), File(Stored("file-1"), "a.pdf"))))

    assert body["contents"][0]["parts"] == [{"text": "Read"}]
    assert written.dropped == ("messages.file",)


def test_service_tiers_are_said_in_googles_words():
    assert write(asked(service_tier="default"))[0]["serviceTier"] == "standard"
    assert "serviceTier" not in write(asked(service_tier="auto"))[0]


def test_empty_texts_are_left_out():
    assert contents(user(Text(""), Text("a")), model_said(Text(""))) == [{"role": "user", "parts": [{"text": "a"}]}]


# What a provider answers


def test_thoughts_text_and_calls_are_parts_of_their_own():
    events = heard(
        chunk({"text": "Hm", "thought": True}),
        chunk({"text": "m", "thought": True}),
        chunk({"text": "Hi"}),
        chunk({"functionCall": {"id": "c1", "name": "f", "args": {"n": 1}}, "thoughtSignature": "YQ=="}, finish="STOP"),
    )

    assert events == [
        Started(0),
        PartStarted(0, Reasoning("")),
        PartGrew(0, "Hm"),
        PartGrew(0, "m"),
        PartEnded(0),
        PartStarted(1, Text("")),
        PartGrew(1, "Hi"),
        PartEnded(1),
        PartStarted(2, ToolCall("c1", "f", "")),
        PartGrew(2, '{"n":1}'),
        PartEnded(2, Seal("gemini", "YQ==")),
        Finished(Finish.TOOL_CALLS, "STOP"),
        Ended(None),
    ]


def test_a_call_without_arguments_is_an_empty_object():
    (call,) = answer(chunk({"functionCall": {"name": "f"}}, finish="STOP"))

    assert call.arguments == "{}"


def test_calls_without_ids_get_ids_of_their_own():
    one, two = answer(chunk({"functionCall": {"name": "f"}}, {"functionCall": {"name": "f"}}, finish="STOP"))

    assert one.id.startswith("call_")
    assert one.id != two.id


def test_arguments_that_come_in_pieces_are_put_together():
    def piece(will_continue: bool, *partial: dict[str, Any]) -> dict[str, Any]:
        return chunk({"functionCall": {"willContinue": will_continue, "partialArgs": list(partial)}})

    (call,) = answer(
        chunk({"functionCall": {"name": "f", "id": "c1", "willContinue": True}}),
        piece(True, {"jsonPath": "$.place.name", "stringValue": "Ber", "willContinue": True}),
        piece(True, {"jsonPath": "$.place.name", "stringValue": "lin"}, {"jsonPath": "$.days[1]", "numberValue": 2}),
        chunk({"functionCall": {}}, finish="STOP"),
    )

    assert msgspec.json.decode(call.arguments) == {"place": {"name": "Berlin"}, "days": [None, 2]}


def test_a_signature_that_comes_late_belongs_to_the_text_before_it():
    (text,) = answer(chunk({"text": "Hi"}), chunk({"text": "", "thoughtSignature": "YQ=="}, finish="STOP"))

    assert text == Text("Hi", seal=Seal("gemini", "YQ=="))


def test_a_signature_alone_is_an_empty_text_with_a_seal():
    (text,) = answer(chunk({"text": "", "thoughtSignature": "YQ=="}, finish="STOP"))

    assert text == Text("", seal=Seal("gemini", "YQ=="))


def test_what_was_signed_is_not_joined_with_what_was_not():
    one, two = answer(chunk({"text": "a", "thoughtSignature": "YQ=="}), chunk({"text": "b"}, finish="STOP"))

    assert (one.text, two.text, two.seal) == ("a", "b", None)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", Finish.STOP),
        ("MAX_TOKENS", Finish.LENGTH),
        ("SAFETY", Finish.REFUSAL),
        ("RECITATION", Finish.REFUSAL),
        ("PROHIBITED_CONTENT", Finish.REFUSAL),
        ("BLOCKLIST", Finish.REFUSAL),
        ("SPII", Finish.REFUSAL),
        ("IMAGE_SAFETY", Finish.REFUSAL),
        ("MALFORMED_FUNCTION_CALL", Finish.OTHER),
        ("UNEXPECTED_TOOL_CALL", Finish.OTHER),
        ("LANGUAGE", Finish.OTHER),
        ("OTHER", Finish.OTHER),
        ("SOMETHING_NEW", Finish.OTHER),
    ],
)
def test_every_reason_to_finish_is_known_and_kept(word, reason):
    assert heard(chunk({"text": "a"}, finish=word))[-2] == Finished(reason, word)


def test_a_reason_said_in_every_chunk_ends_nothing_early():
    (text,) = answer(chunk({"text": "a"}, finish="STOP"), chunk({"text": "b"}, finish="STOP"))

    assert text == Text("ab")


def test_a_blocked_prompt_is_a_refusal():
    events = heard({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 4}})

    assert isinstance(events[1], PartStarted)
    assert isinstance(events[1].part, Refusal)
    assert events[-2:] == [Finished(Finish.REFUSAL, "PROHIBITED_CONTENT"), Ended(Usage(4))]


def test_thoughts_and_tools_are_counted():
    counted = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 60,
        "toolUsePromptTokenCount": 10,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 30,
        "totalTokenCount": 160,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 92}, {"modality": "AUDIO", "tokenCount": 8}],
    }

    events = heard({**chunk({"text": "a"}, finish="STOP"), "usageMetadata": counted})

    assert events[-1] == Ended(Usage(110, 50, 60, reasoning=30, audio_in=8))


def test_sources_cite_the_text_by_its_letters():
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 3, "endIndex": 6, "text": "abc"}, "groundingChunkIndices": [0]}
        ],
    }

    (text,) = answer(chunk({"text": "é abc"}), chunk(finish="STOP", groundingMetadata=grounding))

    assert text.citations == (Citation("https://a.example", "A", "abc", 2, 5),)


def test_logprobs_come_with_their_text():
    likely = {
        "chosenCandidates": [{"token": "Hi", "logProbability": -0.1}],
        "topCandidates": [
            {"candidates": [{"token": "Hi", "logProbability": -0.1}, {"token": "Yo", "logProbability": -3}]}
        ],
    }

    events = heard(chunk({"text": "Hi"}, finish="STOP", logprobsResult=likely))

    top = (Logprob("Hi", -0.1, (72, 105)), Logprob("Yo", -3.0, (89, 111)))
    assert events[2] == PartGrew(0, "Hi", (Logprob("Hi", -0.1, (72, 105), top),))


def test_an_image_in_the_answer_is_whole():
    (image,) = answer(chunk({"inlineData": {"mimeType": "image/png", "data": "aGk="}}, finish="STOP"))

    assert image == Image(Inline("image/png", "aGk="))


def test_choices_run_together():
    reply = collect(
        heard(
            {"candidates": [candidate({"text": "a"}), candidate({"text": "x"}, index=1)]},
            {"candidates": [candidate({"text": "b"}, finish="STOP")]},
            {"candidates": [candidate({"text": "y"}, finish="MAX_TOKENS", index=1)]},
        )
    )

    assert [choice.parts for choice in reply.choices] == [(Text("ab"),), (Text("xy"),)]
    assert reply.choices[1].finished.reason is Finish.LENGTH


def test_a_stream_that_breaks_off_does_not_end():
    reader = gemini.Reader()
    reader.feed(frames(chunk({"text": "a"})))

    assert (reader.end(), reader.finished) == ([], False)


def test_a_stream_with_one_choice_unfinished_does_not_end():
    reader = gemini.Reader()
    reader.feed(frames({"candidates": [candidate({"text": "a"}, finish="STOP"), candidate({"text": "b"}, index=1)]}))

    assert (reader.end(), reader.finished) == ([], False)


@pytest.mark.parametrize("in_a_list", [False, True])
def test_an_error_in_the_stream_is_a_failure(in_a_list):
    error: Any = {"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}}
    reader = gemini.Reader()

    events = reader.feed(frames(chunk({"text": "a"}), [error] if in_a_list else error))

    assert events[-1] == Failed("Overloaded", "UNAVAILABLE")
    assert (reader.finished, reader.end()) == (True, [])


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"[DONE]", b'{"candidates":3}', b"\xff", b"[" * 5000, b"{}"]
)
def test_a_frame_that_means_nothing_is_passed_over(data):
    assert gemini.Reader().feed([sse.Frame(b"", data)]) == []


def test_a_whole_reply_without_a_reason_has_stopped():
    events = gemini.read_reply(msgspec.json.encode(chunk({"text": "a"})))

    assert events[-2] == Finished(Finish.STOP, "STOP")


def test_a_stream_that_came_as_one_list_is_a_reply():
    body = msgspec.json.encode([chunk({"text": "a"}), chunk({"text": "b"}, finish="STOP")])

    assert collect(gemini.read_reply(body)).choices[0].parts == (Text("ab"),)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>", b'{"choices":[]}'])
def test_what_is_no_reply_says_so(body):
    with pytest.raises(ValueError, match="no reply"):
        gemini.read_reply(body)


def test_code_that_ran_over_there_is_kept():
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}

    assert answer(chunk(code, finish="STOP")) == (Unread("executableCode", code),)


# What a caller hears


def test_text_goes_out_as_it_comes():
    said = say(Started(), PartStarted(0, Text("")), PartGrew(0, "Hi"), PartEnded(0), *ENDED)

    assert said[0] == {
        "candidates": [{"content": {"parts": [{"text": "Hi"}], "role": "model"}, "index": 0}],
        "modelVersion": "google:gemini",
        "responseId": "req_1",
    }
    assert said[1]["candidates"][0]["finishReason"] == "STOP"
    assert said[1]["usageMetadata"] == {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}


def test_a_call_goes_out_whole():
    said = say(
        PartStarted(0, ToolCall("c1", "f", "")),
        PartGrew(0, '{"n":'),
        PartGrew(0, "12345678901234567890}"),
        PartEnded(0, SEAL),
        Finished(Finish.TOOL_CALLS, "tool_use"),
        Ended(Usage()),
    )

    assert said[0]["candidates"][0]["content"]["parts"] == [
        {
            "functionCall": {"id": "c1", "name": "f", "args": {"n": 12345678901234567890}},
            "thoughtSignature": "c2lnbmVk",
        }
    ]
    assert said[1]["candidates"][0]["finishReason"] == "STOP"


@pytest.mark.parametrize(("grown", "args"), [((), {}), (("",), {}), (("not json",), {"input": "not json"})])
def test_arguments_are_always_an_object(grown, args):
    events = [PartGrew(0, text) for text in grown]

    (said,) = say(PartStarted(0, ToolCall("c1", "f", "")), *events, PartEnded(0))

    assert said["candidates"][0]["content"]["parts"][0]["functionCall"]["args"] == args


def test_usage_tells_thoughts_beside_the_answer():
    said = say(Finished(Finish.STOP), Ended(Usage(100, 50, 60, reasoning=30)))

    assert said[0]["usageMetadata"] == {
        "promptTokenCount": 100,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 30,
        "cachedContentTokenCount": 60,
        "totalTokenCount": 150,
    }


@pytest.mark.parametrize(
    ("finished", "word"),
    [
        (Finished(Finish.REFUSAL, "refusal"), "SAFETY"),
        (Finished(Finish.REFUSAL, "RECITATION"), "RECITATION"),
        (Finished(Finish.LENGTH, "length"), "MAX_TOKENS"),
        (Finished(Finish.CONTEXT), "MAX_TOKENS"),
        (Finished(Finish.PAUSE, "pause_turn"), "OTHER"),
        (Finished(Finish.OTHER, "MALFORMED_FUNCTION_CALL"), "MALFORMED_FUNCTION_CALL"),
    ],
)
def test_why_it_ended_is_said_in_googles_words(finished, word):
    assert say(finished, Ended())[0]["candidates"][0]["finishReason"] == word


def test_what_is_written_is_read_back():
    events: list[Event] = [
        Started(),
        PartStarted(0, Reasoning("")),
        PartGrew(0, "Hm"),
        PartEnded(0, Seal("gemini", "YQ==")),
        PartStarted(1, Text("")),
        PartGrew(1, "é "),
        PartGrew(1, "abc"),
        Cited(1, Citation("https://a.example", "A", "abc", 2, 5)),
        PartEnded(1, Seal("anthropic", "x", provider="p")),
        PartStarted(2, ToolCall("c1", "f", "")),
        PartGrew(2, '{"n":1}'),
        PartEnded(2),
        Finished(Finish.TOOL_CALLS, "STOP"),
        Ended(Usage(9, 8, 3, reasoning=2, audio_in=1)),
    ]

    assert collect(reread(*events)).choices[0].parts[0] == Reasoning("Hm", Seal("gemini", "YQ=="))
    again = collect(reread(*[event for event in events if not isinstance(event, Cited)]))
    assert again == collect([event for event in events if not isinstance(event, Cited)])


def test_citations_are_read_back_by_their_letters():
    citation = Citation("https://a.example", "A", "abc", 2, 5)

    events = reread(
        PartStarted(0, Text("")), PartGrew(0, "é abc"), Cited(0, citation), PartEnded(0), Finished(Finish.STOP), Ended()
    )

    assert Cited(0, citation) in events


def test_a_whole_reply_says_what_the_stream_says():
    events: list[Event] = [
        Started(3),
        PartStarted(0, Text("")),
        PartGrew(0, "Hi"),
        PartEnded(0),
        PartStarted(1, ToolCall("c1", "f", "")),
        PartGrew(1, '{"n":1}'),
        PartEnded(1, SEAL),
        Finished(Finish.TOOL_CALLS, "STOP"),
        Ended(Usage(3, 2)),
    ]

    body = gemini.write_reply(collect(events), ChatRequest("google:gemini", ()), "req_1")

    assert gemini.read_reply(body) == events
    assert msgspec.json.decode(body, type=gemini.GenerateContentResponse).model_version == "google:gemini"


def test_a_whole_reply_of_several_choices_with_logprobs_is_read_back():
    events: list[Event] = [
        Started(),
        PartStarted(0, Text("")),
        PartGrew(0, "a", (Logprob("a", -0.5, (97,), (Logprob("a", -0.5, (97,)),)),)),
        PartEnded(0),
        Finished(Finish.STOP, "STOP"),
        PartStarted(1, Text(""), 1),
        PartGrew(1, "b"),
        PartEnded(1),
        Finished(Finish.LENGTH, "MAX_TOKENS", choice=1),
        Ended(),
    ]

    body = gemini.write_reply(collect(events), ChatRequest("m", ()), "req_1")

    assert collect(gemini.read_reply(body)) == collect(events)
    assert told(collect(events)) == events


def test_a_stream_that_fails_ends_in_an_error_without_a_reason_to_finish():
    writer = gemini.Writer(ChatRequest("m", ()), "req_1")
    begun: list[Event] = [
        PartStarted(0, Text("")),
        PartGrew(0, "Hi"),
        PartEnded(0),
        PartStarted(1, ToolCall("c", "f", "")),
    ]

    said = decoded(b"".join(map(writer.write, begun)) + writer.fail(UpstreamTimeout("Too slow.")))

    assert said[-1]["error"]["status"] == "DEADLINE_EXCEEDED"
    assert not any("finishReason" in c for frame in said for c in frame.get("candidates", ()))


def test_a_heartbeat_is_no_frame():
    assert sse.Reader().feed(gemini.HEARTBEAT + b'data: {"a":1}\n\n') == [sse.Frame(b"", b'{"a":1}')]
    assert not gemini.HEARTBEAT.strip()  # Google's SDK for Python takes anything else for JSON


# Errors


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (418, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
def test_a_status_has_its_word(status, word):
    error = UpstreamRefused("No.", status, "k", "invalid_request_error")

    body = msgspec.json.decode(gemini.write_error(error, "req_1"))

    assert (body["error"]["code"], body["error"]["message"], body["error"]["status"]) == (status, "No.", word)


def test_an_error_names_its_kind_and_its_field():
    body = msgspec.json.decode(gemini.write_error(InvalidRequest("Wrong.", "contents"), "req_1"))

    (detail,) = body["error"]["details"]
    assert (detail["reason"], detail["metadata"]["field"]) == ("INVALID_REQUEST", "contents")
    assert msgspec.convert(body, gemini.StatusReply).error.code == 400


def test_a_providers_own_status_is_kept():
    error = UpstreamRefused("No.", 400, "k", "FAILED_PRECONDITION")

    assert b'"status":"FAILED_PRECONDITION"' in gemini.write_error(error, "req_1")


@pytest.mark.parametrize("in_a_list", [False, True])
def test_a_providers_error_is_understood(in_a_list):
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    error = {"error": {"code": 400, "message": "Bad key", "status": "INVALID_ARGUMENT", "details": [detail]}}

    body = msgspec.json.encode([error] if in_a_list else error)

    assert gemini.error_in(body) == Told("Bad key", "INVALID_ARGUMENT", "API_KEY_INVALID")


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"error":"no"}', b"{}", b"\xff"])
def test_what_is_no_error_is_none(body):
    assert gemini.error_in(body) is None


@pytest.mark.parametrize("error", [GatewayError("Broken."), NotAllowed("No key.")])
def test_our_errors_are_understood_as_errors_of_the_dialect(error):
    understood = gemini.error_in(gemini.write_error(error, "req_1"))

    assert understood
    assert understood.words == str(error)


# The ear


def test_the_ear_hears_the_first_word_the_usage_and_the_end():
    ear = gemini.Ear()

    ear.hear(frames(chunk({"text": "a"})))
    spoken = (ear.has_spoken, ear.finished)
    ear.hear(frames({**chunk(finish="STOP"), "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2}}))

    assert spoken == (True, False)
    assert (ear.finished, ear.usage) == (True, Usage(3, 2))


def test_the_ear_waits_for_every_choice():
    ear = gemini.Ear()

    ear.hear(frames({"candidates": [candidate({"text": "a"}, finish="STOP"), candidate({"text": "b"}, index=1)]}))

    assert not ear.finished


@pytest.mark.parametrize("end", [{"error": {"message": "x"}}, {"promptFeedback": {"blockReason": "SAFETY"}}])
def test_the_ear_hears_an_end_without_choices(end):
    ear = gemini.Ear()

    ear.hear(frames(end))

    assert ear.finished


@pytest.mark.parametrize("body", [b"{}", b"[{}]", b"{", b"[", b""])
def test_the_ear_is_not_troubled_by_odd_bytes(body):
    ear = gemini.Ear()

    ear.hear_whole(body)
    ear.hear([sse.Frame(b"", body)])

    assert (ear.finished, ear.usage) == (True, None)


# Counting


def test_a_count_is_asked_with_contents_or_with_a_whole_request():
    whole = {"generateContentRequest": {"model": "models/x", **HELLO, "systemInstruction": "Be brief"}}

    alone, both = gemini.read_count(msgspec.json.encode(HELLO), "m"), gemini.read_count(msgspec.json.encode(whole), "m")

    assert (alone.model, alone.messages) == ("m", (user(Text("Hello")),))
    assert both.messages == (Message(Role.SYSTEM, (Text("Be brief"),)), user(Text("Hello")))


def test_a_count_is_asked_of_a_provider_with_everything_that_counts():
    request = asked(
        Message(Role.SYSTEM, (Text("Be brief"),)), user(Text("Hi")), tools=(Tool("f", {}),), temperature=1.0
    )

    body = msgspec.json.decode(gemini.write_count_request(request, NONE, PROVIDER).body)

    counted = body["generateContentRequest"]
    assert counted["model"] == f"models/{NEW}"
    assert counted.keys() == {"model", "contents", "systemInstruction", "tools"}


def test_a_count_is_answered():
    assert gemini.write_count(7) == b'{"totalTokens":7}'
    assert gemini.read_count_reply(b'{"totalTokens":7,"promptTokensDetails":[]}') == 7
    with pytest.raises(ValueError, match="no count"):
        gemini.read_count_reply(b"{}")


def test_the_wrapped_seal_is_still_found_by_its_mark():
    assert sealing.MARK.startswith("morello-seal")
    assert base64.b64encode(sealing.MARK[:12].encode()).decode() == "bW9yZWxsby1zZWFs"
