"""Messages of a caller, read into the vocabulary."""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable
from typing import Final

import msgspec

from api.conversation import Image, Inline, Message, Part, Reasoning, Role, Text, ToolCall, ToolResult
from api.dialects.ollama.shapes import OllamaMessage, OllamaToolCall
from api.errors import InvalidRequest

_ROLES: Final = {
    "system": Role.SYSTEM,
    "developer": Role.DEVELOPER,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
}
# How base64 begins, by the first bytes of each kind: Ollama's callers do not say what a picture is.
_KINDS: Final = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "Qk": "image/bmp",
}
_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,", re.IGNORECASE)
_EMPTY: Final = "A picture in “%(where)s” is empty. Send its data in base64."
_BROKEN: Final = "A picture in “%(where)s” is not base64. Send its data, not its name or address."


def read_messages(told: Iterable[OllamaMessage]) -> tuple[Message, ...]:
    """A conversation. Calls without an id get one, by which their results find them."""
    reading = _Reading()
    return tuple(reading.message(message) for message in told)


def read_picture(text: str, where: str) -> Inline:
    """A picture in base64, or in the data URL that some programs send."""
    declared = _DATA_URL.match(text)
    data = "".join((text[declared.end() :] if declared else text).split())
    if not data:
        raise InvalidRequest(_EMPTY, where, where=where)
    try:
        b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(_BROKEN, where, where=where) from error
    kind = next((kind for start, kind in _KINDS.items() if data.startswith(start)), "image/jpeg")
    return Inline(declared[1].lower() if declared else kind, data)


class _Reading:
    """Reads message by message: results name the tool, and stand in the order of its calls."""

    def __init__(self) -> None:
        self._waiting: list[ToolCall] = []
        self._made = 0

    def message(self, told: OllamaMessage) -> Message:
        """One message."""
        if told.role == "tool":
            return Message(Role.USER, (self._result(told),))
        parts: list[Part] = [Reasoning(told.thinking)] if told.thinking else []
        if told.content:
            parts.append(Text(told.content))
        parts += _pictures(told)
        calls = [self._call(call) for call in told.tool_calls or ()]
        if told.role == "assistant":
            self._waiting = calls
        return Message(_ROLES[told.role], (*parts, *calls))

    def _call(self, told: OllamaToolCall) -> ToolCall:
        self._made += 1
        arguments = msgspec.json.encode(told.function.arguments or {}).decode()
        return ToolCall(told.id or f"call_{self._made:024x}", told.function.name, arguments)

    def _result(self, told: OllamaMessage) -> ToolResult:
        call = self._answered(told)
        if call:
            self._waiting.remove(call)
        name = told.tool_name or (call.name if call else None)
        said = told.tool_call_id or (call.id if call else "")
        return ToolResult(said, (Text(told.content or ""), *_pictures(told)), name=name)

    def _answered(self, told: OllamaMessage) -> ToolCall | None:
        """The call that a result is of: the one it names, else the first that waits."""
        waiting = self._waiting
        if told.tool_call_id:
            return next((call for call in waiting if call.id == told.tool_call_id), None)
        if told.tool_name:
            return next((call for call in waiting if call.name == told.tool_name), None)
        return waiting[0] if waiting else None


def _pictures(told: OllamaMessage) -> list[Image]:
    return [Image(read_picture(picture, "messages.images")) for picture in told.images or ()]
