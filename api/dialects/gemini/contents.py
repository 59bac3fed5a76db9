"""What a caller said, from Google's contents to messages.

Calls need no id in this dialect: a call without one gets one from its place and name, and a result without one is
the result of the first call of that name that has none yet.
"""

import hashlib
from typing import Any

import msgspec

from api.conversation import (
    Audio,
    Carried,
    File,
    Image,
    Inline,
    Link,
    Message,
    Part,
    Reasoning,
    Role,
    Source,
    Stored,
    Text,
    ToolCall,
    ToolResult,
    Unread,
)
from api.dialects.gemini.fields import fields_of, listed, sealed, standard, take, wrong

_ROLES = {"user": Role.USER, "model": Role.ASSISTANT, "function": Role.USER, "tool": Role.USER, "system": Role.SYSTEM}
_RESULTLESS = frozenset(("functionCall", "function_call", "functionResponse", "function_response"))
_FILES = "https://generativelanguage.googleapis.com/"


def read_contents(value: object) -> list[Message]:
    """The messages of `contents`."""
    if value is None:
        raise wrong("a list", "contents")
    contents = listed(value, "contents")
    if not contents:
        raise wrong("a list of at least one content", "contents")
    calls = Calls()
    # A list of parts, or of texts, is one content of the user.
    if all(isinstance(content, str) or (isinstance(content, dict) and _is_part(content)) for content in contents):
        contents = [{"parts": contents}]
    return [_message(content, calls, f"contents[{at}]") for at, content in enumerate(contents)]


def read_system(value: object) -> list[Message]:
    """The messages of `systemInstruction`: a text, a content or parts."""
    if value is None:
        return []
    if isinstance(value, dict) and not _is_part(value):
        value = fields_of(value, "systemInstruction").get("parts")
    said = listed(value if value is not None else [], "systemInstruction.parts")
    parts = tuple(_part(part, Calls(), f"systemInstruction.parts[{at}]") for at, part in enumerate(said))
    return [Message(Role.SYSTEM, parts)] if parts else []


class Calls:
    """The calls so far, for results that do not say whose they are."""

    __slots__ = ("_count", "_waiting")

    def __init__(self) -> None:
        self._count = 0
        self._waiting: dict[str, dict[str, None]] = {}  # ids of calls without a result, in order

    def called(self, name: str, given: str | None) -> str:
        """The id of a call: the one it has, or one made of its place and name."""
        self._count += 1
        made = hashlib.blake2b(f"{self._count} {name}".encode(), digest_size=12).hexdigest()
        call = given or f"call_{made}"
        self._waiting.setdefault(name, {})[call] = None
        return call

    def answered(self, name: str, given: str | None) -> str:
        """The id of the call that a result belongs to."""
        waiting = self._waiting.setdefault(name, {})
        call = given or next(iter(waiting), None) or self.called(name, None)
        waiting.pop(call, None)
        return call


def _is_part(value: dict[str, Any]) -> bool:
    return not value.keys() & {"parts", "role"} and bool(value)


def _message(value: object, calls: Calls, where: str) -> Message:
    if isinstance(value, str):
        return Message(Role.USER, (Text(value),))
    content = fields_of(value, where)
    role = content.get("role") or "user"
    if not isinstance(role, str) or role not in _ROLES:
        raise wrong("“user” or “model”", f"{where}.role")
    parts = listed(content.get("parts") or [], f"{where}.parts")
    return Message(_ROLES[role], tuple(_part(part, calls, f"{where}.parts[{at}]") for at, part in enumerate(parts)))


def _part(value: object, calls: Calls, where: str) -> Part:
    if isinstance(value, str):
        return Text(value)
    part = fields_of(value, where)
    match part:
        case {"text": str(text), **rest} if not rest:
            return Text(text)
        case {"functionCall": called, **rest}:
            return _call(called, rest, calls, f"{where}.functionCall")
        case {"functionResponse": told, **rest}:
            return _result(told, rest, calls, f"{where}.functionResponse")
        case {"inlineData": blob, **rest}:
            return _inline(blob, rest, f"{where}.inlineData")
        case {"fileData": file, **rest}:
            return _file(file, rest, f"{where}.fileData")
        case {"text": _}:
            return _text(part, where)
    kind = next((name for name in part if name not in ("thought", "thoughtSignature", "partMetadata")), "")
    if not kind and "thoughtSignature" in part:
        return _text({**part, "text": ""}, where)
    return Unread(kind or "part", value if isinstance(value, dict) else {})


def _text(part: dict[str, Any], where: str) -> Part:
    text = take(part, "text", str, where) or ""
    thought, seal = take(part, "thought", bool, where), sealed(take(part, "thoughtSignature", str, where))
    return Reasoning(text, seal, carried=part) if thought else Text(text, seal=seal, carried=part)


def _call(value: object, rest: dict[str, Any], calls: Calls, where: str) -> ToolCall:
    call = fields_of(value, where)
    name, given = take(call, "name", str, where) or "", take(call, "id", str, where)
    arguments = call.pop("args", None)
    if not isinstance(arguments, dict | None):
        raise wrong("an object", f"{where}.args")
    seal = sealed(take(rest, "thoughtSignature", str, where))
    carried: Carried = {**rest, **({"functionCall": call} if call else {})}
    text = msgspec.json.encode(arguments or {}).decode()
    return ToolCall(calls.called(name, given), name, text, seal, carried)


def _result(value: object, rest: dict[str, Any], calls: Calls, where: str) -> ToolResult:
    told = fields_of(value, where)
    name, given = take(told, "name", str, where) or "", take(told, "id", str, where)
    text, is_error = _told(told.pop("response", None))
    shown = listed(told.pop("parts", []), f"{where}.parts")
    kept = tuple(_shown(part, calls, f"{where}.parts[{at}]") for at, part in enumerate(shown))
    carried: Carried = {**rest, **({"functionResponse": told} if told else {})}
    texts = (Text(text),) if text or not kept else ()
    return ToolResult(calls.answered(name, given), (*texts, *kept), is_error, name or None, carried)


def _shown(value: object, calls: Calls, where: str) -> Text | Image | Audio | File | Unread:
    """What a tool shows; calls, results and thoughts within a result are kept as they came."""
    part = (
        Unread("part", value) if isinstance(value, dict) and _RESULTLESS & value.keys() else _part(value, calls, where)
    )
    if isinstance(part, Text | Image | Audio | File | Unread):
        return part
    return Unread("part", value if isinstance(value, dict) else {})


def _told(response: object) -> tuple[str, bool]:
    """The text of a response, and whether it is an error: what stands alone under a usual name is unwrapped."""
    if isinstance(response, str):
        return response, False
    if not isinstance(response, dict):
        return ("" if response is None else msgspec.json.encode(response).decode()), False
    is_error = "error" in response
    if len(response) == 1 and response.keys() <= {"output", "result", "error"}:
        (inner,) = response.values()
        return (inner if isinstance(inner, str) else msgspec.json.encode(inner).decode()), is_error
    return (msgspec.json.encode(response).decode() if response else ""), is_error


def _inline(value: object, rest: dict[str, Any], where: str) -> Part:
    blob = fields_of(value, where)
    media_type = take(blob, "mimeType", str, where) or "application/octet-stream"
    data = take(blob, "data", str, where)
    if not data:
        raise wrong("base64 data, not empty", f"{where}.data")
    return _media(media_type, Inline(media_type, standard(data)), blob, rest)


def _file(value: object, rest: dict[str, Any], where: str) -> Part:
    file = fields_of(value, where)
    media_type, uri = take(file, "mimeType", str, where), take(file, "fileUri", str, where)
    if not uri:
        raise wrong("a URI", f"{where}.fileUri")
    source: Source = Stored(uri)
    if uri.startswith(("http://", "https://")) and not uri.startswith(_FILES):
        source = Link(uri, media_type)
    elif media_type:
        rest = {**rest, "mimeType": media_type}
    return _media(media_type or "", source, file, rest)


def _media(media_type: str, source: Source, named: dict[str, Any], rest: dict[str, Any]) -> Part:
    name = named.get("displayName")
    if media_type.startswith("image/"):
        seal = sealed(rest.pop("thoughtSignature", None))
        return Image(source, seal=seal, carried={**rest, **named})
    if media_type.startswith("audio/"):
        return Audio(source, carried={**rest, **named})
    return File(source, name if isinstance(name, str) else None, rest)
