"""Server-sent events: bytes in, frames out, and back.

Lines end at CR LF, LF or CR and nowhere else (WHATWG HTML, 9.2.6): U+2028 and U+0085 are legal inside the JSON
of a `data` line, so bytes are split, never decoded text.
"""

from typing import Final

from msgspec import Struct

MEDIA_TYPE: Final = "text/event-stream; charset=utf-8"
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class Frame(Struct, frozen=True):
    """One event. `event` is empty where the stream named none; `data` holds the lines, joined by LF."""

    event: bytes
    data: bytes


class Reader:
    """Feed it bytes in any portions; it returns the frames that became complete."""

    __slots__ = ("_begun", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False

    @property
    def between_frames(self) -> bool:
        """Whether everything fed so far belongs to complete frames: here something may be put in."""
        return not self._rest

    def feed(self, block: bytes) -> list[Frame]:
        """Take more bytes of the stream."""
        if not self._begun:
            block = self._begin(self._rest + block)
            self._rest = b""
        if self._rest:
            block = self._rest + block
        if b"\r" in block:
            return self._feed_carefully(block)
        *whole, self._rest = block.split(b"\n\n")
        frames = []
        for text in whole:
            frame = _parse(text)
            if frame:
                frames.append(frame)
        # A lone LF may be left where three came in a row: it belongs to no frame.
        self._rest = self._rest.lstrip(b"\n")
        return frames

    def _begin(self, block: bytes) -> bytes:
        if len(block) < len(BYTE_ORDER_MARK) and BYTE_ORDER_MARK.startswith(block):
            return block
        self._begun = True
        return block.removeprefix(BYTE_ORDER_MARK)

    def _feed_carefully(self, block: bytes) -> list[Frame]:
        # A CR at the very end may be half of CR LF: it waits for what follows.
        held = b"\r" if block.endswith(b"\r") else b""
        text = block[: len(block) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *whole, rest = text.split(b"\n\n")
        self._rest = rest.lstrip(b"\n") + held
        return [frame for frame in map(_parse, whole) if frame]


def _parse(text: bytes) -> Frame | None:
    """The frame in `text` (lines without the blank one that ends them), or None if it carries no data."""
    event, data = b"", []
    for line in text.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            event = value
    return Frame(event, b"\n".join(data)) if data else None


def frame(data: bytes, event: bytes = b"") -> bytes:
    """The bytes of one frame. `data` is one line of JSON."""
    return b"event: %b\ndata: %b\n\n" % (event, data) if event else b"data: %b\n\n" % data


def comment(text: bytes) -> bytes:
    """The bytes of a comment: keeps a connection alive, means nothing."""
    return b": %b\n\n" % text
