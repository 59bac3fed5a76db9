"""A provider's stream or whole reply to events, however poor or odd its way of speaking."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from api.conversation import (
    Audio,
    Cited,
    Ended,
    Event,
    Failed,
    Finish,
    Finished,
    Image,
    Inline,
    Logprob,
    PartEnded,
    PartGrew,
    PartStarted,
    Reasoning,
    Refusal,
    Said,
    Seal,
    Started,
    Text,
    Usage,
)
from api.dialects import sse
from api.dialects.openai_chat.calling import Calls
from api.dialects.openai_chat.counts import read_usage
from api.dialects.openai_chat.erring import words_of
from api.dialects.openai_chat.names import DONE, FINISHES, NAME, SOUNDS
from api.dialects.openai_chat.pieces import concatenated, gather, joined, read_citation, read_logprobs
from api.dialects.openai_chat.sources import read_url
from api.dialects.openai_chat.turns import told_in


class _Delta(Struct):
    """What a choice says: a delta of a stream, or the whole message. Odd values are passed over one by one."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    refusal: Any = None
    tool_calls: Any = None
    function_call: Any = None
    annotations: Any = None
    audio: Any = None
    images: Any = None


class _Choice(Struct):
    index: Any = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: Any = None
    native_finish_reason: Any = None
    stop_reason: Any = None
    logprobs: Any = None
    error: Any = None
    usage: Any = None


class _Chunk(Struct):
    choices: list[_Choice] | None = None
    usage: Any = None
    service_tier: Any = None
    x_groq: Any = None
    error: Any = None
    object: Any = None
    message: Any = None


_CHUNK: Final = msgspec.json.Decoder(_Chunk)
_NATIVE: Final = frozenset(word for word, reason in FINISHES.items() if reason in (Finish.PAUSE, Finish.CONTEXT))


class Reader:
    """The frames of a provider's stream to events: never an exception, whatever comes."""

    def __init__(self) -> None:
        self.finished = False
        self._started = False
        self._next = 0
        self._choices: dict[int, _Speaking] = {}
        self._usage: Usage | None = None
        self._tier: str | None = None

    def feed(self, frames: Iterable[sse.Frame]) -> list[Event]:
        """What these frames say."""
        events: list[Event] = []
        for frame in frames:
            if self.finished:
                break
            if frame.data.strip() == DONE:
                events += self._finish()
                continue
            try:
                chunk = _CHUNK.decode(frame.data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                if frame.event == b"error":
                    events += self._fail(frame.data.decode(errors="replace"))
                continue
            if frame.event == b"error" and not chunk.error:
                chunk.error = {"message": chunk.message}
            self.hear(chunk, events)
        return events

    def end(self) -> list[Event]:
        """What is still to be said when the stream is over; nothing if it broke off, and `finished` says so."""
        spoken = self._choices.values()
        if self.finished or not spoken or any(choice.reason is None for choice in spoken):
            return []
        return self._finish()

    def hear(self, chunk: _Chunk, events: list[Event]) -> None:
        """Take one chunk; what it says is put behind `events`."""
        if chunk.error or (chunk.object == "error" and chunk.message):
            events += self._fail(chunk.error or chunk.message)
            return
        if not self._started and chunk.choices is not None:
            self._started = True
            events.append(Started())
        for choice in chunk.choices or ():
            if choice.error:
                events += self._fail(choice.error)
                return
            self._speaking(choice.index).hear(choice, events)
            if choice.usage:  # Moonshot counts in the choice
                self._usage = read_usage(choice.usage) or self._usage
        if chunk.usage or chunk.x_groq:
            groq = chunk.x_groq.get("usage") if isinstance(chunk.x_groq, dict) else None
            self._usage = read_usage(chunk.usage) or read_usage(groq) or self._usage
        if isinstance(chunk.service_tier, str):
            self._tier = chunk.service_tier

    def take_index(self) -> int:
        """The index of the next part of the reply."""
        self._next += 1
        return self._next - 1

    def _speaking(self, index: Any) -> "_Speaking":
        number = index if type(index) is int and index >= 0 else 0
        if number not in self._choices:
            self._choices[number] = _Speaking(self, number)
        return self._choices[number]

    def _fail(self, error: Any) -> list[Event]:
        self.finished = True
        return [Failed(*words_of(error))]

    def _finish(self) -> list[Event]:
        self.finished = True
        events: list[Event] = [] if self._started else [Started()]
        for choice in self._choices.values() or (_Speaking(self, 0),):
            choice.finish(events)
        return [*events, Ended(self._usage, self._tier)]


class _Speaking:
    """One choice while it is told: which part is open, which calls wait."""

    __slots__ = (
        "_calls",
        "_details",
        "_index",
        "_kind",
        "_native",
        "_number",
        "_reader",
        "_sealed",
        "_sequence",
        "_sound",
        "reason",
    )

    def __init__(self, reader: Reader, number: int) -> None:
        self._reader, self._number = reader, number
        self._kind: type[Said] | None = None  # the open part's
        self._index = 0
        self._calls = Calls(reader.take_index, number)
        self._details: list[Any] = []
        self._sound: dict[str, Any] = {}
        self.reason: str | None = None
        self._native: str | None = None
        self._sequence: str | None = None
        self._sealed = False

    def hear(self, choice: _Choice, events: list[Event]) -> None:
        delta = choice.delta or choice.message
        if delta is not None:
            self._said(delta, choice.logprobs, events)
        if choice.finish_reason and isinstance(choice.finish_reason, str):
            self.reason = choice.finish_reason
            native, sequence = choice.native_finish_reason, choice.stop_reason
            self._native = native if isinstance(native, str) else None
            self._sequence = sequence if isinstance(sequence, str) and sequence not in FINISHES else None

    def _said(self, delta: _Delta, logprobs: Any, events: list[Event]) -> None:
        thought = delta.reasoning_content or delta.reasoning
        if thought or delta.reasoning_details:
            self._thought(thought, delta.reasoning_details, events)
        content = delta.content
        if content or (logprobs and self._kind is Text):
            if isinstance(content, list):
                self._listed(content, events)
            elif content is None or isinstance(content, str):
                self._grow(Text(""), content or "", events, read_logprobs(logprobs) if logprobs else ())
        if delta.refusal and isinstance(delta.refusal, str):
            self._grow(Refusal(""), delta.refusal, events)
        if delta.annotations and isinstance(delta.annotations, list):
            self._cite(delta.annotations, events)
        if delta.images and isinstance(delta.images, list):
            self._show(delta.images, events)
        if delta.audio and isinstance(delta.audio, dict):
            self._sounded(delta.audio)
        if delta.tool_calls and isinstance(delta.tool_calls, list):
            self._close(events)
            for position, call in enumerate(delta.tool_calls):
                self._calls.hear(call, position, events)
        if delta.function_call and isinstance(delta.function_call, dict):
            self._close(events)
            self._calls.hear({"index": 0, "function": delta.function_call}, 0, events)

    def finish(self, events: list[Event]) -> None:
        """Close what is open, and say why the choice ended."""
        self._close(events)
        if self._details and not self._sealed:
            self._open(Reasoning(""), events)
            self._close(events)
        if self._sound:
            self._tell_sound(events)
        self._calls.flush(events)
        raw = self._native if self._native in _NATIVE else self.reason
        reason = FINISHES.get(raw, Finish.OTHER) if raw else Finish.STOP
        if reason is Finish.STOP and self._calls.any:
            reason = Finish.TOOL_CALLS
        events.append(Finished(reason, raw, self._sequence, self._number))

    def _grow(self, blank: Said, text: str, events: list[Event], logprobs: tuple[Logprob, ...] = ()) -> None:
        if self._kind is not type(blank):
            self._close(events)
            self._calls.flush(events)
            self._open(blank, events)
        events.append(PartGrew(self._index, text, logprobs))

    def _open(self, part: Said, events: list[Event]) -> None:
        self._kind, self._index = type(part), self._reader.take_index()
        events.append(PartStarted(self._index, part, self._number))

    def _close(self, events: list[Event]) -> None:
        if self._kind is None:
            return
        seal = self._seal() if self._kind is Reasoning else None
        events.append(PartEnded(self._index, seal))
        self._kind = None

    def _whole(self, part: Said, events: list[Event]) -> None:
        self._close(events)
        self._calls.flush(events)
        self._open(part, events)
        self._close(events)

    def _thought(self, text: Any, details: Any, events: list[Event]) -> None:
        if isinstance(details, list) and details:
            gather(self._details, details)
            self._sealed = False
            text = text or told_in(details)
        if text and isinstance(text, str):
            self._grow(Reasoning(""), text, events)

    def _seal(self) -> Seal | None:
        """What came with the thoughts, if more than their text did."""
        self._sealed = True
        if not any(detail.get("signature") or detail.get("data") for detail in self._details):
            return None
        details, self._details = [joined(detail) for detail in self._details], []
        return Seal(NAME, msgspec.json.encode(details).decode())

    def _listed(self, content: list[Any], events: list[Event]) -> None:
        """Content as a list of parts: Mistral tells its thoughts so."""
        for part in content:
            match part:
                case {"type": "thinking", "thinking": list(thoughts)}:
                    self._thought(told_in(thoughts), None, events)
                case {"type": "thinking", "thinking": str(thought)}:
                    self._thought(thought, None, events)
                case {"text": str(text)} if text:
                    self._grow(Text(""), text, events)
                case {"type": "image_url"}:
                    self._show([part], events)

    def _cite(self, annotations: list[Any], events: list[Event]) -> None:
        if self._kind is not Text:
            return
        for annotation in annotations:
            match annotation:
                case {"type": "url_citation", "url_citation": dict(told)}:
                    events.append(Cited(self._index, read_citation(told)))

    def _show(self, images: list[Any], events: list[Event]) -> None:
        for image in images:
            match image:
                case {"image_url": {"url": str(url)} | str(url)} if url:
                    self._whole(Image(read_url(url)), events)

    def _sounded(self, audio: dict[str, Any]) -> None:
        for name, value in audio.items():
            if name in ("data", "transcript"):
                self._sound.setdefault(name, []).append(value if isinstance(value, str) else "")
            elif value is not None:
                self._sound[name] = value

    def _tell_sound(self, events: list[Event]) -> None:
        # Whole at once: the vocabulary knows a transcript only from the start, and here it comes beside the sound.
        data, transcript = self._sound.pop("data", []), self._sound.pop("transcript", [])
        kind = SOUNDS["pcm16" if len(data) > 1 else "wav"]
        self._whole(Audio(Inline(kind, concatenated(data)), "".join(transcript) or None, self._sound), events)


def read_reply(body: bytes) -> list[Event]:
    """A provider's whole reply, as events. `ValueError` if it is none."""
    try:
        chunk = _CHUNK.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError("not a chat completion") from error
    reader, events = Reader(), list[Event]()
    if not chunk.choices and not chunk.error and not (chunk.object == "error" and chunk.message):
        raise ValueError("a chat completion without choices")
    reader.hear(chunk, events)
    return events if reader.finished else events + reader.feed([sse.Frame(b"", DONE)])
