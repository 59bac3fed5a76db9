"""What turns that called tools carried, for callers whose dialect has no place for it.

Providers want it back: thought signatures, sealed thoughts, thoughts in plain words. Kept in memory by the id and the
arguments of the call (some providers only count their calls, and give the same ids in every conversation), in small
amounts and for an hour after it was last asked for.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from api.conversation import (
    ChatRequest,
    Event,
    Message,
    Part,
    PartEnded,
    PartGrew,
    PartStarted,
    Reasoning,
    Role,
    Seal,
    ToolCall,
)
from api.providers.provider import Provider

MOST: Final = 5000
MOST_BYTES: Final = 32 * 1024 * 1024
SECONDS: Final = 3600.0
OVERHEAD: Final = 500  # bytes an entry takes beside its texts
LONGEST_ID: Final = 256  # characters; a call with a longer one is not remembered


class Kept(Struct, frozen=True):
    """What belongs to one call: its seal, and the thoughts between it and the call before it."""

    thoughts: tuple[Reasoning, ...] = ()
    seal: Seal | None = None

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        seals = [self.seal, *(thought.seal for thought in self.thoughts)]
        values = sum(len(seal.value) for seal in seals if seal)
        return OVERHEAD + values + sum(len(thought.text) for thought in self.thoughts)


class Memory:
    """By provider and call id; the least recently used goes first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], tuple[float, Kept]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, provider: str, call: str, kept: Kept) -> None:
        """Remember what belongs to a call, unless it would take the place of everything else."""
        self._drop((provider, call))
        if kept.size > MOST_BYTES:
            return
        self._kept[provider, call] = (self._clock(), kept)
        self._bytes += kept.size
        while len(self._kept) > MOST or self._bytes > MOST_BYTES or self._is_stale():
            self._drop(next(iter(self._kept)))

    def recall(self, provider: str, call: str) -> Kept | None:
        """What belongs to a call, if it is known still."""
        name = (provider, call)
        at, kept = self._kept.get(name, (0.0, None))
        if kept is None:
            return None
        if at + SECONDS < self._clock():
            self._drop(name)
            return None
        self._kept[name] = (self._clock(), kept)
        self._kept.move_to_end(name)
        return kept

    def restore(self, request: ChatRequest, provider: str, dialect: str) -> ChatRequest:
        """`request` with what its turns carried at `provider`, asked in `dialect`; itself where nothing is missing."""
        if not self._kept:
            return request
        messages = tuple(self._restored(message, provider, dialect) for message in request.messages)
        if all(new is old for new, old in zip(messages, request.messages, strict=True)):
            return request
        return structs.replace(request, messages=messages)

    def _restored(self, message: Message, provider: str, dialect: str) -> Message:
        if message.role is not Role.ASSISTANT:
            return message
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        known = {call.id: _sayable(kept, dialect) for call in calls if (kept := self.recall(provider, name_of(call)))}
        if not known:
            return message
        parts = _put_back(message.parts, calls[0].id, known)
        return message if parts == message.parts else structs.replace(message, parts=parts)

    def _is_stale(self) -> bool:
        at, _ = next(iter(self._kept.values()))
        return at + SECONDS < self._clock()

    def _drop(self, name: tuple[str, str]) -> None:
        _, kept = self._kept.pop(name, (0.0, None))
        self._bytes -= kept.size if kept else 0


def name_of(call: ToolCall) -> str:
    """What a call is kept under."""
    return f"{call.id} {hashlib.blake2b(_plain(call.arguments), digest_size=8).hexdigest()}"


def _plain(arguments: str) -> bytes:
    """Arguments however a caller writes them down again."""
    try:
        return msgspec.json.encode(_ARGUMENTS.decode(arguments or "{}"), order="deterministic")
    except (ValueError, RecursionError):
        return arguments.encode(errors="surrogatepass")


def _number(text: str) -> float:
    """1.0 is 1 where a caller has one kind of numbers only."""
    number = float(text)
    return int(number) if number.is_integer() else number


_ARGUMENTS: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(float_hook=_number)


def _sayable(kept: Kept, dialect: str) -> Kept:
    """What of it can be said in `dialect`: a seal only in the one it was made in."""
    return Kept(
        tuple(thought for thought in kept.thoughts if _belongs(thought.seal, dialect)),
        kept.seal if _belongs(kept.seal, dialect) else None,
    )


def _belongs(seal: Seal | None, dialect: str) -> bool:
    return seal is None or seal.minted.partition(".")[0] == dialect


def _put_back(parts: tuple[Part, ...], first: str, known: dict[str, Kept]) -> tuple[Part, ...]:
    """The parts of a turn with what was known of its calls: thoughts before the first one open the turn."""
    thoughts = [thought for kept in known.values() for thought in kept.thoughts]
    if not thoughts or _has_own(parts, thoughts):
        return tuple(_sealed(part, known) for part in parts)
    opening = known[first].thoughts if first in known else ()
    put: list[Part] = list(opening)
    for part in parts:
        if isinstance(part, ToolCall) and part.id != first and part.id in known:
            put += known[part.id].thoughts
        if not isinstance(part, Reasoning):  # the caller's own ones lack their seals
            put.append(_sealed(part, known))
    return tuple(put)


def _has_own(parts: tuple[Part, ...], thoughts: list[Reasoning]) -> bool:
    """Whether the turn brings thoughts that will do: sealed ones, where those that are known are sealed."""
    wants_seal = any(thought.seal for thought in thoughts)
    return any(isinstance(part, Reasoning) and (part.seal or not wants_seal) for part in parts)


def _sealed(part: Part, known: dict[str, Kept]) -> Part:
    if isinstance(part, ToolCall) and part.seal is None and part.id in known and known[part.id].seal:
        return structs.replace(part, seal=known[part.id].seal)
    return part


class Hearing:
    """Hears one reply of `provider`, and has `memory` keep what belongs to its calls."""

    __slots__ = ("_calls", "_growing", "_keeps_words", "_memory", "_provider", "_thoughts")

    def __init__(self, memory: Memory, provider: Provider) -> None:
        self._memory, self._provider = memory, provider.mark
        self._keeps_words = bool(provider.quirks.reasoning_field)
        self._calls: dict[int, tuple[ToolCall, list[str]]] = {}
        self._growing: dict[int, tuple[Reasoning, list[str]]] = {}
        self._thoughts: list[Reasoning] = []

    def hear(self, events: Iterable[Event]) -> None:
        """Take note of events."""
        for event in events:
            if type(event) is PartGrew:
                if growing := self._growing.get(event.index) or self._calls.get(event.index):
                    growing[1].append(event.text)
            elif isinstance(event, PartStarted):
                self._start(event)
            elif isinstance(event, PartEnded):
                self._end(event)

    def _start(self, event: PartStarted) -> None:
        part = event.part
        if event.choice:
            return  # other choices are not gone on with
        if isinstance(part, Reasoning):
            self._growing[event.index] = (part, [part.text])
        elif isinstance(part, ToolCall):
            self._calls[event.index] = (part, [part.arguments])

    def _end(self, event: PartEnded) -> None:
        if growing := self._growing.pop(event.index, None):
            self._note(growing[0], "".join(growing[1]), event.seal or growing[0].seal)
        elif called := self._calls.pop(event.index, None):
            call, arguments = called
            self._keep(structs.replace(call, arguments="".join(arguments)), event.seal or call.seal)

    def _note(self, thought: Reasoning, text: str, seal: Seal | None) -> None:
        if seal or (self._keeps_words and text):
            self._thoughts.append(structs.replace(thought, text=text, seal=seal))

    def _keep(self, call: ToolCall, seal: Seal | None) -> None:
        # As soon as a call is whole: its answer may come before the rest of the stream does.
        if 0 < len(call.id) <= LONGEST_ID and (self._thoughts or seal):
            self._memory.keep(self._provider, name_of(call), Kept(tuple(self._thoughts), seal))
        self._thoughts = []
