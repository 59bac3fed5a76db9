"""A provider's answer as events: its stream, or its whole reply.

Generous about what servers leave out. An item is found by its place, else by its id, else it is the last one; a
text that only stands in a done event, an item that only stands in the finished response are said all the same, and
nothing is said twice. Parts of one answer follow each other: what runs ahead of an open part waits until that ends.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from api.conversation import (
    Ended,
    Event,
    Failed,
    Finish,
    Finished,
    PartEnded,
    PartStarted,
    Started,
    ToolCall,
)
from api.dialects import sse
from api.dialects.openai_responses.counted import read_logprobs, read_usage
from api.dialects.openai_responses.hearing_items import PIECES, HeardItem, HeardPart, listed, text_of
from api.dialects.openai_responses.shapes import Item

_NOTHING: Final = Raw(b"")


class _Frame(Struct):
    """Every event of a stream; what is not understood at once stays raw."""

    type: str = ""
    delta: Any = None
    text: str | None = None
    refusal: str | None = None
    arguments: str | None = None
    input: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    item_id: str | None = None
    item: Raw = _NOTHING
    part: Raw = _NOTHING
    response: Raw = _NOTHING
    annotation: Raw = _NOTHING
    logprobs: Raw = _NOTHING
    message: Any = None
    code: Any = None
    error: Any = None


_FRAME: Final = msgspec.json.Decoder(_Frame)
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_REFUSED: Final = (msgspec.DecodeError, UnicodeError, RecursionError)
# Which kind of part an event is about.
_DELTAS: Final = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "summary",
    "response.function_call_arguments.delta": "call",
    "response.custom_tool_call_input.delta": "call",
}
_TEXTS_DONE: Final = {f"{kind.removesuffix('.delta')}.done": part for kind, part in _DELTAS.items()}
_REASONS: Final = {"max_output_tokens": Finish.LENGTH, "content_filter": Finish.REFUSAL}


class Reader:
    """The frames of a stream to events."""

    def __init__(self) -> None:
        self.finished = False
        self._events: list[Event] = []
        self._started = self._called = False
        self._next = 0
        self._queue: deque[HeardPart] = deque()  # begun and not ended; only the first is told as it comes
        self._items: list[HeardItem] = []
        self._by_place: dict[int, HeardItem] = {}
        self._by_id: dict[str, HeardItem] = {}

    def feed(self, frames: Iterable[sse.Frame]) -> list[Event]:
        """What these frames say."""
        for frame in frames:
            if self.finished:
                break
            try:
                heard = _FRAME.decode(frame.data)
            except _REFUSED:
                continue
            self._hear(heard.type or frame.event.decode(errors="replace"), heard)
        return self._taken()

    def end(self) -> list[Event]:
        """Nothing: a stream without a last response broke off."""
        return []

    def hear_whole(self, response: Item) -> list[Event]:
        """What a whole response says."""
        self._start()
        self._close(response)
        return self._taken()

    def _taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _hear(self, kind: str, heard: _Frame) -> None:
        if kind in _DELTAS:
            self._start()
            self._grow(_DELTAS[kind], heard)
        elif kind in _TEXTS_DONE:
            self._start()
            self._completetext_of(_TEXTS_DONE[kind], heard)
        elif kind == "error" or (not kind and heard.error):
            self._break(heard.error or {"message": heard.message, "code": heard.code})
        elif kind.startswith("response."):
            self._start()
            self._live(kind, heard)

    def _live(self, kind: str, heard: _Frame) -> None:
        match kind:
            case "response.output_item.added":
                self._add(_object(heard.item), heard)
            case "response.output_item.done":
                item = _object(heard.item)
                self._complete(self._found(heard, item), item)
            case "response.content_part.added":
                self._open(_object(heard.part), heard)
            case "response.content_part.done":
                self._complete_piece(_object(heard.part), heard)
            case "response.output_text.annotation.added":
                if note := _object(heard.annotation):
                    self._part("text", heard).cite(note)
            case "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled":
                self._close({"status": kind.partition(".")[2], **_object(heard.response)})
            case _:
                pass

    # The way in

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self._events.append(Started())

    def _add(self, item: Item, heard: _Frame) -> None:
        known = self._new(item, heard.output_index)
        if known.kind in ("function_call", "custom_tool_call") and text_of(item.get("name")):
            known.call(item)

    def _new(self, item: Item, place: int | None) -> HeardItem:
        known = HeardItem(self, str(item.get("type") or ""))
        self._items.append(known)
        if place is not None:
            self._by_place[place] = known
        if text_of(item.get("id")):
            self._by_id[item["id"]] = known
        return known

    def _found(self, heard: _Frame, item: Item | None = None) -> HeardItem:
        """The item that a frame is about; a new one where it is about none that was added."""
        kind = (item or {}).get("type")
        told = heard.item_id or (item or {}).get("id")
        known = self._by_place.get(heard.output_index) if heard.output_index is not None else None
        if known is None and isinstance(told, str):
            known = self._by_id.get(told)
        if known is None and heard.output_index is None and self._items and not self._items[-1].is_done:
            known = self._items[-1]
        if known is None or (kind and known.kind and known.kind != kind):
            return self._new({"type": kind or "", "id": told}, heard.output_index)
        return known

    def _part(self, kind: str, heard: _Frame) -> HeardPart:
        return self._found(heard).part(kind, heard.content_index)

    def _open(self, piece: Item, heard: _Frame) -> None:
        kind = PIECES.get(str(piece.get("type")))
        if kind in ("text", "refusal"):
            self._part(kind, heard)

    def _grow(self, kind: str, heard: _Frame) -> None:
        if not isinstance(heard.delta, str):
            return
        known = self._found(heard)
        if kind == "call" and not known.parts:
            return  # its name has not been said: the done event has the whole of it
        logprobs = read_logprobs(heard.logprobs) if kind == "text" and len(memoryview(heard.logprobs)) > 2 else ()
        known.part(kind, heard.content_index).grow(heard.delta, logprobs, _piece(kind, heard))

    def _completetext_of(self, kind: str, heard: _Frame) -> None:
        whole = next((text for text in (heard.text, heard.refusal, heard.arguments, heard.input) if text), "")
        known = self._found(heard)
        if whole and (kind != "call" or known.parts):
            known.part(kind, heard.content_index).rest(whole, (), _piece(kind, heard))

    def _complete_piece(self, piece: Item, heard: _Frame) -> None:
        kind = PIECES.get(str(piece.get("type")))
        if kind in ("text", "refusal"):
            self._found(heard).complete_piece(kind, heard.content_index, piece)

    def _complete(self, known: HeardItem, item: Item) -> None:
        if item and not known.is_done:
            known.complete(item)

    # The way out

    def begin(self, part: HeardPart) -> None:
        """A part begins: at once, or when those before it have ended."""
        part.index, self._next = self._next, self._next + 1
        self._called = self._called or isinstance(part.blank, ToolCall)
        self._queue.append(part)
        self._advance()

    def say(self, part: HeardPart, event: Event) -> None:
        """Tell `event` of a part, now or when its turn comes."""
        (self._events if self._queue and self._queue[0] is part else part.waiting).append(event)

    def ended(self) -> None:
        """A part is complete."""
        self._advance()

    def _advance(self) -> None:
        while self._queue:
            first = self._queue[0]
            if not first.is_begun:
                first.is_begun = True
                self._events.append(PartStarted(first.index, first.blank))
            self._events += first.waiting
            first.waiting = []
            if not first.is_over:
                return
            self._events.append(PartEnded(first.index, first.seal))
            self._queue.popleft()

    def _close(self, response: Item) -> None:
        """The response is over: say what was not said, and why it ended."""
        if response.get("status") in ("failed", "cancelled") or (response.get("error") and not response.get("output")):
            self._break(response.get("error") or {"message": "The response was cancelled."})
            return
        for place, item in enumerate(listed(response.get("output"))):
            self._complete(self._placed(place, item), item)
        for known in self._items:
            known.give_up()
        why = response.get("incomplete_details")
        raw = why.get("reason") if isinstance(why, dict) else None
        usual = Finish.TOOL_CALLS if self._called else Finish.STOP
        reason = _REASONS.get(str(raw), Finish.OTHER) if response.get("status") == "incomplete" else usual
        self._events.append(
            Finished(reason, raw if isinstance(raw, str) else str(response.get("status") or "completed"))
        )
        tier = response.get("service_tier")
        self._events.append(Ended(read_usage(response.get("usage")), tier if isinstance(tier, str) else None))
        self.finished = True

    def _placed(self, place: int, item: Item) -> HeardItem:
        known = self._by_id.get(str(item.get("id"))) or self._by_place.get(place)
        if known is None and not self._by_place and place < len(self._items):
            known = self._items[place]
        return known if known and known.kind in ("", item.get("type")) else self._new(item, None)

    def _break(self, error: Any) -> None:
        told = error if isinstance(error, dict) else {"message": error}
        words, code = told.get("message"), told.get("code") or told.get("type")
        self._events.append(Failed(text_of(words) or "The provider gave no reason.", text_of(code) or None))
        self.finished = True


def _piece(kind: str, heard: _Frame) -> int:
    """Which piece of the thoughts is told; all other parts have one."""
    index = heard.summary_index if kind == "summary" else heard.content_index if kind == "reasoning" else 0
    return index or 0


def _object(raw: Raw | bytes) -> Item:
    try:
        return _OBJECT.decode(raw) if raw else {}
    except _REFUSED:
        return {}


def read_reply(body: bytes) -> list[Event]:
    """A provider's whole reply, as events. `ValueError` if it is none."""
    response = _object(body)
    if not isinstance(response.get("output"), list) and not response.get("error"):
        raise ValueError("This is not a response.")
    return Reader().hear_whole(response)
