"""The log: one file of the owner's, rotated, without bodies and without secrets."""

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from api.redact import RedactingFormatter, Redactor

BYTES: Final = 1024 * 1024
FILES: Final = 5
PATTERN: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"
# Whose INFO lines would tell URLs or come with every request.
QUIET: Final = ("httpx", "httpcore", "asyncio", "sanic.access", "sanic.root", "sqlalchemy")


def log_file(home: Path) -> Path:
    """Where the log of a home is."""
    return home / "logs" / "morello.log"


def open_log(home: Path, level: str, redact: Redactor) -> None:
    """Write everything of `level` and above to `<home>/logs/morello.log`, made 0600 by the process's umask."""
    path = log_file(home)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    file = RotatingFileHandler(path, maxBytes=BYTES, backupCount=FILES - 1, encoding="utf-8")
    file.setFormatter(RedactingFormatter(PATTERN, redact))
    root = logging.getLogger()
    root.handlers = [file]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def close_log() -> None:
    """Close the file."""
    for handler in logging.getLogger().handlers[:]:
        logging.getLogger().removeHandler(handler)
        handler.close()
