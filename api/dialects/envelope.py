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
_ITEMS: Final = msgspec.json.Decoder(list[Raw])
_BEFORE_VALUE: Final = re.compile(rb'[\s,{]*("(?:[^"\\]|\\.)*")\s*:\s*')


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
    model = _value(raw)
    if not isinstance(model, str) or not model.strip():
        raise InvalidRequest("“model” must name a model, for example “morello:echo”.", "model")
    if len(model) > LONGEST_MODEL:
        raise InvalidRequest(f"“model” is longer than {LONGEST_MODEL} characters.", "model")
    return model


def _stream(raw: Raw | None) -> bool:
    stream = _value(raw)
    if stream is not None and not isinstance(stream, bool):
        raise InvalidRequest("“stream” must be true or false.", "stream")
    return bool(stream)


def _require_messages(raw: Raw | None) -> None:
    # The first byte tells the type: the messages themselves are the provider's to judge.
    if raw is None or memoryview(raw)[0] != ord("["):
        raise InvalidRequest("“messages” must be a list.", "messages")
    if memoryview(raw).nbytes < LONGEST_MODEL and not _ITEMS.decode(raw):
        raise InvalidRequest("“messages” is empty. Send at least one.", "messages")


def _value(raw: Raw | None) -> object:
    if raw is None:
        return None
    value: object = msgspec.json.decode(raw)
    return value


def _where(body: bytes, fields: dict[str, Raw], wanted: str) -> tuple[int, int]:
    """Where a field's value begins and ends: walked field by field, whose lengths are known from decoding."""
    at = body.index(b"{")
    for name, raw in fields.items():
        found = _BEFORE_VALUE.match(body, at)
        length = memoryview(raw).nbytes
        start = found.end() if found else at
        if not found or body[start : start + length] != bytes(raw):
            break
        if name == wanted:
            return start, start + length
        at = start + length
    # Names that come twice are the one thing that makes the walk differ from what was decoded.
    raise InvalidRequest("The body names a field twice. Send each field once.")
