"""Listens along while a provider's bytes pass: when the first token came, what was counted, whether it ended."""

from collections.abc import Iterable

import msgspec

from api.conversation import Usage
from api.dialects import sse
from api.dialects.gemini.chunks import CHUNK, CHUNKS, NOTHING, Chunk
from api.dialects.gemini.ending import read_usage

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Ear:
    """Hears a stream, or a whole reply."""

    __slots__ = ("_begun", "_ended", "finished", "has_spoken", "usage")

    def __init__(self) -> None:
        self.has_spoken = self.finished = False
        self.usage: Usage | None = None
        self._begun: set[int] = set()
        self._ended: set[int] = set()

    def hear(self, frames: Iterable[sse.Frame]) -> None:
        """Take note of frames as they pass. What cannot be understood is not ours to judge."""
        for frame in frames:
            self._hear(frame.data)

    def hear_whole(self, body: bytes) -> None:
        """The same for a reply that is not a stream."""
        self.has_spoken = self.finished = True
        if body.lstrip()[:1] != b"[":
            self._hear(body)
            return
        try:
            for raw in CHUNKS.decode(body):
                self._hear(raw)
        except _UNREADABLE:
            return

    def _hear(self, data: bytes | msgspec.Raw) -> None:
        try:
            self._note(CHUNK.decode(data))
        except _UNREADABLE:
            return

    def _note(self, chunk: Chunk) -> None:
        blocked = chunk.prompt_feedback is not None and bool(chunk.prompt_feedback.block_reason)
        failed = chunk.error is not NOTHING and bytes(chunk.error) != b"null"
        for place, candidate in enumerate(chunk.candidates or ()):
            number = place if candidate.index is None else candidate.index
            self._begun.add(number)
            if candidate.finish_reason:
                self._ended.add(number)
            if candidate.content and candidate.content.parts:
                self.has_spoken = True
        # Nothing else marks the end in this dialect: every choice has said why it ended.
        self.finished = self.finished or blocked or failed or (bool(self._ended) and self._ended >= self._begun)
        if chunk.usage_metadata is not NOTHING:
            self.usage = read_usage(chunk.usage_metadata) or self.usage
