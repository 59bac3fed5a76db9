"""Listens along while a provider's bytes pass: when the first token came, what was counted, whether it ended."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from api.conversation import Usage
from api.dialects import sse
from api.dialects.anthropic.counted import Counted


class _Said(Struct):
    type: str
    message: Any = None
    usage: Any = None


_SAID: Final = msgspec.json.Decoder(_Said)
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Ear:
    """Hears frames as they pass. What cannot be understood is not its to judge."""

    __slots__ = ("_counted", "finished", "has_spoken", "usage")

    def __init__(self) -> None:
        self.has_spoken = self.finished = False
        self.usage: Usage | None = None
        self._counted = Counted()

    def hear(self, frames: Iterable[sse.Frame]) -> None:
        """Take note of frames as they pass."""
        for frame in frames:
            try:
                said = _SAID.decode(frame.data)
            except _UNREADABLE:
                continue
            match said.type:
                case "content_block_delta":
                    self.has_spoken = True
                case "message_start" if isinstance(said.message, dict):
                    self._count(said.message.get("usage"))
                case "message_delta":
                    self._count(said.usage)
                case "message_stop" | "error":
                    self.finished = True

    def hear_whole(self, body: bytes) -> None:
        """The same for a reply that is not a stream."""
        self.has_spoken = self.finished = True
        try:
            self._count(_SAID.decode(body).usage)
        except _UNREADABLE:
            return

    def _count(self, usage: Any) -> None:
        self._counted.hear(usage)
        self.usage = self._counted.usage
