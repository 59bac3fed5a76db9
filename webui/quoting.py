r"""How a text is written as one string of another language, so that it means itself there and nothing else.

A model's name is its provider's to choose: it may hold quotes, line breaks and signs that steer a terminal. What
cannot be seen is written as an escape, so that what is pasted is what stands there.
"""

import struct
from collections.abc import Callable
from typing import Final

_NEEDS_SINGLE: Final = frozenset('"$`\\!')  # what a shell reads inside double quotes; "!" where it is typed by hand


def shell(text: str) -> str:
    """One word for bash and zsh."""
    if not text.isprintable():
        return "$'" + "".join(map(_ansi_c, text)) + "'"
    if _NEEDS_SINGLE.isdisjoint(text):
        return f'"{text}"'
    return "'" + text.replace("'", "'\\''") + "'"


def json(text: str) -> str:
    """A string of JSON; it is also one of JavaScript."""
    return _between_quotes(text, _utf16)


def json_in_shell(text: str) -> str:
    """A string of JSON that may stand between a shell's single quotes."""
    return json(text).replace("'", "\\u0027")


def python(text: str) -> str:
    """A string of Python; it is also one of YAML and of TOML."""
    return _between_quotes(text, lambda letter: f"\\U{ord(letter):08x}")


def _between_quotes(text: str, escape: Callable[[str], str]) -> str:
    return '"' + "".join(_letter(letter, escape) for letter in text) + '"'


def _letter(letter: str, escape: Callable[[str], str]) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    return letter if letter.isprintable() else escape(letter)


def _utf16(letter: str) -> str:
    return "".join(f"\\u{unit:04x}" for (unit,) in struct.iter_unpack(">H", letter.encode("utf-16-be")))


def _ansi_c(letter: str) -> str:
    if letter in "'\\":
        return f"\\{letter}"
    return letter if letter.isprintable() else "".join(f"\\x{byte:02x}" for byte in letter.encode())
