"""The parts of an answer while they are told: each from its first frame to its last."""

from typing import Final, Protocol

import msgspec

from api.conversation import Citation, Logprob, Reasoning, Refusal, Seal, Text, ToolCall
from api.dialects.free_text import unwrapped
from api.dialects.openai_responses.naming import Home
from api.dialects.openai_responses.shapes import Item
from api.dialects.openai_responses.writing_items import annotation

_encode: Final = msgspec.json.Encoder().encode


class Tells(Protocol):
    """Who numbers the frames and keeps the items of the output."""

    def say(self, kind: str, fields: Item) -> bytes:
        """One frame of a stream, with the next number."""

    def number(self) -> int:
        """The next number of the sequence."""

    def added(self, item: Item) -> tuple[int, bytes]:
        """Begin an item of the output."""

    def done(self, place: int, item: Item) -> bytes:
        """End an item of the output."""

    def item_id(self, kind: str) -> str:
        """The id of the item that is begun next."""

    def sealed(self, seal: Seal | None, item_id: str) -> Item:
        """The field that keeps a seal for us."""


class OpenMessage:
    """The message item that is open: the content that is complete so far."""

    __slots__ = ("begun", "content", "id", "place")

    def __init__(self, known: str, place: int) -> None:
        self.id, self.place = known, place
        self.content: list[Item] = []
        self.begun = 0


class Part:
    """A part while it is told."""

    __slots__ = ("_after", "_before", "_texts", "_writer")

    def __init__(self, writer: Tells) -> None:
        self._writer = writer
        self._texts: list[str] = []
        self._before = self._after = b""

    def _prepare(self, kind: str, fields: Item) -> None:
        """Have the bytes ready that stand around every delta: a stream is mostly deltas."""
        head = _encode({"type": kind, **fields})
        self._before = b"event: %b\ndata: %b" % (kind.encode(), head[:-1] + b',"delta":')
        self._after = b',"sequence_number":%d}\n\n'

    def _delta(self, text: str) -> bytes:
        self._texts.append(text)
        return b"%b%b%b" % (self._before, _encode(text), self._after % self._writer.number())

    def grow(self, text: str, logprobs: tuple[Logprob, ...]) -> bytes:
        """More of it."""
        return self._delta(text) if text else b""

    def cite(self, citation: Citation) -> bytes:
        """Where it has something from."""
        return b""

    def end(self, seal: Seal | None) -> bytes:
        """No more of it."""
        return b""


class Piece(Part):
    """A text or a refusal: a piece of a message's content."""

    __slots__ = ("_content_of_all", "_field", "_kind", "_logprobs", "_notes", "_where")

    def __init__(self, writer: Tells, message: OpenMessage, part: Text | Refusal) -> None:
        super().__init__(writer)
        self._kind, self._field = ("output_text", "text") if isinstance(part, Text) else ("refusal", "refusal")
        self._where: Item = {"item_id": message.id, "output_index": message.place, "content_index": message.begun}
        message.begun += 1
        self._notes = [note for note in map(annotation, getattr(part, "citations", ())) if note]
        self._logprobs: list[Item] = []
        message.content.append(self._content())
        self._content_of_all = message.content

    def _content(self) -> Item:
        if self._kind == "refusal":
            return {"type": "refusal", "refusal": "".join(self._texts)}
        told = {"type": "output_text", "text": "".join(self._texts), "annotations": self._notes}
        return {**told, "logprobs": self._logprobs}

    def begin(self) -> bytes:
        """The first frame."""
        self._prepare(f"response.{self._kind}.delta", {**self._where, **self._odds([])})
        blank = {**self._content(), **({"annotations": []} if self._kind == "output_text" else {})}
        return self._writer.say("response.content_part.added", {**self._where, "part": blank})

    def _odds(self, logprobs: list[Item]) -> Item:
        return {"logprobs": logprobs} if self._kind == "output_text" else {}

    def grow(self, text: str, logprobs: tuple[Logprob, ...]) -> bytes:
        if not logprobs or self._kind == "refusal":
            return super().grow(text, logprobs)
        said = [_logprob(logprob) for logprob in logprobs]
        self._logprobs += said
        self._texts.append(text)
        return self._writer.say("response.output_text.delta", {**self._where, "delta": text, "logprobs": said})

    def cite(self, citation: Citation) -> bytes:
        note = annotation(citation)
        if note is None or self._kind == "refusal":
            return b""
        self._notes.append(note)
        fields = {**self._where, "annotation_index": len(self._notes) - 1, "annotation": note}
        return self._writer.say("response.output_text.annotation.added", fields)

    def end(self, seal: Seal | None) -> bytes:
        content = self._content()
        self._content_of_all[self._where["content_index"]] = content
        told = {**self._where, self._field: content[self._field], **self._odds(self._logprobs)}
        done = self._writer.say(f"response.{self._kind}.done", told)
        return done + self._writer.say("response.content_part.done", {**self._where, "part": content})


class Thought(Part):
    """Thoughts, or a summary of them: an item of its own."""

    __slots__ = ("_id", "_place", "_seal", "_summary", "_where")

    def __init__(self, writer: Tells, part: Reasoning) -> None:
        super().__init__(writer)
        self._summary, self._seal, self._id = part.summary, part.seal, writer.item_id("rs")
        self._place = 0
        self._where: Item = {}

    def begin(self) -> bytes:
        """The first frame: what is thought comes later, if it is told at all."""
        item = {"id": self._id, "type": "reasoning", "status": "in_progress", "summary": []}
        self._place, frame = self._writer.added(item)
        index = "summary_index" if self._summary else "content_index"
        self._where = {"item_id": self._id, "output_index": self._place, index: 0}
        name = "reasoning_summary_text" if self._summary else "reasoning_text"
        self._prepare(f"response.{name}.delta", self._where)
        return frame

    def grow(self, text: str, logprobs: tuple[Logprob, ...]) -> bytes:
        if not text:
            return b""
        return (b"" if self._texts else self._say_part("added", "")) + self._delta(text)

    def end(self, seal: Seal | None) -> bytes:
        text, closing = "".join(self._texts), b""
        if text:
            name = "reasoning_summary_text" if self._summary else "reasoning_text"
            closing = self._writer.say(f"response.{name}.done", {**self._where, "text": text})
            closing += self._say_part("done", text)
        item: Item = {"id": self._id, "type": "reasoning", "status": "completed", "summary": []}
        if text:
            item["summary" if self._summary else "content"] = [self._piece(text)]
        return closing + self._writer.done(self._place, item | self._writer.sealed(seal or self._seal, self._id))

    def _piece(self, text: str) -> Item:
        return {"type": "summary_text" if self._summary else "reasoning_text", "text": text}

    def _say_part(self, state: str, text: str) -> bytes:
        name = "reasoning_summary_part" if self._summary else "content_part"
        return self._writer.say(f"response.{name}.{state}", {**self._where, "part": self._piece(text)})


class Call(Part):
    """A call of a tool: an item of its own, in the shape in which the tool was offered."""

    __slots__ = ("_item", "_place", "_takes_text", "_where")

    def __init__(self, writer: Tells, part: ToolCall, home: Home | None) -> None:
        super().__init__(writer)
        self._takes_text = bool(home and home.takes_text)
        kind, field = ("custom_tool_call", "input") if self._takes_text else ("function_call", "arguments")
        known = writer.item_id("ctc" if self._takes_text else "fc")
        named: Item = {"call_id": part.id, "name": home.name if home else part.name}
        space = {"namespace": home.namespace} if home and home.namespace else {}
        self._item: Item = {"id": known, "type": kind, "status": "in_progress", **named, **space, field: ""}
        self._place = 0
        self._where: Item = {"item_id": known}

    def begin(self) -> bytes:
        """The first frame."""
        self._place, frame = self._writer.added(self._item)
        self._where["output_index"] = self._place
        self._prepare("response.function_call_arguments.delta", self._where)
        return frame

    def grow(self, text: str, logprobs: tuple[Logprob, ...]) -> bytes:
        if self._takes_text:
            # Free text is inside the JSON of the arguments: it can only be told once they are whole.
            self._texts.append(text)
            return b""
        return super().grow(text, logprobs)

    def end(self, seal: Seal | None) -> bytes:
        whole, more = "".join(self._texts), b""
        if self._takes_text:
            field, name, whole = "input", "custom_tool_call_input", unwrapped(whole)
            more = self._writer.say(f"response.{name}.delta", {**self._where, "delta": whole}) if whole else b""
        else:
            field, name = "arguments", "function_call_arguments"
            if not whole:
                more, whole = self._delta("{}"), "{}"
        done = self._writer.say(f"response.{name}.done", {**self._where, field: whole})
        return more + done + self._writer.done(self._place, {**self._item, "status": "completed", field: whole})


def _logprob(logprob: Logprob) -> Item:
    top = [_alone(other) for other in logprob.top]
    return {**_alone(logprob), "top_logprobs": top}


def _alone(logprob: Logprob) -> Item:
    letters = logprob.bytes if logprob.bytes is not None else tuple(logprob.token.encode(errors="replace"))
    return {"token": logprob.token, "logprob": logprob.logprob, "bytes": letters}
