"""The laws of translation, over every recording and every dialect.

Golden equals read. What a dialect writes, it reads back. How bytes are portioned changes nothing. A stream that is cut
anywhere still closes well-formed.
"""

from collections.abc import Iterable

import anthropic
import httpx2
import msgspec
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from api.conversation import (
    Answered,
    Audio,
    ChatRequest,
    Cited,
    Ended,
    Event,
    Failed,
    Finish,
    Finished,
    Image,
    Message,
    PartEnded,
    PartGrew,
    PartStarted,
    Reasoning,
    Refusal,
    Reply,
    Role,
    Said,
    Seal,
    Started,
    Text,
    ToolCall,
    Unread,
    Usage,
    collect,
    told,
)
from api.dialects.sealing import unwrap
from api.dialects.spoken import SPOKEN
from api.errors import StreamBroken
from tests.recording import Recording, complete, heard, recordings, refusals, settled

RECORDINGS = recordings()
STREAMS = [recording for recording in RECORDINGS if recording.streamed]
COMPLETE = [recording for recording in RECORDINGS if isinstance(recording.events[-1], Ended)]
EVENT_STREAM = {"content-type": "text/event-stream"}
BROKEN = StreamBroken("The provider “far” ended its answer before it was complete.")


def named(cases: list[Recording]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("recording", cases, ids=[recording.name for recording in cases])


each_dialect = pytest.mark.parametrize("name", SPOKEN)


def asked(name: str) -> ChatRequest:
    """A request whose answer may hold everything that the dialect can say."""
    question = (Message(Role.USER, (Text("?"),)),)
    extra = {"include": ["reasoning.encrypted_content"]} if name == "openai_responses" else {}
    return ChatRequest("m", question, stream=True, logprobs=True, top_logprobs=2, dialect=name, extra=extra)


def written(name: str, events: Iterable[Event]) -> bytes:
    """The stream that says `events` in a dialect."""
    writer = SPOKEN[name].Writer(asked(name), "r1")
    return b"".join(map(writer.write, events))


def require_grammar(events: list[Event]) -> None:
    """Assert that `events` are said as the vocabulary's docstring has it."""
    open_parts: dict[int, int] = {}
    over: set[int] = set()
    begun = 0
    for place, event in enumerate(events):
        assert isinstance(event, Started) == (place == 0)
        match event:
            case PartStarted(index, part, choice):
                assert index == begun
                assert getattr(part, "text", "") == getattr(part, "arguments", "") == "", "it starts blank"
                assert choice not in open_parts.values(), "parts of one choice follow each other"
                assert choice not in over
                open_parts[index], begun = choice, begun + 1
            case PartGrew(index) | Cited(index):
                assert index in open_parts
            case PartEnded(index):
                del open_parts[index]
            case Finished(choice=choice):
                assert choice not in over
                assert choice not in open_parts.values()
                over.add(choice)
            case Ended():
                assert over
                assert not open_parts
            case _:
                pass
        assert not isinstance(event, Ended | Failed) or place == len(events) - 1


# Golden equals read


def test_there_are_enough_recordings_and_enough_of_them_from_others():
    theirs = [recording for recording in RECORDINGS if recording.origin.startswith(": origin: ")]
    ours = [recording for recording in RECORDINGS if recording.origin.startswith(": shaped after ")]
    assert len(theirs) >= 30
    assert len(theirs) + len(ours) == len(RECORDINGS) >= 60
    assert {recording.dialect.NAME for recording in theirs} == set(SPOKEN)


@named(RECORDINGS)
def test_golden_equals_read(recording):
    events = recording.read()
    assert events == recording.events
    if events[0:1] and not isinstance(events[0], Failed):
        require_grammar(events)


@named(refusals())
def test_a_refusal_says_what_its_golden_says(recording):
    assert recording.dialect.error_in(recording.body) == recording.told


# How bytes are portioned changes nothing


@named(STREAMS)
def test_one_byte_at_a_time_changes_nothing(recording):
    body = recording.body
    assert settled(heard(recording.dialect, body, range(1, len(body))), body) == recording.events


@given(recording=st.sampled_from(STREAMS), data=st.data())
def test_any_portions_change_nothing(recording, data):
    body = recording.body
    places = data.draw(st.lists(st.integers(0, len(body)), max_size=12).map(sorted))
    assert settled(heard(recording.dialect, body, places), body) == recording.events


# What a dialect writes, it reads back


WORDS = {  # reasons that a dialect has no word for, and what it says instead
    "openai_chat": {Finish.OTHER: Finish.STOP},
    "openai_responses": {Finish.OTHER: Finish.STOP, Finish.PAUSE: Finish.STOP, Finish.CONTEXT: Finish.LENGTH},
    "anthropic": {Finish.OTHER: Finish.STOP},
    "gemini": {Finish.PAUSE: Finish.OTHER, Finish.CONTEXT: Finish.LENGTH},
}
COUNTED = {  # what else a dialect counts: put into the cache, thought, heard and said in audio
    "openai_chat": lambda usage: (usage.cache_write, usage.reasoning, usage.audio_in, usage.audio_out),
    "openai_responses": lambda usage: (usage.cache_write, usage.reasoning),
    "anthropic": lambda usage: (usage.cache_write, usage.reasoning),
    "gemini": lambda usage: (0, usage.reasoning, usage.audio_in, usage.audio_out),
}
SEALS = {  # where a dialect has a field for a seal
    "openai_chat": (),
    "openai_responses": (Reasoning,),
    "anthropic": (Reasoning,),
    "gemini": (Text, Reasoning, ToolCall),
}


def as_said_in(name: str, reply: Reply) -> list[tuple[list[tuple[str, object]], Finish]]:
    """What of `reply` a dialect can say: kinds and contents of the parts of each choice, and why it ended.

    Texts that follow each other are one, for only some dialects keep their borders; so are reasonings and refusals.
    """
    choices = reply.choices if name in ("openai_chat", "gemini") else reply.choices[:1]
    return [(_parts(name, choice), _reason(name, choice)) for choice in choices]


def _reason(name: str, choice: Answered) -> Finish:
    reason = choice.finished.reason
    called = any(isinstance(part, ToolCall) for part in choice.parts)
    if name in ("openai_responses", "gemini"):  # there only the parts say that tools were called
        reason = {Finish.TOOL_CALLS: Finish.STOP}.get(reason, reason)
    if name == "anthropic" and reason is Finish.STOP and any(isinstance(part, Refusal) for part in choice.parts):
        return Finish.REFUSAL  # there it is the reason that says so
    said = WORDS[name].get(reason, reason)
    return Finish.TOOL_CALLS if called and said is Finish.STOP else said


def _parts(name: str, choice: Answered) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for part in choice.parts:
        for kind, content in _said(name, part):
            if found and found[-1][0] == kind and isinstance(content, str):
                found[-1] = (kind, str(found[-1][1]) + content)
            else:
                found.append((kind, content))
    if name == "openai_chat":  # one message has one of each, in no order
        kinds = ("reasoning", "text", "refusal", "call", "seal")
        together = [(kind, "".join(str(c) for k, c in found if k == kind)) for kind in kinds[:3]]
        return [*(pair for pair in together if pair[1]), *(pair for pair in found if pair[0] not in kinds[:3])]
    return found


def _said(name: str, part: Said) -> list[tuple[str, object]]:
    seal: list[tuple[str, object]] = []
    if (part_seal := getattr(part, "seal", None)) and isinstance(part, SEALS[name]):
        bare = unwrap(part_seal.value, part_seal.minted)
        seal = [("seal", (bare.minted, bare.value))]
    match part:
        case Text(text):
            return ([("text", text)] if text else []) + seal
        case Reasoning(text):
            return ([("reasoning", text)] if text else []) + seal
        case Refusal(text) if text:  # said as text by who has no refusal
            return [("refusal" if name.startswith("openai") else "text", text)]
        case ToolCall(call, tool, arguments):
            return [("call", (call, tool, _value(arguments))), *seal]
        case _:
            return []


def _value(arguments: str) -> object:
    """Arguments as what they mean: dialects that send objects lose the spaces; half an argument is none."""
    try:
        return msgspec.json.decode(arguments or "{}")
    except msgspec.DecodeError:
        return None


def _plain(recording: Recording) -> Reply:
    """A recording's reply without the parts that only some dialects can say, and without half arguments."""
    reply = collect(recording.events)
    return structs.replace(reply, choices=tuple(map(_plainly, reply.choices)))


def _plainly(choice: Answered) -> Answered:
    parts = [part for part in choice.parts if not isinstance(part, Image | Audio | Unread)]
    return structs.replace(choice, parts=tuple(map(_wholly, parts)))


def _wholly(part: Said) -> Said:
    return structs.replace(part, arguments="{}") if isinstance(part, ToolCall) and not _value(part.arguments) else part


@each_dialect
@named(COMPLETE)
def test_what_a_dialect_writes_it_reads_back(recording, name):
    reply = _plain(recording)
    stream = written(name, told(reply))
    events, finished = complete(SPOKEN[name], stream)
    require_grammar(events)
    assert finished
    assert as_said_in(name, collect(events)) == as_said_in(name, reply)


@each_dialect
@named(COMPLETE)
def test_a_whole_reply_says_the_same_as_a_stream(recording, name):
    reply = _plain(recording)
    whole = SPOKEN[name].read_reply(SPOKEN[name].write_reply(reply, asked(name), "r1"))
    require_grammar(whole)
    assert as_said_in(name, collect(whole)) == as_said_in(name, reply)


@each_dialect
@named(COMPLETE)
def test_tokens_are_counted_alike_on_both_sides(recording, name):
    usage = collect(recording.events).usage
    back = collect(heard(SPOKEN[name], written(name, recording.events))).usage or Usage()
    assert usage is None or back == Usage(usage.tokens_in, usage.tokens_out, usage.cached, *COUNTED[name](usage))


# Generated conversations

plain_text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
seals = st.sampled_from([None, Seal("anthropic", "c2ln"), Seal("gemini", "c2ln"), Seal("openai_responses", "x", "rs")])
said = st.one_of(
    st.builds(Text, plain_text),
    st.builds(Reasoning, plain_text, seals),
    st.builds(Refusal, plain_text),
    st.builds(
        ToolCall,
        st.integers(0, 10**9).map(lambda number: f"call_{number}"),
        st.sampled_from(["get_weather", "now"]),
        st.dictionaries(plain_text, plain_text, max_size=2).map(lambda given: msgspec.json.encode(given).decode()),
    ),
)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """A reply of one choice, its calls under ids of their own."""
    parts = draw(st.lists(said, min_size=1, max_size=5, unique_by=lambda part: getattr(part, "id", id(part))))
    called = any(isinstance(part, ToolCall) for part in parts)
    reason = Finish.TOOL_CALLS if called else draw(st.sampled_from([Finish.STOP, Finish.LENGTH, Finish.REFUSAL]))
    came, went = draw(st.integers(0, 10**6)), draw(st.integers(0, 10**6))
    return Reply((Answered(tuple(parts), Finished(reason)),), Usage(came, went))


@each_dialect
@given(reply=replies())
def test_any_reply_is_read_back(name, reply):
    stream = written(name, told(reply))
    events, finished = complete(SPOKEN[name], stream, range(7, len(stream), 7))
    require_grammar(events)
    assert finished
    assert as_said_in(name, collect(events)) == as_said_in(name, reply)
    assert collect(events).usage == reply.usage


# A stream that is cut


@named(STREAMS)
def test_a_stream_that_is_cut_is_not_complete(recording):
    body, events = recording.body, recording.events
    for place in range(0, len(body), max(1, len(body) // 40)):
        heard_so_far, finished = complete(recording.dialect, body[:place])
        ended = any(isinstance(event, Ended | Failed) for event in heard_so_far)
        assert finished == ended
        assert ended or len(heard_so_far) <= len(events)


def fail_after(name: str, events: Iterable[Event]) -> bytes:
    writer = SPOKEN[name].Writer(asked(name), "r1")
    return b"".join(map(writer.write, events)) + writer.fail(BROKEN)


def require_failure(name: str, stream: bytes) -> None:
    events, finished = complete(SPOKEN[name], stream)
    assert finished
    assert isinstance(events[-1], Failed)
    assert events[-1].words == str(BROKEN)
    assert not any(isinstance(event, Ended) for event in events)


@each_dialect
@named(STREAMS)
def test_a_failure_closes_well_formed_wherever_it_comes(recording, name):
    events = [event for event in recording.events if not isinstance(event, Failed | Ended)]
    for length in {0, 1, len(events) // 2, len(events) - 1, len(events)}:
        require_failure(name, fail_after(name, events[:length]))


@each_dialect
@given(reply=replies(), data=st.data())
def test_any_reply_can_fail_anywhere(name, reply, data):
    events = told(reply)[:-1]
    require_failure(name, fail_after(name, events[: data.draw(st.integers(0, len(events)))]))


# The official parsers, fed with the bytes of a failure


def says_once(stream: bytes) -> httpx2.MockTransport:
    """A far end within this process that answers everything with a stream."""
    return httpx2.MockTransport(lambda request: httpx2.Response(200, content=stream, headers=EVENT_STREAM))


@given(reply=replies(), data=st.data())
def test_openais_sdk_raises_its_error_wherever_a_chat_fails(reply, data):
    events = told(reply)[:-1]
    stream = fail_after("openai_chat", events[: data.draw(st.integers(0, len(events)))])
    with openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=says_once(stream), verify=False)) as client:
        answer = client.chat.completions.create(model="m", messages=[], stream=True)
        with pytest.raises(openai.APIError, match="before it was complete"):
            list(answer)


@given(reply=replies(), data=st.data())
def test_openais_sdk_hears_that_a_response_failed_wherever_it_does(reply, data):
    events = told(reply)[:-1]
    stream = fail_after("openai_responses", events[: data.draw(st.integers(0, len(events)))])
    with openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=says_once(stream), verify=False)) as client:
        *_, last = client.responses.create(model="m", input="?", stream=True)
    assert last.type == "response.failed"
    assert last.response.error
    assert last.response.error.message == str(BROKEN)


@given(reply=replies(), data=st.data())
def test_anthropics_sdk_raises_its_error_wherever_a_message_fails(reply, data):
    events = told(reply)[:-1]
    stream = fail_after("anthropic", events[: data.draw(st.integers(0, len(events)))])
    http = httpx2.Client(transport=says_once(stream), verify=False)
    with anthropic.Anthropic(api_key="k", http_client=http) as client:
        answer = client.messages.create(model="m", max_tokens=1, messages=[], stream=True)
        with pytest.raises(anthropic.APIStatusError, match="before it was complete"):
            list(answer)
