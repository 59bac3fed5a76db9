"""Blocks of content, read into the parts of the vocabulary."""

import base64
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from api.conversation import (
    Citation,
    File,
    Image,
    Inline,
    Link,
    Part,
    Reasoning,
    Seal,
    Source,
    Stored,
    Text,
    ToolCall,
    ToolResult,
    Unread,
)
from api.dialects import sealing
from api.dialects.anthropic.words import REDACTED, SIGNATURE
from api.errors import InvalidRequest

Json = dict[str, Any]

NO_DATA: Final = "An image or document has no data. Send it in base64, or leave it out."
DIRECT: Final = {"type": "direct"}  # how every tool is called unless the model's own code called it


def parts(blocks: Iterable[Json]) -> tuple[Part, ...]:
    """Blocks as parts, in their order; kinds that are not known are kept as they came."""
    return tuple(map(part, blocks))


def part(block: Json) -> Part:
    """One block as a part."""
    read = _KINDS.get(block["type"])
    return (read(block) if read else None) or Unread(block["type"], block)


def without(said: Json, *names: str) -> Json:
    """What else an object says, apart from these fields and from what is null."""
    return {name: value for name, value in said.items() if name not in names and value is not None}


def citation(said: Json) -> Citation:
    """A citation, its original carried along."""
    url = _text(said, "url") or _text(said, "source") or None
    title = _text(said, "title") or _text(said, "document_title") or None
    return Citation(url, title, _text(said, "cited_text") or None, carried=said)


def seal_of(text: Any, native: str) -> Seal | None:
    """The seal in a field; None where nothing is in it."""
    return sealing.unwrap(text, native) if isinstance(text, str) and text else None


def arguments(said: Any) -> str:
    """The input of a call as JSON text."""
    return msgspec.json.encode(said).decode() if said else "{}"


def called(block: Json, text: str) -> ToolCall:
    """A call whose arguments are `text`."""
    more = without(block, "type", "id", "name", "input")
    if more.get("caller") == DIRECT:
        del more["caller"]
    return ToolCall(_text(block, "id"), _text(block, "name"), text, carried=more)


def _text(block: Json, name: str) -> str:
    value = block.get(name)
    return value if isinstance(value, str) else ""


def _read_text(block: Json) -> Text:
    cited = block.get("citations")
    citations = tuple(citation(said) for said in cited if isinstance(said, dict)) if isinstance(cited, list) else ()
    return Text(_text(block, "text"), citations, carried=without(block, "type", "text", "citations"))


def _read_thinking(block: Json) -> Part:
    seal = seal_of(block.get("signature"), SIGNATURE)
    return Reasoning(_text(block, "thinking"), seal, carried=without(block, "type", "thinking", "signature"))


def _read_redacted(block: Json) -> Part | None:
    seal = seal_of(block.get("data"), REDACTED)
    return Reasoning("", seal, carried=without(block, "type", "data")) if seal else None


def _read_call(block: Json) -> Part:
    return called(block, arguments(block.get("input")))


def _read_result(block: Json) -> Part:
    content = block.get("content")
    said = [{"type": "text", "text": content}] if isinstance(content, str) else content
    inner = tuple(map(_read_shown, said)) if isinstance(said, list) else ()
    more = without(block, "type", "tool_use_id", "content", "is_error")
    return ToolResult(_text(block, "tool_use_id"), inner, block.get("is_error") is True, carried=more)


def _read_shown(block: Json) -> Text | Image | File | Unread:
    """What a tool shows; calls and results within a result are kept as they came."""
    read = _SHOWN.get(block["type"])
    return (read(block) if read else None) or Unread(block["type"], block)


def _read_image(block: Json) -> Image | None:
    source = _source(block.get("source"))
    return Image(source, carried=without(block, "type", "source")) if source else None


def _read_document(block: Json) -> File | None:
    said, title = block.get("source"), _text(block, "title") or None
    source, more = _source(said), without(block, "type", "source", "title")
    if source is None and isinstance(said, dict) and (text := _plain(said)) is not None:
        source = Inline("text/plain", base64.b64encode(text.encode(errors="replace")).decode())
        if said.get("type") == "content":
            more["source"] = said
    return File(source, title, more) if source else None


def _source(said: Any) -> Source | None:
    match said:
        case {"type": "base64", "data": str(data), "media_type": str(kind)}:
            if not data:
                raise InvalidRequest(NO_DATA, "messages")
            return Inline(kind, data)
        case {"type": "url", "url": str(url)}:
            return Link(url)
        case {"type": "file", "file_id": str(number)}:
            return Stored(number)
        case _:
            return None


def _plain(said: Json) -> str | None:
    """The text of a document that is nothing but text."""
    match said:
        case {"type": "text", "data": str(text)} | {"type": "content", "content": str(text)}:
            return text
        case {"type": "content", "content": list(blocks)}:
            texts = [block.get("text") if isinstance(block, dict) else None for block in blocks]
            known = [text for text in texts if isinstance(text, str)]
            return "\n\n".join(known) if len(known) == len(texts) else None
        case _:
            return None


_SHOWN: Final[dict[str, Callable[[Json], Text | Image | File | None]]] = {
    "text": _read_text,
    "image": _read_image,
    "document": _read_document,
}
_KINDS: Final[dict[str, Callable[[Json], Part | None]]] = {
    **_SHOWN,
    "thinking": _read_thinking,
    "redacted_thinking": _read_redacted,
    "tool_use": _read_call,
    "tool_result": _read_result,
}
