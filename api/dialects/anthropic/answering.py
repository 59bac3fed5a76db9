"""Events of a reply in this dialect, streamed and whole, for a caller that speaks it.

There is one choice, and its blocks follow each other strictly: what is said of a later block waits until the one
before it is done. Pictures and sound have no block in an answer and are noted in words. Citations of other dialects
are left out: a caller would send them back, and the provider takes none it did not make itself.
"""

from typing import Any, Final

import msgspec

from api.conversation import (
    Audio,
    ChatRequest,
    Cited,
    Ended,
    Event,
    Finish,
    Finished,
    Image,
    Link,
    PartEnded,
    PartGrew,
    PartStarted,
    Reasoning,
    Refusal,
    Reply,
    Said,
    Seal,
    Started,
    Text,
    ToolCall,
    Unread,
    Usage,
)
from api.dialects import counting, sealing, sse
from api.dialects.anthropic.counted import counted
from api.dialects.anthropic.erring import error_frame
from api.dialects.anthropic.shapes import AnthropicReply, MessageUsage
from api.dialects.anthropic.words import CITATIONS, REASONS, REDACTED, SIGNATURE, STOPS
from api.errors import GatewayError

Json = dict[str, Any]

UNSAYABLE: Final = "[%s: this API cannot carry it in an answer]"
GREW: Final = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":%b}}\n\n'
)
OWN_KINDS: Final = ("_use", "_result")  # how the names of blocks of tools that the provider runs end
OTHERS: Final = frozenset({"compaction", "container_upload", "fallback", "mcp_tool_listing"})
_ENCODE: Final = msgspec.json.Encoder().encode


class Writer:
    """Events to the bytes of a stream. The model is echoed as the caller wrote it."""

    def __init__(self, request: ChatRequest, request_id: str) -> None:
        self._request, self._id = request, request_id
        self._blocks: dict[int, _Block] = {}  # those begun and not ended, the first of them being said now
        self._count = self._tokens_in = self._letters = 0
        self._refused = False
        self._finished = Finished(Finish.STOP)

    def write(self, event: Event) -> bytes:
        """The frames that say `event`; nothing where the dialect has no word for it."""
        match event:
            case PartGrew(index, text):
                block = self._blocks.get(index)
                if block is None or block.field is None or not text:
                    return b""
                self._letters += len(text)
                return self._now(block, GREW % (block.number, block.delta, block.field, _ENCODE(text)))
            case PartStarted(index, part, 0):
                return self._begin(index, part)
            case PartEnded(index, seal):
                return self._end(index, seal)
            case Cited(index, citation) if citation.carried.get("type") in CITATIONS and index in self._blocks:
                block = self._blocks[index]
                delta = {"type": "citations_delta", "citation": citation.carried}
                return self._now(block, _event("content_block_delta", index=block.number, delta=delta))
            case Started(tokens_in):
                self._tokens_in = tokens_in or counting.estimate(self._request)
                usage = MessageUsage(self._tokens_in, 0, 0, 0)
                return _event("message_start", message=_message(self._request, self._id, [], None, None, usage))
            case Finished(choice=0):
                self._finished = event
                return b""
            case Ended(usage):
                return self._finish(usage)
            case _:
                return b""

    def fail(self, error: GatewayError) -> bytes:
        """The last frame of a stream that failed: no `message_stop` follows it."""
        return error_frame(error, self._id)

    def _begin(self, index: int, part: Said) -> bytes:
        blank = _blank(part)
        if blank is None:
            return b""
        self._refused = self._refused or isinstance(part, Refusal)
        block = self._blocks[index] = _Block(self._count, part)
        self._count += 1
        return self._now(block, _event("content_block_start", index=block.number, content_block=blank))

    def _end(self, index: int, seal: Seal | None) -> bytes:
        block = self._blocks.get(index)
        if block is None:
            return b""
        said = _event("content_block_stop", index=block.number)
        seal = seal or block.seal
        if seal and block.delta == b"thinking_delta":
            signature = {"type": "signature_delta", "signature": sealing.wrap(seal, SIGNATURE)}
            said = _event("content_block_delta", index=block.number, delta=signature) + said
        said, block.ended = self._now(block, said), True
        while self._blocks and (first := next(iter(self._blocks))) is not None and self._blocks[first].ended:
            del self._blocks[first]
            following = next(iter(self._blocks.values()), None)
            if following:
                said += b"".join(following.waiting)
                following.waiting.clear()
        return said

    def _now(self, block: "_Block", frames: bytes) -> bytes:
        """The frames, if it is this block's turn."""
        if next(iter(self._blocks.values())) is block:
            return frames
        block.waiting.append(frames)
        return b""

    def _finish(self, usage: Usage | None) -> bytes:
        usage = usage or Usage(self._tokens_in, self._letters // counting.LETTERS_PER_TOKEN)
        said = _event("message_delta", delta=_stop(self._finished, self._refused), usage=counted(usage))
        return said + _event("message_stop")


class _Block:
    """A block while it is said."""

    __slots__ = ("delta", "ended", "field", "number", "seal", "waiting")

    def __init__(self, number: int, part: Said) -> None:
        self.number, self.ended = number, False
        self.waiting: list[bytes] = []
        self.seal = part.seal if isinstance(part, Reasoning) else None
        self.field = None if _is_redacted(part) else _DELTAS.get(type(part))
        self.delta = _KINDS[self.field] if self.field else b""


_DELTAS: Final[dict[type, bytes]] = {
    Text: b"text",
    Refusal: b"text",
    Reasoning: b"thinking",
    ToolCall: b"partial_json",
}
_KINDS: Final = {b"text": b"text_delta", b"thinking": b"thinking_delta", b"partial_json": b"input_json_delta"}


def write_reply(reply: Reply, request: ChatRequest, request_id: str) -> bytes:
    """A whole reply as one JSON object."""
    first = reply.choices[0]
    stop = _stop(first.finished, any(isinstance(part, Refusal) for part in first.parts))
    written = sum(len(part.text) for part in first.parts if isinstance(part, Text | Reasoning | Refusal))
    usage = reply.usage or Usage(counting.estimate(request), written // counting.LETTERS_PER_TOKEN)
    blocks = [block for block in map(_whole, first.parts) if block]
    message = _message(
        request, request_id, blocks, stop.pop("stop_reason"), stop.pop("stop_sequence"), counted(usage, reply.tier)
    )
    return _ENCODE({**msgspec.to_builtins(message), **stop} if stop else message)


def _message(
    request: ChatRequest, request_id: str, blocks: list[Json], reason: Any, sequence: Any, usage: MessageUsage
) -> AnthropicReply:
    return AnthropicReply(f"msg_{request_id}", "message", "assistant", request.model, blocks, reason, sequence, usage)


def _stop(finished: Finished, refused: bool) -> Json:
    """Why the answer ended; a word that this dialect does not have stands beside it."""
    word = STOPS[finished.reason]
    if REASONS.get(finished.raw or "") is finished.reason and finished.raw:
        word = finished.raw
    elif finished.stop_sequence is not None and finished.reason is Finish.STOP:
        word = "stop_sequence"
    if refused and finished.reason is Finish.STOP:
        word = "refusal"
    said: Json = {"stop_reason": word, "stop_sequence": finished.stop_sequence}
    if finished.reason is Finish.OTHER and finished.raw:
        said["raw_stop_reason"] = finished.raw
    return said


def _blank(part: Said) -> Json | None:
    """A block as it starts; None for what cannot be said."""
    match part:
        case Text() | Refusal():
            return {"type": "text", "text": ""}
        case Reasoning(seal=seal) if seal and seal.minted == REDACTED:
            return {"type": "redacted_thinking", "data": sealing.wrap(seal, REDACTED)}
        case Reasoning():
            return {"type": "thinking", "thinking": "", "signature": ""}
        case ToolCall(number, name):
            return {"type": "tool_use", "id": number, "name": name, "input": {}, **_caller(part)}
        case Image(source):
            what = f"image at {source.url}" if isinstance(source, Link) else "image"
            return {"type": "text", "text": UNSAYABLE % what}
        case Audio():
            return {"type": "text", "text": UNSAYABLE % "audio"}
        case Unread(kind, raw):
            return raw if kind in OTHERS or kind.endswith(OWN_KINDS) else None


def _whole(part: Said) -> Json | None:
    """A part as a block that is complete."""
    block = _blank(part)
    match part:
        case Text(text, citations):
            cited = [one.carried for one in citations if one.carried.get("type") in CITATIONS]
            return {"type": "text", "text": text, **({"citations": cited} if cited else {})}
        case Refusal(text):
            return {"type": "text", "text": text}
        case Reasoning(text, seal) if block and block["type"] == "thinking":
            signature = sealing.wrap(seal, SIGNATURE) if seal else ""
            return {"type": "thinking", "thinking": text, "signature": signature}
        case ToolCall(arguments=arguments) if block:
            return {**block, "input": _input(arguments)}
        case Audio(transcript=text) if text:
            return {"type": "text", "text": text}
        case _:
            return block


def _is_redacted(part: Said) -> bool:
    return isinstance(part, Reasoning) and part.seal is not None and part.seal.minted == REDACTED


def _caller(call: ToolCall) -> Json:
    """Which of the provider's own tools called: only its own blocks say so."""
    return {name: call.carried[name] for name in ("caller", "toolset_name") if name in call.carried}


def _input(arguments: str) -> Any:
    """Arguments as the object they have to be, also where a limit cut them off."""
    try:
        value = msgspec.json.decode(arguments or "{}")
    except (ValueError, RecursionError):
        return {"_raw": arguments}
    return value if isinstance(value, dict) else {"_raw": arguments}


def _event(kind: str, **fields: Any) -> bytes:
    return sse.frame(_ENCODE({"type": kind, **fields}), kind.encode())
