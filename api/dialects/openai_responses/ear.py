"""Listens along while bytes pass: when the first token came, what was counted, whether the response ended."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from api.conversation import Usage
from api.dialects import sse
from api.dialects.openai_responses.counted import Counted

DELTA: Final = b".delta"
LAST: Final = frozenset(("response.completed", "response.incomplete", "response.failed", "response.cancelled", "error"))
_NULL: Final = Raw(b"null")


class _Response(Struct):
    usage: Raw = _NULL


class _Heard(Struct):
    type: str = ""
    response: _Response | None = None
    error: Any = None


class _Marks(Struct):
    type: str = ""
    sequence_number: int | UnsetType = UNSET
    output_index: int | UnsetType = UNSET


_HEARD: Final = msgspec.json.Decoder(_Heard)
_RESPONSE: Final = msgspec.json.Decoder(_Response)
_COUNTED: Final = msgspec.json.Decoder(Counted | None)
_MARKS: Final = msgspec.json.Decoder(_Marks)
_REFUSED: Final = (msgspec.DecodeError, UnicodeError, RecursionError)
_PLACED: Final = ("response.output_item.", "response.content_part.", "response.output_text.", "response.reasoning_")


class Ear:
    """Listens along while a provider's bytes pass."""

    __slots__ = ("finished", "has_spoken", "usage")

    def __init__(self) -> None:
        self.has_spoken = self.finished = False
        self.usage: Usage | None = None

    def hear(self, frames: Iterable[sse.Frame]) -> None:
        """Take note of frames as they pass. What cannot be understood is not ours to judge."""
        for frame in frames:
            if self.has_spoken and frame.event.endswith(DELTA):
                continue
            try:
                heard = _HEARD.decode(frame.data)
            except _REFUSED:
                continue
            self._note(heard, heard.type or frame.event.decode(errors="replace"))

    def hear_whole(self, body: bytes) -> None:
        """The same for a reply that is not a stream."""
        self.has_spoken = self.finished = True
        try:
            self._count(_RESPONSE.decode(body))
        except _REFUSED:
            return

    def _note(self, heard: _Heard, kind: str) -> None:
        if kind.endswith(".delta") or kind == "response.output_item.done":
            self.has_spoken = True
        elif kind in LAST or (not kind and heard.error):
            self.finished = True
            if heard.response:
                self._count(heard.response)

    def _count(self, response: _Response) -> None:
        # Apart: an odd count is no count, and says nothing about the rest.
        try:
            counted = _COUNTED.decode(response.usage)
        except _REFUSED:
            return
        if counted:
            self.usage = counted.usage()


def is_whole(frame: sse.Frame) -> bool:
    """Whether a frame of a passing stream has the marks without which SDKs break: its number, its item's place."""
    try:
        marks = _MARKS.decode(frame.data)
    except _REFUSED:
        return True
    if not marks.type.startswith("response."):
        return marks.type != "" or not frame.event.startswith(b"response.")
    placed = marks.output_index is not UNSET or not marks.type.startswith(_PLACED)
    return marks.sequence_number is not UNSET and placed
