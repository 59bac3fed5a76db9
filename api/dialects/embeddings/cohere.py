"""Embeddings as Cohere is asked and answers at `/v2/embed`."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from api.dialects.counted import usage_in
from api.dialects.dialect import Written
from api.dialects.embeddings.asked import Embedded, EmbeddingRequest, Purpose
from api.dialects.embeddings.saying import called, texts_of, unsaid
from api.dialects.embeddings.vectors import Vector

NAME: Final = "cohere"
PATH: Final = "/v2/embed"
MOST: Final = 96  # https://docs.cohere.com/reference/embed
EXTRA: Final = ("input_type", "max_tokens", "priority")
PURPOSES: Final = {
    Purpose.QUERY: "search_query",
    Purpose.DOCUMENT: "search_document",
    Purpose.CLASSIFICATION: "classification",
    Purpose.CLUSTERING: "clustering",
}
# Kinds of queries that Cohere does not tell apart: the nearest it knows, and said to be lost.
NEAREST: Final = dict.fromkeys((Purpose.QUESTION, Purpose.FACT, Purpose.CODE), "search_query")
UNTOLD: Final = "search_document"  # it must be told something, and most vectors are made of documents
_CUTS: Final = {True: "END", False: "NONE"}


class _ByType(Struct):
    floats: tuple[Vector, ...] = msgspec.field(name="float")


class _Answer(Struct):
    embeddings: _ByType


_ANSWER: Final = msgspec.json.Decoder(_Answer)


def path(model: str) -> str:
    """Where a provider of this form is asked."""
    return PATH


def write_request(request: EmbeddingRequest, model: str) -> Written:
    """The question for Cohere, which must be told what the vectors are for."""
    asked: dict[str, Any] = {
        "model": model,
        "texts": texts_of(request, "Cohere", MOST),
        "input_type": _input_type(request.purpose),
        "embedding_types": ["float"],
    }
    if request.dimensions is not None:
        asked["output_dimension"] = request.dimensions
    if request.truncate is not None:
        asked["truncate"] = _CUTS[request.truncate]
    asked |= {name: value for name, value in request.extra.items() if name in _sayable(request)}
    return Written(msgspec.json.encode(asked), _dropped(request))


def _input_type(purpose: Purpose | None) -> str:
    return (PURPOSES | NEAREST).get(purpose, UNTOLD) if purpose else UNTOLD


def _sayable(request: EmbeddingRequest) -> tuple[str, ...]:
    return EXTRA if request.purpose is None else EXTRA[1:]


def _dropped(request: EmbeddingRequest) -> tuple[str, ...]:
    lost = unsaid(request, ("dimensions", "truncate", "purpose"), _sayable(request))
    is_told = request.purpose is None or request.purpose in PURPOSES
    return lost if is_told else tuple(sorted({*lost, called(request, "purpose")}))


def read_reply(body: bytes) -> Embedded:
    """Cohere's answer."""
    return Embedded(_ANSWER.decode(body).embeddings.floats, usage_in(body))
