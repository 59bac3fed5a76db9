"""Which pieces of a snippet are coloured: keywords (k), strings (s) and comments (c).

Pieces, not HTML: whoever writes them escapes each, so no text can come out as anything but text.
"""

import re
from collections.abc import Iterator
from typing import Final

_DOUBLE: Final = r'"(?:\\.|[^"\\\n])*"'
_COMMENT: Final = r"(?P<c>(?:(?<=\s)|^)#[^\n]*)"
_TOKENS: Final = {
    "shell": rf"(?P<s>\$'(?:\\.|[^'\\])*'|'[^']*'|{_DOUBLE})|{_COMMENT}|(?P<k>^(?:curl|export|unset)\b)",
    "python": rf"(?P<s>{_DOUBLE})|{_COMMENT}|(?P<k>\b(?:as|for|from|if|import|in|or|with|True)\b)",
    "javascript": rf"(?P<s>{_DOUBLE})|(?P<k>\b(?:await|const|for|from|import|new|of|true)\b)",
    "json": rf"(?P<n>{_DOUBLE}(?=:))|(?P<s>{_DOUBLE})|(?P<k>\btrue\b)",
    "yaml": rf"(?P<s>{_DOUBLE})|{_COMMENT}",
    "toml": rf"(?P<s>{_DOUBLE})|{_COMMENT}",
}
_READERS: Final = {name: re.compile(pattern, re.MULTILINE) for name, pattern in _TOKENS.items()}
PLAIN: Final = ""
Piece = tuple[str, str]


def pieces(text: str, language: str) -> Iterator[Piece]:
    """`text` from its beginning to its end: each piece after its kind, which is empty for what stays plain."""
    end = 0
    for found in _READERS[language].finditer(text):
        yield PLAIN, text[end : found.start()]
        yield _kind(found), found[0]
        end = found.end()
    yield PLAIN, text[end:]


def _kind(found: "re.Match[str]") -> str:
    # A key of JSON is matched so that it is not taken for a value; it stays plain.
    return found.lastgroup if found.lastgroup and found.lastgroup != "n" else PLAIN
