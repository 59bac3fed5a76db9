"""Messages as the items of a request's `input`."""

from typing import Final

from api.conversation import (
    Audio,
    ChatRequest,
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
    Stored,
    Text,
    ToolCall,
    ToolResult,
    Unread,
)
from api.dialects import sealing
from api.dialects.free_text import unwrapped
from api.dialects.naming import Names
from api.dialects.openai_responses.naming import NAME, homes
from api.dialects.openai_responses.reading_items import OPENS
from api.dialects.openai_responses.shapes import Item
from api.dialects.quirks import Quirks
from api.errors import InvalidRequest

OWN_ANNOTATIONS: Final = frozenset(("url_citation", "file_citation", "container_file_citation", "file_path"))
_NO_FETCHING: Final = "“%(provider)s” does not fetch images from the web. Send the image itself, as a data URL."
_FORMATS: Final = {"audio/mpeg": "mp3", "audio/x-wav": "wav", "audio/wave": "wav"}


class Items:
    """Writes the messages of one request; notes in `dropped` what cannot be said."""

    def __init__(self, request: ChatRequest, quirks: Quirks, provider: str, names: Names, dropped: set[str]) -> None:
        self._request, self._quirks, self._provider, self._dropped = request, quirks, provider, dropped
        self._at_home = request.dialect == NAME
        self._names, self._homes = names, homes(request)
        self._customs: set[str] = set()  # ids of the calls of tools that take text
        self._items: list[Item] = []

    def write(self) -> tuple[str | None, list[Item]]:
        """The instructions, where the caller gave some apart, and the items."""
        messages = self._request.messages
        apart = bool(messages) and self._at_home and messages[0].carried.get("instructions") is True
        for message in messages[1:] if apart else messages:
            self._message(message)
        first = messages[0].parts[0] if apart else None
        return (first.text if isinstance(first, Text) else None), self._items

    def _message(self, message: Message) -> None:
        if message.name:
            self._dropped.add("messages.name")
        if "cache_control" in message.carried:
            self._dropped.add("messages.cache_control")
        if message.role is Role.ASSISTANT:
            for part in message.parts:
                self._assistant(part, message)
            return
        content: list[Item] = []
        for part in message.parts:
            if isinstance(part, ToolResult | ToolCall | Reasoning) or self._is_own_item(part):
                self._close(message, content)
                content = []
                self._assistant(part, message)
            elif piece := self._piece(part):
                content.append(piece)
        self._close(message, content)

    def _close(self, message: Message, content: list[Item]) -> None:
        """Say what was gathered for a message of anybody but the assistant."""
        if not content:
            return
        knows = self._at_home or self._quirks.developer_role
        role = "system" if message.role is Role.DEVELOPER and not knows else message.role.value
        plain = content[0]["text"] if len(content) == 1 and content[0].keys() == {"type", "text"} else content
        rest = message.carried if self._at_home else {}
        self._items.append({"type": "message", "role": role, "content": plain, **rest})

    def _is_own_item(self, part: Part) -> bool:
        return isinstance(part, Unread) and self._at_home and not part.kind.startswith("input_")

    def _assistant(self, part: Part, message: Message) -> None:
        match part:
            case Text() | Refusal():
                self._say(part)
            case Reasoning():
                self._think(part)
            case ToolCall():
                self._call(part)
            case ToolResult():
                self._result(part)
            case Unread(kind, raw) if self._at_home:
                self._items.append(raw)
            case Unread(kind):
                self._dropped.add(f"messages.{kind}")
            case Audio(transcript=str(words)) if words:
                self._dropped.add("messages.audio")
                self._say(Text(words))
            case Image():
                self._dropped.add("messages.image")
            case _:
                self._dropped.add("messages.audio" if isinstance(part, Audio) else "messages.file")

    def _say(self, part: Text | Refusal) -> None:
        """Words of the assistant: they join the message before them, unless they came as one of their own."""
        if not (part.text or self._at_home):
            return
        opens = part.carried.get(OPENS) if isinstance(part, Text) and self._at_home else None
        last = self._items[-1] if self._items else {}
        if opens is not None or last.get("role") != "assistant":
            self._items.append({"type": "message", "role": "assistant", "content": [], **(opens or {})})
        self._items[-1]["content"].append(self._words(part))

    def _words(self, part: Text | Refusal) -> Item:
        if isinstance(part, Refusal):
            return {"type": "refusal", "refusal": part.text}
        notes = [note for note in map(annotation, part.citations) if note]
        if len(notes) < len(part.citations):
            self._dropped.add("messages.citations")
        self._note_markers(part)
        rest = {field: value for field, value in part.carried.items() if field != OPENS} if self._at_home else {}
        return {"type": "output_text", "text": part.text, "annotations": notes, **rest}

    def _note_markers(self, part: Text | Image | File | Audio | ToolCall | ToolResult) -> None:
        if "cache_control" in part.carried:
            self._dropped.add("messages.cache_control")

    def _think(self, part: Reasoning) -> None:
        as_it_came = part.carried.get("item") if self._at_home else None
        if part.seal is None and as_it_came is not None:
            self._items.append(as_it_came)
        elif part.seal and sealing.fits(part.seal, NAME, self._provider):
            pieces = [{"type": "summary_text", "text": part.text}] if part.text and part.summary else []
            item: Item = {"type": "reasoning", "summary": pieces, **(as_it_came or {})}
            item["encrypted_content"] = part.seal.value
            if part.seal.id:
                item["id"] = part.seal.id
            self._items.append(item)
        else:
            self._dropped.add("messages.reasoning")

    def _call(self, part: ToolCall) -> None:
        home = self._homes.get(part.name)
        kept = part.carried if self._at_home else {}
        self._note_markers(part)
        takes_text = kept.get("type") == "custom_tool_call" or (home is not None and home.takes_text)
        named: Item = {"name": self._names.say(home.name if home else part.name)}
        if home and home.namespace:
            named["namespace"] = home.namespace
        if takes_text:
            self._customs.add(part.id)
            said = {"type": "custom_tool_call", "input": unwrapped(part.arguments)}
        else:
            said = {"type": "function_call", "arguments": part.arguments or "{}"}
        self._items.append({"type": said["type"], "call_id": part.id, **named, **said, **kept})

    def _result(self, part: ToolResult) -> None:
        self._note_markers(part)
        if part.is_error:
            self._dropped.add("messages.is_error")
        pieces = [piece for inner in part.parts if (piece := self._piece(inner, in_result=True))]
        plain = all(piece.keys() == {"type", "text"} for piece in pieces) and len(pieces) < 2
        output = "".join(piece["text"] for piece in pieces) if plain else pieces
        kind = "custom_tool_call_output" if part.call_id in self._customs else "function_call_output"
        kept = part.carried if self._at_home else {}
        self._items.append({"type": kind, "call_id": part.call_id, "output": output, **kept})

    def _piece(self, part: Part, in_result: bool = False) -> Item | None:
        """A part of a message or of a result, as a piece of content; None where there is no word for it."""
        match part:
            case Text("") if not self._at_home:
                pass
            case Text(text):
                self._note_markers(part)
                if part.citations:
                    self._dropped.add("messages.citations")
                return {"type": "input_text", "text": text, **self._kept(part)}
            case Refusal(text):
                return {"type": "input_text", "text": text}
            case Image():
                return self._image(part)
            case File():
                return self._file(part)
            case Audio(source=Inline(kind, data)) if not in_result:
                sound = {"data": data, "format": _FORMATS.get(kind, kind.rpartition("/")[2])}
                return {"type": "input_audio", "input_audio": sound, **self._kept(part)}
            case Audio():
                self._dropped.add("messages.audio")
            case Unread(kind, raw) if self._at_home:
                return raw
            case Unread(kind):
                self._dropped.add(f"messages.{kind}")
            case _:
                pass
        return None

    def _kept(self, part: Text | Image | File | Audio) -> Item:
        return part.carried if self._at_home else {}

    def _image(self, part: Image) -> Item | None:
        self._note_markers(part)
        match part.source:
            case Inline(kind, data):
                located = {"image_url": f"data:{kind};base64,{data}"}
            case Link(url) if self._quirks.image_urls:
                located = {"image_url": url}
            case Link():
                raise InvalidRequest(_NO_FETCHING, "input", provider=self._provider)
            case Stored(known) if self._at_home:
                located = {"file_id": known}
            case _:
                self._dropped.add("messages.image")
                return None
        detail = {"detail": part.detail} if part.detail or not self._at_home else {}
        closely = {"detail": part.detail or "auto"} if detail else {}
        return {"type": "input_image", **located, **closely, **self._kept(part)}

    def _file(self, part: File) -> Item | None:
        self._note_markers(part)
        named = {"filename": part.name} if part.name else {}
        match part.source:
            case Inline(kind, data):
                # OpenAI wants a name beside data.
                ending = "pdf" if kind.endswith("pdf") else "txt"
                located = {"filename": part.name or f"file.{ending}", "file_data": f"data:{kind};base64,{data}"}
            case Link(url):
                located = {"file_url": url}
            case Stored(known) if self._at_home:
                located = {"file_id": known}
            case _:
                self._dropped.add("messages.file")
                return None
        return {"type": "input_file", **named, **located, **self._kept(part)}


def annotation(citation: Citation) -> Item | None:
    """A citation as an annotation of a text; None where this dialect has none like it."""
    kept = citation.carried
    if str(kept.get("type")) in OWN_ANNOTATIONS and ("url" in kept or "file_id" in kept):
        return kept
    if citation.url is None or not citation.url.startswith(("http://", "https://")):
        return None
    start, end = citation.start or 0, citation.end or citation.start or 0
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title or "",
        "start_index": start,
        "end_index": end,
    }
