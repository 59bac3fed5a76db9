"""One choice of a reply while it is heard: its parts opened, grown, cited and closed.

Texts follow each other without boundaries, so a part goes on until another kind comes, or until it has its signature:
Google asks that what was signed is not joined with what was not. Arguments of a call may come in pieces, each of
which names its place by a JSONPath; the whole is put together here.
"""

import hashlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import msgspec

from api.conversation import (
    Audio,
    Citation,
    Cited,
    Event,
    Image,
    Inline,
    Logprob,
    PartEnded,
    PartGrew,
    PartStarted,
    Reasoning,
    Said,
    Seal,
    Text,
    ToolCall,
    Unread,
)
from api.dialects.gemini.chunks import (
    GROUNDING,
    LIKELY,
    NOTHING,
    QUOTATIONS,
    Blob,
    Call,
    Candidate,
    Grounding,
    Part,
    Quotations,
    Segment,
    Token,
)
from api.dialects.gemini.fields import sealed

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_RAW: Final = {
    "executableCode": "executable_code",
    "codeExecutionResult": "code_execution_result",
    "toolCall": "tool_call",
    "toolResponse": "tool_response",
    "fileData": "file_data",
}
LONGEST_LIST: Final = 10_000  # a list grows one by one; a place beyond is not worth its memory
_VALUES: Final = ("stringValue", "numberValue", "boolValue")


class Teller:
    """Tells one choice. `begun` counts its parts."""

    __slots__ = ("_cited", "_index", "_kind", "_next_index", "_pieces", "_seal", "_texts", "begun", "called", "choice")

    def __init__(self, choice: int, next_index: Callable[[], int]) -> None:
        self.choice, self._next_index = choice, next_index
        self.begun, self.called = 0, False
        self._kind: type[Said] | None = None  # of the part that is open
        self._index = 0
        self._seal: Seal | None = None
        self._texts: list[str] = []  # of the open text, for citations that count its bytes
        self._pieces: Pieces | None = None  # of a call whose arguments come in pieces
        self._cited = 0

    def hear(self, candidate: Candidate, salt: str | bytes, events: list[Event]) -> None:
        """Say what a candidate of a chunk adds."""
        logprobs = _logprobs(candidate.logprobs_result) if candidate.logprobs_result is not NOTHING else ()
        for part in candidate.content.parts or () if candidate.content else ():
            logprobs = self._hear_part(part, salt, logprobs, events)
        if logprobs and self._kind is Text:
            events.append(PartGrew(self._index, "", logprobs))
        if candidate.grounding_metadata is not NOTHING:
            self._cite_all(_grounded(candidate.grounding_metadata, self._texts), events)
        if candidate.citation_metadata is not NOTHING:
            self._cite_all(_quoted(candidate.citation_metadata), events)

    def close(self, events: list[Event]) -> None:
        """End the open part."""
        if self._kind is None:
            return
        if self._pieces:
            events.append(PartGrew(self._index, self._pieces.text()))
        events.append(PartEnded(self._index, self._seal))
        self._kind = self._seal = self._pieces = None

    def _hear_part(
        self, part: Part, salt: str | bytes, logprobs: tuple[Logprob, ...], events: list[Event]
    ) -> tuple[Logprob, ...]:
        """Say one part; the logprobs that were not used yet come back."""
        seal = sealed(part.thought_signature)
        if part.function_call is not None:
            self._call(part.function_call, seal, salt, events)
        elif part.inline_data is not None:
            self._show(part.inline_data, seal, events)
        elif part.text is not None:
            if part.thought:
                self._grow(Reasoning, part.text, seal, (), events)
            else:
                self._grow(Text, part.text, seal, logprobs, events)
                return () if part.text else logprobs
        else:
            self._keep(part, seal, events)
        return logprobs

    def _grow(
        self,
        kind: type[Text] | type[Reasoning],
        text: str,
        seal: Seal | None,
        logprobs: tuple[Logprob, ...],
        events: list[Event],
    ) -> None:
        if not text and not seal:
            return
        if self._kind is not kind or self._seal:
            self._open(kind(""), events)
        if text:
            self._texts.append(text)
            events.append(PartGrew(self._index, text, logprobs))
        self._seal = seal or self._seal

    def _open(self, part: Said, events: list[Event]) -> None:
        self.close(events)
        self._index, self._kind = self._next_index(), type(part)
        self._texts = []
        self.begun += 1
        events.append(PartStarted(self._index, part, self.choice))

    def _whole(self, part: Said, events: list[Event]) -> None:
        self._open(part, events)
        self.close(events)

    def _call(self, call: Call, seal: Seal | None, salt: str | bytes, events: list[Event]) -> None:
        if self._pieces is None:
            self.called = True
            self._open(ToolCall(call.id or self._made_id(salt), call.name or "", ""), events)
        self._seal = seal or self._seal
        if call.partial_args or call.will_continue or self._pieces:
            self._pieces = self._pieces or Pieces()
            for piece in call.partial_args or ():
                self._pieces.add(piece)
            if call.will_continue:
                return
        elif call.args is not NOTHING and bytes(call.args) != b"null":
            events.append(PartGrew(self._index, bytes(call.args).decode(errors="replace")))
        else:
            events.append(PartGrew(self._index, "{}"))
        self.close(events)

    def _made_id(self, salt: str | bytes) -> str:
        """An id of our own: the same whenever these bytes are read, another for another reply."""
        text = salt.encode() if isinstance(salt, str) else salt
        return f"call_{hashlib.blake2b(b'%d %d ' % (self.choice, self.begun) + text, digest_size=12).hexdigest()}"

    def _show(self, blob: Blob, seal: Seal | None, events: list[Event]) -> None:
        media_type, source = blob.mime_type or "", Inline(blob.mime_type or "", blob.data or "")
        if media_type.startswith("image/"):
            self._whole(Image(source, seal=seal), events)
        elif media_type.startswith("audio/"):
            self._whole(Audio(source), events)
        else:
            raw = {"inlineData": {"mimeType": media_type, "data": source.data}}
            self._whole(Unread("inlineData", raw), events)

    def _keep(self, part: Part, seal: Seal | None, events: list[Event]) -> None:
        """A part the vocabulary has no word for, as it came; a bare signature belongs to the part before it."""
        for kind, field in _RAW.items():
            value = getattr(part, field)
            if value is not None:
                signed = {"thoughtSignature": part.thought_signature} if part.thought_signature else {}
                self._whole(Unread(kind, {kind: value, **signed}), events)
                return
        self._grow(Reasoning if part.thought else Text, "", seal, (), events)

    def _cite_all(self, citations: list[Citation], events: list[Event]) -> None:
        """Say the citations that are new: later chunks may tell the former ones again."""
        if self._kind is not Text:
            return
        for citation in citations[self._cited :]:
            events.append(Cited(self._index, citation))
        self._cited = max(self._cited, len(citations))


def _grounded(raw: msgspec.Raw, texts: list[str]) -> list[Citation]:
    try:
        grounding = GROUNDING.decode(raw) or Grounding()
    except _UNREADABLE:
        return []
    sources = [ground.web or ground.maps or ground.retrieved_context for ground in grounding.grounding_chunks or ()]
    if not grounding.grounding_supports:
        return [Citation(source.uri, source.title) for source in sources if source]
    said = "".join(texts).encode()
    citations = []
    for support in grounding.grounding_supports:
        segment = support.segment or Segment()
        start, end = _letters(said, segment.start_index or 0), _letters(said, segment.end_index)
        for number in support.grounding_chunk_indices or ():
            source = sources[number] if 0 <= number < len(sources) else None
            if source:
                citations.append(Citation(source.uri, source.title, segment.text, start if end else None, end))
    return citations


def _letters(said: bytes, place: int | None) -> int | None:
    """A place counted in bytes, in letters."""
    return None if place is None else len(said[: max(0, place)].decode(errors="ignore"))


def _quoted(raw: msgspec.Raw) -> list[Citation]:
    try:
        told = QUOTATIONS.decode(raw) or Quotations()
    except _UNREADABLE:
        return []
    return [
        Citation(quoted.uri, quoted.title, None, quoted.start_index, quoted.end_index)
        for quoted in told.citations or told.citation_sources or ()
    ]


def _logprobs(raw: msgspec.Raw) -> tuple[Logprob, ...]:
    try:
        likely = LIKELY.decode(raw)
    except _UNREADABLE:
        return ()
    if likely is None:
        return ()
    tops = [tuple(map(_logprob, top.candidates or ())) for top in likely.top_candidates or ()]
    chosen = likely.chosen_candidates or ()
    return tuple(_logprob(token, tops[at] if at < len(tops) else ()) for at, token in enumerate(chosen))


def _logprob(token: Token, top: tuple[Logprob, ...] = ()) -> Logprob:
    text = token.token or ""
    return Logprob(text, token.log_probability or 0.0, tuple(text.encode()), top)


class Pieces:
    """The arguments so far."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}

    def add(self, piece: dict[str, Any]) -> None:
        """Take the next piece; texts at the same place are joined. What has no place is passed over."""
        path = _steps(str(piece.get("jsonPath") or ""))
        if not path:
            return
        at: Any = self._root
        for step, following in pairwise(path):
            at = _enter(at, step, [] if isinstance(following, int) else {})
        value = next((piece[name] for name in _VALUES if piece.get(name) is not None), None)
        before = _enter(at, path[-1], None)
        _put(at, path[-1], before + value if isinstance(before, str) and isinstance(value, str) else value)

    def text(self) -> str:
        """The whole as JSON text."""
        return msgspec.json.encode(self._root).decode()


def _steps(path: str) -> list[str | int]:
    """The steps of a path like `$.lines[0].text` or `$['a key']`."""
    steps: list[str | int] = []
    for name in path.removeprefix("$").replace("[", ".[").split("."):
        inner = name[1:-1] if name.startswith("[") and name.endswith("]") else ""
        if inner.isdigit():
            steps.append(int(inner))
        elif inner or name:
            steps.append(inner.strip("'\"") if inner else name)
    return steps


def _enter(at: Any, step: str | int, blank: Any) -> Any:
    """What lies at a step, made if there is nothing."""
    if isinstance(at, dict):
        return at.setdefault(str(step), blank)
    if isinstance(at, list) and isinstance(step, int) and step < LONGEST_LIST:
        at.extend([None] * (step + 1 - len(at)))
        at[step] = blank if at[step] is None else at[step]
        return at[step]
    return None


def _put(at: Any, step: str | int, value: Any) -> None:
    if isinstance(at, dict):
        at[str(step)] = value
    elif isinstance(at, list) and isinstance(step, int) and step < len(at):
        at[step] = value
