"""Embeddings as Ollama's callers of old ask at `/api/embeddings`: one text, one vector, and nobody is asked so."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from api.dialects.decoding import decode
from api.dialects.embeddings.asked import Embedded, EmbeddingRequest
from api.dialects.embeddings.saying import extra_of, required
from api.dialects.embeddings.vectors import lined_up

NAME: Final = "ollama_old"


class OllamaEmbeddingsRequest(Struct, omit_defaults=True):
    """One text for Ollama's older `/api/embeddings`."""

    model: str
    prompt: Annotated[str, Meta(examples=["Why is the sky blue?"])] = ""
    options: Annotated[dict[str, Any] | None, Meta(description="What Ollama runs the model with")] = None
    keep_alive: Annotated[float | str | None, Meta(description="How long Ollama keeps the model in memory")] = None


class OllamaEmbeddingsResponse(Struct):
    """The vector of the text."""

    embedding: list[float]


_REQUEST: Final = msgspec.json.Decoder(OllamaEmbeddingsRequest)


def read_request(body: bytes, model: str) -> EmbeddingRequest:
    """The caller's question."""
    asked = decode(_REQUEST, body)
    inputs = (asked.prompt,) if asked.prompt else ()
    required(inputs, "prompt")
    return EmbeddingRequest(model, inputs, True, extra=extra_of(body, ("model", "prompt")), called={"inputs": "prompt"})


def write_reply(reply: Embedded, request: EmbeddingRequest) -> bytes:
    """The answer as such a caller takes it."""
    return msgspec.json.encode({"embedding": lined_up(reply, request)[0]})
