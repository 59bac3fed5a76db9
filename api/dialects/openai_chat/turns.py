"""Messages of a caller, read into the vocabulary."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from api.conversation import (
    Audio,
    Carried,
    File,
    Image,
    Inline,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Seal,
    Stored,
    Text,
    ToolCall,
    ToolResult,
    Unread,
)
from api.dialects import sealing
from api.dialects.openai_chat.names import NAME, SOUNDS
from api.dialects.openai_chat.sources import asked_url

ROLES: Final = {
    "system": Role.SYSTEM,
    "developer": Role.DEVELOPER,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.USER,
    "function": Role.USER,
}
_READ: Final = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal"})
_THOUGHT: Final = frozenset({"reasoning_content", "reasoning", "reasoning_details"})


def read_messages(told: Sequence[Carried]) -> tuple[Message, ...]:
    """A conversation. The messages were checked already; what nobody knows is carried."""
    reading = _Reading()
    return tuple(reading.message(raw) for raw in told)


class _Reading:
    """Reads message by message: the deprecated `function_call` has no id, so one is made and found again."""

    def __init__(self) -> None:
        self._named: dict[str, str] = {}
        self._made = 0

    def message(self, raw: Carried) -> Message:
        role = raw["role"]
        if role in ("tool", "function"):
            return Message(Role.USER, (self._result(raw),))
        if role == "assistant":
            return self._assistant(raw)
        carried = {name: value for name, value in raw.items() if name not in ("role", "content", "name")}
        return Message(ROLES[role], tuple(read_parts(raw.get("content"))), raw.get("name"), _said(carried))

    def _result(self, raw: Carried) -> ToolResult:
        name = raw.get("name")
        call_id = raw.get("tool_call_id") or self._named.get(name or "", "")
        parts = tuple(part for part in read_parts(raw.get("content")) if not isinstance(part, ToolCall))
        carried = {key: value for key, value in raw.items() if key not in ("role", "content", "name", "tool_call_id")}
        return ToolResult(call_id, parts, name=name, carried=_said(carried))  # type: ignore[arg-type]

    def _assistant(self, raw: Carried) -> Message:
        carried = _said({key: value for key, value in raw.items() if key not in _READ})
        parts: list[Part] = list(_thoughts(carried))
        parts += (part for part in read_parts(raw.get("content")) if part != Text(""))
        if refusal := raw.get("refusal"):
            parts.append(Refusal(refusal))
        match carried.get("audio"):
            case {"id": str(audio), **rest} if not rest:
                del carried["audio"]
                parts.append(Audio(Stored(audio)))
        parts += (read_call(call) for call in raw.get("tool_calls") or ())
        if call := raw.get("function_call"):
            parts.append(self._old_call(call))
        return Message(Role.ASSISTANT, tuple(parts), raw.get("name"), carried)

    def _old_call(self, call: Carried) -> ToolCall:
        self._made += 1
        self._named[call["name"]] = made = f"call_{self._made:024x}"
        return ToolCall(made, call["name"], read_arguments(call.get("arguments")))


def read_parts(content: Any) -> Iterable[Part]:
    """The parts of a message's content: a string, a list, or nothing."""
    if isinstance(content, str):
        return (Text(content),)
    return (_part(raw) for raw in content or ())


def _part(raw: Any) -> Part:
    match raw:
        case {"type": "text" | "input_text" | "output_text", "text": str(text), **rest}:
            return Text(text, carried=_said(rest))
        case {"type": "image_url", "image_url": {"url": str(url), **inner}, **rest}:
            detail = take_text(inner, "detail")
            carried = rest | {"image_url": inner} if inner else rest
            return Image(asked_url(url), detail, carried=_said(carried))
        case {"type": "image_url", "image_url": str(url), **rest}:
            return Image(asked_url(url), carried=_said(rest))
        case {"type": "input_audio", "input_audio": {"data": str(sound), "format": str(kind)}, **rest}:
            return Audio(Inline(SOUNDS.get(kind, f"audio/{kind}"), sound), carried=_said(rest))
        case {"type": "file", "file": {"file_id": str(id), **inner}, **rest} if inner.keys() <= {"filename"}:
            return File(Stored(id), take_text(inner, "filename"), _said(rest))
        case {"type": "file", "file": {"file_data": str(url), **inner}, **rest} if inner.keys() <= {"filename"}:
            name = take_text(inner, "filename")
            return File(_document(url, name), name, _said(rest))
        case {"type": "refusal", "refusal": str(text)}:
            return Refusal(text)
        case _:
            return Unread(raw["type"], raw)


def _document(url: str, name: str | None) -> Any:
    """What `file_data` holds: a data URL, a link, or bare base64 whose kind only the name tells."""
    if url[:5].lower() == "data:" or url[:8].lower().startswith(("http://", "https://")):
        return asked_url(url)
    kind = "text/plain" if (name or "").lower().endswith((".txt", ".md")) else "application/pdf"
    return asked_url(f"data:{kind};base64,{url}")


def _thoughts(carried: Carried) -> list[Reasoning]:
    """What was thought, taken out of `carried`. `reasoning` is told beside `reasoning_details`, of which it is part."""
    details = carried.pop("reasoning_details", None)
    names = [name for name in ("reasoning_content", "reasoning") if isinstance(carried.get(name), str)]
    text = carried.pop(names[0]) if names else ""
    field: Carried = {"field": names[0]} if names and names[0] != "reasoning_content" else {}
    seal = Seal(NAME, msgspec.json.encode(details).decode()) if isinstance(details, list) and details else None
    if not text and not seal:
        return []
    if not names and isinstance(details, list):
        text, field = told_in(details), {"field": ""}
    return [Reasoning(text, seal, carried=field)]


def told_in(details: list[Any]) -> str:
    """The text that `reasoning_details` tell, summaries included."""
    told = (detail.get("text") or detail.get("summary") for detail in details if isinstance(detail, dict))
    return "".join(text for text in told if isinstance(text, str))


def read_call(raw: Any) -> ToolCall:
    """A call of the assistant's, sent back."""
    rest = {name: value for name, value in raw.items() if name not in ("id", "type", "index", "function", "custom")}
    seal = take_signature(rest)
    match raw:
        case {"custom": {"name": str(name), "input": str(text), **inner}}:
            carried = {"type": "custom", **rest, **({"custom": inner} if inner else {})}
            arguments = msgspec.json.encode({"input": text}).decode()
        case {"function": {"name": str(name), **inner}}:
            arguments = read_arguments(inner.pop("arguments", None))
            carried = {**rest, **({"function": inner} if inner else {})}
        case _:
            name, arguments, carried = "", "{}", dict(raw)
    return ToolCall(raw.get("id") or "", name, arguments, seal, _said(carried))


def take_signature(call: Carried) -> Seal | None:
    """The signature that Gemini's OpenAI-compatible endpoint gives its calls, taken out of the call's fields."""
    match call.get("extra_content"):
        case {"google": {"thought_signature": str(signature)}} if signature:
            del call["extra_content"]
            return sealing.unwrap(signature, NAME)
    return None


def read_arguments(arguments: Any) -> str:
    """Arguments as JSON text: none are the empty object, an object is written."""
    if isinstance(arguments, str):
        return arguments if arguments.strip() else "{}"
    return msgspec.json.encode(arguments or {}).decode()


def take_text(fields: dict[Any, Any], name: str) -> str | None:
    """A text among `fields`, taken out of them; what is none stays."""
    return fields.pop(name) if isinstance(fields.get(name), str) else None


def _said(fields: dict[Any, Any]) -> Carried:
    return {name: value for name, value in fields.items() if value is not None}
