"""The frames of a provider's stream, none of them without end."""

from typing import Final

from api.dialects import sse
from api.errors import BadReply

LONGEST: Final = 64 * 1024 * 1024  # bytes of a frame that is still not complete


class Frames:
    """An `sse.Reader` that gives a provider up before what it waits for fills the memory."""

    __slots__ = ("_provider", "_reader", "_waiting")

    def __init__(self, provider: str) -> None:
        self._provider, self._reader, self._waiting = provider, sse.Reader(), 0

    @property
    def between(self) -> bool:
        """Whether everything fed so far belongs to complete frames."""
        return self._reader.between_frames

    def feed(self, block: bytes) -> list[sse.Frame]:
        """The frames that `block` completes; `BadReply` for one that does not end."""
        frames = self._reader.feed(block)
        self._waiting = 0 if frames or self._reader.between_frames else self._waiting + len(block)
        if self._waiting > LONGEST:
            raise BadReply(
                "The provider “%(id)s” sent an event of more than 64 MiB. The answer was given up.", id=self._provider
            )
        return frames
