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

    __slots__ = ("_begun", "_half", "_mark", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[bytes] = []  # a frame that is not complete, in its portions: joined once
        self._mark = b""
        self._begun = self._half = False

    @property
    def between_frames(self) -> bool:
        """Whether everything fed so far belongs to complete frames: here something may be put in."""
        return not (self._waiting or self._half or self._mark)

    def feed(self, block: bytes) -> list[Frame]:
        """Take more bytes of the stream."""
        if self._begun and self.between_frames and _is_one_line(block):
            return [Frame(b"", block[len(b"data: ") : -len(b"\n\n")])]
        text = self._lines(block if self._begun else self._begin(block))
        if self._waiting and b"\n\n" not in self._waiting[-1][-1:] + text:
            if text:
                self._waiting.append(text)
            return []
        *whole, rest = b"".join((*self._waiting, text)).split(b"\n\n")
        # A lone LF may be left where three came in a row: it belongs to no frame.
        rest = rest.lstrip(b"\n")
        self._waiting = [rest] if rest else []
        return [frame for frame in map(_parse, whole) if frame]

    def _begin(self, block: bytes) -> bytes:
        block, self._mark = self._mark + block, b""
        if len(block) < len(BYTE_ORDER_MARK) and BYTE_ORDER_MARK.startswith(block):
            self._mark = block
            return b""
        self._begun = True
        return block.removeprefix(BYTE_ORDER_MARK)

    def _lines(self, block: bytes) -> bytes:
        """The same with LF for every end of a line."""
        if self._half and block:
            block, self._half = b"\r" + block, False
        if b"\r" not in block:
            return block
        # A CR at the very end may be half of CR LF: it waits for what follows.
        self._half = block.endswith(b"\r")
        return block[: len(block) - self._half].replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _is_one_line(block: bytes) -> bool:
    """Whether a block is a whole frame of a single line of data: nearly all are."""
    single = block.startswith(b"data: ") and block.find(b"\n") == len(block) - 2 and block.endswith(b"\n")
    return single and b"\r" not in block


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
