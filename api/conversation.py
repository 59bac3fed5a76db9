"""What is said: requests as messages of parts, replies as events.

The vocabulary of the built-in models today, and of every translation between dialects: the richest grammar,
with explicit boundaries, so that writing any dialect is nearly stateless. Imports nothing of ours.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from msgspec import Struct


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Text(Struct, tag="text", frozen=True):
    text: str


class ToolCall(Struct, tag="tool_call", frozen=True):
    """`arguments` is JSON text, as it goes over every wire."""

    id: str
    name: str
    arguments: str


class ToolResult(Struct, tag="tool_result", frozen=True):
    call_id: str
    text: str


class Unread(Struct, tag="unread", frozen=True):
    """A part whose kind the vocabulary does not have yet: counted as said, not understood."""

    kind: str


Part = Text | ToolCall | ToolResult | Unread


class Message(Struct, frozen=True):
    role: Role
    parts: tuple[Part, ...]


class Tool(Struct, frozen=True):
    """A tool the caller offers. `schema` is the JSON Schema of its arguments."""

    name: str
    schema: dict[str, Any]


class ChatRequest(Struct, frozen=True):
    """One turn asked for. `usage_wanted`: a caller of a stream asked to be told the tokens."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    max_tokens: int | None = None
    stream: bool = False
    usage_wanted: bool = True


class Usage(Struct, frozen=True):
    """Tokens of one call, as counted by whoever answered."""

    tokens_in: int = 0
    tokens_out: int = 0


class Finish(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


class Started(Struct, tag="started", frozen=True):
    """`tokens_in` is known at the start by some dialects and wanted there by one."""

    tokens_in: int = 0


class PartStarted(Struct, tag="part_started", frozen=True):
    """`part` is blank but for what is known at once: a tool call's id and name."""

    index: int
    part: Text | ToolCall


class PartGrew(Struct, tag="part_grew", frozen=True):
    """More text, or more of a tool call's arguments."""

    index: int
    text: str


class PartEnded(Struct, tag="part_ended", frozen=True):
    index: int


class Finished(Struct, tag="finished", frozen=True):
    reason: Finish
    usage: Usage


Event = Started | PartStarted | PartGrew | PartEnded | Finished


class Reply(Struct, frozen=True):
    parts: tuple[Text | ToolCall, ...]
    reason: Finish
    usage: Usage


def collect(events: Iterable[Event]) -> Reply:
    """A reply is a folded stream."""
    parts: list[Text | ToolCall] = []
    grown: list[list[str]] = []
    finished = Finished(Finish.STOP, Usage())
    for event in events:
        match event:
            case PartStarted(part=part):
                parts.append(part)
                grown.append([])
            case PartGrew(index, text):
                grown[index].append(text)
            case Finished():
                finished = event
            case _:
                pass
    whole = tuple(_with(part, "".join(texts)) for part, texts in zip(parts, grown, strict=True))
    return Reply(whole, finished.reason, finished.usage)


def _with(part: Text | ToolCall, text: str) -> Text | ToolCall:
    return Text(text) if isinstance(part, Text) else ToolCall(part.id, part.name, text)


def said(message: Message) -> str:
    """The text of a message, tool results included, as one string."""
    return "".join(part.text for part in message.parts if isinstance(part, Text | ToolResult))
