"""Replies to callers: events to the lines of a stream, and a whole reply.

Ollama has one choice, and no word for refusals, citations and sounds: a refusal is told as text, the others are left
out. A call is told when its arguments are whole. Durations are those of the caller's wait: until the first line, and
from there to the last; nothing is loaded here.
"""

import time
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from api.conversation import (
    Carried,
    ChatRequest,
    Ended,
    Event,
    Finish,
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
    Said,
    Text,
    ToolCall,
    Usage,
)
from api.dialects.ollama.asking import Timed
from api.dialects.ollama.erring import error_frame
from api.dialects.ollama.names import REASONS
from api.errors import GatewayError

_encode: Final = msgspec.json.Encoder().encode
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


class Chat:
    """How a conversation's answer is put: in a message."""

    @staticmethod
    def said(text: str) -> Carried:
        """Text of the answer."""
        return {"message": {"role": "assistant", "content": text}}

    @staticmethod
    def thought(text: str) -> Carried:
        """What was thought."""
        return {"message": {"role": "assistant", "content": "", "thinking": text}}

    @staticmethod
    def called(call: Carried) -> Carried:
        """A call of a tool."""
        return {"message": {"role": "assistant", "content": "", "tool_calls": [call]}}

    @staticmethod
    def pictured(picture: str) -> Carried:
        """A picture in base64."""
        return {"message": {"role": "assistant", "content": "", "images": [picture]}}

    @staticmethod
    def whole(text: str, thoughts: str, calls: list[Carried], pictures: list[str]) -> Carried:
        """All of it at once."""
        more = {"thinking": thoughts, "tool_calls": calls, "images": pictures}
        return {"message": {"role": "assistant", "content": text, **{k: v for k, v in more.items() if v}}}


class Generate:
    """How the answer to a prompt is put: beside everything else. Nobody offered tools there."""

    @staticmethod
    def said(text: str) -> Carried:
        """Text of the answer."""
        return {"response": text}

    @staticmethod
    def thought(text: str) -> Carried:
        """What was thought."""
        return {"response": "", "thinking": text}

    @staticmethod
    def called(call: Carried) -> Carried:
        """A call of a tool."""
        return {"response": "", "tool_calls": [call]}

    @staticmethod
    def pictured(picture: str) -> Carried:
        """A picture in base64."""
        return {"response": "", "image": picture}

    @staticmethod
    def whole(text: str, thoughts: str, calls: list[Carried], pictures: list[str]) -> Carried:
        """All of it at once."""
        more = {"thinking": thoughts, "tool_calls": calls, "image": "".join(pictures[:1])}
        return {"response": text, **{k: v for k, v in more.items() if v}}


Puts = type[Chat] | type[Generate]


class Writer:
    """Events to the lines of a stream. The model is echoed as the caller wrote it."""

    puts: Puts = Chat

    def __init__(self, request: ChatRequest, request_id: str) -> None:
        self._id, self._model = request_id, request.model
        self._came = request.came if isinstance(request, Timed) else time.monotonic_ns()
        self._thinks = wants_thoughts(request)
        self._began: int | None = None
        self._open: dict[int, Said] = {}
        self._arguments: dict[int, list[str]] = {}
        self._calls = 0
        self._finish = Finish.STOP

    def write(self, event: Event) -> bytes:
        """The lines that say `event`; nothing where this dialect has no word for it."""
        match event:
            case PartGrew(index, text, logprobs):
                return self._grow(index, text, logprobs)
            case PartStarted(index, part, 0):
                return self._start(index, part)
            case PartEnded(index):
                return self._end_part(index)
            case Finished(reason, choice=0):
                self._finish = reason
                return b""
            case Ended(usage):
                return self._end(usage)
            case _:
                return b""

    def fail(self, error: GatewayError) -> bytes:
        """The last line of a stream that failed."""
        return error_frame(error, self._id)

    def _start(self, index: int, part: Said) -> bytes:
        self._open[index] = part
        match part:
            case ToolCall(arguments=arguments):
                self._arguments[index] = [arguments]
                return b""
            case Image(source=Inline(_, picture)):
                return self._line(self.puts.pictured(picture))
            case Image(source=Link(url)):
                return self._line(self.puts.said(linked(url)))
            case Text(text) | Reasoning(text) | Refusal(text) if text:
                return self._tell(part, text, ())
            case _:
                return b""

    def _grow(self, index: int, text: str, logprobs: tuple[Logprob, ...]) -> bytes:
        part = self._open.get(index)
        if isinstance(part, ToolCall):
            self._arguments[index].append(text)
            return b""
        return self._tell(part, text, logprobs) if text or logprobs else b""

    def _tell(self, part: Said | None, text: str, logprobs: tuple[Logprob, ...]) -> bytes:
        match part:
            case Text() | Refusal():
                return self._line(self.puts.said(text), **_logprobs(logprobs))
            case Reasoning() if self._thinks:
                return self._line(self.puts.thought(text))
            case _:
                return b""

    def _end_part(self, index: int) -> bytes:
        part = self._open.pop(index, None)
        if not isinstance(part, ToolCall):
            return b""
        arguments = "".join(self._arguments.pop(index))
        called = write_call(part.id, part.name, arguments, self._calls)
        self._calls += 1
        return self._line(self.puts.called(called))

    def _end(self, usage: Usage | None) -> bytes:
        now = time.monotonic_ns()
        began = self._began or now
        counted = told_at_end(self._finish, usage, now - self._came, began - self._came, now - began)
        return _encode({**_head(self._model), **self.puts.said(""), "done": True, **counted}) + b"\n"

    def _line(self, said: Carried, **more: Any) -> bytes:
        if self._began is None:
            self._began = time.monotonic_ns()
        return _encode({**_head(self._model), **said, "done": False, **more}) + b"\n"


class GenerateWriter(Writer):
    """The same for the answer to a prompt."""

    puts = Generate


def write_reply(reply: Reply, request: ChatRequest, request_id: str) -> bytes:
    """A whole answer to a conversation as one JSON object."""
    return _whole(Chat, reply, request)


def write_generate_reply(reply: Reply, request: ChatRequest, request_id: str) -> bytes:
    """A whole answer to a prompt."""
    return _whole(Generate, reply, request)


def write_loaded(puts: Puts, model: str, unload: bool) -> bytes:
    """The answer to who asks for nothing but the model's presence, or its absence."""
    reason = "unload" if unload else "load"
    return _encode({**_head(model), **puts.said(""), "done": True, "done_reason": reason})


def _whole(puts: Puts, reply: Reply, request: ChatRequest) -> bytes:
    answered = reply.choices[0]
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[Carried] = []
    pictures: list[str] = []
    for part in answered.parts:
        match part:
            case Text(text) | Refusal(text):
                texts.append(text)
            case Reasoning(text) if wants_thoughts(request):
                thoughts.append(text)
            case ToolCall():
                calls.append(write_call(part.id, part.name, part.arguments, len(calls)))
            case Image(source=Inline(_, picture)):
                pictures.append(picture)
            case Image(source=Link(url)):
                texts.append(linked(url))
            case _:
                pass
    took = time.monotonic_ns() - request.came if isinstance(request, Timed) else 0
    # When the first token came is not known here: the whole time counts as that of writing.
    counted = told_at_end(answered.finished.reason, reply.usage, took, 0, took)
    said = puts.whole("".join(texts), "".join(thoughts), calls, pictures)
    return _encode({**_head(request.model), **said, "done": True, **counted, **_logprobs(answered.logprobs)})


def wants_thoughts(request: ChatRequest) -> bool:
    """Whether thoughts are told: always, but to who said that there shall be none."""
    return request.thinking is None or request.thinking.enabled is not False


def write_call(id: str, name: str, arguments: str, number: int) -> Carried:
    """A call with its arguments as an object; what is none becomes its only argument, `input`."""
    try:
        told = _OBJECT.decode(arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        told = {"input": arguments}
    return {**({"id": id} if id else {}), "function": {"index": number, "name": name, "arguments": told}}


def linked(url: str) -> str:
    """A picture that lies elsewhere, in Markdown."""
    return f"![image]({url})"


def told_at_end(reason: Finish, usage: Usage | None, total: int, until_first: int, writing: int) -> Carried:
    """What the last line tells: why the answer ended, how long it took, and what was counted if anybody did."""
    counts = {"prompt_eval_count": usage.tokens_in, "eval_count": usage.tokens_out} if usage else {}
    times = {"total_duration": total, "load_duration": 0, "prompt_eval_duration": until_first}
    # Callers divide by it.
    return {"done_reason": REASONS.get(reason, "stop"), **times, **counts, "eval_duration": max(1, writing)}


def _head(model: str) -> Carried:
    return {"model": model, "created_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}


def _logprobs(logprobs: tuple[Logprob, ...]) -> Carried:
    if not logprobs:
        return {}
    return {"logprobs": [_logprob(told) | {"top_logprobs": [*map(_logprob, told.top)]} for told in logprobs]}


def _logprob(told: Logprob) -> Carried:
    octets = {} if told.bytes is None else {"bytes": list(told.bytes)}
    return {"token": told.token, "logprob": told.logprob, **octets}
