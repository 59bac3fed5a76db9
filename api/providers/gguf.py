"""What a GGUF file says of itself, from its first bytes: nothing is loaded.

The layout is that of https://github.com/ggml-org/ggml/blob/master/docs/gguf.md: magic, version, two counts, then
pairs of a key and a value. The pairs that matter here stand before the vocabulary, which is long.
"""

import os
import stat
import struct
from pathlib import Path
from typing import BinaryIO, Final

from msgspec import Struct

from api.errors import SaidInWords

MAGIC: Final = b"GGUF"
VERSIONS: Final = (2, 3)
VOCABULARY: Final = "tokenizer."
MOST_PAIRS: Final = 10_000
MOST_TEXTS: Final = 10_000  # in one array before the vocabulary
LONGEST_TEXT: Final = 1 << 20
FURTHEST: Final = 1 << 24  # bytes: what stands before the vocabulary takes some thousands
_NUMBERS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT: Final = 8
_ARRAY: Final = 9

Value = int | float | str | None


class Unusable(SaidInWords):
    """Why a file is no model that could be served."""


class Facts(Struct, frozen=True):
    """What is known of a model before it is loaded. `context` is 0 where the file does not say.

    `pools` is whether the file says how one vector is made of many; `causal` is false for a model that reads a text
    as a whole and cannot continue it.
    """

    context: int = 0
    pools: bool = False
    causal: bool = True


def read(path: Path) -> Facts:
    """What the file at `path` says; `Unusable` says why it cannot be a model."""
    try:
        # A pipe would wait for its writer for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise Unusable("“%(path)s” is not a file. Give a model in the GGUF format.", path=str(path))
        with path.open("rb") as file:
            return _facts(_pairs(file, path))
    except FileNotFoundError as error:
        raise Unusable("There is no file “%(path)s”. Look whether it was moved.", path=str(path)) from error
    except (OSError, ValueError) as error:  # a path with a NUL in it is a ValueError
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise Unusable("“%(path)s” cannot be read: %(why)s.", path=str(path), why=why or str(error)) from error


def _pairs(file: BinaryIO, path: Path) -> dict[str, Value]:
    _require_magic(file.read(len(MAGIC)), path)
    try:
        [version] = _numbers(file, "I")
        _require_version(version, path)
        _tensors, count = _numbers(file, "QQ")
        return _known(file, min(count, MOST_PAIRS))
    except struct.error as error:
        raise Unusable("“%(path)s” is damaged, or was not copied to its end. Get it anew.", path=str(path)) from error


def _require_magic(magic: bytes, path: Path) -> None:
    if magic != MAGIC:
        raise Unusable(
            "“%(path)s” is not a model in the GGUF format: it does not begin with “GGUF”. Get the GGUF file of the "
            "model.",
            path=str(path),
        )


def _require_version(version: int, path: Path) -> None:
    if version not in VERSIONS:
        raise Unusable(
            "“%(path)s” is in version %(version)d of the GGUF format, which cannot be read. Get a file in version 3.",
            path=str(path),
            version=version,
        )


def _known(file: BinaryIO, count: int) -> dict[str, Value]:
    pairs: dict[str, Value] = {}
    for _ in range(count):
        key = _text(file)
        if key.startswith(VOCABULARY):
            break
        [kind] = _numbers(file, "I")
        pairs[key] = _value(file, kind)
    return pairs


def _facts(pairs: dict[str, Value]) -> Facts:
    kind = pairs.get("general.architecture")
    context = pairs.get(f"{kind}.context_length")
    return Facts(
        context if type(context) is int and context > 0 else 0,  # true is an int as well
        f"{kind}.pooling_type" in pairs,
        pairs.get(f"{kind}.attention.causal") is not False,
    )


def _value(file: BinaryIO, kind: int) -> Value:
    if kind == _TEXT:
        return _text(file)
    if kind == _ARRAY:
        _skip(file, *_numbers(file, "IQ"))
        return None
    [number] = _numbers(file, _format(kind))
    return number


def _skip(file: BinaryIO, kind: int, count: int) -> None:
    if kind != _TEXT:
        file.seek(struct.calcsize(_format(kind)) * min(count, LONGEST_TEXT), os.SEEK_CUR)
        return
    if count > MOST_TEXTS:
        raise struct.error
    for _ in range(count):
        _text(file)


def _format(kind: int) -> str:
    if kind not in _NUMBERS:
        raise struct.error
    return _NUMBERS[kind]


def _text(file: BinaryIO) -> str:
    [size] = _numbers(file, "Q")
    if size > LONGEST_TEXT or file.tell() > FURTHEST:
        raise struct.error
    return file.read(size).decode(errors="replace")


def _numbers(file: BinaryIO, kinds: str) -> tuple[int, ...]:
    layout = f"<{kinds}"  # without padding
    return struct.unpack(layout, file.read(struct.calcsize(layout)))
