"""The items of an answer while they are heard, and the parts that they are made of."""

import secrets
from typing import Any, Final, Protocol

import msgspec

from api.conversation import (
    Cited,
    Event,
    Image,
    Inline,
    Logprob,
    PartGrew,
    Reasoning,
    Refusal,
    Said,
    Seal,
    Text,
    ToolCall,
    Unread,
)
from api.dialects.free_text import INPUT
from api.dialects.openai_responses.counted import read_logprobs
from api.dialects.openai_responses.naming import NAME, joined
from api.dialects.openai_responses.reading_items import citation
from api.dialects.openai_responses.shapes import Item

# The pieces of a message's content, and how their text is called.
PIECES: Final = {"output_text": "text", "text": "text", "refusal": "refusal"}
_BLANK: Final[dict[str, Said]] = {
    "text": Text(""),
    "refusal": Refusal(""),
    "reasoning": Reasoning(""),
    "summary": Reasoning("", summary=True),
}
_HOLDERS: Final = {"text": "message", "refusal": "message", "call": "function_call"}


class Tells(Protocol):
    """Who tells of parts, one after the other."""

    def begin(self, part: "HeardPart") -> None:
        """A part begins."""

    def say(self, part: "HeardPart", event: Event) -> None:
        """Tell `event` of a part, now or when its turn comes."""

    def ended(self) -> None:
        """A part is complete."""


class HeardPart:
    """A part of the answer while it is heard: `_said` counts the letters that were told of each of its pieces."""

    __slots__ = ("_said", "_teller", "_wraps", "blank", "index", "is_begun", "is_over", "notes", "seal", "waiting")

    def __init__(self, teller: Tells, blank: Said, wraps: bool = False) -> None:
        self._teller, self.blank, self._wraps = teller, blank, wraps
        self._said: dict[int, int] = {}
        self.index = self.notes = 0
        self.is_begun = self.is_over = False
        self.seal: Seal | None = None
        self.waiting: list[Event] = []
        teller.begin(self)
        if wraps:
            teller.say(self, PartGrew(self.index, f'{{"{INPUT}":"'))

    def grow(self, text: str, logprobs: tuple[Logprob, ...] = (), piece: int = 0) -> None:
        """More of it."""
        if self.is_over or not (text or logprobs):
            return
        if piece not in self._said and self._said and isinstance(self.blank, Reasoning):
            self._teller.say(self, PartGrew(self.index, "\n\n"))
        self._said[piece] = self._said.get(piece, 0) + len(text)
        told = msgspec.json.encode(text)[1:-1].decode() if self._wraps else text
        self._teller.say(self, PartGrew(self.index, told, logprobs))

    def rest(self, whole: str, logprobs: tuple[Logprob, ...] = (), piece: int = 0) -> None:
        """All of it: only what was not told yet is told."""
        said = self._said.get(piece, 0)
        self.grow(whole[said:], () if said else logprobs, piece)

    def cite(self, note: Item) -> None:
        """Where it has something from."""
        if isinstance(note, dict) and not self.is_over:
            self.notes += 1
            self._teller.say(self, Cited(self.index, citation(note)))

    def end(self, seal: Seal | None = None) -> None:
        """No more of it."""
        if not self.is_over:
            if self._wraps:
                self._teller.say(self, PartGrew(self.index, '"}'))
            self.is_over, self.seal = True, seal
            self._teller.ended()


class HeardItem:
    """An item of the output: its parts, in the order in which they came."""

    __slots__ = ("_placed", "_teller", "is_done", "kind", "parts")

    def __init__(self, teller: Tells, kind: str) -> None:
        self._teller, self.kind, self.is_done = teller, kind, False
        self.parts: list[HeardPart] = []
        self._placed: dict[int, HeardPart] = {}

    def part(self, kind: str, index: int | None) -> HeardPart:
        """The part of that kind, and at that place of a message's content; a new one where there is none yet."""
        self.kind = self.kind or _HOLDERS.get(kind, "reasoning")
        if kind == "call":
            return self.parts[0]
        if kind in ("reasoning", "summary"):
            alike = (part for part in self.parts if part.blank == _BLANK[kind])
            return next(alike, None) or self._new(kind)
        known = self._placed.get(index) if index is not None else None
        if known is None and not self._placed:
            known = self._unplaced(kind, index)
        if known is None or type(known.blank) is not type(_BLANK[kind]):
            known = self._new(kind)
        if index is not None:
            self._placed[index] = known
        return known

    def _unplaced(self, kind: str, index: int | None) -> HeardPart | None:
        if index is not None:
            return self.parts[index] if index < len(self.parts) else None
        alike = [part for part in self.parts if type(part.blank) is type(_BLANK[kind]) and not part.is_over]
        return alike[-1] if alike else None

    def _new(self, kind: str) -> HeardPart:
        self.parts.append(HeardPart(self._teller, _BLANK[kind]))
        return self.parts[-1]

    def call(self, item: Item) -> None:
        """The call of a tool begins: its name is known."""
        space, custom = text_of(item.get("namespace")) or None, item.get("type") == "custom_tool_call"
        # Without an id no result could ever be given to it.
        known = text_of(item.get("call_id")) or text_of(item.get("id")) or f"call_{secrets.token_hex(12)}"
        call = ToolCall(known, joined(text_of(item.get("name")), space), "")
        self.parts.append(HeardPart(self._teller, call, custom))

    def complete_piece(self, kind: str, index: int | None, piece: Item) -> None:
        """A piece of a message's content is complete."""
        part = self.part(kind, index)
        said = piece.get("refusal") if kind == "refusal" else piece.get("text")
        logprobs = piece.get("logprobs")
        part.rest(text_of(said), read_logprobs(msgspec.json.encode(logprobs)) if logprobs else ())
        for note in listed(piece.get("annotations"))[part.notes :]:
            part.cite(note)
        part.end()

    def complete(self, item: Item) -> None:
        """The item is complete."""
        self.is_done = True
        match item.get("type"):
            case "message":
                self._complete_message(item)
            case "reasoning":
                self._complete_reasoning(item)
            case "function_call" | "custom_tool_call" as kind:
                self._complete_call(item, "arguments" if kind == "function_call" else "input")
            case "image_generation_call" if text_of(item.get("result")):
                shape = text_of(item.get("output_format")) or "png"
                HeardPart(self._teller, Image(Inline(f"image/{shape}", item["result"]))).end()
            case str(kind):
                HeardPart(self._teller, Unread(kind, item)).end()
            case _:
                self.give_up()

    def give_up(self) -> None:
        """Nothing more comes."""
        for part in self.parts:
            part.end()

    def _complete_message(self, item: Item) -> None:
        for index, piece in enumerate(listed(item.get("content"))):
            kind = PIECES.get(str(piece.get("type")))
            if kind:
                self.complete_piece(kind, index, piece)
        self.give_up()

    def _complete_reasoning(self, item: Item) -> None:
        for kind, field in (("summary", "summary"), ("reasoning", "content")):
            for index, piece in enumerate(listed(item.get(field))):
                if words := text_of(piece.get("text")):
                    self.part(kind, None).rest(words, (), index)
        encrypted = text_of(item.get("encrypted_content"))
        seal = Seal(NAME, encrypted, text_of(item.get("id"))) if encrypted else None
        if seal and not self.parts:
            self._new("reasoning")
        for part in self.parts[:-1]:
            part.end()
        for part in self.parts[-1:]:
            part.end(seal)

    def _complete_call(self, item: Item, field: str) -> None:
        if not self.parts:
            self.call(item)
        whole = item.get(field)
        if isinstance(whole, dict | list):
            whole = msgspec.json.encode(whole).decode()
        self.parts[0].rest(text_of(whole))
        self.give_up()


def text_of(value: Any) -> str:
    """A text, where it is one."""
    return value if isinstance(value, str) else ""


def listed(value: Any) -> list[Item]:
    """The objects of a list, where it is one."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
