"""What is said: requests as messages of parts, replies as events.

The vocabulary of every translation between dialects: the richest grammar, with explicit boundaries, so that writing
any dialect is nearly stateless. What only one dialect knows rides along as `carried` or `extra`, by that dialect's
own field names, and is read by nobody else. A feature becomes a field here when two dialects have it and a third is
likely. Imports nothing of ours.

The grammar of a reply: one `Started`; parts, each one `PartStarted`, any number of `PartGrew` and `Cited`, one
`PartEnded`, whose indices count up from 0 over the whole reply; one `Finished` a choice; one `Ended`. Parts of
different choices may run together; those of one choice follow each other. A reply that goes wrong stops with `Failed`
instead, wherever it is.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from msgspec import Struct, structs

Carried = dict[str, Any]


class Role(StrEnum):
    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"


class Inline(Struct, tag="inline", frozen=True):
    """The thing itself: base64 as it came, with the media type that was declared."""

    media_type: str
    data: str


class Link(Struct, tag="link", frozen=True):
    """Where it lies: an http(s) URL."""

    url: str
    media_type: str | None = None


class Stored(Struct, tag="stored", frozen=True):
    """An id by which the provider knows it."""

    id: str


Source = Inline | Link | Stored


class Seal(Struct, frozen=True):
    """What a provider wants to see again, unread: a signature, or thoughts only it can open.

    `minted` is the dialect it was made in (and, after a dot, its kind where that dialect has several), `value` what
    came, `id` the item's own id where it has one. `provider` is the mark of the provider that made it; empty where the
    caller sent it in its own dialect and nobody can say. It is only ever sent back to that dialect and provider.
    """

    minted: str
    value: str
    id: str = ""
    provider: str = ""


class Citation(Struct, frozen=True):
    """Where a text has something from. `start` and `end` count characters of the text; `carried` is the original."""

    url: str | None = None
    title: str | None = None
    quote: str | None = None
    start: int | None = None
    end: int | None = None
    carried: Carried = {}


class Text(Struct, tag="text", frozen=True):
    text: str
    citations: tuple[Citation, ...] = ()
    seal: Seal | None = None
    carried: Carried = {}


class Reasoning(Struct, tag="reasoning", frozen=True):
    """Thoughts. With a seal and no text they are redacted or encrypted. `summary`: a summary of them, not they."""

    text: str
    seal: Seal | None = None
    summary: bool = False
    carried: Carried = {}


class Refusal(Struct, tag="refusal", frozen=True):
    """Why the model would not."""

    text: str


class Image(Struct, tag="image", frozen=True):
    """`detail` is how closely to look: low, high, auto or original."""

    source: Source
    detail: str | None = None
    seal: Seal | None = None
    carried: Carried = {}


class Audio(Struct, tag="audio", frozen=True):
    source: Source
    transcript: str | None = None
    carried: Carried = {}


class File(Struct, tag="file", frozen=True):
    """A document: PDF, plain text and the like."""

    source: Source
    name: str | None = None
    carried: Carried = {}


class ToolCall(Struct, tag="tool_call", frozen=True):
    """`arguments` is JSON text, as it goes over every wire; never empty once the call is whole."""

    id: str
    name: str
    arguments: str
    seal: Seal | None = None
    carried: Carried = {}


class ToolResult(Struct, tag="tool_result", frozen=True):
    """What a tool answered. `name` is the tool's, where the caller's dialect names it."""

    call_id: str
    parts: tuple["Text | Image | Audio | File | Unread", ...]
    is_error: bool = False
    name: str | None = None
    carried: Carried = {}

    @property
    def text(self) -> str:
        """Its texts as one string."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))


class Unread(Struct, tag="unread", frozen=True):
    """A part whose kind the vocabulary does not have: kept as it came, for a provider of the same dialect."""

    kind: str
    raw: Carried = {}


Part = Text | Reasoning | Refusal | Image | Audio | File | ToolCall | ToolResult | Unread


class Message(Struct, frozen=True):
    """Parts in the order they were said. Results of tools are parts of a message of the user."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    carried: Carried = {}


class Tool(Struct, frozen=True):
    """A tool the caller offers. `schema` is the JSON Schema of its arguments.

    `strict` is the caller's wish that arguments keep to the schema exactly. A tool that takes free text instead of
    JSON has `takes_text`; where the provider knows none such it is offered with one argument, `input`.
    """

    name: str
    schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None
    takes_text: bool = False
    carried: Carried = {}


class Choice(StrEnum):
    """Whether a tool must be called."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"


class ToolChoice(Struct, frozen=True):
    """`names` narrows it to some tools; REQUIRED with one name means that one."""

    choice: Choice
    names: tuple[str, ...] = ()


class Format(Struct, frozen=True):
    """The answer is JSON; of this shape, where there is a `schema`."""

    schema: dict[str, Any] | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class Thinking(Struct, frozen=True):
    """How much to think. `effort` is none, minimal, low, medium, high, xhigh or max; `budget` is in tokens.

    `enabled` False: not at all; True: as the provider does it when neither of them is said. `summary` is how thoughts
    are to be told (auto, concise, detailed), `shown` whether they are. `carried` is the
    wish in the caller's own words, where a dialect has several ways to say it.
    """

    enabled: bool | None = None
    effort: str | None = None
    budget: int | None = None
    summary: str | None = None
    shown: bool | None = None
    carried: Carried = {}


class ChatRequest(Struct, frozen=True):
    """One turn asked for. What was not said is None or empty, and is not said to the provider either.

    `usage_wanted`: a caller of a stream asked to be told the tokens. `hosted` are tools that the provider runs itself,
    by `kind` and as they came. `extra` holds every other field of the caller's `dialect`, by its own name.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    max_tokens: int | None = None
    stream: bool = False
    usage_wanted: bool = True
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    format: Format | None = None
    thinking: Thinking | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: dict[str, float] | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None
    verbosity: str | None = None
    cache_key: str | None = None
    hosted: tuple[Unread, ...] = ()
    dialect: str = ""
    extra: Carried = {}


class Usage(Struct, frozen=True):
    """Tokens of one call, as counted by whoever answered.

    `tokens_in` counts everything that was read, also what came from the cache (`cached`) and what was put into it
    (`cache_write`); `tokens_out` counts everything that was written, `reasoning` included.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    audio_in: int = 0
    audio_out: int = 0


class Logprob(Struct, frozen=True):
    """A token of the answer with the natural logarithm of its probability, and the likeliest others in `top`."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top: tuple["Logprob", ...] = ()


class Finish(StrEnum):
    """Why the answer ended. PAUSE: the provider wants to be asked again. CONTEXT: the model's window is full."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    REFUSAL = "refusal"
    PAUSE = "pause"
    CONTEXT = "context"
    OTHER = "other"


class Started(Struct, tag="started", frozen=True):
    """`tokens_in` is known at the start by some dialects and wanted there by one."""

    tokens_in: int = 0


Said = Text | Reasoning | Refusal | Image | Audio | ToolCall | Unread


class PartStarted(Struct, tag="part_started", frozen=True):
    """`part` is blank but for what is known at once: a tool call's id and name, an image as a whole."""

    index: int
    part: Said
    choice: int = 0


class PartGrew(Struct, tag="part_grew", frozen=True):
    """More text, more of a tool call's arguments, or more of an audio's base64."""

    index: int
    text: str
    logprobs: tuple[Logprob, ...] = ()


class Cited(Struct, tag="cited", frozen=True):
    """The text of a part has something from somewhere."""

    index: int
    citation: Citation


class PartEnded(Struct, tag="part_ended", frozen=True):
    """`seal` is what came with the part, where it was not known at its start."""

    index: int
    seal: Seal | None = None


class Finished(Struct, tag="finished", frozen=True):
    """`raw` is the provider's own word, `stop_sequence` the one that was met."""

    reason: Finish
    raw: str | None = None
    stop_sequence: str | None = None
    choice: int = 0


class Ended(Struct, tag="ended", frozen=True):
    """The reply is complete. `usage` is None where nobody counted; `tier` is the service tier it was served at."""

    usage: Usage | None = None
    tier: str | None = None


class Failed(Struct, tag="failed", frozen=True):
    """The provider says that it cannot go on, in its own words."""

    words: str
    kind: str | None = None


Event = Started | PartStarted | PartGrew | Cited | PartEnded | Finished | Ended | Failed


class Answered(Struct, frozen=True):
    """One choice of a reply: its parts and why it ended."""

    parts: tuple[Said, ...]
    finished: Finished
    logprobs: tuple[Logprob, ...] = ()


class Reply(Struct, frozen=True):
    """A whole reply. There is always a first choice."""

    choices: tuple[Answered, ...]
    usage: Usage | None = None
    tier: str | None = None


class Fold:
    """A reply is a folded stream: hear every event, then ask for the reply."""

    def __init__(self) -> None:
        self._parts: dict[int, _Growing] = {}
        self._finished: dict[int, Finished] = {}
        self._ended = Ended()

    def hear(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case PartStarted(index, part, choice):
                self._parts[index] = _Growing(part, choice)
            case PartGrew(index, text, logprobs):
                self._parts[index].grow(text, logprobs)
            case Cited(index, citation):
                self._parts[index].citations.append(citation)
            case PartEnded(index, seal) if seal:
                self._parts[index].seal = seal
            case Finished():
                self._finished[event.choice] = event
            case Ended():
                self._ended = event
            case _:
                pass

    def reply(self) -> Reply:
        """What was told so far, as a whole."""
        choices: dict[int, list[_Growing]] = {number: [] for number in (0, *self._finished)}
        for _, growing in sorted(self._parts.items()):
            choices.setdefault(growing.choice, []).append(growing)
        answered = tuple(self._choice(number, mine) for number, mine in sorted(choices.items()))
        return Reply(answered, self._ended.usage, self._ended.tier)

    def _choice(self, number: int, mine: "list[_Growing]") -> Answered:
        logprobs = tuple(logprob for growing in mine for logprob in growing.logprobs)
        finished = self._finished.get(number, Finished(Finish.STOP, choice=number))
        return Answered(tuple(growing.whole() for growing in mine), finished, logprobs)


class _Growing:
    """A part while it grows."""

    __slots__ = ("choice", "citations", "logprobs", "part", "seal", "texts")

    def __init__(self, part: Said, choice: int) -> None:
        self.part, self.choice = part, choice
        self.texts: list[str] = []
        self.logprobs: list[Logprob] = []
        self.citations: list[Citation] = []
        self.seal: Seal | None = None

    def grow(self, text: str, logprobs: tuple[Logprob, ...]) -> None:
        self.texts.append(text)
        self.logprobs += logprobs

    def whole(self) -> Said:
        text, part = "".join(self.texts), self.part
        match part:
            case Text():
                told = (*part.citations, *self.citations)
                return structs.replace(part, text=part.text + text, citations=told, seal=self.seal or part.seal)
            case Reasoning():
                return structs.replace(part, text=part.text + text, seal=self.seal or part.seal)
            case Refusal():
                return Refusal(part.text + text)
            case ToolCall():
                return structs.replace(part, arguments=part.arguments + text or "{}", seal=self.seal or part.seal)
            case Audio(source=Inline(media_type, data)):
                return structs.replace(part, source=Inline(media_type, data + text))
            case _:
                return part


def collect(events: Iterable[Event]) -> Reply:
    """The reply that `events` tell."""
    fold = Fold()
    for event in events:
        fold.hear(event)
    return fold.reply()


def told(reply: Reply) -> list[Event]:
    """The events that tell a whole reply: `collect(told(reply)) == reply` where every part is whole."""
    events: list[Event] = [Started(reply.usage.tokens_in if reply.usage else 0)]
    index = 0
    for number, answered in enumerate(reply.choices):
        logprobs = answered.logprobs
        for part in answered.parts:
            blank, text = _apart(part)
            events.append(PartStarted(index, blank, number))
            if text or (logprobs and isinstance(part, Text)):
                events.append(PartGrew(index, text, logprobs if isinstance(part, Text) else ()))
                logprobs = () if isinstance(part, Text) else logprobs
            events.append(PartEnded(index))
            index += 1
        events.append(structs.replace(answered.finished, choice=number))
    return [*events, Ended(reply.usage, reply.tier)]


def _apart(part: Said) -> tuple[Said, str]:
    """A part as it starts, and the text by which it then grows."""
    match part:
        case Text() | Reasoning() | Refusal():
            return structs.replace(part, text=""), part.text
        case ToolCall():
            return structs.replace(part, arguments=""), part.arguments
        case _:
            return part, ""


def said(message: Message) -> str:
    """The text of a message, tool results included, as one string."""
    return "".join(part.text for part in message.parts if isinstance(part, Text | ToolResult))
