"""What translation costs: CPU a streamed chunk on top of pass-through, and the time of a long conversation.

Measured inside this process, without sockets: nothing else of the machine or of a client is counted. Of several rounds
the best one stands, for whatever disturbs a round only makes it slower.
"""

import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

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
    Role,
    Started,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from api.dialects import sse
from api.dialects.dialect import Dialect
from api.dialects.envelope import named_envelope, open_envelope
from api.dialects.quirks import NONE
from api.dialects.spoken import SPOKEN

MOST_A_CHUNK: Final = 60e-6
MOST_A_CONVERSATION: Final = 15e-3
CONVERSATION: Final = 400_000  # bytes
ROUNDS: Final = 7
PIECES: Final = 500
_SENTENCE: Final = "The weather in Rome is fine today, and so it will be tomorrow. "
_SAYS: Final = {"openai_responses": "input"}
_SCHEMA: Final = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class Pair(Struct, frozen=True):
    """One translation, in seconds: a chunk beyond pass-through; a conversation, and the envelope's part of it."""

    caller: str
    provider: str
    chunk: float
    conversation: float
    envelope: float


def translations() -> list[Pair]:
    """Every pair of two dialects, measured."""
    names = list(SPOKEN)
    return [_pair(caller, provider) for caller in names for provider in names if caller != provider]


def table(pairs: list[Pair]) -> list[str]:
    """The lines of the report."""
    rows = [
        f"  {pair.caller + ' <- ' + pair.provider:36}{pair.chunk * 1e6:>10.1f}{pair.conversation * 1e3:>12.2f}"
        f"{pair.conversation / pair.envelope:>12.1f}"
        for pair in pairs
    ]
    head = f"  {'caller <- provider':36}{'µs a chunk':>10}{'ms a talk':>12}{'x envelope':>12}"
    return [f"Translation: CPU beyond pass-through; a talk is {CONVERSATION // 1000} KB; best of {ROUNDS}", head, *rows]


def _pair(caller: str, provider: str) -> Pair:
    here, there = SPOKEN[caller], SPOKEN[provider]
    body = _body(here)
    said = here.read_request(body, "bench", True)
    stream = _stream(there)
    chunk = _best(lambda: _translate(here, there, said, stream)) - _best(lambda: _pass(there, stream))
    conversation = _best(lambda: there.write_request(here.read_request(body, "bench", True), NONE, "far"))
    return Pair(caller, provider, chunk / PIECES, conversation, _best(lambda: _envelope(here, body)))


def _translate(here: Dialect, there: Dialect, request: ChatRequest, stream: list[bytes]) -> None:
    frames, reader, writer = sse.Reader(), there.Reader(), here.Writer(request, "bench")
    for block in stream:
        for event in reader.feed(frames.feed(block)):
            writer.write(event)


def _pass(there: Dialect, stream: list[bytes]) -> None:
    frames, ear = sse.Reader(), there.Ear()
    for block in stream:
        ear.hear(frames.feed(block))


def _envelope(here: Dialect, body: bytes) -> None:
    if here.NAME == "gemini":
        named_envelope(body, "bench", True).renamed("far")
    else:
        open_envelope(body, _SAYS.get(here.NAME, "messages")).renamed("far")


def _stream(there: Dialect) -> list[bytes]:
    """A provider's stream, a word a chunk."""
    writer = there.Writer(_request(_talk(1)), "bench")
    grown: list[Event] = [PartGrew(0, "word ") for _ in range(PIECES)]
    last: list[Event] = [PartEnded(0), Finished(Finish.STOP), Ended(Usage(211, PIECES))]
    blocks = map(writer.write, [Started(211), PartStarted(0, Text("")), *grown, *last])
    return [block for block in blocks if block]


def _body(here: Dialect) -> bytes:
    """A conversation of about the length wanted, as a caller of this dialect sends it."""
    short, long = (len(here.write_request(_request(_talk(turns)), NONE, "").body) for turns in (1, 11))
    return here.write_request(_request(_talk(1 + (CONVERSATION - short) * 10 // (long - short))), NONE, "").body


def _request(messages: tuple[Message, ...]) -> ChatRequest:
    tool = Tool("get_weather", _SCHEMA, "Tells the weather of a city.")
    return ChatRequest("bench", messages, (tool,), 4096, True, temperature=0.7)


def _talk(turns: int) -> tuple[Message, ...]:
    """A talk whose turns each ask, call a tool, hear its result and answer, as agents do."""
    system = Message(Role.SYSTEM, (Text(_SENTENCE * 8),))
    return (system, *(message for turn in range(turns) for message in _turn(turn)))


def _turn(number: int) -> tuple[Message, ...]:
    call = ToolCall(f"call_{number}", "get_weather", '{"city":"Rome"}')
    return (
        Message(Role.USER, (Text(_SENTENCE * 4),)),
        Message(Role.ASSISTANT, (Text(_SENTENCE), call)),
        Message(Role.USER, (ToolResult(f"call_{number}", (Text(_SENTENCE * 12),)),)),
        Message(Role.ASSISTANT, (Text(_SENTENCE * 6),)),
    )


def _best(work: Callable[[], object]) -> float:
    """The CPU seconds of the quickest of several rounds."""
    return min(map(_timed, [work] * ROUNDS))


def _timed(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


if __name__ == "__main__":
    print(*table(translations()), sep="\n")
