"""What callers are told is what their own SDKs know: every answer validated against the SDKs' types."""

from types import ModuleType
from typing import Any

import msgspec
import pytest
from anthropic.types import Message as AnthropicMessage
from anthropic.types import RawMessageStreamEvent
from google.genai.types import GenerateContentResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

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
    Link,
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
    ToolCall,
    Unread,
    Usage,
    collect,
)
from api.dialects import anthropic, gemini, openai_chat, openai_responses, sse

WHOLE: dict[ModuleType, Any] = {
    openai_chat: ChatCompletion,
    openai_responses: Response,
    anthropic: AnthropicMessage,
    gemini: GenerateContentResponse,
}
PIECE: dict[ModuleType, Any] = {
    openai_chat: ChatCompletionChunk,
    openai_responses: ResponseStreamEvent,
    anthropic: RawMessageStreamEvent,
    gemini: GenerateContentResponse,
}
DIALECTS = tuple(WHOLE)
REQUEST = ChatRequest("m", (Message(Role.USER, (Text("hi"),)),), usage_wanted=True)
USAGE = Usage(10, 5, 3, 2, 1, 1, 1)


def one(
    part: Said, *more: Event, text: str = "word", reason: Finish = Finish.STOP, raw: str | None = None
) -> list[Event]:
    grown: list[Event] = [] if isinstance(part, Image | Unread) else [PartGrew(0, text)]
    ends: list[Event] = [PartEnded(0, None), Finished(reason, raw), Ended(USAGE, "default")]
    return [Started(), PartStarted(0, part), *grown, *more, *ends]


ANSWERS: dict[str, list[Event]] = {
    "nothing": [Started(), Finished(Finish.STOP), Ended(None)],
    "uncounted": [Started(), PartStarted(0, Text("")), PartEnded(0), Finished(Finish.STOP), Ended(None)],
    "refusal": one(Refusal(""), reason=Finish.REFUSAL, raw="content_filter"),
    "picture": one(Image(Inline("image/png", "AA=="))),
    "picture by link": one(Image(Link("https://a.example/b.png"))),
    "sound": one(Audio(Inline("audio/wav", "")), text="AAAA"),
    "sound with words": one(Audio(Inline("audio/wav", ""), "hello", {"id": "a1"}), text="AAAA"),
    "call": one(ToolCall("c1", "f", ""), text='{"a":1}', reason=Finish.TOOL_CALLS),
    "call cut off": one(ToolCall("c1", "f", ""), text='{"a":', reason=Finish.LENGTH),
    "thought": one(Reasoning("", Seal("gemini", "AA==", provider="p"))),
    "summary": one(Reasoning("", summary=True)),
    "redacted": one(Reasoning("", Seal("anthropic.redacted", "AA=="))),
    "probable": one(Text(""), PartGrew(0, "x", (Logprob("x", -1.0, None, (Logprob("y", -2.0),)),))),
    "cited by a page": one(Text(""), Cited(0, Citation("https://a.example", "A", "word", 0, 4))),
    "cited by nothing": one(Text(""), Cited(0, Citation(title="A"))),
    "cited by Anthropic": one(
        Text(""),
        Cited(
            0,
            Citation(
                quote="w",
                carried={
                    "type": "char_location",
                    "cited_text": "w",
                    "document_index": 0,
                    "document_title": None,
                    "start_char_index": 0,
                    "end_char_index": 1,
                    "file_id": None,
                },
            ),
        ),
    ),
    "cited by OpenAI": one(
        Text(""),
        Cited(
            0,
            Citation(
                "https://a.example",
                "A",
                carried={
                    "type": "url_citation",
                    "url": "https://a.example",
                    "title": "A",
                    "start_index": 0,
                    "end_index": 1,
                },
            ),
        ),
    ),
    "unread": one(Unread("something_new", {"type": "something_new", "x": 1})),
}
ANSWERS |= {reason.name: one(Text(""), reason=reason, raw="a word of its own") for reason in Finish}


def pieces(dialect: ModuleType, events: list[Event]) -> list[bytes]:
    writer = dialect.Writer(REQUEST, "r1")
    stream = b"".join(writer.write(event) for event in events)
    return [frame.data for frame in sse.Reader().feed(stream) if frame.data != b"[DONE]"]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.NAME)
@pytest.mark.parametrize("answer", ANSWERS)
def test_every_piece_of_a_stream_is_one_the_sdk_knows(dialect: ModuleType, answer: str) -> None:
    known: TypeAdapter[Any] = TypeAdapter(PIECE[dialect])
    told = pieces(dialect, ANSWERS[answer])
    assert told
    for data in told:
        known.validate_json(data)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.NAME)
@pytest.mark.parametrize("answer", ANSWERS)
def test_every_whole_answer_is_one_the_sdk_knows(dialect: ModuleType, answer: str) -> None:
    body = dialect.write_reply(collect(ANSWERS[answer]), REQUEST, "r1")
    assert msgspec.json.decode(body)
    TypeAdapter(WHOLE[dialect]).validate_json(body)
