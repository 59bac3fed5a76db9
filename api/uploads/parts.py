"""The parts of a form (RFC 7578), found while it passes: what each holds goes to the disk, and is not kept here."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from msgspec import Struct
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from api.errors import InvalidRequest, TooLarge, UnsupportedMedia
from api.uploads.disk import File

KIND: Final = "multipart/form-data"
LONGEST_FIELD: Final = 256 * 1024  # that we read ourselves: prompts of image models are up to 32,000 characters
LONGEST_PREAMBLE: Final = 16 * 1024  # before the first boundary, where nothing is said (RFC 2046, 5.1.1)
MOST_PARTS: Final = 256
_KEPT: Final = ("content-disposition", "content-type")  # of a part's headers; others say nothing (RFC 7578, 4.8)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_QUOTED: Final = re.compile(rb'"(?:\\.|[^"\\])*"')
_NAMED: Final = re.compile(rb";\s*name[*\d]*\s*=", re.IGNORECASE)
# RFC 7578 forbids this way to name a file, and older versions of Python's urllib3 have no other for “ü.mp3”.
_EXTENDED: Final = re.compile(rb";\s*filename\*\s*=\s*(?:[\w.-]*'[\w-]*')?([^;\s]*)", re.IGNORECASE)


class Part(Struct, frozen=True):
    """One part of a form. `filename` is None where it is no file.

    `head` are its headers as they came, `start` and `end` are its place in `file`.
    """

    name: str
    filename: str | None
    media_type: str
    head: bytes
    start: int
    end: int
    file: File

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return self.end - self.start

    @property
    def value(self) -> str:
        """The text of a field; nothing where it is a file. `TooLarge` and `InvalidRequest` say why it has none."""
        if self.filename is not None:
            return ""
        if self.size > LONGEST_FIELD:
            raise TooLarge(f"The field “{self.name[:40]}” is longer than {LONGEST_FIELD // 1024} KiB. Shorten it.")
        try:
            return self.file.look(self.start, self.size).decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest(
                f"The field “{self.name[:40]}” is not UTF-8. Send it as UTF-8.", self.name[:40]
            ) from error


class Form:
    """Finds the parts of a form while it passes. `waiting` is what they hold and the disk has not."""

    def __init__(self, media_type: str) -> None:
        self.waiting = bytearray()
        self._found: list[tuple[dict[str, bytes], int, int]] = []
        self._ended, self._kept = False, 0
        self._begin()
        boundary = _boundary(media_type)
        self._first, self._preamble = b"--" + boundary, bytearray()
        self._begun = False
        self._parser = self._parse(boundary)

    def feed(self, block: bytes) -> None:
        """Take the next bytes."""
        if not self._begun:
            block = self._after_preamble(block)
        try:
            self._parser.write(block)
        except FormParserError as error:
            raise InvalidRequest("The form is not well-formed. Let an HTTP library write it.") from error

    def take(self) -> bytearray:
        """What the disk has not got yet: it is its from now on."""
        block, self.waiting = self.waiting, bytearray()
        return block

    def whole(self, file: File) -> tuple[Part, ...]:
        """Its parts, now that all of it came."""
        if not self._ended:
            raise InvalidRequest("The form ends before its last boundary. Send all of it.")
        return tuple(_part(headers, start, end, file) for headers, start, end in self._found)

    def _after_preamble(self, block: bytes) -> bytes:
        """What comes from the first boundary on; nothing as long as that has not come."""
        self._preamble += block
        before = self._preamble
        at = 0 if before.startswith(self._first) else before.find(b"\r\n" + self._first) + 2
        self._begun = at != 1
        if not self._begun and len(before) > LONGEST_PREAMBLE:
            raise InvalidRequest("The form does not begin with its boundary. Let an HTTP library write it.")
        return bytes(before[at:]) if self._begun else b""

    def _parse(self, boundary: bytes) -> MultipartParser:
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._told.extend(data[start:end]),
                    "on_header_end": self._note,
                    "on_part_data": self._grow,
                    "on_part_end": self._finish,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise InvalidRequest("The form's boundary is too long. Let an HTTP library write it.") from error

    # What the parser calls

    def _begin(self) -> None:
        self._name, self._told = bytearray(), bytearray()
        self._headers: dict[str, bytes] = {}
        self._start = self._kept

    def _note(self) -> None:
        name = self._name.decode("latin-1").lower()
        if name in _KEPT:
            self._headers[name] = _line(self._told)
        self._name, self._told = bytearray(), bytearray()

    def _grow(self, data: bytes, start: int, end: int) -> None:
        self._kept += end - start
        self.waiting += memoryview(data)[start:end]

    def _finish(self) -> None:
        if len(self._found) >= MOST_PARTS:
            raise InvalidRequest(f"The form has more than {MOST_PARTS} parts. Send fewer.")
        self._found.append((self._headers, self._start, self._kept))

    def _end(self) -> None:
        self._ended = True


def _line(told: bytearray) -> bytes:
    """A header's value, which goes on as it came: what ends a line for some readers is in none."""
    if _CONTROL.search(told):
        raise InvalidRequest("A part's header holds a control character. Let an HTTP library write the form.")
    return bytes(told)


def _boundary(media_type: str) -> bytes:
    kind, options = parse_options_header(media_type.encode(errors="surrogateescape"))
    if kind.decode("latin-1").lower() != KIND:
        raise UnsupportedMedia(f"The body is sent as “{media_type[:60]}”. Send a form with files: {KIND}.")
    if boundary := options.get(b"boundary"):
        return boundary
    raise InvalidRequest("The form names no boundary in its Content-Type. Let an HTTP library write that header.")


def _part(headers: dict[str, bytes], start: int, end: int, file: File) -> Part:
    said = headers.get("content-disposition", b"")
    name = parse_options_header(said)[1].get(b"name")
    if name is None:
        raise InvalidRequest("A part of the form has no name. Let an HTTP library write it.")
    if len(_NAMED.findall(_bare(said))) > 1:  # the provider might take the other one for “model”
        raise InvalidRequest("A part of the form has more than one name. Let an HTTP library write it.")
    head = b"".join(f"{kept}: ".encode() + headers[kept] + b"\r\n" for kept in _KEPT if kept in headers)
    media_type = headers.get("content-type", b"").decode("latin-1")
    return Part(name.decode(errors="replace"), _filename(said), media_type, head, start, end, file)


def _filename(said: bytes) -> str | None:
    filename = parse_options_header(said)[1].get(b"filename")
    if filename is None and (extended := _EXTENDED.search(_bare(said))):
        filename = unquote_to_bytes(extended[1])
    return None if filename is None else filename.decode(errors="replace")


def _bare(said: bytes) -> bytes:
    """A header without what stands in quotes."""
    return _QUOTED.sub(b'""', said)
