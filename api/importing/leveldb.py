"""One value out of a browser's storage (LevelDB, as Chromium keeps localStorage in it), from copies of its files.

Only what finding one name needs, in pure Python: logs are read record by record, tables block by block, the newest
writing of the name wins. Checksums are not looked at: what is damaged does not parse.
https://github.com/google/leveldb/blob/main/doc/log_format.md and table_format.md
"""

from collections.abc import Iterator, Mapping
from typing import Final

from api.importing.archive import LARGEST_INSIDE
from api.importing.drafts import ImportRefused

BLOCK: Final = 32 * 1024  # of a log
HEAD: Final = 7  # of a record: checksum, length, kind
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
BATCH_HEAD: Final = 12  # the number of its first writing, and how many there are
WRITTEN: Final = 1  # 0: deleted
SUFFIX: Final = 8  # of a key in a table: number and kind
FOOTER: Final = 48
MAGIC: Final = bytes.fromhex("57fb808b247547db")
PLAIN, SNAPPY = 0, 1
# Chromium's: a byte says how the text is written.
WRITINGS: Final = {0: "utf-16-le", 1: "latin-1"}

Entry = tuple[int, bytes, bytes | None]  # number, key, value


def newest(files: Mapping[str, bytes], name: str) -> str | None:
    """What is kept under `name`, whichever page kept it; None if nothing is."""
    ending = b"\x00\x01" + name.encode()  # after the address of the page
    found: tuple[int, bytes | None] = (-1, None)
    for number, key, value in _entries(files):
        if key.endswith(ending) and number > found[0]:
            found = (number, value)
    return None if found[1] is None else _text(found[1])


def _entries(files: Mapping[str, bytes]) -> Iterator[Entry]:
    for name, content in files.items():
        try:
            if name.endswith(".log"):
                yield from _log(content)
            elif name.endswith((".ldb", ".sst")):
                yield from _table(content)
        except (IndexError, ValueError) as error:
            raise ImportRefused(
                "The storage in the backup is damaged at “%(name)s”. Make a new backup.", name=name[-40:]
            ) from error


def _text(value: bytes) -> str:
    try:
        return value[1:].decode(WRITINGS[value[0]])
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise ImportRefused("The storage in the backup is damaged. Make a new backup.") from error


# A log


def _log(content: bytes) -> Iterator[Entry]:
    whole = b""
    for kind, piece in _records(content):
        whole = piece if kind in (FULL, FIRST) else whole + piece
        if kind in (FULL, LAST):
            yield from _batch(whole)


def _records(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + HEAD <= len(content):
        left = BLOCK - at % BLOCK
        if left < HEAD:
            at += left
            continue
        length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        if not FULL <= kind <= LAST or at + HEAD + length > len(content):
            return  # the end, or a record that was being written when the copy was made
        yield kind, content[at + HEAD : at + HEAD + length]
        at += HEAD + length


def _batch(batch: bytes) -> Iterator[Entry]:
    number, at = int.from_bytes(batch[:8], "little"), BATCH_HEAD
    while at < len(batch):
        kind, at = batch[at], at + 1
        key, at = _counted(batch, at)
        value = None
        if kind == WRITTEN:
            value, at = _counted(batch, at)
        yield number, key, value
        number += 1


def _counted(content: bytes, at: int) -> tuple[bytes, int]:
    length, at = _number(content, at)
    return content[at : at + length], at + length


def _number(content: bytes, at: int) -> tuple[int, int]:
    """A number in as many bytes as it needs, seven bits in each."""
    number = shift = 0
    while True:
        byte, at = content[at], at + 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError("a number without end")


# A table


def _table(content: bytes) -> Iterator[Entry]:
    footer = content[-FOOTER:]
    if len(footer) < FOOTER or footer[-len(MAGIC) :] != MAGIC:
        raise ValueError("no table")
    _, at = _number(footer, 0)  # where the blocks about blocks are
    _, at = _number(footer, at)
    for _, handle in _block(content, footer, at):
        for key, value in _block(content, handle, 0):
            number = int.from_bytes(key[-SUFFIX:], "little")
            yield number >> 8, key[:-SUFFIX], value if number & 0xFF == WRITTEN else None


def _block(content: bytes, handle: bytes, at: int) -> Iterator[tuple[bytes, bytes]]:
    """The entries of the block that `handle` points to from its byte `at` on."""
    start, at = _number(handle, at)
    size, _ = _number(handle, at)
    block, kind = content[start : start + size], content[start + size]
    if kind == SNAPPY:
        block = unsnapped(block)
    elif kind != PLAIN:
        raise ValueError("packed in another way")
    restarts = int.from_bytes(block[-4:], "little")
    end, at, key = len(block) - 4 * (restarts + 1), 0, b""
    while at < end:
        shared, at = _number(block, at)
        more, at = _number(block, at)
        length, at = _number(block, at)
        key = key[:shared] + block[at : at + more]
        yield key, block[at + more : at + more + length]
        at += more + length


def unsnapped(packed: bytes) -> bytes:
    """What Snappy packed (https://github.com/google/snappy/blob/main/format_description.txt)."""
    length, at = _number(packed, 0)
    if length > LARGEST_INSIDE:
        raise ValueError("unpacks to more than it may")
    out = bytearray()
    while at < len(packed):
        tag, at = packed[at], at + 1
        if tag & 3 == 0:
            size = tag >> 2
            if size >= 60:
                extra = size - 59
                size, at = int.from_bytes(packed[at : at + extra], "little"), at + extra
            out += packed[at : at + size + 1]
            at += size + 1
        else:
            size, back, at = _copy(packed, tag, at)
            _repeat(out, back, size)
        if len(out) > length:
            raise ValueError("longer than it says")
    if len(out) != length:
        raise ValueError("shorter than it says")
    return bytes(out)


def _copy(packed: bytes, tag: int, at: int) -> tuple[int, int, int]:
    """How much is to be repeated, from how far back, and where what follows begins."""
    if tag & 3 == 1:
        return (tag >> 2 & 7) + 4, (tag >> 5) << 8 | packed[at], at + 1
    width = 2 if tag & 3 == 2 else 4
    return (tag >> 2) + 1, int.from_bytes(packed[at : at + width], "little"), at + width


def _repeat(out: bytearray, back: int, size: int) -> None:
    if not 0 < back <= len(out):
        raise ValueError("repeats what is not there")
    piece = bytes(out[-back:])
    out += (piece * (size // back + 1))[:size]  # it may repeat what it is writing
