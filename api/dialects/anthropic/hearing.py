"""A provider's reply in this dialect, streamed or whole, as events."""

import secrets
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from api.conversation import (
    Cited,
    Ended,
    Event,
    Failed,
    Finish,
    Finished,
    PartEnded,
    PartGrew,
    PartStarted,
    Reasoning,
    Refusal,
    Said,
    Seal,
    Started,
    Text,
    Unread,
)
from api.dialects import sse
from api.dialects.anthropic.counted import Counted
from api.dialects.anthropic.parts import Json, arguments, called, citation, seal_of
from api.dialects.anthropic.words import REASONS, REDACTED, SIGNATURE

NO_REPLY: Final = "The provider's answer is no message."
BROKEN: Final = "The provider failed without saying why."


class _Delta(Struct, frozen=True):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    signature: str | None = None
    citation: Any = None
    content: Any = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: Any = None


class _Event(Struct):
    type: str
    index: int = 0
    delta: _Delta = _Delta()
    content_block: Any = None
    message: Any = None
    usage: Any = None
    error: Any = None


_EVENT: Final = msgspec.json.Decoder(_Event)
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Reader:
    """The frames of a provider's stream to events: never an exception, whatever comes."""

    def __init__(self) -> None:
        self.finished = False
        self._counted = Counted()
        self._open: _Open | None = None
        self._begun = self._said_why = False
        self._count = 0
        self._reason: str | None = None
        self._sequence: str | None = None

    def feed(self, frames: Iterable[sse.Frame]) -> list[Event]:
        """What these frames say."""
        events: list[Event] = []
        for frame in frames:
            try:
                said = _EVENT.decode(frame.data)
            except _UNREADABLE:
                continue
            if not self.finished:
                self._hear(said, events)
        return events

    def end(self) -> list[Event]:
        """What is still to be said where only `message_stop` is missing."""
        events: list[Event] = []
        if not self.finished and self._said_why:
            self._stop(events)
        return events

    def whole(self, message: Json) -> list[Event]:
        """A reply that is no stream, heard as if it were one."""
        events: list[Event] = []
        self._counted.hear(message.get("usage"))
        self._begin(events)
        for number, block in enumerate(message.get("content") or []):
            self._start(number, block, events)
            self._close(events)
        self._why(message, events)
        self._stop(events)
        return events

    def _hear(self, said: _Event, events: list[Event]) -> None:
        match said.type:
            case "content_block_delta":
                self._grow(said.index, said.delta, events)
            case "content_block_start":
                self._begin(events)
                self._start(said.index, said.content_block, events)
            case "content_block_stop":
                self._close(events)
            case "message_start":
                if isinstance(said.message, dict):
                    self._counted.hear(said.message.get("usage"))
                self._begin(events)
            case "message_delta":
                self._counted.hear(said.usage)
                delta = said.delta
                self._why(
                    {
                        "stop_reason": delta.stop_reason,
                        "stop_sequence": delta.stop_sequence,
                        "stop_details": delta.stop_details,
                    },
                    events,
                )
            case "message_stop":
                self._stop(events)
            case "error":
                self._fail(said.error, events)

    def _begin(self, events: list[Event]) -> None:
        if not self._begun:
            self._begun = True
            events.append(Started(self._counted.tokens_in))

    def _start(self, index: int, block: Any, events: list[Event]) -> None:
        self._close(events)
        if isinstance(block, dict) and isinstance(block.get("type"), str):
            self._open = _open(index, self._count, block)
            self._count += 1
            self._open.say_start(block, events)

    def _grow(self, index: int, delta: _Delta, events: list[Event]) -> None:
        if self._open is None or self._open.index != index:
            blank = _BLANK.get(delta.type)
            if blank is None:
                return
            self._begin(events)
            self._start(index, blank, events)  # a server that forgets to open its blocks
        if self._open:
            self._open.grow(delta, events)

    def _close(self, events: list[Event]) -> None:
        if self._open:
            self._open.close(events)
            self._open = None

    def _why(self, said: Json, events: list[Event]) -> None:
        reason, sequence, details = said.get("stop_reason"), said.get("stop_sequence"), said.get("stop_details")
        if isinstance(reason, str):
            self._said_why, self._reason = True, reason
            self._sequence = sequence if isinstance(sequence, str) else None
        words = details.get("explanation") if isinstance(details, dict) else None
        if isinstance(words, str) and words:
            self._begin(events)
            self._close(events)
            number, self._count = self._count, self._count + 1
            events += [PartStarted(number, Refusal("")), PartGrew(number, words), PartEnded(number)]

    def _stop(self, events: list[Event]) -> None:
        self._begin(events)
        self._close(events)
        reason = REASONS.get(self._reason, Finish.OTHER) if self._reason else Finish.STOP
        events += [
            Finished(reason, self._reason, self._sequence),
            Ended(self._counted.usage, self._counted.tier),
        ]
        self.finished = True

    def _fail(self, error: Any, events: list[Event]) -> None:
        told = error if isinstance(error, dict) else {}
        words, kind = told.get("message"), told.get("type")
        self._begin(events)
        events.append(
            Failed(words if isinstance(words, str) and words else BROKEN, kind if isinstance(kind, str) else None)
        )
        self.finished = True


_BLANK: Final[dict[str, Json]] = {
    "text_delta": {"type": "text"},
    "thinking_delta": {"type": "thinking"},
}


def read_reply(body: bytes) -> list[Event]:
    """A provider's whole reply, as events. `ValueError` if it is none."""
    try:
        message = msgspec.json.decode(body)
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError(NO_REPLY) from error
    if not isinstance(message, dict):
        raise ValueError(NO_REPLY)
    reader = Reader()
    if message.get("type") == "error":
        return reader.feed([sse.Frame(b"", body)])
    if not isinstance(message.get("content"), list):
        raise ValueError(NO_REPLY)
    return reader.whole(message)


def read_count_reply(body: bytes) -> int:
    """The tokens that a provider counted. `ValueError` if it says none."""
    return _COUNT.decode(body).input_tokens


class _Count(Struct):
    input_tokens: int


_COUNT: Final = msgspec.json.Decoder(_Count)


class _Open:
    """A block that is being told, as the part of that `number`."""

    __slots__ = ("grown", "index", "input", "number", "part", "seal")

    def __init__(self, index: int, number: int, part: Said) -> None:
        self.index, self.number, self.part = index, number, part
        self.grown = False
        self.input = ""
        self.seal: Seal | None = None

    def say_start(self, block: Json, events: list[Event]) -> None:
        """That it begins, with what it already holds."""
        events.append(PartStarted(self.number, self.part))
        text = block.get("thinking" if isinstance(self.part, Reasoning) else "text")
        if isinstance(text, str) and text:
            events.append(PartGrew(self.number, text))
        cited = block.get("citations")
        for said in cited if isinstance(cited, list) else ():
            self._cite(said, events)
        if isinstance(self.part, Reasoning) and self.part.seal is None:
            self.seal = seal_of(block.get("signature"), SIGNATURE)

    def grow(self, delta: _Delta, events: list[Event]) -> None:
        """More of it."""
        match delta.type:
            case "text_delta" if isinstance(self.part, Text):
                text = delta.text
            case "thinking_delta" if isinstance(self.part, Reasoning):
                text = delta.thinking
            case "signature_delta":
                self.seal = seal_of(delta.signature, SIGNATURE) or self.seal
                return
            case "citations_delta":
                self._cite(delta.citation, events)
                return
            case _:
                return
        if text:
            events.append(PartGrew(self.number, text))

    def close(self, events: list[Event]) -> None:
        """That it is done."""
        events.append(PartEnded(self.number, self.seal))

    def _cite(self, said: Any, events: list[Event]) -> None:
        if isinstance(said, dict) and isinstance(self.part, Text):
            events.append(Cited(self.number, citation(said)))


class _OpenCall(_Open):
    """A call: its input comes in pieces, or as a whole at the start."""

    __slots__ = ()

    def say_start(self, block: Json, events: list[Event]) -> None:
        events.append(PartStarted(self.number, self.part))
        self.input = arguments(block.get("input"))

    def grow(self, delta: _Delta, events: list[Event]) -> None:
        if delta.type == "input_json_delta" and delta.partial_json:
            self.grown = True
            events.append(PartGrew(self.number, delta.partial_json))

    def close(self, events: list[Event]) -> None:
        if not self.grown:
            events.append(PartGrew(self.number, self.input))
        events.append(PartEnded(self.number))


class _OpenUnread(_Open):
    """A block of another kind: told when it is whole, for it cannot grow."""

    __slots__ = ("pieces", "raw")

    def say_start(self, block: Json, events: list[Event]) -> None:
        self.raw: Json = dict(block)
        self.pieces: list[str] = []

    def grow(self, delta: _Delta, events: list[Event]) -> None:
        if delta.partial_json:
            self.pieces.append(delta.partial_json)
        elif delta.type == "compaction_delta" and isinstance(delta.content, str):
            self.raw["content"] = delta.content

    def close(self, events: list[Event]) -> None:
        if self.pieces:
            try:
                self.raw["input"] = msgspec.json.decode("".join(self.pieces))
            except (ValueError, RecursionError):
                self.raw["input"] = {}
        events += [PartStarted(self.number, Unread(self.raw["type"], self.raw)), PartEnded(self.number)]


def _open(index: int, number: int, block: Json) -> _Open:
    match block["type"]:
        case "text":
            return _Open(index, number, Text(""))
        case "thinking":
            return _Open(index, number, Reasoning(""))
        case "redacted_thinking":
            return _Open(index, number, Reasoning("", seal_of(block.get("data"), REDACTED)))
        case "tool_use":
            call = called(block, "")
            if not call.id:
                call = msgspec.structs.replace(call, id=f"call_{secrets.token_hex(12)}")
            return _OpenCall(index, number, call)
        case kind:
            return _OpenUnread(index, number, Unread(kind, block))
