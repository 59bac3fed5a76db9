"""Parts of the vocabulary, written as blocks of content for a provider; what cannot be one is named."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from api.conversation import (
    Carried,
    File,
    Image,
    Inline,
    Link,
    Part,
    Reasoning,
    Refusal,
    Source,
    Stored,
    Text,
    ToolCall,
    ToolResult,
    Unread,
)
from api.dialects import sealing
from api.dialects.anthropic.words import NAME, REDACTED, SIGNATURE
from api.dialects.naming import Names
from api.dialects.quirks import Quirks
from api.errors import InvalidRequest

Json = dict[str, Any]

SILENT: Final = frozenset({"id", "status", "object", "type", "index", "annotations", "phase", "refusal", "detail"})
TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")
LONGEST_NAME: Final = 128
_NO_FETCHING: Final = "“%(provider)s” does not fetch images from the web. Send the image itself, as base64 data."
_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_NOT_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")


class Blocks:
    """Writes parts for one provider. `own`: the caller spoke this dialect, so everything goes back as it came."""

    def __init__(self, dialect: str, quirks: Quirks, provider: str, texts: frozenset[str] = frozenset()) -> None:
        self.own, self._quirks, self._provider, self._texts = dialect == NAME, quirks, provider, texts
        self.dropped: set[str] = set()
        self.renamed: set[str] = set()
        self.names = Names(TOOL_NAME, LONGEST_NAME, keep=self.own)

    def write(self, parts: Iterable[Part]) -> list[Json]:
        """The blocks that say `parts`."""
        return [block for block in map(self._block, parts) if block]

    def carried(self, carried: Carried, of: str = "messages") -> Carried:
        """What rides along and may go on: everything at home, cache markers from abroad."""
        if self.own or not carried:
            return carried
        self.dropped |= {f"{of}.{name}" for name in carried if name not in SILENT and name != "cache_control"}
        return {"cache_control": carried["cache_control"]} if carried.get("cache_control") else {}

    def _block(self, part: Part) -> Json | None:
        match part:
            case Text():
                return self._text(part)
            case Refusal(text):
                return {"type": "text", "text": text} if text.strip() else None
            case Reasoning():
                return self._reasoning(part)
            case ToolCall(number, name, arguments, _, carried):
                said = {"type": "tool_use", "id": self.number(number), "name": self.names.say(name)}
                return {**said, "input": self._input(name, arguments), **self.carried(carried)}
            case ToolResult():
                return self._result(part)
            case Image():
                return self._image(part)
            case File():
                return self._file(part)
            case Unread(kind, raw):
                return raw if self.own else self._lost(kind)
            case _:
                return self._lost("audio")

    def _lost(self, what: str) -> Json | None:
        self.dropped.add(f"messages.{what}")
        return None

    def _text(self, part: Text) -> Json | None:
        said: Json = {"type": "text", "text": part.text}
        if self.own:
            cited = {"citations": [one.carried for one in part.citations]} if part.citations else {}
            return {**said, **cited, **part.carried}
        if part.citations:
            self._lost("citations")
        if not part.text.strip():
            return None  # refused: a text must have something in it
        return {**said, **self.carried(part.carried)}

    def _reasoning(self, part: Reasoning) -> Json | None:
        if part.seal and sealing.fits(part.seal, SIGNATURE, self._provider):
            return {
                "type": "thinking",
                "thinking": part.text,
                "signature": part.seal.value,
                **(part.carried if self.own else {}),
            }
        if part.seal and sealing.fits(part.seal, REDACTED, self._provider):
            return {"type": "redacted_thinking", "data": part.seal.value}
        return self._lost("reasoning")

    def number(self, number: str) -> str:
        """A call's id as the provider takes it: the same for the call and its result."""
        if self.own or _ID.fullmatch(number):
            return number
        digest = hashlib.sha256(number.encode(errors="replace")).hexdigest()[:8]
        return f"{_NOT_ID.sub('_', number)[:48] or 'call'}_{digest}"

    def _input(self, name: str, arguments: str) -> Any:
        if not arguments.strip():
            return {}
        try:
            if isinstance(msgspec.json.decode(arguments), dict):
                return msgspec.Raw(arguments.encode())  # letter for letter, as prompt caches compare
        except (ValueError, RecursionError):
            pass
        if name in self._texts:
            return {"input": arguments}
        # Cut off by a limit, as a rule. Refusing it would end a talk that can go on.
        self.renamed.add("messages.tool_calls")
        return {"_raw": arguments}

    def _result(self, part: ToolResult) -> Json:
        said: Json = {"type": "tool_result", "tool_use_id": self.number(part.call_id)}
        if content := self.write(part.parts):
            plain = len(content) == 1 and content[0].keys() == {"type", "text"}
            said["content"] = content[0]["text"] if plain else content
        if part.is_error:
            said["is_error"] = True
        return {**said, **self.carried(part.carried)}

    def _image(self, part: Image) -> Json | None:
        if part.detail not in (None, "auto"):
            self._lost("detail")
        source = self._source(part.source, "image")
        return {"type": "image", "source": source, **self.carried(part.carried)} if source else None

    def _file(self, part: File) -> Json | None:
        if self.own and "source" in part.carried:
            title = {"title": part.name} if part.name else {}
            return {"type": "document", **title, **part.carried}
        source, kind = self._document(part.source), "document"
        if source and str(source.get("media_type", "")).startswith("image/"):
            return {"type": "image", "source": source, **self.carried(part.carried)}
        title = {"title": part.name} if part.name else {}
        return {"type": kind, "source": source, **title, **self.carried(part.carried)} if source else None

    def _document(self, source: Source) -> Json | None:
        if not isinstance(source, Inline) or source.media_type == "application/pdf":
            return self._source(source, "file")
        if source.media_type.startswith("image/"):
            return self._source(source, "image")
        try:
            text = base64.b64decode(source.data).decode()
        except (binascii.Error, ValueError):
            return self._lost("file")  # only PDF and text are taken
        return {"type": "text", "media_type": "text/plain", "data": text}

    def _source(self, source: Source, what: str) -> Json | None:
        match source:
            case Inline(kind, data):
                return {"type": "base64", "media_type": kind, "data": data}
            case Link(url) if self.own or self._quirks.image_urls:
                return {"type": "url", "url": url}
            case Stored(number) if self.own:
                return {"type": "file", "file_id": number}
            case Link() if what == "image":
                raise InvalidRequest(_NO_FETCHING, "messages", provider=self._provider)
            case _:
                return self._lost(what)
