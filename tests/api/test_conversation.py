"""A reply is a folded stream."""

from hypothesis import given
from hypothesis import strategies as st

from api.conversation import (
    Finish,
    Finished,
    Message,
    PartEnded,
    PartGrew,
    PartStarted,
    Reply,
    Role,
    Started,
    Text,
    ToolCall,
    ToolResult,
    Unread,
    Usage,
    collect,
    said,
)

texts = st.text(max_size=12)
parts = texts.map(Text) | st.builds(ToolCall, texts, texts, texts)
usages = st.builds(Usage, st.integers(0, 99), st.integers(0, 99))
replies = st.builds(Reply, st.lists(parts, max_size=4).map(tuple), st.sampled_from(Finish), usages)


@st.composite
def streams(draw):
    """A reply, and events that tell it: every part in portions, which mix if the parts run together."""
    reply = draw(replies)
    growths = []
    for index, part in enumerate(reply.parts):
        whole = part.text if isinstance(part, Text) else part.arguments
        cut = draw(st.integers(0, len(whole)))
        growths += [PartGrew(index, piece) for piece in (whole[:cut], whole[cut:])]
    if draw(st.booleans()):
        growths.sort(key=lambda grew: -grew.index)
    blanks = [Text("") if isinstance(part, Text) else ToolCall(part.id, part.name, "") for part in reply.parts]
    starts = [PartStarted(index, blank) for index, blank in enumerate(blanks)]
    ends = [PartEnded(index) for index in range(len(blanks))]
    return reply, [Started(3), *starts, *growths, *ends, Finished(reply.reason, reply.usage)]


@given(streams())
def test_events_fold_into_the_reply_they_tell(told):
    reply, events = told
    assert collect(events) == reply


def test_a_stream_that_only_began_folds_into_an_empty_reply():
    assert collect([Started(3)]) == Reply((), Finish.STOP, Usage())


def test_what_a_message_says_is_its_texts_and_results():
    parts = (Text("a"), ToolCall("1", "f", "{}"), Unread("image"), ToolResult("1", "b"), Text("c"))
    assert said(Message(Role.USER, parts)) == "abc"
