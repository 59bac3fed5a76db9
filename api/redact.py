"""Secrets never leave: struck out of providers' errors and of every line of the log."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

SHORTEST: Final = 8  # characters: below that a "secret" (`none`, `ollama`) would strike out ordinary words
BEGINNING: Final = 12  # characters by which providers quote a key they refuse
HIDDEN: Final = "[hidden]"
_SHAPES: Final = re.compile(
    r"""cs-sk-[\w-]{4,} | \bsk-[\w-]{8,} | \bAIza[\w-]{30,} | \bAQ\.[\w-]{30,} | (?<=\bBearer\s)\S+
    | (?<=[?&]key=)[^&\s]+ | (?<=[?&]api_key=)[^&\s]+ | (?<=[?&]token=)[^&\s]+""",
    re.VERBOSE | re.IGNORECASE,
)
_SYMBOLS: Final = re.compile(r"""[+&<>='"`]""")
_REST: Final = re.compile(r"""\A[^\s"'<>,;)}\]\\]+""")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Redactor:
    """Strikes out what is known to be secret now, and whatever has a secret's shape."""

    def __init__(self, known: Callable[[], Iterable[str]]) -> None:
        self._known = known

    def __call__(self, text: str) -> str:
        # The longest first, as one may begin with another; beginnings last, as many begin alike (`sk-ant-api03-`).
        known = sorted((secret for secret in self._known() if len(secret) >= SHORTEST), key=len, reverse=True)
        for secret in known:
            for spelling in _spellings(secret):
                text = text.replace(spelling, HIDDEN)
        text = _SHAPES.sub(HIDDEN, text)
        for secret in known:
            if len(secret) > BEGINNING:
                text = _without(text, secret[:BEGINNING])
        return text


def _spellings(secret: str) -> Iterator[str]:
    """A secret as it stands in a text, and as writers of JSON put it (those of PHP, Go and .NET)."""
    yield secret
    if "/" in secret or _SYMBOLS.search(secret):
        for spelled in (secret, _escaped(secret, "\\u%04x"), _escaped(secret, "\\u%04X")):
            yield spelled
            yield spelled.replace("/", "\\/")


def _escaped(secret: str, form: str) -> str:
    return _SYMBOLS.sub(lambda symbol: form % ord(symbol[0]), secret)


def _without(text: str, beginning: str) -> str:
    """`text` without what begins so: a text that was cut may end in the middle of a secret."""
    first, *others = text.split(beginning)
    return HIDDEN.join((first, *(_REST.sub("", other, count=1) for other in others)))


class RedactingFormatter(logging.Formatter):
    """Formats a record with its traceback, then strikes out secrets and control characters, line by line."""

    def __init__(self, pattern: str, redact: Redactor) -> None:
        super().__init__(pattern)
        self._redact = redact

    def formatMessage(self, record: logging.LogRecord) -> str:
        # One line a record, whatever its arguments hold: only a traceback has more.
        return " ".join(super().formatMessage(record).splitlines())

    def format(self, record: logging.LogRecord) -> str:
        return _CONTROLS.sub("?", self._redact(super().format(record)))
