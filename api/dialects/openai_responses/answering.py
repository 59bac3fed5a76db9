"""Events as a stream of response events, or folded into one response.

Each part is said through its whole life: added, its deltas, done. Texts and refusals that follow each other are
the content of one message item; every other part is an item of its own.
"""

import time
from typing import Any, Final

import msgspec

from api.conversation import (
    Audio,
    ChatRequest,
    Cited,
    Ended,
    Event,
    Failed,
    Finish,
    Finished,
    Image,
    Inline,
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
    Unread,
    told,
)
from api.dialects import sealing, sse
from api.dialects.openai_responses.answering_parts import Call, OpenMessage, Part, Piece, Thought
from api.dialects.openai_responses.erring import fault
from api.dialects.openai_responses.naming import NAME, homes
from api.dialects.openai_responses.responding import INCOMPLETE, ended, response
from api.dialects.openai_responses.shapes import Item
from api.dialects.openai_responses.writing import ENCRYPTED
from api.errors import GatewayError

# Items of this dialect that are nobody else's: only these come back out of an `Unread`.
OWN_ITEMS: Final = frozenset(
    {
        *(
            "web_search_call",
            "file_search_call",
            "computer_call",
            "code_interpreter_call",
            "image_generation_call",
        ),
        *(
            "local_shell_call",
            "shell_call",
            "shell_call_output",
            "apply_patch_call",
            "apply_patch_call_output",
        ),
        *(
            "mcp_call",
            "mcp_list_tools",
            "mcp_approval_request",
            "tool_search_call",
            "tool_search_output",
        ),
        *(
            "compaction",
            "program",
            "program_output",
        ),
    }
)
_encode: Final = msgspec.json.Encoder().encode


class Writer:
    """Events to the bytes of a stream. `response` is the response as far as it was told."""

    def __init__(self, request: ChatRequest, request_id: str) -> None:
        self.response = response(request, request_id, int(time.time()))
        self._id, self._sequence, self._over = request_id, 0, False
        self._homes = homes(request)
        self._seals_wanted = ENCRYPTED in request.extra.get("include", ())
        self._output: list[Item] = []
        self._added = 0  # items that were begun
        self._parts: dict[int, Part] = {}
        self._message: OpenMessage | None = None
        self._finished = Finish.STOP

    def write(self, event: Event) -> bytes:
        """The frames that say `event`; nothing where this dialect has no word for it."""
        if self._over:
            return b""
        match event:
            case PartGrew(index, text, logprobs):
                part = self._parts.get(index)
                return part.grow(text, logprobs) if part else b""
            case Started():
                return self._begin()
            case PartStarted(index, part, 0):
                return self._start(index, part)
            case Cited(index, citation):
                cited = self._parts.get(index)
                return cited.cite(citation) if cited else b""
            case PartEnded(index, seal):
                ending = self._parts.pop(index, None)
                return ending.end(seal) if ending else b""
            case Finished(reason, choice=0):
                self._finished = reason
                return self._close_message("incomplete" if reason in INCOMPLETE else "completed")
            case Ended():
                return self._end(event)
            case Failed(words, kind):
                return self._fail(words, kind or "server_error", 500)
            case _:
                return b""

    def fail(self, error: GatewayError) -> bytes:
        """The last frames of a stream that failed: nothing says that it is complete."""
        return b"" if self._over else self._fail(str(error), error.kind, error.status)

    def say(self, kind: str, fields: Item) -> bytes:
        """One frame of a stream, with the next number."""
        data = {"type": kind, **fields, "sequence_number": self.number()}
        return sse.frame(_encode(data), kind.encode())

    def number(self) -> int:
        """The next number of the sequence."""
        number, self._sequence = self._sequence, self._sequence + 1
        return number

    def added(self, item: Item) -> tuple[int, bytes]:
        """Begin an item of the output: where it stands, and the frame that says so."""
        place, self._added = self._added, self._added + 1
        return place, self.say("response.output_item.added", {"output_index": place, "item": item})

    def done(self, place: int, item: Item) -> bytes:
        """End an item of the output."""
        self._output.append(item)
        return self.say("response.output_item.done", {"output_index": place, "item": item})

    def item_id(self, kind: str) -> str:
        """The id of the item that is begun next."""
        return f"{kind}_{self._id}_{self._added}"

    def sealed(self, seal: Seal | None, item_id: str) -> Item:
        """The field that keeps a seal for us, where the caller asked for it."""
        if seal is None or not self._seals_wanted:
            return {}
        # An encrypted thought only opens under its own item's id: abroad from it, the id travels inside.
        native = NAME if seal.id in ("", item_id) else ""
        return {"encrypted_content": sealing.wrap(seal, native)}

    def _begin(self) -> bytes:
        if self._sequence:
            return b""
        begun = self.say("response.created", {"response": self.response})
        return begun + self.say("response.in_progress", {"response": self.response})

    def _start(self, index: int, part: Any) -> bytes:
        before = self._begin()
        if isinstance(part, Text | Refusal):
            opening, message = self._open_message()
            self._parts[index] = piece = Piece(self, message, part)
            return before + opening + piece.begin()
        before += self._close_message("completed")
        match part:
            case Reasoning():
                self._parts[index] = thought = Thought(self, part)
                return before + thought.begin()
            case ToolCall():
                self._parts[index] = call = Call(self, part, self._homes.get(part.name))
                return before + call.begin()
            case Image(source=Inline(kind, data)):
                return before + self._whole(_picture(self.item_id("ig"), kind, data))
            case Unread(kind, raw) if kind in OWN_ITEMS:
                return before + self._whole({**raw, "type": kind})
            case Audio(transcript=str(words)) if words:
                opening, message = self._open_message()
                piece = Piece(self, message, Text(""))
                return before + opening + piece.begin() + piece.grow(words, ()) + piece.end(None)
            case _:
                return before

    def _whole(self, item: Item) -> bytes:
        place, frame = self.added(item)
        return frame + self.done(place, item)

    def _open_message(self) -> tuple[bytes, OpenMessage]:
        if self._message:
            return b"", self._message
        known = self.item_id("msg")
        item = {"id": known, "type": "message", "status": "in_progress", "role": "assistant", "content": []}
        place, frame = self.added(item)
        self._message = OpenMessage(known, place)
        return frame, self._message

    def _close_message(self, status: str) -> bytes:
        message, self._message = self._message, None
        if message is None:
            return b""
        item = {"id": message.id, "type": "message", "status": status, "role": "assistant"}
        return self.done(message.place, {**item, "content": message.content})

    def _end(self, event: Ended) -> bytes:
        last = self._begin() + self._close_message("completed")
        self._over = True
        self.response = ended(self.response, self._output, self._finished, event.usage, event.tier)
        return last + self.say(f"response.{self.response['status']}", {"response": self.response})

    def _fail(self, words: str, kind: str, status: int) -> bytes:
        begun, self._over = self._begin(), True
        state = {"status": "failed", "error": fault(words, kind, status), "output": self._output}
        self.response = self.response | state
        return begun + self.say("response.failed", {"response": self.response})


def _picture(known: str, kind: str, data: str) -> Item:
    shape = kind.rpartition("/")[2]
    item = {"id": known, "type": "image_generation_call", "status": "completed", "result": data}
    return {**item, "output_format": shape} if shape else item


def write_reply(reply: Reply, request: ChatRequest, request_id: str) -> bytes:
    """A whole reply as one JSON object: the response with which a stream of it would have ended."""
    writer = Writer(request, request_id)
    for event in told(reply):
        writer.write(event)
    return _encode(writer.response)
