"""What was said, from messages to Google's contents.

Two sides take turns, so messages of one side become one content. Google has no system message in the middle of a
talk: it stays in its place, as a marked text of the user, because moved to the front it would come before what it
is about, and the provider's cache of everything after would be lost each time.
"""

from typing import Any, Final

import msgspec

from api.conversation import (
    Audio,
    ChatRequest,
    File,
    Image,
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
from api.dialects.gemini.answering import arguments_of, source_part
from api.dialects.gemini.fields import MINTED, UNSIGNED
from api.dialects.gemini.losses import Losses
from api.dialects.naming import Names
from api.dialects.quirks import Quirks
from api.errors import InvalidRequest

_SYSTEM: Final = (Role.SYSTEM, Role.DEVELOPER)
_IDENTITY: Final = ("id", "status", "type", "index")  # carried by other dialects, nothing to a model
# What a result may hold as media of its own (Gemini 3); anything else follows the results.
_SHOWN: Final = ("image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain")
_ENDINGS: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "pdf": "application/pdf",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "mp4": "video/mp4",
}
_NO_IMAGE_URLS: Final = "The provider “%(provider)s” does not fetch images by URL. Send the image as base64 data."
_EARLIER: Final = "(What was said before is left out.)"
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])

Content = dict[str, Any]
_OLDER: Final = ("gemini-1", "gemini-2", "gemini-exp", "gemini-pro", "gemini-flash-1", "gemma", "learnlm")


class Turns:
    """Writes the messages of one request."""

    def __init__(self, request: ChatRequest, quirks: Quirks, provider: str, names: Names, losses: Losses) -> None:
        self._quirks, self._provider = quirks, provider
        self._names, self._losses = names, losses
        self._model = request.model
        self._newer = not is_older(request.model)
        self._at_home = request.dialect == MINTED
        self._called: dict[str, str] = {}  # the tool of each call
        self._messages = request.messages

    def write(self) -> tuple[list[dict[str, Any]], list[Content]]:
        """The parts of `systemInstruction`, and `contents`."""
        head = next((at for at, told in enumerate(self._messages) if told.role not in _SYSTEM), len(self._messages))
        system = [part for message in self._messages[:head] for part in self._system(message)]
        contents: list[Content] = []
        for message in self._messages[head:]:
            self._add(contents, message)
        contents = [_in_order(content) for content in contents if content["parts"]]
        if not contents:
            # Google wants something to answer: instructions alone are said by the user.
            self._losses.rename("messages.system")
            return [], [{"role": "user", "parts": system}] if system else []
        if contents[0]["role"] == "model":
            # A call must follow a turn of the user; what came before was cut off.
            contents.insert(0, {"role": "user", "parts": [{"text": _EARLIER}]})
        if self._newer:
            _excuse(contents)
        return system, contents

    def _system(self, message: Message) -> list[dict[str, Any]]:
        parts = []
        for part in message.parts:
            if isinstance(part, Text):
                self._lose(part)
                parts += [self._signed({"text": part.text}, part)] if part.text else []
            elif self._at_home and isinstance(part, Unread):
                parts.append(part.raw)
            else:
                self._losses.drop("messages.system")
        self._lose_name(message)
        return parts

    def _add(self, contents: list[Content], message: Message) -> None:
        """Say a message, in the content of its side."""
        role = "model" if message.role is Role.ASSISTANT else "user"
        if message.role in _SYSTEM:
            self._losses.rename("messages.system")
            parts = [{**told, "text": f"<system>\n{told['text']}\n</system>"} for told in self._system(message)]
        else:
            parts = [told for part in message.parts for told in self._part(part)]
            self._lose_name(message)
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": role, "parts": parts})

    def _lose_name(self, message: Message) -> None:
        if message.name:
            self._losses.drop("messages.name")
        self._losses.drop_carried("messages", message.carried, _IDENTITY)

    def _lose(self, part: Text | Image | Audio | File | Reasoning | ToolCall | ToolResult) -> None:
        if isinstance(part, Text) and part.citations:
            self._losses.drop("messages.citations")
        if not self._at_home:
            self._losses.drop_carried("messages", part.carried, _IDENTITY)

    def _part(self, part: Part) -> list[dict[str, Any]]:
        match part:
            case Text(text):
                self._lose(part)
                told = self._signed({"text": text}, part)
                return [told] if text or len(told) > 1 else []
            case Refusal(text):
                return [{"text": text}] if text else []
            case Reasoning():
                return self._reasoning(part)
            case Image() | Audio() | File():
                return self._media(part)
            case ToolCall():
                return [self._call(part)]
            case ToolResult():
                return self._result(part)
            case Unread(kind, raw):
                if self._at_home:
                    return [raw]
                self._losses.drop(f"messages.{kind}")
                return []

    def _signed(self, told: dict[str, Any], part: Text | Reasoning | Image | ToolCall) -> dict[str, Any]:
        """A part with its signature, where it is this provider's, and with what it carried, at home."""
        if part.seal and sealing.fits(part.seal, MINTED, self._provider):
            told["thoughtSignature"] = part.seal.value
        if self._at_home and part.carried:
            told = {**told, **{name: value for name, value in part.carried.items() if name not in _OWN}}
        return told

    def _reasoning(self, part: Reasoning) -> list[dict[str, Any]]:
        if self._at_home or sealing.fits(part.seal, MINTED, self._provider):
            return [self._signed({"text": part.text, "thought": True}, part)]
        self._losses.drop("messages.reasoning")
        return []

    def _media(self, part: Image | Audio | File) -> list[dict[str, Any]]:
        self._lose(part)
        source, kind = part.source, type(part).__name__.lower()
        if isinstance(source, Stored) and not self._at_home:
            self._losses.drop(f"messages.{kind}")  # another provider's file
            return []
        if isinstance(part, Image):
            if isinstance(source, Link) and not self._quirks.image_urls:
                raise InvalidRequest(_NO_IMAGE_URLS, "messages", provider=self._provider)
            if part.detail not in (None, "auto"):
                self._losses.drop("messages.detail")
        name = part.name if isinstance(part, File) else None
        if name and not self._at_home:
            self._losses.drop("messages.filename")
        told = source_part(source, _media_type(source, part.carried), name if self._at_home else None)
        if isinstance(part, Image):
            return [self._signed(told, part)]
        return [{**told, **{k: v for k, v in part.carried.items() if k not in _OWN}}] if self._at_home else [told]

    def _call(self, call: ToolCall) -> dict[str, Any]:
        self._lose(call)
        name = self._called[call.id] = self._names.say(call.name)
        more = call.carried.get("functionCall", {}) if self._at_home else {}
        called = {**({"id": call.id} if call.id else {}), "name": name, "args": arguments_of(call.arguments), **more}
        return self._signed({"functionCall": called}, call)

    def _result(self, result: ToolResult) -> list[dict[str, Any]]:
        self._lose(result)
        name = self._called.get(result.call_id) or (result.name if self._at_home else None)
        media = [told for part in result.parts if not isinstance(part, Text) for told in self._part(part)]
        if name is None:
            # Google refuses the result of a call it never saw.
            self._losses.rename("messages.tool_result")
            return [{"text": f"<tool_result>\n{result.text}\n</tool_result>"}, *media]
        shown = [told for told in media if self._newer and _is_shown(told)]
        told: dict[str, Any] = {"id": result.call_id, "name": name, "response": self._response(result)}
        if shown:
            told["parts"] = shown
        if self._at_home:
            told |= result.carried.get("functionResponse", {})
        return [{"functionResponse": told}, *(part for part in media if part not in shown)]

    def _response(self, result: ToolResult) -> dict[str, Any]:
        text = result.text
        if result.is_error:
            return {"error": text}
        # At home it was an object; elsewhere a text stays one: Google's numbers are doubles.
        if self._at_home and text.startswith("{"):
            try:
                told = _OBJECT.decode(text)
            except (msgspec.DecodeError, RecursionError):
                return {"output": text}
            return {"output": text} if "error" in told else told
        return {"output": text}


_OWN: Final = ("functionCall", "functionResponse", "mimeType", "displayName")


def _media_type(source: Source, carried: dict[str, Any]) -> str | None:
    """The declared media type, or the one that a URL's ending tells."""
    declared = carried.get("mimeType")
    if isinstance(declared, str):
        return declared
    if isinstance(source, Link) and source.media_type is None:
        return _ENDINGS.get(source.url.partition("?")[0].rpartition(".")[2].lower())
    return None


def _is_shown(told: dict[str, Any]) -> bool:
    blob = told.get("inlineData")
    return isinstance(blob, dict) and blob.get("mimeType") in _SHOWN


def _in_order(content: Content) -> Content:
    """The results of tools before all else: they answer the turn of the model, which Google checks."""
    parts = content["parts"]
    if content["role"] == "model" or not any("functionResponse" in part for part in parts):
        return content
    return {**content, "parts": sorted(parts, key=lambda part: "functionResponse" not in part)}


def _excuse(contents: list[Content]) -> None:
    """Give Google's own excuse to calls of the turn that runs whose signature is not to be had.

    Gemini 3 refuses a step whose first call has none; the other calls of a step never have one.
    """
    for content in reversed(contents):
        parts = content["parts"]
        if content["role"] == "user" and not any("functionResponse" in part for part in parts):
            return
        first = next((part for part in parts if "functionCall" in part), None)
        if first is not None and "thoughtSignature" not in first:
            first["thoughtSignature"] = UNSIGNED


def is_older(model: str) -> bool:
    """Whether a model is of a generation before Gemini 3."""
    return model.rpartition("/")[2].startswith(_OLDER)
