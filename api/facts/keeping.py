"""The table in force: a newer one that the owner took over, kept in the home, else the one that comes with Morello."""

import logging
import os
from pathlib import Path

import msgspec

from api.facts.table import Table, bundled, read, written

log = logging.getLogger("morello.facts")


def load(home: Path) -> Table:
    """The table in force. One that cannot be read is left alone, and said so in the log."""
    path = _path(home)
    try:
        kept = read(path.read_bytes())
    except FileNotFoundError:
        return bundled()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.error("%s cannot be read: %s. The table that comes with Morello is used.", path, error)
        return bundled()
    return kept if kept.date >= bundled().date else bundled()  # an update of Morello may bring a newer one


def keep(home: Path, table: Table) -> None:
    """Have `table` in force from the next start on. Blocks."""
    draft = _path(home).with_suffix(".new")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(file, "wb") as out:
        out.write(written(table))
    draft.replace(_path(home))


def _path(home: Path) -> Path:
    return home / "facts.json"
