"""A provider's reply to events.

Every chunk of a stream is a whole reply of its own, and none of them is marked as the last: some servers say STOP in
each. So the ends are held back until the stream is over, which also lets signatures and citations, that come after
the text they belong to, find it open.
"""

from collections.abc import Iterable

import msgspec

from api.conversation import (
    Ended,
    Event,
    Failed,
    Finish,
    Finished,
    PartEnded,
    PartGrew,
    PartStarted,
    Refusal,
    Started,
    Usage,
)
from api.dialects import sse
from api.dialects.gemini.chunks import CHUNK, CHUNKS, NOTHING, Candidate, Chunk, Feedback
from api.dialects.gemini.ending import UNSAID, read_finish, read_usage
from api.dialects.gemini.erring import error_in
from api.dialects.gemini.telling import Teller

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Reader:
    """The frames of a provider's stream to events: never an exception, whatever comes."""

    __slots__ = ("_blocked", "_failed", "_over", "_started", "_tellers", "_usage", "_words", "finished")

    def __init__(self) -> None:
        self._tellers: dict[int, Teller] = {}
        self._words: dict[int, str] = {}  # why each choice ended, as far as it is known
        self._usage: Usage | None = None
        self._started = self._failed = self._blocked = self._over = False
        self.finished = False

    def feed(self, frames: Iterable[sse.Frame]) -> list[Event]:
        """What these frames say."""
        events: list[Event] = []
        for frame in frames:
            if not self._failed:
                self._hear(frame.data, events)
        complete = bool(self._words) and self._words.keys() >= self._tellers.keys()
        self.finished = self._failed or self._blocked or complete
        return events

    def end(self) -> list[Event]:
        """The ends of all choices and of the reply; nothing if it broke off."""
        if self._failed or self._over or not self.finished:
            return []
        self._over = True
        events: list[Event] = []
        for choice, teller in sorted(self._tellers.items()):
            teller.close(events)
            events.append(read_finish(self._words.get(choice), teller.called, choice))
        return [*events, Ended(self._usage)]

    def complete(self) -> None:
        """Take what was heard as the whole: a choice that did not say why it ended has ended all the same."""
        for choice in self._tellers.keys() - self._words.keys():
            self._words[choice] = "STOP"
        self.finished = self.finished or bool(self._words)

    def _hear(self, data: bytes, events: list[Event]) -> None:
        try:
            chunk = CHUNK.decode(data)
        except _UNREADABLE:
            self._hear_odd(data, events)
            return
        if chunk.error is not NOTHING and (told := error_in(data)):
            self._failed = True
            events.append(Failed(told.words, told.type))
            return
        if chunk.usage_metadata is not NOTHING:
            self._usage = read_usage(chunk.usage_metadata) or self._usage
        if not self._started and (chunk.candidates or _is_blocked(chunk)):
            self._started = True
            events.append(Started(self._usage.tokens_in if self._usage else 0))
        for place, candidate in enumerate(chunk.candidates or ()):
            self._hear_candidate(candidate, place, chunk.response_id or data, events)
        if chunk.prompt_feedback and _is_blocked(chunk) and not self._tellers:
            self._block(chunk.prompt_feedback, events)

    def _hear_odd(self, data: bytes, events: list[Event]) -> None:
        """An error in a list of one, as servers tell it that were not asked for events."""
        if data.lstrip()[:1] == b"[" and (told := error_in(data)):
            self._failed = True
            events.append(Failed(told.words, told.type))

    def _hear_candidate(self, candidate: Candidate, place: int, salt: str | bytes, events: list[Event]) -> None:
        choice = candidate.index if candidate.index is not None and candidate.index >= 0 else place
        teller = self._tellers.get(choice)
        if teller is None:
            teller = self._tellers[choice] = Teller(choice, self._next_index)
        teller.hear(candidate, salt, events)
        if candidate.finish_reason and candidate.finish_reason != UNSAID:
            self._words[choice] = candidate.finish_reason

    def _next_index(self) -> int:
        return sum(teller.begun for teller in self._tellers.values())

    def _block(self, feedback: Feedback, events: list[Event]) -> None:
        """The prompt was refused: there is no candidate, and there will be none."""
        if self._blocked:
            return
        self._blocked = True
        reason = feedback.block_reason or ""
        words = feedback.block_reason_message or f"The provider blocked this prompt ({reason})."
        events += [PartStarted(0, Refusal("")), PartGrew(0, words), PartEnded(0), Finished(Finish.REFUSAL, reason)]


def _is_blocked(chunk: Chunk) -> bool:
    feedback = chunk.prompt_feedback
    return bool(feedback and feedback.block_reason and feedback.block_reason != "BLOCKED_REASON_UNSPECIFIED")


def read_reply(body: bytes) -> list[Event]:
    """A provider's whole reply, as events; also a stream that came as one list. `ValueError` if it is none."""
    reader = Reader()
    events = reader.feed(sse.Frame(b"", chunk) for chunk in _chunks(body))
    reader.complete()
    if not events or not reader.finished:
        raise ValueError("The body is no reply of this dialect.")
    return events + reader.end()


def _chunks(body: bytes) -> list[bytes]:
    if body.lstrip()[:1] != b"[":
        return [body]
    try:
        return [bytes(raw) for raw in CHUNKS.decode(body)]
    except _UNREADABLE:
        return []
