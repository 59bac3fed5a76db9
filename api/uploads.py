"""Forms with files: read from the caller as they come, onto the disk, and never wholly into memory.

Only what the parts hold is kept, and framed anew for the provider. The file has no name: nobody else finds it, and a
crash leaves nothing behind.
"""

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import IO, Final

from msgspec import Struct
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from api.errors import GatewayError, InvalidRequest, TooLarge, UnsupportedMedia

LARGEST: Final = 512 * 1024 * 1024
LONGEST_FIELD: Final = 256 * 1024  # of what is no file: prompts of image models are up to 32,000 characters
MOST_PARTS: Final = 256
BLOCK: Final = 256 * 1024  # bytes written or read at once
KIND: Final = "multipart/form-data"
_KEPT: Final = ("content-disposition", "content-type")  # of a part's headers; others say nothing (RFC 7578, 4.8)


class Part(Struct, frozen=True):
    """One part of a form. `filename` is None where it is no file; `value` is what it holds where it is none.

    `head` are its headers as they came, `start` and `end` are its place on the disk.
    """

    name: str
    filename: str | None
    media_type: str
    head: bytes
    start: int
    end: int
    value: str = ""

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return self.end - self.start


class Body:
    """Bytes of a known number that come piece by piece."""

    def __init__(self, size: int, pieces: Callable[[], AsyncIterator[bytes]]) -> None:
        self.size, self._pieces = size, pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()


class Upload:
    """A form on the disk, until it is closed. `size` is how many bytes came."""

    def __init__(self, file: IO[bytes], size: int, parts: tuple[Part, ...]) -> None:
        self._file, self.size, self.parts = file, size, parts
        self._boundary = f"morello-{secrets.token_hex(16)}"  # 128 random bits: in no file
        self.media_type = f"{KIND}; boundary={self._boundary}"

    @property
    def model(self) -> str:
        """The model that it names; nothing if it names none."""
        return self.value("model") or ""

    @property
    def stream(self) -> bool:
        """Whether a stream is wanted."""
        return (self.value("stream") or "").strip().lower() == "true"

    def value(self, name: str) -> str | None:
        """The first value of a field."""
        return next((part.value for part in self.parts if part.name == name and part.filename is None), None)

    def files(self, *names: str) -> list[Part]:
        """The files that have one of these names."""
        return [part for part in self.parts if part.filename is not None and part.name in names]

    def renamed(self, model: str) -> Body:
        """The form with another model's name, all else as it came."""
        pieces: list[Part | bytes] = []
        for part in self.parts:
            is_model = part.name == "model" and part.filename is None
            pieces += [self._before(part), model.encode() if is_model else part, b"\r\n"]
        pieces.append(f"--{self._boundary}--\r\n".encode())
        size = sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in pieces)
        return Body(size, lambda: self._read_on(pieces))

    async def read(self, part: Part, largest: int) -> bytes:
        """What a part holds; `TooLarge` if that is more than `largest` bytes."""
        if part.size > largest:
            raise TooLarge(f"The file “{part.name[:40]}” is larger than {largest // 1024**2} MiB. Send a smaller one.")
        return await asyncio.to_thread(self._read, part.start, part.size)

    def close(self) -> None:
        """Let the disk have its room back."""
        self._file.close()

    def _before(self, part: Part) -> bytes:
        return f"--{self._boundary}\r\n".encode() + part.head + b"\r\n"

    async def _read_on(self, pieces: list[Part | bytes]) -> AsyncIterator[bytes]:
        for piece in pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            for at in range(piece.start, piece.end, BLOCK):
                yield await asyncio.to_thread(self._read, at, min(BLOCK, piece.end - at))

    def _read(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        return self._file.read(size)


async def receive(read: Callable[[], Awaitable[bytes | None]], media_type: str, folder: Path) -> Upload:
    """Read a form to its end. `read` gives the next bytes, None at the end; the file lies in `folder`.

    `UnsupportedMedia`, `InvalidRequest` and `TooLarge` say what is wrong with it.
    """
    form = _Form(media_type)
    file = await asyncio.to_thread(_open, folder)
    try:
        while block := await read():
            form.feed(block)
            if len(form.waiting) >= BLOCK:
                await _write(file, form)
        await _write(file, form)
        return Upload(file, form.size, form.whole())
    except BaseException:
        file.close()
        raise


def _open(folder: Path) -> IO[bytes]:
    return tempfile.TemporaryFile(dir=folder)


async def _write(file: IO[bytes], form: "_Form") -> None:
    block, form.waiting = bytes(form.waiting), bytearray()
    try:
        await asyncio.to_thread(_put, file, block)
    except OSError as error:
        raise GatewayError(f"The form could not be kept on the disk while it is sent on: {error.strerror}.") from error


def _put(file: IO[bytes], block: bytes) -> None:
    file.write(block)
    file.flush()


class _Form:
    """Finds the parts of a form while it passes. `waiting` is what they hold and the disk has not."""

    def __init__(self, media_type: str) -> None:
        self.size, self.waiting = 0, bytearray()
        self._parts: list[Part] = []
        self._ended, self._kept = False, 0
        self._begin()
        self._parser = _parser(media_type, self)

    def feed(self, block: bytes) -> None:
        """Take the next bytes."""
        self.size += len(block)
        if self.size > LARGEST:
            raise TooLarge(f"The form is larger than {LARGEST // 1024**2} MiB. Send less.")
        try:
            self._parser.write(block)
        except FormParserError as error:
            raise InvalidRequest("The form is not well-formed. Let an HTTP library write it.") from error

    def whole(self) -> tuple[Part, ...]:
        """Its parts, now that all of it came."""
        if not self._ended:
            raise InvalidRequest("The form ends before its last boundary. Send all of it.")
        return tuple(self._parts)

    # What the parser calls

    def _begin(self) -> None:
        self._name, self._told, self._value = bytearray(), bytearray(), bytearray()
        self._headers: dict[str, bytes] = {}
        self._start = self._kept

    def _note(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = bytes(self._told)
        self._name, self._told = bytearray(), bytearray()

    def _grow(self, data: bytes, start: int, end: int) -> None:
        piece = memoryview(data)[start:end]
        self._kept += len(piece)
        self.waiting += piece
        if len(self._value) <= LONGEST_FIELD:
            self._value += piece[: LONGEST_FIELD + 1]

    def _keep(self) -> None:
        if len(self._parts) >= MOST_PARTS:
            raise InvalidRequest(f"The form has more than {MOST_PARTS} parts. Send fewer.")
        self._parts.append(self._part())

    def _finish(self) -> None:
        self._ended = True

    def _part(self) -> Part:
        _, options = parse_options_header(self._headers.get("content-disposition"))
        name, filename = options.get(b"name"), options.get(b"filename")
        if name is None:
            raise InvalidRequest("A part of the form has no name. Let an HTTP library write it.")
        head = b"".join(f"{kept}: ".encode() + self._headers[kept] + b"\r\n" for kept in _KEPT if kept in self._headers)
        return Part(
            name.decode(errors="replace"),
            None if filename is None else filename.decode(errors="replace"),
            self._headers.get("content-type", b"").decode("latin-1"),
            head,
            self._start,
            self._kept,
            "" if filename is not None else self._text(name.decode(errors="replace")),
        )

    def _text(self, name: str) -> str:
        if len(self._value) > LONGEST_FIELD:
            raise TooLarge(f"The field “{name[:40]}” is longer than {LONGEST_FIELD // 1024} KiB. Shorten it.")
        try:
            return self._value.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"The field “{name[:40]}” is not UTF-8.", name[:40]) from error


def _parser(media_type: str, form: _Form) -> MultipartParser:
    kind, options = parse_options_header(media_type)
    if kind.decode("latin-1").lower() != KIND:
        raise UnsupportedMedia(f"The body is sent as “{media_type[:60]}”. Send a form with files: {KIND}.")
    boundary = options.get(b"boundary")
    if not boundary:
        raise InvalidRequest("The form names no boundary in its Content-Type. Let an HTTP library write that header.")
    try:
        return MultipartParser(
            boundary,
            {
                "on_part_begin": form._begin,
                "on_header_field": lambda data, start, end: form._name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: form._told.extend(data[start:end]),
                "on_header_end": form._note,
                "on_part_data": form._grow,
                "on_part_end": form._keep,
                "on_end": form._finish,
            },
        )
    except FormParserError as error:
        raise InvalidRequest("The form's boundary is too long. Let an HTTP library write it.") from error
