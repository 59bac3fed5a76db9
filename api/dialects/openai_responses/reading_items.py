"""The items of a request's `input` into messages of parts.

Items of the assistant that follow each other (thoughts, texts, calls) are one message, and so are results of tools.
"""

from typing import Any, Final

import msgspec

from api.conversation import (
    Audio,
    Citation,
    File,
    Image,
    Inline,
    Link,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Source,
    Stored,
    Text,
    ToolCall,
    ToolResult,
    Unread,
)
from api.dialects import sealing
from api.dialects.free_text import wrapped
from api.dialects.openai_responses.naming import NAME, joined
from api.dialects.openai_responses.shapes import Item
from api.errors import InvalidRequest

OPENS: Final = "message"  # in a text's `carried`: what its message item held beside the content
_ROLES: Final = {role.value: role for role in Role}
_USERS: Final = frozenset(("compaction_trigger", "additional_tools", "configuration_update", "item_reference"))
_KINDS: Final = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv"}


def read_items(items: list[Item]) -> list[Message]:
    """The messages that `items` are."""
    messages: list[Message] = []
    said: list[Part] = []  # by the assistant, or by its tools, since the last message of anybody else
    speaker = Role.ASSISTANT
    for place, item in enumerate(items):
        path = f"input[{place}]"
        role, parts = _part(item, path, speaker, said)
        if role is not None and role == speaker:
            said += parts
            continue
        if said:
            messages.append(Message(speaker, tuple(said)))
        said = list(parts) if role else []
        speaker = role or speaker
        if role is None:
            messages.append(_message(item, path))
    return [*messages, Message(speaker, tuple(said))] if said else messages


def _part(item: Item, path: str, speaker: Role, said: list[Part]) -> tuple[Role | None, list[Part]]:
    """Who says an item, and its parts; nobody where it is a message that stands alone."""
    match item.get("type") or ("message" if "role" in item else "item_reference" if "id" in item else None):
        case "message" if item.get("role") != "assistant":
            return None, []
        case "message":
            return Role.ASSISTANT, _assistant(item, path, speaker, said)
        case "reasoning":
            return Role.ASSISTANT, [_reasoning(item)]
        case "function_call" | "custom_tool_call" as kind:
            return Role.ASSISTANT, [_call(item, kind, path)]
        case "function_call_output" | "custom_tool_call_output":
            return Role.USER, [_result(item, path)]
        case str(kind):
            answers = kind.endswith(("_output", "_response")) or kind in _USERS
            return Role.USER if answers else Role.ASSISTANT, [Unread(kind, item)]
        case _:
            raise InvalidRequest(f"An item needs a type, in the field “{path}.type”.", f"{path}.type")


def _message(item: Item, path: str) -> Message:
    role = _ROLES.get(str(item.get("role")))
    if role is None:
        known = ", ".join(_ROLES)
        raise InvalidRequest(f"A role is one of {known}, in the field “{path}.role”.", f"{path}.role")
    return Message(role, tuple(_content(item, path)), carried=_rest(item, ("type", "role", "content")))


def _assistant(item: Item, path: str, speaker: Role, said: list[Part]) -> list[Part]:
    parts = _content(item, path)
    rest = _rest(item, ("type", "role", "content"))
    follows = bool(said) and speaker is Role.ASSISTANT and isinstance(said[-1], Text | Refusal)
    if parts and isinstance(parts[0], Text) and (rest or follows):
        parts[0] = msgspec.structs.replace(parts[0], carried={**parts[0].carried, OPENS: rest})
    return parts


def _reasoning(item: Item) -> Reasoning:
    content, summary = _texts(item.get("content")), _texts(item.get("summary"))
    encrypted, known = item.get("encrypted_content"), item.get("id")
    seal = sealing.unwrap(encrypted, NAME) if isinstance(encrypted, str) and encrypted else None
    if seal and seal.minted == NAME and not seal.id and isinstance(known, str):
        seal = msgspec.structs.replace(seal, id=known)
    return Reasoning(content or summary, seal, not content and bool(summary), {"item": item})


def _texts(pieces: Any) -> str:
    pieces = pieces if isinstance(pieces, list) else []
    return "\n\n".join(piece["text"] for piece in pieces if isinstance(piece, dict) and _is_text(piece.get("text")))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _call(item: Item, kind: str, path: str) -> ToolCall:
    name, namespace = _string(item, "name", path), item.get("namespace")
    carried = _rest(item, ("type", "call_id", "name", "arguments", "input"))
    whole = joined(name, namespace if isinstance(namespace, str) else None)
    if whole != name:
        carried["name"] = name
    if kind == "custom_tool_call":
        carried["type"] = kind
        return ToolCall(_id(item, path), whole, wrapped(_string(item, "input", path, "")), carried=carried)
    return ToolCall(_id(item, path), whole, _string(item, "arguments", path, "") or "{}", carried=carried)


def _result(item: Item, path: str) -> ToolResult:
    output = item.get("output")
    carried = _rest(
        item, ("call_id", "output") if item["type"] != "function_call_output" else ("type", "call_id", "output")
    )
    match output:
        case str():
            parts: list[Any] = [Text(output)]
        case list():
            parts = [_piece(piece, f"{path}.output[{at}]") for at, piece in enumerate(output)]
        case None:
            parts = []
        case _:
            parts = [Text(msgspec.json.encode(output).decode())]
    return ToolResult(_id(item, path), tuple(parts), carried=carried)


def _id(item: Item, path: str) -> str:
    return item["id"] if not item.get("call_id") and _is_text(item.get("id")) else _string(item, "call_id", path)


def _string(item: Item, field: str, path: str, default: str | None = None) -> str:
    value = item.get(field)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise InvalidRequest(f"Expected a text, in the field “{path}.{field}”.", f"{path}.{field}")
    return value


def _content(item: Item, path: str) -> list[Part]:
    match item.get("content"):
        case str(text):
            return [Text(text)]
        case list(pieces):
            return [_piece(piece, f"{path}.content[{at}]") for at, piece in enumerate(pieces)]
        case None:
            return []
        case _:
            raise InvalidRequest(f"Expected a text or a list, in the field “{path}.content”.", f"{path}.content")


def _piece(piece: Any, path: str) -> Part:
    if not isinstance(piece, dict):
        raise InvalidRequest(f"Expected an object, in the field “{path}”.", path)
    match piece.get("type"):
        case "input_text" | "output_text" | "text":
            cited = piece.get("annotations")
            notes = cited if isinstance(cited, list) else ()
            citations = tuple(citation(note) for note in notes if isinstance(note, dict))
            carried = _rest(piece, ("type", "text", "annotations", "logprobs")) if len(piece) > 2 else {}
            return Text(_string(piece, "text", path), citations, carried=carried)
        case "refusal":
            return Refusal(_string(piece, "refusal", path))
        case "input_image" if piece.get("image_url") or piece.get("file_id"):
            return _image(piece, path)
        case "input_file" if piece.get("file_data") or piece.get("file_url") or piece.get("file_id"):
            return _file(piece, path)
        case "input_audio" if isinstance(piece.get("input_audio"), dict):
            sound = piece["input_audio"]
            kind = f"audio/{sound.get('format') or 'wav'}"
            source = Inline(kind, _string(sound, "data", f"{path}.input_audio"))
            return Audio(source, carried=_rest(piece, ("type", "input_audio")))
        case "input_image" | "input_file" | "input_audio" as kind:
            raise InvalidRequest(f"The part of type “{kind}” is empty, in the field “{path}”.", path)
        case kind:
            return Unread(str(kind or "unknown"), piece)


def citation(note: Item) -> Citation:
    """An annotation of a text."""
    whole = {field: note[field] for field in ("start_index", "end_index") if isinstance(note.get(field), int)}
    url, title = note.get("url"), note.get("title") or note.get("filename")
    return Citation(
        url if _is_text(url) else None,
        title if _is_text(title) else None,
        start=whole.get("start_index"),
        end=whole.get("end_index"),
        carried=note,
    )


def _image(piece: Item, path: str) -> Image:
    url, detail = piece.get("image_url"), piece.get("detail")
    if isinstance(url, dict):
        detail, url = detail or url.get("detail"), url.get("url")
    source = Stored(_string(piece, "file_id", path)) if not url else _located(url, f"{path}.image_url")
    known = ("type", "image_url", "file_id", "detail")
    return Image(source, detail if _is_text(detail) else None, carried=_rest(piece, known))


def _file(piece: Item, path: str) -> File:
    name = piece.get("filename")
    name = name if isinstance(name, str) else None
    if piece.get("file_data"):
        data = _string(piece, "file_data", path)
        ending = (name or "").rpartition(".")[2].lower()
        bare = Inline(_KINDS.get(ending, "application/pdf"), data)
        source: Source = _located(data, f"{path}.file_data") if data.startswith("data:") else bare
    elif piece.get("file_url"):
        source = Link(_string(piece, "file_url", path))
    else:
        source = Stored(_string(piece, "file_id", path))
    return File(source, name, _rest(piece, ("type", "filename", "file_data", "file_url", "file_id")))


def _located(url: Any, path: str) -> Source:
    """A URL: a `data:` one holds the thing itself."""
    if not isinstance(url, str):
        raise InvalidRequest(f"Expected a URL, in the field “{path}”.", path)
    if not url.startswith("data:"):
        return Link(url)
    comma = url.find(",")
    kind = url[5:comma]
    if comma < 0 or not kind.endswith(";base64") or comma + 1 == len(url):
        raise InvalidRequest(f"Expected base64 in the data URL, in the field “{path}”.", path)
    return Inline(kind.partition(";")[0], url[comma + 1 :])


def _rest(item: Item, known: tuple[str, ...]) -> Item:
    return {field: value for field, value in item.items() if field not in known and value is not None}
