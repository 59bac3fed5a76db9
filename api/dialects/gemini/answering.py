"""Events to a caller's bytes: chunks as Google sends them, or one whole reply.

Text goes out as it comes. What Google sends whole (a call, an image) waits until it is. The ends of the choices wait
for the usage, because the last chunk tells both.
"""

from typing import Any

import msgspec

from api.conversation import (
    Answered,
    Audio,
    ChatRequest,
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
    Said,
    Seal,
    Source,
    Stored,
    Text,
    ToolCall,
    Unread,
)
from api.dialects import sse
from api.dialects.gemini.ending import write_finish, write_usage
from api.dialects.gemini.erring import error_frame
from api.dialects.gemini.fields import signature
from api.errors import GatewayError

# Blank lines: a comment, elsewhere the thing to send, makes Google's SDK for Python fail, which parses every line.
HEARTBEAT = b"\n\n"
_PARTS = frozenset({"inlineData", "executableCode", "codeExecutionResult", "toolCall", "toolResponse", "fileData"})
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Writer:
    """Events to the bytes of a stream. The model is echoed as the caller wrote it."""

    __slots__ = ("_ends", "_grounds", "_id", "_open", "_tail")

    def __init__(self, request: ChatRequest, request_id: str) -> None:
        self._id = request_id
        self._tail = {"modelVersion": request.model, "responseId": request_id}
        self._open: dict[int, _Open] = {}
        self._grounds: dict[int, _Grounds] = {}
        self._ends: list[Finished] = []

    def write(self, event: Event) -> bytes:
        """The frames that say `event`; nothing where this dialect has no word for it, or not yet."""
        match event:
            case PartGrew(index, text, logprobs):
                return self._grow(self._open[index], text, logprobs)
            case PartStarted(index, part, choice):
                self._open[index] = _Open(part, choice)
                return self._begin(self._open[index])
            case Cited(index, citation):
                opened = self._open[index]
                self._grounds.setdefault(opened.choice, _Grounds()).add(citation, "".join(opened.texts))
            case PartEnded(index, seal):
                return self._end_part(self._open.pop(index), seal)
            case Finished():
                self._ends.append(event)
            case Ended():
                return self._end(event)
            case _:
                pass
        return b""

    def fail(self, error: GatewayError) -> bytes:
        """The last frame of a stream that failed: no reason to finish comes before it."""
        return error_frame(error, self._id)

    def _begin(self, opened: "_Open") -> bytes:
        part = opened.part
        if isinstance(part, Text | Reasoning | Refusal) and part.text:
            return self._grow(opened, part.text, ())
        return b""

    def _grow(self, opened: "_Open", text: str, logprobs: tuple[Logprob, ...]) -> bytes:
        opened.texts.append(text)
        if opened.is_whole or not (text or logprobs):
            return b""
        part: dict[str, Any] = {"text": text, "thought": True} if opened.is_thought else {"text": text}
        return self._chunk(opened.choice, [part], **({"logprobsResult": _likely(logprobs)} if logprobs else {}))

    def _end_part(self, opened: "_Open", seal: Seal | None) -> bytes:
        if opened.is_whole:
            part = _part(opened.part, "".join(opened.texts), seal)
            return self._chunk(opened.choice, [part]) if part else b""
        seal = seal or getattr(opened.part, "seal", None)
        if seal is None:
            return b""
        thought = {"thought": True} if opened.is_thought else {}
        return self._chunk(opened.choice, [{"text": "", **thought, "thoughtSignature": signature(seal)}])

    def _end(self, ended: Ended) -> bytes:
        candidates = [
            {
                "content": {"parts": [{"text": ""}], "role": "model"},
                "finishReason": write_finish(finished),
                "index": finished.choice,
                **self._grounding(finished.choice),
            }
            for finished in self._ends
        ]
        usage = {"usageMetadata": write_usage(ended.usage)} if ended.usage else {}
        return self._frame({"candidates": candidates, **usage, **self._tail})

    def _grounding(self, choice: int) -> dict[str, Any]:
        grounds = self._grounds.get(choice)
        return {"groundingMetadata": grounds.told()} if grounds else {}

    def _chunk(self, choice: int, parts: list[dict[str, Any]], **more: Any) -> bytes:
        candidate = {"content": {"parts": parts, "role": "model"}, "index": choice, **more}
        return self._frame({"candidates": [candidate], **self._tail})

    def _frame(self, chunk: dict[str, Any]) -> bytes:
        return sse.frame(msgspec.json.encode(chunk))


class _Open:
    """A part while it is told."""

    __slots__ = ("choice", "is_thought", "is_whole", "part", "texts")

    def __init__(self, part: Said, choice: int) -> None:
        self.part, self.choice = part, choice
        self.texts: list[str] = []
        self.is_thought = isinstance(part, Reasoning)
        self.is_whole = not isinstance(part, Text | Reasoning | Refusal)


class _Grounds:
    """The sources of a choice, each once, and what rests on them."""

    __slots__ = ("_chunks", "_supports")

    def __init__(self) -> None:
        self._chunks: dict[tuple[str | None, str | None], int] = {}
        self._supports: list[dict[str, Any]] = []

    def add(self, citation: Citation, said: str) -> None:
        number = self._chunks.setdefault((citation.url, citation.title), len(self._chunks))
        segment: dict[str, Any] = {}
        if citation.start:
            segment["startIndex"] = len(said[: citation.start].encode())
        if citation.end is not None:
            segment["endIndex"] = len(said[: citation.end].encode())
        if citation.quote is not None:
            segment["text"] = citation.quote
        if segment:
            self._supports.append({"segment": segment, "groundingChunkIndices": [number]})

    def told(self) -> dict[str, Any]:
        chunks = [
            {"web": {**({"uri": url} if url else {}), **({"title": title} if title else {})}}
            for url, title in self._chunks
        ]
        return {"groundingChunks": chunks, **({"groundingSupports": self._supports} if self._supports else {})}


def write_reply(reply: Reply, request: ChatRequest, request_id: str) -> bytes:
    """A whole reply as one JSON object."""
    told: dict[str, Any] = {"candidates": [_candidate(answered, at) for at, answered in enumerate(reply.choices)]}
    if reply.usage:
        told["usageMetadata"] = write_usage(reply.usage)
    return msgspec.json.encode({**told, "modelVersion": request.model, "responseId": request_id})


def _candidate(answered: Answered, number: int) -> dict[str, Any]:
    parts = [told for part in answered.parts if (told := _part(part))]
    candidate: dict[str, Any] = {
        "content": {"parts": parts, "role": "model"},
        "finishReason": write_finish(answered.finished),
        "index": number,
    }
    grounds = _Grounds()
    cited = [(citation, part.text) for part in answered.parts if isinstance(part, Text) for citation in part.citations]
    for citation, said in cited:
        grounds.add(citation, said)
    if cited:
        candidate["groundingMetadata"] = grounds.told()
    if answered.logprobs:
        candidate["logprobsResult"] = _likely(answered.logprobs)
    return candidate


def _part(part: Said, grown: str = "", seal: Seal | None = None) -> dict[str, Any] | None:
    """A whole part, with what it grew by; None where Google has no word for it."""
    seal = seal or getattr(part, "seal", None)
    told = _said(part, grown)
    return {**told, "thoughtSignature": signature(seal)} if told and seal else told


def _said(part: Said, grown: str) -> dict[str, Any] | None:
    match part:
        case Text(text) | Refusal(text):
            return {"text": text + grown}
        case Reasoning(text):
            return {"text": text + grown, "thought": True}
        case ToolCall(id=call, name=name, arguments=arguments):
            return {"functionCall": {"id": call, "name": name, "args": arguments_of(arguments + grown)}}
        case Audio(source=Inline(media_type, data)):
            return {"inlineData": {"mimeType": media_type, "data": data + grown}}
        case Image(source=source) | Audio(source=source):
            return source_part(source)
        case Unread(kind, raw) if kind in _PARTS and kind in raw:
            return raw
        case _:
            return None


def arguments_of(text: str) -> Any:
    """A call's arguments as the object that Google has them be; what is none becomes its only argument, `input`."""
    try:
        return _OBJECT.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError):
        return {"input": text}


def source_part(source: Source, media_type: str | None = None, name: str | None = None) -> dict[str, Any]:
    """Media as a part."""
    more = {"displayName": name} if name else {}
    match source:
        case Inline(kind, data):
            return {"inlineData": {"mimeType": kind, "data": data, **more}}
        case Link(uri, kind):
            media_type = kind or media_type
        case Stored(uri):
            pass
    return {"fileData": {**({"mimeType": media_type} if media_type else {}), "fileUri": uri, **more}}


def _likely(logprobs: tuple[Logprob, ...]) -> dict[str, Any]:
    """Logprobs as Google tells them: the tokens chosen beside the likeliest ones."""
    told: dict[str, Any] = {"chosenCandidates": list(map(_token, logprobs))}
    if any(logprob.top for logprob in logprobs):
        told["topCandidates"] = [{"candidates": list(map(_token, logprob.top))} for logprob in logprobs]
    return told


def _token(logprob: Logprob) -> dict[str, Any]:
    return {"token": logprob.token, "logProbability": logprob.logprob}
