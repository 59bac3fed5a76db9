"""Embeddings as Ollama asks and answers at `/api/embed`."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from api.dialects.counted import usage_in
from api.dialects.decoding import decode
from api.dialects.dialect import Written
from api.dialects.embeddings.asked import Embedded, EmbeddingRequest
from api.dialects.embeddings.saying import extra_of, required, texts_of, unsaid
from api.dialects.embeddings.vectors import Vector, lined_up

NAME: Final = "ollama"
PATH: Final = "/api/embed"
EXTRA: Final = ("options", "keep_alive")


class OllamaEmbedRequest(Struct, omit_defaults=True):
    """Texts for Ollama's `/api/embed`."""

    model: str
    input: Annotated[str | list[str], Meta(description="A text, or a list of texts", examples=["Why is the sky blue?"])]
    truncate: Annotated[bool | None, Meta(description="Cut what is too long; false refuses it")] = None
    dimensions: Annotated[int, Meta(ge=0, description="How long a vector shall be")] | None = None
    options: Annotated[dict[str, Any] | None, Meta(description="What Ollama runs the model with")] = None
    keep_alive: Annotated[float | str | None, Meta(description="How long Ollama keeps the model in memory")] = None


class OllamaEmbedResponse(Struct, omit_defaults=True):
    """A vector for each text, in their order."""

    embeddings: list[list[float]]
    model: str = ""
    total_duration: Annotated[int | None, Meta(description="Nanoseconds, where the provider tells them")] = None
    load_duration: Annotated[int | None, Meta(description="Nanoseconds, where the provider tells them")] = None
    prompt_eval_count: Annotated[int | None, Meta(description="Tokens that were read")] = None


class _Answer(Struct):
    embeddings: tuple[Vector, ...]


_REQUEST: Final = msgspec.json.Decoder(OllamaEmbedRequest)
_ANSWER: Final = msgspec.json.Decoder(_Answer)
_READ: Final = frozenset(OllamaEmbedRequest.__struct_fields__).difference(EXTRA)


def path(model: str) -> str:
    """Where a provider of this form is asked."""
    return PATH


def read_request(body: bytes, model: str) -> EmbeddingRequest:
    """The caller's question."""
    asked = decode(_REQUEST, body)
    single = isinstance(asked.input, str)
    inputs = (asked.input,) if isinstance(asked.input, str) else tuple(asked.input)
    required(inputs, "input")
    return EmbeddingRequest(
        model,
        inputs,
        single,
        dimensions=asked.dimensions or None,
        truncate=asked.truncate,
        extra=extra_of(body, _READ),
        called={"inputs": "input"},
    )


def write_request(request: EmbeddingRequest, model: str) -> Written:
    """The question for Ollama. It has no word for what vectors are for."""
    texts = texts_of(request, "Ollama")
    asked: dict[str, Any] = {"model": model, "input": texts[0] if request.single else texts}
    if request.truncate is not None:
        asked["truncate"] = request.truncate
    if request.dimensions is not None:
        asked["dimensions"] = request.dimensions
    asked |= {name: value for name, value in request.extra.items() if name in EXTRA}
    return Written(msgspec.json.encode(asked), unsaid(request, ("truncate", "dimensions"), EXTRA))


def read_reply(body: bytes) -> Embedded:
    """Ollama's answer."""
    return Embedded(_ANSWER.decode(body).embeddings, usage_in(body))


def write_reply(reply: Embedded, request: EmbeddingRequest) -> bytes:
    """The answer as Ollama's callers take it; how long it took is not known here."""
    answer: dict[str, Any] = {"model": request.model, "embeddings": lined_up(reply, request)}
    if reply.usage:
        answer["prompt_eval_count"] = reply.usage.tokens_in
    return msgspec.json.encode(answer)
