"""Counting tokens without answering: `countTokens`, asked and answered."""

from typing import Any

import msgspec
from msgspec import Struct

from api.conversation import ChatRequest
from api.dialects.decoding import decode, not_too_deep
from api.dialects.dialect import Written
from api.dialects.gemini.asking import read_fields
from api.dialects.gemini.fields import fields_of
from api.dialects.gemini.losses import Losses
from api.dialects.gemini.writing import names_of, write_fields
from api.dialects.quirks import Quirks

_OBJECT = msgspec.json.Decoder(dict[str, Any])
_COUNTED = ("contents", "systemInstruction", "tools", "toolConfig", "cachedContent")


class _Count(Struct, rename="camel"):
    total_tokens: int


_COUNT = msgspec.json.Decoder(_Count, strict=False)


@not_too_deep()
def read_count(body: bytes, model: str = "") -> ChatRequest:
    """What is to be counted: `contents` alone, or a whole request in `generateContentRequest`."""
    asked = fields_of(decode(_OBJECT, body), "")
    whole = asked.get("generateContentRequest")
    if whole is not None:
        asked = fields_of(whole, "generateContentRequest")
    return read_fields(asked, model)


def write_count(tokens: int) -> bytes:
    """The answer to a caller."""
    return msgspec.json.encode({"totalTokens": tokens})


@not_too_deep()
def write_count_request(request: ChatRequest, quirks: Quirks, provider: str) -> Written:
    """The same question for a provider: only what counts, instructions and tools among it."""
    losses, names = Losses(), names_of(request)
    told = write_fields(request, quirks, provider, names, losses)
    counted = {name: told[name] for name in _COUNTED if name in told}
    whole = {"generateContentRequest": {"model": f"models/{request.model.removeprefix('models/')}", **counted}}
    return Written(msgspec.json.encode(whole), losses.dropped, losses.renamed, names.given)


def read_count_reply(body: bytes) -> int:
    """The count that a provider answered. `ValueError` if it is none."""
    try:
        return _COUNT.decode(body).total_tokens
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError("The body is no count of tokens.") from error
