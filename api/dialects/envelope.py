"""What must be known of a request that is passed on as it is: the model, whether a stream is wanted, and where
the model's name stands, so that it alone is replaced and every other byte stays.

The dialects differ in one word, under which a request says what it says: `messages`, `input` or `contents`. Gemini's
callers name the model and wish for a stream in the URL instead; their body then stays as it is. Who says a prompt
has no such word.
"""

import re
from typing import Final

import msgspec
from msgspec import Raw

from api.dialects.decoding import decode
from api.errors import InvalidRequest

LONGEST_MODEL: Final = 512  # characters; the longest real ones are under 150
# Under one of these a request of the Responses dialect names what was said before: it may then say nothing itself.
KNOWN_BEFORE: Final = ("previous_response_id", "conversation", "prompt")
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])
_MODEL: Final = msgspec.json.Decoder(str)
_WISHES: Final = {b"true": True, b"false": False, b"null": False}
_EMPTY: Final = re.compile(rb"\[\s*\]")
_BEFORE_VALUE: Final = re.compile(rb'[\s,{]*("(?:[^"\\]++|\\.)*+")\s*:\s*')


class Envelope:
    """A request body seen from outside. `start` and `end` are the place of the model's name; the same where none is."""

    __slots__ = ("_end", "_start", "body", "model", "stream")

    def __init__(self, body: bytes, model: str, stream: bool, start: int = 0, end: int = 0) -> None:
        self.body, self.model, self.stream = body, model, stream
        self._start, self._end = start, end

    def renamed(self, model: str) -> bytes:
        """The body with another model's name, every other byte as it came."""
        if not self._end:
            return self.body
        return b"".join((self.body[: self._start], msgspec.json.encode(model), self.body[self._end :]))


def open_envelope(body: bytes, says: str = "messages") -> Envelope:
    """Check the body once and find what an envelope shows; `InvalidRequest` says what is wrong with it.

    `says` is the dialect's word for what is said.
    """
    fields = decode(_FIELDS, body)
    model = _model(fields.get("model"))
    _require_said(fields, says)
    start, end = _where(body, fields, "model")
    return Envelope(body, model, _stream(fields.get("stream")), start, end)


def named_envelope(body: bytes, model: str, stream: bool, says: str = "contents") -> Envelope:
    """The same for a request whose URL names the model and says whether a stream is wanted."""
    fields = decode(_FIELDS, body)
    require_name(model)
    _require_said(fields, says)
    return Envelope(body, model, stream)


def open_question(body: bytes, named: str | None = None) -> Envelope:
    """The same for an endpoint that is no conversation, whose body may name no model; `named` is what the URL named."""
    fields = decode(_FIELDS, body)
    stream = _stream(fields.get("stream"))
    if named is not None:
        require_name(named)
        return Envelope(body, named, stream)
    raw = fields.get("model")
    if raw is None or _first(raw) == "n":
        return Envelope(body, "", stream)
    return Envelope(body, _model(raw), stream, *_where(body, fields, "model"))


def _model(raw: Raw | None) -> str:
    model = _MODEL.decode(raw) if raw is not None and _first(raw) == '"' else ""
    require_name(model)
    return model


def require_name(model: str) -> None:
    """`InvalidRequest` says why `model` cannot be a model's name."""
    if not model.strip():
        raise InvalidRequest("“model” must name a model, for example “morello:echo”.", "model")
    if len(model) > LONGEST_MODEL:
        raise InvalidRequest(f"“model” is longer than {LONGEST_MODEL} characters.", "model")


def _stream(raw: Raw | None) -> bool:
    stream = False if raw is None else _WISHES.get(bytes(raw))
    if stream is None:
        raise InvalidRequest("“stream” must be true or false.", "stream")
    return stream


def _require_said(fields: dict[str, Raw], says: str) -> None:
    if not says:
        return
    # What is said is the provider's to judge.
    raw = fields.get(says)
    if says == "input":
        _require_input(fields, raw)
    elif raw is None or _first(raw) != "[":
        raise InvalidRequest(f"“{says}” must be a list.", says)
    elif _is_empty(raw):
        raise InvalidRequest(f"“{says}” is empty. Send at least one.", says)


def _require_input(fields: dict[str, Raw], raw: Raw | None) -> None:
    """The Responses dialect takes a string or a list, or nothing where something was said before."""
    kind = "n" if raw is None else _first(raw)
    if kind not in '["n':
        raise InvalidRequest("“input” must be a string or a list.", "input")
    nothing = kind == "n" or (raw is not None and _is_empty(raw))
    if nothing and all(_first(fields[name]) == "n" for name in KNOWN_BEFORE if name in fields):
        raise InvalidRequest("“input” is empty. Send a string, or a list with at least one item.", "input")


def _is_empty(raw: Raw) -> bool:
    return bool(_EMPTY.match(memoryview(raw)))


def _first(raw: Raw) -> str:
    """The first letter of a value: it tells the type."""
    return chr(memoryview(raw)[0])


def _where(body: bytes, fields: dict[str, Raw], wanted: str) -> tuple[int, int]:
    """Where a field's value begins and ends: walked field by field, whose lengths are known from decoding."""
    at, place = body.index(b"{"), None
    for name, raw in fields.items():
        found = _BEFORE_VALUE.match(body, at)
        length = memoryview(raw).nbytes
        start = found.end() if found else at
        if not found or body[start : start + length] != bytes(raw):
            break
        at = start + length
        if name == wanted:
            place = start, at
    # Names that come twice make the walk differ from what was decoded, or end before the body does.
    if place is None or body[at:].strip() != b"}":
        raise InvalidRequest("The body names a field twice. Send each field once.")
    return place
