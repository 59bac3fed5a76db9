"""Embeddings as OpenAI asks and answers."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from api.conversation import Carried
from api.dialects.counted import usage_in
from api.dialects.decoding import decode
from api.dialects.dialect import Written
from api.dialects.embeddings.asked import Embedded, EmbeddingRequest, Purpose
from api.dialects.embeddings.saying import extra_of, required, unsaid
from api.dialects.embeddings.vectors import Vector, from_base64, lined_up, to_base64
from api.errors import InvalidRequest

NAME: Final = "openai"
Token = Annotated[int, Meta(ge=0)]


class EmbeddingsRequest(Struct, omit_defaults=True):
    """Texts to be turned into vectors."""

    model: Annotated[str, Meta(description="provider:model", examples=["openai:text-embedding-3-small"])]
    input: Annotated[
        str | list[str | Token | list[Token]],
        Meta(description="A text, a list of texts, the tokens of a text, or a list of such", examples=["Hello"]),
    ]
    dimensions: Annotated[int, Meta(ge=1, description="How long a vector shall be")] | None = None
    encoding_format: Annotated[
        Literal["float", "base64"] | None, Meta(description="Numbers, or the base64 of little-endian 32-bit floats")
    ] = None
    user: Annotated[str | None, Meta(description="Who of your users asks; it goes to the provider")] = None


class EmbeddingVector(Struct):
    """The vector of one input."""

    embedding: list[float] | str
    index: int
    object: Literal["embedding"] = "embedding"


class EmbeddingsUsage(Struct):
    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Struct):
    """A vector for each input, in their order."""

    data: list[EmbeddingVector]
    model: str
    usage: EmbeddingsUsage
    object: Literal["list"] = "list"


class _Vector(Struct):
    embedding: str | Vector
    index: int | None = None


class _Answer(Struct):
    data: list[_Vector]


class _Wish(Struct):
    encoding_format: Any = None


_REQUEST: Final = msgspec.json.Decoder(EmbeddingsRequest)
_ANSWER: Final = msgspec.json.Decoder(_Answer)
_WISH: Final = msgspec.json.Decoder(_Wish)
_PASSING: Final = msgspec.json.Decoder(dict[str, Raw])
_PASSING_DATA: Final = msgspec.json.Decoder(list[dict[str, Raw]])
_VECTOR: Final = msgspec.json.Decoder(str | Vector)

# OpenAI has no word for it. Voyage, NVIDIA and Cohere say it in the first field, Jina in the second, Google in the
# third, and callers send these to any provider.
PURPOSE_FIELDS: Final = ("input_type", "task", "task_type")
PURPOSES: Final = {
    **dict.fromkeys(("query", "search_query", "retrieval.query", "retrieval_query"), Purpose.QUERY),
    **dict.fromkeys(
        ("document", "search_document", "passage", "retrieval.passage", "retrieval_document"), Purpose.DOCUMENT
    ),
    "classification": Purpose.CLASSIFICATION,
    **dict.fromkeys(("clustering", "separation"), Purpose.CLUSTERING),
    **dict.fromkeys(("semantic_similarity", "text-matching"), Purpose.SIMILARITY),
    "question_answering": Purpose.QUESTION,
    "fact_verification": Purpose.FACT,
    **dict.fromkeys(("code_retrieval_query", "nl2code.query"), Purpose.CODE),
}
TRUNCATE_FIELDS: Final = ("truncate", "truncation")
TRUNCATES: Final = {"true": True, "false": False, "end": True, "none": False}


def path(model: str) -> str:
    """Where below the base URL a provider of this form is asked for `model`."""
    return "/embeddings"


def read_request(body: bytes, model: str) -> EmbeddingRequest:
    """The caller's question, with what is not OpenAI's but known elsewhere."""
    asked = decode(_REQUEST, body)
    inputs, single = _inputs(asked.input)
    extra = extra_of(body, EmbeddingsRequest.__struct_fields__)
    purpose, purpose_field = _found(extra, PURPOSE_FIELDS, PURPOSES)
    truncate, truncate_field = _found(extra, TRUNCATE_FIELDS, TRUNCATES)
    return EmbeddingRequest(
        model,
        inputs,
        single,
        asked.dimensions,
        asked.encoding_format == "base64",
        purpose,
        truncate,
        asked.user,
        {name: value for name, value in extra.items() if name not in (purpose_field, truncate_field)},
        {"inputs": "input", "purpose": purpose_field, "truncate": truncate_field},
    )


def _inputs(told: str | list[str | int | list[int]]) -> tuple[tuple[str | tuple[int, ...], ...], bool]:
    """The inputs, and whether it is one alone."""
    if isinstance(told, str):
        return (told,), True
    required(tuple(told), "input")
    kinds = {type(item) for item in told}
    if len(kinds) > 1:
        raise InvalidRequest("“input” mixes texts and tokens. Send texts only, or tokens only.", "input")
    if kinds == {int}:
        return (tuple(item for item in told if isinstance(item, int)),), True
    return tuple(tuple(item) if isinstance(item, list) else str(item) for item in told), False


def _found(extra: Carried, fields: tuple[str, ...], words: dict[str, Any]) -> tuple[Any, str]:
    """What the first field that is understood means, and its name."""
    for name in fields:
        if name in extra and (word := str(extra[name]).lower()) in words:
            return words[word], name
    return None, ""


def write_request(request: EmbeddingRequest, model: str) -> Written:
    """The question for a provider with OpenAI's shapes."""
    asked: dict[str, Any] = {"model": model, "input": request.inputs[0] if request.single else request.inputs}
    if request.dimensions is not None:
        asked["dimensions"] = request.dimensions
    if request.as_base64:
        asked["encoding_format"] = "base64"
    if request.user is not None:
        asked["user"] = request.user
    return Written(msgspec.json.encode(asked), unsaid(request, ("dimensions", "user")))


def read_reply(body: bytes) -> Embedded:
    """A provider's answer, whose vectors may come in any order."""
    data = _ANSWER.decode(body).data
    places = [number if vector.index is None else vector.index for number, vector in enumerate(data)]
    if sorted(places) != list(range(len(data))):
        raise ValueError("The vectors are not numbered one by one.")
    ordered = [vector for _, vector in sorted(zip(places, data, strict=True), key=lambda placed: placed[0])]
    return Embedded(tuple(_numbers(vector.embedding) for vector in ordered), usage_in(body))


def _numbers(vector: str | Vector) -> Vector:
    return from_base64(vector) if isinstance(vector, str) else vector


def write_reply(reply: Embedded, request: EmbeddingRequest) -> bytes:
    """The answer as OpenAI's callers take it."""
    vectors = lined_up(reply, request)
    data = [
        {"object": "embedding", "index": index, "embedding": to_base64(vector) if request.as_base64 else vector}
        for index, vector in enumerate(vectors)
    ]
    # OpenAI promises `usage`, and strict clients fail without it: where nobody counted it is nothing.
    tokens = reply.usage.tokens_in if reply.usage else 0
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return msgspec.json.encode({"object": "list", "data": data, "model": request.model, "usage": usage})


def mend(asked: bytes, reply: bytes) -> bytes:
    """An answer that passes, its vectors as the caller asked for them: some providers know only one way.

    Who said nothing of `encoding_format` gets what the provider sends; it may have words of its own for the same.
    `ValueError` if `reply` is no answer.
    """
    if reply.lstrip()[:1] != b"{":
        raise ValueError("The body is no list of vectors.")
    wish = _WISH.decode(asked).encoding_format
    if wish not in ("float", "base64"):
        return reply
    try:
        fields = _PASSING.decode(reply)
        data = _PASSING_DATA.decode(fields.get("data", b"[]"))
        if not data or (bytes(data[0].get("embedding", b""))[:1] == b'"') == (wish == "base64"):
            return reply
        told = [{**vector, "embedding": _said(_VECTOR.decode(vector["embedding"]), wish)} for vector in data]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, KeyError):
        return reply  # what it says is the caller's to judge
    return msgspec.json.encode({**fields, "data": told})


def _said(vector: str | Vector, wish: str) -> str | Vector:
    numbers = _numbers(vector)
    return to_base64(numbers) if wish == "base64" else numbers
