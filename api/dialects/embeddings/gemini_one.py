"""Embeddings as Google's callers ask at `:embedContent`: one text, one vector."""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from api.dialects.decoding import decode, not_too_deep
from api.dialects.embeddings import gemini
from api.dialects.embeddings.asked import Embedded, EmbeddingRequest
from api.dialects.embeddings.vectors import lined_up

NAME: Final = gemini.NAME  # who is asked in the other's form is asked in this one too, so the bytes pass
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])


class EmbedContentResponse(Struct, rename="camel", omit_defaults=True):
    """The vector of the text."""

    embedding: gemini.ContentVector
    usage_metadata: gemini.EmbedUsage | None = None


def path(model: str) -> str:
    """Where below the base URL a provider of this form is asked for `model`."""
    return f"/{gemini.resource(model)}:embedContent"


@not_too_deep()
def read_request(body: bytes, model: str) -> EmbeddingRequest:
    """The caller's question."""
    return gemini.read_one(decode(_OBJECT, body), "", model)


def write_reply(reply: Embedded, request: EmbeddingRequest) -> bytes:
    """The answer as such a caller takes it."""
    vector = lined_up(reply, request)[0]
    return msgspec.json.encode({"embedding": {"values": vector}, **gemini.usage_of(reply)})


def rename(body: bytes, asked: str, model: str) -> bytes:
    """A question that passes: it may name the model too."""
    fields = decode(_FIELDS, body)
    return msgspec.json.encode(gemini.named(fields, "model", asked, model)) if "model" in fields else body
