"""Tools that take free text, where a provider knows only tools that take JSON: the text is its one argument."""

from typing import Any, Final

import msgspec

INPUT: Final = "input"
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {INPUT: {"type": "string", "description": "The whole input of the tool, as plain text."}},
    "required": [INPUT],
    "additionalProperties": False,
}
_ANY: Final = msgspec.json.Decoder()


def wrapped(text: str) -> str:
    """Free text as the arguments of a function that has the one argument `input`."""
    return msgspec.json.encode({INPUT: text}).decode()


def unwrapped(arguments: str) -> str:
    """The free text in such arguments; they themselves where a model did not keep to the wrapping."""
    try:
        value = _ANY.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return arguments
    if not isinstance(value, dict):
        return value if isinstance(value, str) else arguments
    found = value.get(INPUT, next(iter(value.values())) if len(value) == 1 else None)
    return found if isinstance(found, str) else arguments
