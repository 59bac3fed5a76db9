"""Tool calls in a provider's stream: pieces, in whatever order, to calls that follow each other."""

import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from api.conversation import Event, PartEnded, PartGrew, PartStarted, Seal, ToolCall
from api.dialects.openai_chat.turns import take_signature


class _Call:
    """One call: what was told of it, and how far it was passed on."""

    __slots__ = ("_whole_at", "carried", "ended", "id", "index", "is_text", "name", "pieces", "seal", "started", "told")

    def __init__(self) -> None:
        self.id = self.name = ""
        self.pieces: list[str] = []
        self.told = 0  # pieces that were passed on
        self.index = -1
        self.started = self.ended = self.is_text = False
        self.seal: Seal | None = None
        self.carried: dict[str, Any] = {}
        self._whole_at = 0  # pieces when it was last found not to be whole

    @property
    def is_whole(self) -> bool:
        """Whether its arguments are whole JSON."""
        if len(self.pieces) == self._whole_at:
            return False
        self._whole_at = len(self.pieces)
        try:
            msgspec.json.decode("".join(self.pieces))
        except (msgspec.DecodeError, RecursionError):
            return False
        return True


class Calls:
    """The calls of one choice. Only one is open at a time; others wait until it is whole."""

    def __init__(self, take_index: Callable[[], int], choice: int) -> None:
        self._take_index, self._choice = take_index, choice
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._first = 0  # the first call that has not ended
        self.any = False

    def hear(self, raw: Any, position: int, events: list[Event]) -> None:
        """Take a piece of a call, the `position`-th of its chunk."""
        if not isinstance(raw, dict):
            return
        name, text, is_text = _function(raw)
        call = self._find(raw, name, position)
        self.any = True
        self._learn(call, raw, name, is_text)
        if text:
            call.pieces.append(text if not is_text else msgspec.json.encode(text)[1:-1].decode())
        self._pass_on(call, events)

    def flush(self, events: list[Event]) -> None:
        """Say what is left: nothing more will come of these."""
        for call in self._calls[self._first :]:
            self._tell(call, events)
            self._end(call, events)
        self._first = len(self._calls)

    def _find(self, raw: dict[str, Any], name: str, position: int) -> _Call:
        index, id = raw.get("index"), raw.get("id")
        last = self._calls[-1] if self._calls else None
        if type(index) is int:
            known = self._by_index.get(index)
            # Some give every call the same index, and only the id tells them apart.
            other = known is not None and bool(name) and isinstance(id, str) and id and known.id and known.id != id
            if known is None or known.ended or other:
                known = self._by_index[index] = self._begin()
            return known
        if isinstance(id, str) and id:
            return next((call for call in self._calls if call.id == id and not call.ended), None) or (
                last if last and not (last.id or last.ended or name) else self._begin()
            )
        if last is None or last.ended or (name and (position or last.pieces)):
            return self._begin()
        return last

    def _begin(self) -> _Call:
        self._calls.append(_Call())
        return self._calls[-1]

    def _learn(self, call: _Call, raw: dict[str, Any], name: str, is_text: bool) -> None:
        id = raw.get("id")
        if isinstance(id, str) and id and not call.id:
            call.id = id
        if name and not call.started and name != call.name:
            call.name += name
        call.seal = take_signature(dict(raw)) or call.seal
        if is_text and not call.is_text:
            call.is_text = True
            call.carried = {"type": "custom"}
            call.pieces.append('{"input":"')

    def _pass_on(self, call: _Call, events: list[Event]) -> None:
        """Pass on what can be: of the open call all, of the next only once the open one is whole."""
        while self._calls[self._first] is not call and self._calls[self._first].is_whole:
            first = self._calls[self._first]
            self._tell(first, events)
            self._end(first, events)
            self._first += 1
        if self._calls[self._first] is call and call.name and call.pieces:
            self._tell(call, events)

    def _tell(self, call: _Call, events: list[Event]) -> None:
        if not call.started:
            call.started, call.index = True, self._take_index()
            call.id = call.id or f"call_{secrets.token_hex(12)}"
            part = ToolCall(call.id, call.name, "", call.seal, call.carried)
            events.append(PartStarted(call.index, part, self._choice))
            call.seal = None
        for piece in call.pieces[call.told :]:
            events.append(PartGrew(call.index, piece))
        call.told = len(call.pieces)

    def _end(self, call: _Call, events: list[Event]) -> None:
        if call.is_text:
            events.append(PartGrew(call.index, '"}'))
        events.append(PartEnded(call.index, call.seal))
        call.ended = True
        call.pieces = []


def _function(raw: dict[str, Any]) -> tuple[str, str, bool]:
    """The name, the arguments and whether they are free text, as far as this piece tells them."""
    custom, function = raw.get("custom"), raw.get("function")
    told, field = (custom, "input") if isinstance(custom, dict) else (function, "arguments")
    if not isinstance(told, dict):
        return "", "", False
    name, text = told.get("name"), told.get(field)
    if text is not None and not isinstance(text, str):
        text = msgspec.json.encode(text).decode()
    return name if isinstance(name, str) else "", text or "", field == "input"
