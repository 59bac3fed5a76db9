"""The names of tools: those inside a namespace have one name abroad and two at home, free text has a wrapping.

Codex offers tools in namespaces (`{"type": "namespace", "name": "mcp__files__", "tools": [...]}`) and wants a call
back with `name` and `namespace` apart. No other dialect knows namespaces, so both are joined to one name there.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from api.conversation import Tool

NAME: Final = "openai_responses"
LONGEST: Final = 64  # characters of a tool's name: the limit of every provider
INPUT: Final = "input"
INPUT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {INPUT: {"type": "string", "description": "The whole input of the tool, as plain text."}},
    "required": [INPUT],
    "additionalProperties": False,
}
_ANY: Final = msgspec.json.Decoder()


class Home(Struct, frozen=True):
    """How a tool is called in this dialect."""

    name: str
    namespace: str | None = None
    takes_text: bool = False


def joined(name: str, namespace: str | None) -> str:
    """One name for a tool in a namespace, the same one every time."""
    if not namespace:
        return name
    whole = f"{namespace}{name}" if namespace.endswith("__") else f"{namespace}__{name}"
    if len(whole) <= LONGEST:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{whole[: LONGEST - 9]}_{digest}"


def homes(tools: Iterable[Tool]) -> dict[str, Home]:
    """Where each tool is at home, by the name it has abroad."""
    return {
        tool.name: Home(tool.carried.get("name", tool.name), tool.carried.get("namespace"), tool.takes_text)
        for tool in tools
        if tool.takes_text or "namespace" in tool.carried
    }


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
