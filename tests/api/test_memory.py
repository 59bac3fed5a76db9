"""The memory of what turns that called tools carried: learned from replies, given back to requests."""

import pytest

from api import memory as room
from api.conversation import (
    ChatRequest,
    Ended,
    Event,
    Finish,
    Finished,
    Message,
    PartEnded,
    PartGrew,
    PartStarted,
    Reasoning,
    Role,
    Seal,
    Started,
    Text,
    ToolCall,
)
from api.dialects import anthropic, gemini, openai_chat
from api.dialects.quirks import Quirks
from api.memory import Hearing, Kept, Memory
from api.providers.provider import Provider

SIGNED = Seal("anthropic", "sig")
THOUGHT = Seal("gemini", "thought")
THINKS = Provider(
    id="far", name="Far", dialects=("openai_chat",), base_url="", quirks=Quirks(reasoning_field="reasoning_content")
)
PLAIN = Provider(id="far", name="Far", dialects=("openai_chat",), base_url="")


def hear(memory, *parts, provider=PLAIN):
    """Have the memory hear a reply of `parts`, in the way that dialects with late seals tell it."""
    hearing = Hearing(memory, provider)
    events: list[Event] = [Started()]
    for index, part in enumerate(parts):
        match part:
            case Reasoning(text, seal):
                events += [PartStarted(index, Reasoning("")), PartGrew(index, text), PartEnded(index, seal)]
            case ToolCall(id_, name, arguments, seal):
                events += [PartStarted(index, ToolCall(id_, name, "", seal)), PartGrew(index, arguments)]
                events.append(PartEnded(index))
            case _:
                events += [PartStarted(index, part), PartEnded(index)]
    for event in [*events, Finished(Finish.TOOL_CALLS), Ended()]:
        hearing.hear([event])


def call(id_, seal=None):
    return ToolCall(id_, "f", "{}", seal)


def asks(*parts):
    return ChatRequest("m", (Message(Role.USER, (Text("go"),)), Message(Role.ASSISTANT, parts)))


def restored(memory, *parts, dialect=anthropic.NAME, provider=PLAIN.mark):
    return memory.restore(asks(*parts), provider, dialect).messages[-1].parts


def test_sealed_thoughts_come_back_in_front_of_the_turn_that_called():
    memory = Memory()
    hear(memory, Reasoning("hm", SIGNED), Text("I look."), call("1"))
    assert restored(memory, Text("I look."), call("1")) == (Reasoning("hm", SIGNED), Text("I look."), call("1"))


def test_the_seal_of_a_call_comes_back_to_that_call():
    memory = Memory()
    hear(memory, call("1", THOUGHT), call("2"))
    assert restored(memory, call("1"), call("2"), dialect=gemini.NAME) == (call("1", THOUGHT), call("2"))


def test_thoughts_between_two_calls_come_back_between_them():
    memory = Memory()
    first, second = Reasoning("one", SIGNED), Reasoning("two", SIGNED)
    hear(memory, first, call("1"), second, call("2"))
    assert restored(memory, call("1"), call("2")) == (first, call("1"), second, call("2"))


def test_calls_that_come_back_in_turns_of_their_own_have_their_own_thoughts():
    memory = Memory()
    hear(memory, Reasoning("hm", SIGNED), call("1"), call("2"))
    assert restored(memory, call("1")) == (Reasoning("hm", SIGNED), call("1"))
    assert restored(memory, call("2")) == (call("2"),)


def test_what_the_caller_sent_himself_stays():
    memory = Memory()
    hear(memory, Reasoning("hm", SIGNED), call("1", THOUGHT))
    own = Seal("anthropic", "his own")
    assert restored(memory, Reasoning("mine", own), call("1", own)) == (Reasoning("mine", own), call("1", own))


def test_thoughts_that_lost_their_seal_give_way_to_sealed_ones():
    memory = Memory()
    hear(memory, Reasoning("hm", SIGNED), call("1"))
    assert restored(memory, Reasoning("hm"), call("1")) == (Reasoning("hm", SIGNED), call("1"))


def test_thoughts_without_a_seal_are_kept_for_who_wants_them_back():
    memory = Memory()
    hear(memory, Reasoning("hm"), call("1"), provider=THINKS)
    assert restored(memory, call("1"), dialect=openai_chat.NAME) == (Reasoning("hm"), call("1"))


def test_thoughts_without_a_seal_are_not_kept_for_who_does_not():
    memory = Memory()
    hear(memory, Reasoning("hm"), call("1"))
    assert len(memory) == 0


def test_a_turn_that_called_nothing_is_not_kept():
    memory = Memory()
    hear(memory, Reasoning("hm", SIGNED), Text("Hello"))
    assert len(memory) == 0


def test_a_call_alone_is_not_kept():
    memory = Memory()
    hear(memory, call("1"))
    assert len(memory) == 0


def test_a_request_that_lacks_nothing_is_itself():
    memory = Memory()
    hear(memory, Reasoning("hm", SIGNED), call("1"))
    request = asks(Text("no call"), call("other"))
    assert memory.restore(request, PLAIN.mark, anthropic.NAME) is request


def test_another_provider_learns_nothing_of_it():
    memory = Memory()
    hear(memory, Reasoning("hm", SIGNED), call("1"))
    assert restored(memory, call("1"), provider="near") == (call("1"),)


def test_a_seal_comes_back_only_in_the_dialect_it_was_made_in():
    memory = Memory()
    hear(memory, Reasoning("hm", SIGNED), call("1", THOUGHT))
    assert restored(memory, call("1"), dialect=openai_chat.NAME) == (call("1"),)


def test_redacted_thoughts_are_thoughts_too():
    memory, hidden = Memory(), Reasoning("", Seal("anthropic.redacted", "xyz"))
    hear(memory, hidden, call("1"))
    assert restored(memory, call("1")) == (hidden, call("1"))


def test_other_choices_are_not_gone_on_with():
    memory = Memory()
    Hearing(memory, PLAIN).hear([PartStarted(0, call("1", THOUGHT), 1), PartEnded(0)])
    assert len(memory) == 0


def test_a_call_is_kept_as_soon_as_it_is_whole():
    memory = Memory()
    Hearing(memory, PLAIN).hear([PartStarted(0, ToolCall("1", "f", "")), PartGrew(0, "{}"), PartEnded(0, THOUGHT)])
    assert memory.recall(PLAIN.mark, room.name_of(call("1"))) == Kept((), THOUGHT)


def test_the_least_recently_used_goes_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, "MOST", 2)
    memory = Memory()
    for number in "123":
        memory.keep("far", number, Kept((), THOUGHT))
        memory.recall("far", "1")
    assert [bool(memory.recall("far", number)) for number in "123"] == [True, False, True]


def test_it_holds_so_many_bytes_and_no_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, "MOST_BYTES", 10_000)
    memory = Memory()
    for number in range(100):
        memory.keep("far", str(number), Kept((Reasoning("x" * 2000),)))
    assert len(memory) == 4
    assert memory.recall("far", "99")


def test_the_same_call_kept_twice_counts_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, "MOST_BYTES", 10_000)
    memory = Memory()
    for _ in range(100):
        memory.keep("far", "1", Kept((Reasoning("x" * 2000),)))
    memory.keep("far", "2", Kept((Reasoning("x" * 2000),)))
    assert len(memory) == 2


def test_what_nobody_asked_for_in_an_hour_is_forgotten():
    now = [0.0]
    memory = Memory(lambda: now[0])
    memory.keep("far", "old", Kept((), THOUGHT))
    memory.keep("far", "used", Kept((), THOUGHT))
    now[0] = 3000.0
    assert memory.recall("far", "used")
    now[0] = 3601.0
    assert memory.recall("far", "old") is None
    assert memory.recall("far", "used")
    now[0] = 9000.0
    memory.keep("far", "new", Kept((), THOUGHT))
    assert len(memory) == 1


def test_the_size_of_a_sealed_turn_is_that_of_its_texts_and_seals():
    kept = Kept((Reasoning("x" * 100, Seal("anthropic", "s" * 1000)),), Seal("gemini", "t" * 10))
    assert kept.size == room.OVERHEAD + 1110
