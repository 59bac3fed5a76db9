"""The end of the log on a terminal, and what is written to it from then on."""

import os
import sys
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import BinaryIO, Final

LOOK_SECONDS: Final = 0.2


def last_lines(log: Path, count: int) -> list[bytes]:
    """The last `count` lines, also those that were moved aside when the file was full."""
    with log.open("rb") as file:
        return _last_lines(file, log, count)


def _last_lines(file: BinaryIO, log: Path, count: int) -> list[bytes]:
    lines = file.readlines()
    aside = log.with_name(f"{log.name}.1")
    if len(lines) < count and aside.exists():
        lines = aside.read_bytes().splitlines(keepends=True) + lines
    return lines[max(0, len(lines) - count) :]


def follow(log: Path, count: int) -> Generator[bytes]:
    """The last `count` lines, then whatever is written, for ever; a file that is moved aside is read to its end."""
    file = log.open("rb")
    try:
        yield from _last_lines(file, log, count)
        while True:
            moved = _was_moved(file, log)
            if written := file.read():
                yield written
            elif moved:
                file.close()
                file = log.open("rb")
            else:
                time.sleep(LOOK_SECONDS)
    finally:
        file.close()


def _was_moved(file: BinaryIO, log: Path) -> bool:
    try:
        return not os.path.samestat(os.fstat(file.fileno()), log.stat())
    except FileNotFoundError:
        return False  # moved, and the new one is not there yet


def show(chunks: Iterable[bytes]) -> None:
    """Print `chunks` as they come."""
    for chunk in chunks:
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
