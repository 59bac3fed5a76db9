"""Listening along while a provider's bytes pass."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from api.conversation import Usage
from api.dialects import sse
from api.dialects.openai_chat.counts import read_usage
from api.dialects.openai_chat.names import DONE

NOTHING_NEW: Final = b'"finish_reason":null}]}'  # so ends nearly every chunk of nearly every provider
_NULL: Final = msgspec.Raw(b"null")


class _Delta(Struct):
    content: str | list[msgspec.Raw] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[msgspec.Raw] | None = None


class _ChunkChoice(Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None
    usage: msgspec.Raw = _NULL


class _Groq(Struct):
    usage: msgspec.Raw = _NULL


class _Chunk(Struct):
    choices: list[_ChunkChoice] = []
    usage: msgspec.Raw = _NULL
    x_groq: _Groq | None = None
    error: object = None


_CHUNK: Final = msgspec.json.Decoder(_Chunk)
_ANYTHING: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder()


class Ear:
    """Listens along while a provider's bytes pass: when the first token came, what was counted, whether it ended."""

    __slots__ = ("finished", "has_spoken", "usage")

    def __init__(self) -> None:
        self.has_spoken = self.finished = False
        self.usage: Usage | None = None

    def hear(self, frames: Iterable[sse.Frame]) -> None:
        """Take note of frames as they pass. What cannot be understood is not ours to judge."""
        for frame in frames:
            if self.has_spoken and frame.data.endswith(NOTHING_NEW):
                continue
            if frame.data == DONE:
                self.finished = True
                continue
            try:
                self._note(_CHUNK.decode(frame.data))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue

    def hear_whole(self, body: bytes) -> None:
        """The same for a reply that is not a stream."""
        self.has_spoken = self.finished = True
        try:
            self._note(_CHUNK.decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return

    def _note(self, chunk: _Chunk) -> None:
        if chunk.error:
            self.finished = True
        for choice in chunk.choices:
            delta = choice.delta
            if delta and (delta.content or delta.reasoning_content or delta.reasoning or delta.tool_calls):
                self.has_spoken = True
            if choice.finish_reason:
                self.finished = True
        inside = (choice.usage for choice in chunk.choices)  # Moonshot counts in the choice
        for raw in (*inside, chunk.x_groq.usage if chunk.x_groq else _NULL, chunk.usage):
            if raw is not _NULL and (usage := read_usage(_ANYTHING.decode(raw))):
                self.usage = usage
