"""Files of others, opened with care: zips that unpack to more than they may, JSON that is something else.

Nothing is ever unpacked onto the disk, so a name in an archive leads nowhere.
"""

import zipfile
import zlib
from io import BytesIO
from typing import Final, TypeVar

import msgspec

from api.importing.drafts import ImportRefused

LARGEST: Final = 64 * 1024 * 1024  # of a file
LARGEST_INSIDE: Final = 128 * 1024 * 1024  # of what is read of an archive, unpacked
MOST_INSIDE: Final = 20_000  # files in an archive: a backup has every picture of every chat
THINNEST: Final = 100  # times: JSON and databases shrink to a tenth, zeros to a thousandth
MAGIC: Final = b"PK\x03\x04"
EMPTY: Final = b"PK\x05\x06"
T = TypeVar("T")


class Archive:
    """A zip, of which single files are read. `ImportRefused` says why it cannot be."""

    def __init__(self, content: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(BytesIO(content))
        except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, NotImplementedError, OSError) as error:
            raise _damaged() from error
        self._left = LARGEST_INSIDE
        self._inside = {inside.filename.replace("\\", "/"): inside for inside in self._zip.infolist()}
        if len(self._inside) > MOST_INSIDE:
            raise ImportRefused("The archive holds more than %(most)d files. It is no backup.", most=MOST_INSIDE)

    def __contains__(self, name: str) -> bool:
        return name in self._inside

    def names(self, folder: str) -> list[str]:
        """The files in a folder of it, by their names."""
        return sorted(name for name in self._inside if name.startswith(folder) and not name.endswith("/"))

    def read(self, name: str) -> bytes:
        """What a file in it holds, if that is no more than may be."""
        inside = self._inside[name]
        if inside.file_size > self._left or inside.file_size > THINNEST * max(inside.compress_size, 1024):
            raise _too_much(name)
        try:
            with self._zip.open(inside) as file:
                content = file.read(inside.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError) as error:
            raise _damaged() from error
        if len(content) > inside.file_size:
            raise _too_much(name)
        self._left -= len(content)
        return content


def decoded(content: bytes | str, what: str, kind: type[T]) -> T:
    """JSON as a value of `kind`. `what` is how the sentence calls it that says why not."""
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise ImportRefused("%(what)s does not hold what it should: %(why)s.", what=what, why=str(error)) from None
    except (msgspec.DecodeError, UnicodeError):
        raise ImportRefused("%(what)s is not JSON. Was the file changed, or cut short?", what=what) from None
    except RecursionError:
        raise ImportRefused("%(what)s is nested too deeply to be read.", what=what) from None


def _damaged() -> ImportRefused:
    return ImportRefused("The archive is damaged or was cut short. Copy it again, or make a new backup.")


def _too_much(name: str) -> ImportRefused:
    return ImportRefused(
        "“%(name)s” in the archive unpacks to more than it may: %(most)d MiB, or %(thinnest)d times its size.",
        name=name[:80],
        most=LARGEST_INSIDE // 1024**2,
        thinnest=THINNEST,
    )
