"""Replies to callers: events to the chunks of a stream, and a whole reply."""

import time
from typing import Any, Final

import msgspec

from api.conversation import (
    Answered,
    Audio,
    Carried,
    Citation,
    Cited,
    Ended,
    Event,
    Finished,
    Image,
    Inline,
    Link,
    Logprob,
    PartEnded,
    PartGrew,
    PartStarted,
    Reasoning,
    Refusal,
    Reply,
    Seal,
    Started,
    Text,
    ToolCall,
)
from api.conversation import (
    ChatRequest as Request,
)
from api.dialects import sealing, sse
from api.dialects.free_text import unwrapped
from api.dialects.openai_chat.counts import write_usage
from api.dialects.openai_chat.erring import error_frame
from api.dialects.openai_chat.names import DONE, FINISHES, NAME, REASONS
from api.dialects.openai_chat.sources import write_url
from api.errors import GatewayError

_FIELDS: Final[dict[type, str]] = {Text: "content", Reasoning: "reasoning_content", Refusal: "refusal"}
_encode: Final = msgspec.json.Encoder().encode


class Writer:
    """Events to the bytes of a stream. The model is echoed as the caller wrote it."""

    def __init__(self, request: Request, request_id: str) -> None:
        self._id, self._usage_wanted = request_id, request.usage_wanted
        kind, now = "chat.completion.chunk", int(time.time())
        self._head = {"id": f"chatcmpl-{request_id}", "object": kind, "created": now, "model": request.model}
        self._free_text = {tool.name for tool in request.tools if tool.takes_text}
        self._open: dict[int, _Open] = {}
        self._begun: dict[int, int] = {}  # the calls of each choice so far
        self._texts: dict[int, int] = {}

    def write(self, event: Event) -> bytes:
        """The frames that say `event`; nothing where this dialect has no word for it."""
        match event:
            case PartGrew(index, text, logprobs):
                part = self._open.get(index)
                return part.grew(self, text, logprobs) if part else b""
            case Started():
                return self._begin(0)
            case PartStarted(index, part, choice):
                return self._begin(choice) + self._start(index, part, choice)
            case PartEnded(index, seal):
                ended = self._open.pop(index, None)
                return ended.end(self, seal) if ended else b""
            case Cited(index, citation):
                cited = self._open.get(index)
                annotation = _annotation(citation)
                return self.delta(cited.choice, {"annotations": [annotation]}) if cited and annotation else b""
            case Finished():
                return self._begin(event.choice) + self._finish(event)
            case Ended():
                return self._end(event)
            case _:
                return b""

    def fail(self, error: GatewayError) -> bytes:
        """The last frame of a stream that failed: no `[DONE]` follows it."""
        return error_frame(error, self._id)

    def delta(self, choice: int, delta: Carried, **more: Any) -> bytes:
        """A chunk that says `delta`."""
        return self._chunk([{"index": choice, "delta": delta, **more, "finish_reason": None}])

    def _begin(self, choice: int) -> bytes:
        if choice in self._begun:
            return b""
        self._begun[choice] = 0
        return self.delta(choice, {"role": "assistant", "content": ""})

    def _start(self, index: int, part: object, choice: int) -> bytes:
        match part:
            case ToolCall():
                number = self._begun[choice]
                self._begun[choice] += 1
                call: _Open = _Call(choice, number, part, part.name in self._free_text)
                self._open[index] = call
                return call.start(self)
            case Image(source=Inline() | Link()):
                return self.delta(choice, {"images": [_image(part)]})
            case Audio():
                self._open[index] = _Sound(choice)
                return self.delta(choice, {"audio": _audio(part)})
            case Text() | Reasoning() | Refusal():
                self._open[index] = opened = _Words(choice, _FIELDS[type(part)])
                cited = part.citations if isinstance(part, Text) else ()
                told = b"".join(self.delta(choice, {"annotations": [a]}) for a in map(_annotation, cited) if a)
                return (opened.grew(self, part.text, ()) if part.text else b"") + told
            case _:
                return b""

    def _finish(self, finished: Finished) -> bytes:
        more = {"native_finish_reason": finished.raw} if _is_strange(finished) else {}
        return self._chunk([{"index": finished.choice, "delta": {}, "finish_reason": REASONS[finished.reason], **more}])

    def _end(self, ended: Ended) -> bytes:
        if not (self._usage_wanted and ended.usage):
            return sse.frame(DONE)
        tier = {"service_tier": ended.tier} if ended.tier else {}
        return self._chunk([], usage=write_usage(ended.usage), **tier) + sse.frame(DONE)

    def _chunk(self, choices: list[Carried], **more: Any) -> bytes:
        return b"data: %b\n\n" % _encode({**self._head, "choices": choices, **more})


class _Open:
    """A part that is being told."""

    __slots__ = ("choice",)

    def __init__(self, choice: int) -> None:
        self.choice = choice

    def start(self, writer: Writer) -> bytes:
        """What is said at once."""
        return b""

    def grew(self, writer: Writer, text: str, logprobs: tuple[Logprob, ...]) -> bytes:
        """What more of it is."""
        return b""

    def end(self, writer: Writer, seal: Seal | None) -> bytes:
        """What is left to say."""
        return b""


class _Words(_Open):
    __slots__ = ("field",)

    def __init__(self, choice: int, field: str) -> None:
        super().__init__(choice)
        self.field = field

    def grew(self, writer: Writer, text: str, logprobs: tuple[Logprob, ...]) -> bytes:
        if logprobs:
            return writer.delta(self.choice, {self.field: text}, logprobs=_logprobs(logprobs))
        return writer.delta(self.choice, {self.field: text})

    def end(self, writer: Writer, seal: Seal | None) -> bytes:
        details = reasoning_details(seal) if self.field == "reasoning_content" else []
        return writer.delta(self.choice, {"reasoning_details": details}) if details else b""


class _Sound(_Open):
    __slots__ = ()

    def grew(self, writer: Writer, text: str, logprobs: tuple[Logprob, ...]) -> bytes:
        return writer.delta(self.choice, {"audio": {"data": text}})


class _Call(_Open):
    __slots__ = ("_call", "_free", "_number", "_pieces", "_silent")

    def __init__(self, choice: int, number: int, call: ToolCall, free: bool) -> None:
        super().__init__(choice)
        self._number, self._call = number, call
        self._free: list[str] | None = [] if free else None  # a tool of free text: told when its JSON is whole
        self._silent = True

    def start(self, writer: Writer) -> bytes:
        call = self._call
        told = {"id": call.id, **_typed(call, self._free is not None, ""), **signature(call.seal)}
        start = self._tell(writer, told)
        return start + (self.grew(writer, call.arguments, ()) if call.arguments else b"")

    def grew(self, writer: Writer, text: str, logprobs: tuple[Logprob, ...]) -> bytes:
        if self._free is not None:
            self._free.append(text)
            return b""
        self._silent = self._silent and not text
        return self._tell(writer, {"function": {"arguments": text}})

    def end(self, writer: Writer, seal: Seal | None) -> bytes:
        told = b""
        if self._free is not None:
            told = self._tell(writer, {"custom": {"input": unwrapped("".join(self._free))}})
        elif self._silent:
            told = self._tell(writer, {"function": {"arguments": "{}"}})
        if signed := signature(seal):
            told += self._tell(writer, {"function": {"arguments": ""}, **signed})
        return told

    def _tell(self, writer: Writer, fields: Carried) -> bytes:
        return writer.delta(self.choice, {"tool_calls": [{"index": self._number, **fields}]})


def write_reply(reply: Reply, request: Request, request_id: str) -> bytes:
    """A whole reply as one JSON object."""
    free_text = {tool.name for tool in request.tools if tool.takes_text}
    told: Carried = {
        "id": f"chatcmpl-{request_id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.model,
        "choices": [_choice(number, answered, free_text) for number, answered in enumerate(reply.choices)],
    }
    if reply.usage:
        told["usage"] = write_usage(reply.usage)
    if reply.tier:
        told["service_tier"] = reply.tier
    return _encode(told)


def _choice(number: int, answered: Answered, free_text: set[str]) -> Carried:
    finished = answered.finished
    told: Carried = {
        "index": number,
        "message": _message(answered, free_text),
        "finish_reason": REASONS[finished.reason],
    }
    if _is_strange(finished):
        told["native_finish_reason"] = finished.raw
    if answered.logprobs:
        told["logprobs"] = _logprobs(answered.logprobs)
    return told


def _message(answered: Answered, free_text: set[str]) -> Carried:
    told: Carried = {"role": "assistant", "content": None}
    for part in answered.parts:
        match part:
            case Text(text, citations):
                before = len(told["content"] or "")
                told["content"] = (told["content"] or "") + text
                _more(told, "annotations", [a for a in (_annotation(c, before) for c in citations) if a])
            case Reasoning(text, seal):
                if text:
                    told["reasoning_content"] = told.get("reasoning_content", "") + text
                _more(told, "reasoning_details", reasoning_details(seal))
            case Refusal(text):
                told["refusal"] = told.get("refusal", "") + text
            case ToolCall():
                _more(told, "tool_calls", [write_call(part, part.name in free_text)])
            case Image(source=Inline() | Link()):
                _more(told, "images", [_image(part)])
            case Audio():
                told["audio"] = {"id": "audio", "expires_at": 0, "data": "", "transcript": "", **_audio(part)}
            case _:
                pass
    return told


def _more(told: Carried, field: str, values: list[Any]) -> None:
    if values:
        told[field] = told.get(field, []) + values


def write_call(call: ToolCall, free: bool) -> Carried:
    """A call as a whole; `free`: of a tool that takes free text."""
    arguments = unwrapped(call.arguments) if free else call.arguments or "{}"
    return {"id": call.id, **_typed(call, free, arguments), **signature(call.seal)}


def _typed(call: ToolCall, free: bool, arguments: str) -> Carried:
    if free:
        return {"type": "custom", "custom": {"name": call.name, "input": arguments}}
    return {"type": "function", "function": {"name": call.name, "arguments": arguments}}


def signature(seal: Seal | None) -> Carried:
    """Where a call's signature stands at Gemini's OpenAI-compatible endpoint."""
    if seal is None or seal.minted != NAME:
        return {}
    return {"extra_content": {"google": {"thought_signature": sealing.wrap(seal, NAME)}}}


def reasoning_details(seal: Seal | None) -> list[Any]:
    """The `reasoning_details` that a seal of this dialect holds."""
    if seal is None or seal.minted != NAME:
        return []
    try:
        details = msgspec.json.decode(seal.value)
    except (msgspec.DecodeError, RecursionError):
        return []
    return details if isinstance(details, list) else []


def _is_strange(finished: Finished) -> bool:
    """Whether the provider's own word says more than this dialect's does."""
    said = FINISHES.get(REASONS[finished.reason])
    return finished.raw is not None and finished.raw not in REASONS.values() and said is not finished.reason


def _annotation(citation: Citation, before: int = 0) -> Carried | None:
    if citation.url is None:
        return None
    start, end = citation.start or 0, citation.end or 0
    told = {
        "url": citation.url,
        "title": citation.title or "",
        "start_index": before + start,
        "end_index": before + end,
    }
    return {"type": "url_citation", "url_citation": told}


def _image(image: Image) -> Carried:
    assert isinstance(image.source, Inline | Link)
    return {"type": "image_url", "image_url": {"url": write_url(image.source)}}


def _audio(audio: Audio) -> Carried:
    told = {name: value for name, value in audio.carried.items() if name in ("id", "expires_at")}
    if isinstance(audio.source, Inline):
        told["data"] = audio.source.data
    if audio.transcript is not None:
        told["transcript"] = audio.transcript
    return told


def _logprobs(logprobs: tuple[Logprob, ...]) -> Carried:
    return {"content": [_logprob(logprob) | {"top_logprobs": [*map(_logprob, logprob.top)]} for logprob in logprobs]}


def _logprob(logprob: Logprob) -> Carried:
    octets = None if logprob.bytes is None else list(logprob.bytes)
    return {"token": logprob.token, "logprob": logprob.logprob, "bytes": octets}
