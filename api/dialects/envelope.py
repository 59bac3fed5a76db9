"""What must be known of a request that is passed on as it is: the model, whether a stream is wanted, and where
the model's name stands, so that it alone is replaced and every other byte stays.

All callers' dialects so far keep these three fields under the same names.
"""

import re
from typing import Final

import msgspec
from msgspec import Raw

from api.dialects.decoding import decode
from api.errors import InvalidRequest

LONGEST_MODEL: Final = 512  # characters; the longest real ones are under 150
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])
_MODEL: Final = msgspec.json.Decoder(str)
_WISHES: Final = {b"true": True, b"false": False, b"null": False}
_EMPTY: Final = re.compile(rb"\[\s*\]")
_BEFORE_VALUE: Final = re.compile(rb'[\s,{]*("(?:[^"\\]++|\\.)*+")\s*:\s*')


class Envelope:
    """A request body seen from outside."""

    __slots__ = ("_end", "_start", "body", "model", "stream")

    def __init__(self, body: bytes, model: str, stream: bool, start: int, end: int) -> None:
        self.body, self.model, self.stream = body, model, stream
        self._start, self._end = start, end

    def renamed(self, model: str) -> bytes:
        """The body with another model's name, every other byte as it came."""
        return b"".join((self.body[: self._start], msgspec.json.encode(model), self.body[self._end :]))


def open_envelope(body: bytes) -> Envelope:
    """Check the body once and find what an envelope shows; `InvalidRequest` says what is wrong with it."""
    fields = decode(_FIELDS, body)
    model = _model(fields.get("model"))
    _require_messages(fields.get("messages"))
    start, end = _where(body, fields, "model")
    return Envelope(body, model, _stream(fields.get("stream")), start, end)


def _model(raw: Raw | None) -> str:
    model = _MODEL.decode(raw) if raw is not None and _first(raw) == '"' else ""
    if not model.strip():
        raise InvalidRequest("“model” must name a model, for example “morello:echo”.", "model")
    if len(model) > LONGEST_MODEL:
        raise InvalidRequest(f"“model” is longer than {LONGEST_MODEL} characters.", "model")
    return model


def _stream(raw: Raw | None) -> bool:
    stream = False if raw is None else _WISHES.get(bytes(raw))
    if stream is None:
        raise InvalidRequest("“stream” must be true or false.", "stream")
    return stream


def _require_messages(raw: Raw | None) -> None:
    # The messages themselves are the provider's to judge.
    if raw is None or _first(raw) != "[":
        raise InvalidRequest("“messages” must be a list.", "messages")
    if _EMPTY.match(memoryview(raw)):
        raise InvalidRequest("“messages” is empty. Send at least one.", "messages")


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
