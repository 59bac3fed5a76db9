"""Secrets never leave: struck out of providers' errors and of every line of the log."""

import logging
import re
from collections.abc import Callable, Iterable
from typing import Final

SHORTEST: Final = 12  # characters: below that a "secret" would strike out ordinary words
HIDDEN: Final = "[hidden]"
_SHAPES: Final = re.compile(
    r"""cs-sk-[\w-]{4,} | \bsk-[\w-]{8,} | \bAIza[\w-]{30,} | (?<=\bBearer\s)\S+
    | (?<=[?&]key=)[^&\s]+ | (?<=[?&]api_key=)[^&\s]+ | (?<=[?&]token=)[^&\s]+""",
    re.VERBOSE | re.IGNORECASE,
)
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Redactor:
    """Strikes out what is known to be secret now, and whatever has a secret's shape."""

    def __init__(self, known: Callable[[], Iterable[str]]) -> None:
        self._known = known

    def __call__(self, text: str) -> str:
        for secret in self._known():
            text = text.replace(secret, HIDDEN)
            if len(secret) > SHORTEST:
                text = text.replace(secret[:SHORTEST], HIDDEN)
        return _SHAPES.sub(HIDDEN, text)


class RedactingFormatter(logging.Formatter):
    """Formats a record with its traceback, then strikes out secrets and control characters, line by line."""

    def __init__(self, pattern: str, redact: Redactor) -> None:
        super().__init__(pattern)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return _CONTROLS.sub("?", self._redact(super().format(record)))
