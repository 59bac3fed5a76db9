"""A reply is a folded stream, and a stream the telling of a reply."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from api.conversation import (
    Answered,
    Audio,
    Citation,
    Cited,
    Ended,
    Event,
    Finish,
    Finished,
    Inline,
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
    Text,
    ToolCall,
    ToolResult,
    Unread,
    Usage,
    collect,
    said,
    told,
)

texts = st.text(max_size=12)
seals = st.none() | st.builds(Seal, st.sampled_from(["anthropic", "gemini"]), texts)
citations = st.lists(st.builds(Citation, url=texts), max_size=2).map(tuple)
parts = (
    st.builds(Text, texts, citations, seals)
    | st.builds(Reasoning, texts, seals, st.booleans())
    | st.builds(Refusal, texts)
    | st.builds(ToolCall, texts, texts, texts.filter(bool), seals)
    | st.builds(Unread, texts)
)
usages = st.none() | st.builds(Usage, st.integers(0, 99), st.integers(0, 99))


@st.composite
def replies(draw):
    """A whole reply of one choice or several."""
    choices = tuple(
        Answered(
            tuple(draw(st.lists(parts, max_size=4))),
            Finished(draw(st.sampled_from(Finish)), draw(st.none() | texts), choice=number),
        )
        for number in range(draw(st.integers(1, 3)))
    )
    return Reply(choices, draw(usages), draw(st.none() | texts))


@st.composite
def streams(draw):
    """A reply, and events that tell it: every part in portions, which mix if the parts run together."""
    reply = draw(replies())
    events = told(reply)
    growths = []
    for event in [event for event in events if isinstance(event, PartGrew)]:
        cut = draw(st.integers(0, len(event.text)))
        growths += [structs.replace(event, text=piece) for piece in (event.text[:cut], event.text[cut:])]
    if draw(st.booleans()):
        growths.sort(key=lambda grew: -grew.index)
    started = [event for event in events if isinstance(event, Started | PartStarted)]
    return reply, [*started, *growths, *(event for event in events if isinstance(event, PartEnded | Finished | Ended))]


@given(replies())
def test_a_reply_told_and_collected_is_the_same(reply):
    assert collect(told(reply)) == reply


@given(streams())
def test_events_fold_into_the_reply_they_tell(case):
    reply, events = case
    assert collect(events) == reply


def test_a_stream_that_only_began_folds_into_an_empty_reply():
    assert collect([Started(3)]) == Reply((Answered((), Finished(Finish.STOP)),))


def test_a_call_without_arguments_folds_into_an_empty_object():
    reply = collect([Started(), PartStarted(0, ToolCall("1", "f", "")), PartEnded(0)])
    assert reply.choices[0].parts == (ToolCall("1", "f", "{}"),)


def test_a_seal_at_the_end_of_a_part_takes_the_place_of_the_one_at_its_start():
    early, late = Seal("gemini", "early"), Seal("gemini", "late")
    reply = collect([PartStarted(0, Reasoning("", early)), PartGrew(0, "hm"), PartEnded(0, late)])
    assert reply.choices[0].parts == (Reasoning("hm", late),)


def test_citations_belong_to_the_text_that_was_being_said():
    source = Citation("https://example.com")
    reply = collect([PartStarted(0, Text("")), PartGrew(0, "so"), Cited(0, source), PartEnded(0)])
    assert reply.choices[0].parts == (Text("so", (source,)),)


def test_audio_grows_by_its_base64():
    reply = collect([PartStarted(0, Audio(Inline("audio/wav", ""))), PartGrew(0, "AAAA"), PartGrew(0, "BBBB")])
    assert reply.choices[0].parts == (Audio(Inline("audio/wav", "AAAABBBB")),)


def test_logprobs_are_those_of_the_choice_they_came_with():
    yes, no = Logprob("yes", -0.1), Logprob("no", -0.2)
    events: list[Event] = [
        *(PartStarted(0, Text(""), 0), PartStarted(1, Text(""), 1)),
        *(PartGrew(1, "no", (no,)), PartGrew(0, "yes", (yes,))),
    ]
    assert [answered.logprobs for answered in collect(events).choices] == [(yes,), (no,)]


def test_what_a_message_says_is_its_texts_and_results():
    parts = (Text("a"), ToolCall("1", "f", "{}"), Unread("image"), ToolResult("1", (Text("b"),)), Text("c"))
    assert said(Message(Role.USER, parts)) == "abc"
