"""Messages of the vocabulary, written for a provider."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

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
from api.dialects.naming import Names
from api.dialects.openai_chat.answering import reasoning_details, write_call
from api.dialects.openai_chat.names import FORMATS, NAME
from api.dialects.openai_chat.sources import as_text, write_url
from api.dialects.quirks import Quirks
from api.errors import InvalidRequest

BETWEEN: Final = "\n\n"  # blocks of instructions, where they can only be one text
# What Google documents for a call whose signature nobody has: accepted in place of one.
NO_SIGNATURE: Final = "skip_thought_signature_validator"
# Bookkeeping of other dialects, without which nothing is lost.
WITHOUT_MEANING: Final = frozenset({"id", "status", "type", "index", "caller", "annotations", "logprobs", "phase"})
LINKED: Final = "[%s, which is not included here, lies at %s]"
NO_FETCHING: Final = "“%(provider)s” does not fetch images from the web. Send the image itself, as a data URL."


class Retelling:
    """Writes a conversation message by message. What follows tool results as pictures waits until they are over."""

    def __init__(self, quirks: Quirks, provider: str, home: bool, names: Names) -> None:
        self._quirks, self._provider, self._home, self._names = quirks, provider, home, names
        self.dropped: set[str] = set()
        self.told: list[Carried] = []
        self._waiting: list[Carried] = []

    def write(self, messages: Sequence[Message]) -> list[Carried]:
        """The messages of the request."""
        for message in messages:
            if message.role is Role.USER:
                self._user(message)
            elif message.role is Role.ASSISTANT:
                self._flush()
                self._assistant(message)
            else:
                self._flush()
                self._system(message)
        self._flush()
        return self.told

    def carried(self, fields: Carried, room: str = "messages") -> Carried:
        """What of `fields` may go along: all of them at home, cache markers where the provider knows them."""
        kept = {}
        for name, value in fields.items():
            if name == "cache_control":
                if self._quirks.cache_control:
                    kept[name] = value
                    continue
            elif self._home:
                kept[name] = value
                continue
            if name not in WITHOUT_MEANING:
                self.dropped.add(f"{room}.{name}")
        return kept

    def _flush(self) -> None:
        if self._waiting:
            self.told.append({"role": "user", "content": self._waiting})
            self._waiting = []

    # Who speaks

    def _system(self, message: Message) -> None:
        developer = message.role is Role.DEVELOPER and self._quirks.developer_role
        content = self._content(message.parts, lists=self._quirks.content_lists)
        self._say("developer" if developer else "system", content, message)

    def _user(self, message: Message) -> None:
        for part in message.parts:
            if isinstance(part, ToolResult):
                self._result(part)
        others = [part for part in message.parts if not isinstance(part, ToolResult)]
        if not others and len(message.parts):
            return
        content: Any = self._content(others)
        if self._waiting:
            texts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            content, self._waiting = [*self._waiting, *(texts if content else ())], []
        self._say("user", content, message)

    def _say(self, role: str, content: Any, message: Message) -> None:
        told: Carried = {"role": role, "content": content}
        if message.name:
            told["name"] = message.name
        self.told.append(told | self.carried(message.carried))

    def _result(self, result: ToolResult) -> None:
        spoken = [part for part in result.parts if isinstance(part, Text)]
        shown = [part for part in result.parts if not isinstance(part, Text)]
        told: Carried = {
            "role": "tool",
            "tool_call_id": result.call_id,
            "content": self._content(spoken, lists=self._quirks.content_lists, between=""),
        }
        if result.name and self._home:
            told["name"] = result.name
        if result.is_error:
            self.dropped.add("messages.is_error")
        self.told.append(told | self.carried(result.carried))
        self._hoist(f"From the result of the tool call {result.call_id}:", shown)

    def _hoist(self, words: str, parts: Iterable[Part]) -> None:
        """Parts that cannot stand where they were: the next message of the user begins with them."""
        written = [told for part in parts if (told := self._part(part))]
        if written:
            self._waiting += [{"type": "text", "text": words}, *written]

    # What is said

    def _content(self, parts: Sequence[Part], lists: bool = True, between: str = BETWEEN) -> Any:
        """A string where one says it all, else a list of parts."""
        texts = [part for part in parts if isinstance(part, Text)]
        if len(parts) == 1 and len(texts) == 1 and (not texts[0].carried or not lists):
            self._note(texts[0], lost=not lists)
            if not (kept := self.carried(texts[0].carried) if lists else {}):
                return texts[0].text
            return [{"type": "text", "text": texts[0].text, **kept}]
        if not lists and len(texts) == len(parts):
            for text in texts:
                self._note(text, lost=True)
            return between.join(text.text for text in texts)
        written = [told for part in parts if (told := self._part(part))]
        whole = [told for told in written if self._home or told.get("text") != ""]
        if len(whole) == 1 and whole[0].keys() == {"type", "text"}:
            return whole[0]["text"]
        return whole or ""

    def _note(self, text: Text, lost: bool = False) -> None:
        if text.citations and not self._home:
            self.dropped.add("messages.citations")
        if lost and "cache_control" in text.carried:
            self.dropped.add("messages.cache_control")

    def _part(self, part: Part) -> Carried | None:
        match part:
            case Text(text):
                self._note(part)
                return {"type": "text", "text": text} | self.carried(part.carried)
            case Image():
                return self._image(part)
            case Audio(source=Inline(media_type, sound)):
                kind = FORMATS.get(media_type, media_type.partition("/")[2])
                told = {"type": "input_audio", "input_audio": {"data": sound, "format": kind}}
                return told | self.carried(part.carried)
            case File():
                return self._file(part)
            case Refusal(text):
                return {"type": "refusal", "refusal": text}
            case Unread(_, raw) if self._home:
                return raw
            case Unread(kind):
                self.dropped.add(f"messages.{kind or 'unread'}")
            case Reasoning():
                self.dropped.add("messages.reasoning")
            case Audio():
                self.dropped.add("messages.audio")
            case _:
                self.dropped.add("messages.tool_calls")
        return None

    def _image(self, image: Image) -> Carried | None:
        source = image.source
        if isinstance(source, Stored):
            self.dropped.add("messages.image")
            return None
        if isinstance(source, Link) and not self._quirks.image_urls:
            raise InvalidRequest(NO_FETCHING, "messages", provider=self._provider)
        carried = self.carried(image.carried)
        inner = carried.pop("image_url", {}) if self._home else {}
        told = {"url": write_url(source), **({"detail": image.detail} if image.detail else {}), **inner}
        return {"type": "image_url", "image_url": told} | carried

    def _file(self, file: File) -> Carried | None:
        named = {"filename": file.name} if file.name else {}
        carried = self.carried(file.carried)
        match file.source:
            case Stored(id) if self._home:
                return {"type": "file", "file": {"file_id": id, **named}} | carried
            case Inline(media_type) as source:
                if not self._home and media_type.startswith("text/") and (text := as_text(source)) is not None:
                    return {"type": "text", "text": text} | carried
                name = file.name or f"document.{media_type.partition('/')[2] or 'pdf'}"
                named = named if self._home else {"filename": name}
                return {"type": "file", "file": {"file_data": write_url(source), **named}} | carried
            case Link(url) if self._home:
                return {"type": "file", "file": {"file_data": url, **named}} | carried
            case Link(url):
                self.dropped.add("messages.file")
                return {"type": "text", "text": LINKED % (file.name or "document", url)}
        self.dropped.add("messages.file")
        return None

    # What the assistant said

    def _assistant(self, message: Message) -> None:
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        spoken = [part for part in message.parts if isinstance(part, Text | Unread)]
        shown = [part for part in message.parts if isinstance(part, Image | File)]
        refused = "".join(part.text for part in message.parts if isinstance(part, Refusal))
        told: Carried = {"role": "assistant", "content": self._spoken(spoken)}
        if message.name:
            told["name"] = message.name
        told |= self._thoughts(message.parts, bool(calls))
        if refused:
            told["refusal"] = refused
        if calls:
            told["tool_calls"] = [self._call(call, number) for number, call in enumerate(calls)]
        for sound in (part for part in message.parts if isinstance(part, Audio)):
            self._heard(sound, told)
        if told["content"] is None and not told.keys() & {"tool_calls", "refusal", "audio"}:
            told["content"] = ""  # a message of nothing is refused
        self.told.append(told | self.carried(message.carried))
        self._hoist("From your last answer:", shown)

    def _spoken(self, parts: Sequence[Text | Unread]) -> Any:
        """A string, but where a list says more: most providers want one from the assistant."""
        marked = [part for part in parts if isinstance(part, Text) and part.carried]
        several = len(parts) > 1 or marked or any(isinstance(part, Unread) for part in parts)
        kept = self._quirks.cache_control and any("cache_control" in part.carried for part in marked)
        if kept or (self._home and several):
            return self._content(parts)
        written = (told for part in parts if (told := self._part(part)))
        return "".join(told["text"] for told in written) or None

    def _heard(self, sound: Audio, told: Carried) -> None:
        if isinstance(sound.source, Stored) and self._home:
            told["audio"] = {"id": sound.source.id}
        elif sound.transcript and not told["content"]:
            told["content"] = sound.transcript
        else:
            self.dropped.add("messages.audio")

    def _thoughts(self, parts: Sequence[Part], called: bool) -> Carried:
        """Thoughts go back as they came at home, and elsewhere to who wants them in turns that called tools."""
        thoughts = [part for part in parts if isinstance(part, Reasoning)]
        if not thoughts:
            return {}
        told: Carried = {}
        for details in (reasoning_details(part.seal) for part in thoughts if self._fits(part.seal)):
            told["reasoning_details"] = told.get("reasoning_details", []) + details
        field = self._quirks.reasoning_field or ""
        if self._home and not field:
            field = thoughts[0].carried.get("field", "reasoning_content")
        text = "".join(part.text for part in thoughts)
        if field and text and (called or self._home):
            told[field] = text
        elif not told and not self._quirks.reasoning_field:
            self.dropped.add("messages.reasoning")
        return told

    def _call(self, call: ToolCall, number: int) -> Carried:
        custom = self._home and call.carried.get("type") == "custom"
        told = write_call(ToolCall(call.id, self._names.say(call.name), call.arguments), custom)
        carried = self.carried({name: value for name, value in call.carried.items() if name != "type"})
        for inner in ("function", "custom"):
            if inner in told and isinstance(carried.get(inner), dict):
                told[inner] |= carried.pop(inner)
        told |= carried
        signed = call.seal.value if call.seal and self._fits(call.seal) else ""
        if not signed and self._quirks.call_signatures and number == 0:
            signed = NO_SIGNATURE
        if signed:
            told["extra_content"] = {"google": {"thought_signature": signed}}
        return told

    def _fits(self, seal: Seal | None) -> bool:
        return sealing.fits(seal, NAME, self._provider)
