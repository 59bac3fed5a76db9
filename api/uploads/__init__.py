"""Forms with files: read from the caller as they come, onto the disk, and never wholly into memory.

Only what the parts hold is kept, and framed anew for the provider.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

from api.errors import InvalidRequest, TooLarge
from api.uploads.disk import File, open_in
from api.uploads.parts import KIND, Form, Part

__all__ = ["KIND", "Body", "Part", "Read", "Upload"]

LARGEST: Final = 512 * 1024 * 1024  # where nobody says otherwise
LONGEST_MODEL: Final = 512  # characters, as in a body of JSON
BLOCK: Final = 256 * 1024  # bytes written or read at once

Read = Callable[[], Awaitable[bytes | None]]


class Body:
    """Bytes of a known number that come piece by piece, from the first one each time they are asked for."""

    def __init__(self, size: int, pieces: Callable[[], AsyncIterator[bytes]]) -> None:
        self.size, self._pieces = size, pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()


class Upload:
    """A form that comes: nothing of it is read before `arrive`; then it lies on the disk, until it is closed.

    `read` gives the next bytes, None at the end; `announced` is how many the caller said there are, and `largest` how
    many there may be. The file lies in `folder`. `size` is how many bytes came.
    """

    def __init__(
        self, read: Read, media_type: str, folder: Path, announced: int = 0, largest: int | None = None
    ) -> None:
        self._read, self._said, self._folder, self._announced = read, media_type, folder, announced
        self._largest = LARGEST if largest is None else largest
        self._file: File | None = None
        self.size = 0
        self.parts: tuple[Part, ...] = ()
        self._boundary = f"morello-{secrets.token_hex(16)}"  # 128 random bits: in no file
        self.media_type = f"{KIND}; boundary={self._boundary}"

    async def arrive(self) -> None:
        """Read it to its end. `UnsupportedMedia`, `InvalidRequest` and `TooLarge` say what is wrong with it."""
        if self._announced > self._largest:
            raise self._too_large()
        form = Form(self._said)
        self._file = open_in(self._folder)
        while block := await self._read():
            self.size += len(block)
            if self.size > self._largest:
                raise self._too_large()
            form.feed(block)
            if len(form.waiting) >= BLOCK:
                await self._file.add(form.take())
        await self._file.add(form.take())
        self.parts = form.whole(self._file)
        self._require_one_model()

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
        return Body(size, lambda: _read_on(pieces))

    async def read(self, part: Part, largest: int) -> bytes:
        """What a part holds; `TooLarge` if that is more than `largest` bytes."""
        if part.size > largest:
            raise TooLarge(f"The file “{part.name[:40]}” is larger than {largest // 1024**2} MiB. Send a smaller one.")
        return await part.file.read(part.start, part.size)

    def close(self) -> None:
        """Let the disk have its room back."""
        if self._file:
            self._file.close()

    def _before(self, part: Part) -> bytes:
        return f"--{self._boundary}\r\n".encode() + part.head + b"\r\n"

    def _too_large(self) -> TooLarge:
        most = self._largest // 1024**2
        return TooLarge(
            f"The form is larger than {most} MiB. Send less, or raise “upload” under Limits in the settings."
        )

    def _require_one_model(self) -> None:
        models = [part for part in self.parts if part.name == "model"]
        if len(models) > 1:
            raise InvalidRequest("The field “model” was sent twice. Send it once.", "model")
        if models and models[0].filename is not None:
            raise InvalidRequest("The field “model” was sent as a file. Send it as text.", "model")
        if len(self.model) > LONGEST_MODEL:
            raise InvalidRequest(f"“model” is longer than {LONGEST_MODEL} characters.", "model")


async def _read_on(pieces: list[Part | bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
            continue
        for at in range(piece.start, piece.end, BLOCK):
            yield await piece.file.read(at, min(BLOCK, piece.end - at))
