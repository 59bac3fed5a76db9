"""Embeddings as Google asks and answers at `:batchEmbedContents`: as many texts as there are requests in one."""

from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Meta, Raw, Struct

from api.conversation import Carried
from api.dialects.counted import usage_in
from api.dialects.decoding import decode, not_too_deep
from api.dialects.dialect import Written
from api.dialects.embeddings.asked import Embedded, EmbeddingRequest, Purpose
from api.dialects.embeddings.saying import required, texts_of, unsaid
from api.dialects.embeddings.vectors import Vector, lined_up, unit
from api.dialects.gemini.fields import fields_of, listed, take, wrong
from api.errors import InvalidRequest

NAME: Final = "gemini"
MOST: Final = 100  # Google's own words: "at most 100 requests can be in one batch"
EXTRA: Final = ("title", "taskType")
PURPOSES: Final = {
    Purpose.QUERY: "RETRIEVAL_QUERY",
    Purpose.DOCUMENT: "RETRIEVAL_DOCUMENT",
    Purpose.CLASSIFICATION: "CLASSIFICATION",
    Purpose.CLUSTERING: "CLUSTERING",
    Purpose.SIMILARITY: "SEMANTIC_SIMILARITY",
    Purpose.QUESTION: "QUESTION_ANSWERING",
    Purpose.FACT: "FACT_VERIFICATION",
    Purpose.CODE: "CODE_RETRIEVAL_QUERY",
}
_TASKS: Final = {task: purpose for purpose, task in PURPOSES.items()}
_CALLED: Final = {
    "dimensions": "outputDimensionality",
    "purpose": "taskType",
    "truncate": "autoTruncate",
}
_KINDS: Final = ("models/", "tunedModels/")
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])
_REQUESTS: Final = msgspec.json.Decoder(list[dict[str, Raw]])
_TEXT: Final = msgspec.json.Decoder(str)


class EmbeddedPart(Struct):
    text: str


class EmbeddedContent(Struct):
    parts: list[EmbeddedPart]


class EmbedContentConfig(Struct, rename="camel", omit_defaults=True):
    """How to embed; the same fields are known beside it."""

    task_type: Annotated[str | None, Meta(examples=["RETRIEVAL_DOCUMENT"])] = None
    title: Annotated[str | None, Meta(description="Of a document")] = None
    output_dimensionality: Annotated[int | None, Meta(description="How long a vector shall be")] = None
    auto_truncate: Annotated[bool | None, Meta(description="Cut what is too long")] = None


class EmbedContentRequest(Struct, rename="camel", omit_defaults=True):
    """A text to be turned into a vector. Names may be written in snake_case too."""

    content: EmbeddedContent
    model: Annotated[str | None, Meta(description="The URL's model once more, with models/ before it")] = None
    task_type: Annotated[str | None, Meta(examples=["RETRIEVAL_DOCUMENT"])] = None
    title: Annotated[str | None, Meta(description="Of a document")] = None
    output_dimensionality: Annotated[int | None, Meta(description="How long a vector shall be")] = None
    embed_content_config: EmbedContentConfig | None = None


class BatchEmbedContentsRequest(Struct):
    """Texts to be turned into vectors."""

    requests: Annotated[list[EmbedContentRequest], Meta(min_length=1)]


class ContentVector(Struct):
    values: list[float]


class EmbedUsage(Struct, rename="camel"):
    prompt_token_count: int = 0
    total_token_count: int = 0


class BatchEmbedContentsResponse(Struct, rename="camel", omit_defaults=True):
    """A vector for each text, in their order."""

    embeddings: list[ContentVector]
    usage_metadata: EmbedUsage | None = None


class _Values(Struct):
    values: Vector


class _Answer(Struct):
    embeddings: tuple[_Values, ...]


_ANSWER: Final = msgspec.json.Decoder(_Answer)


def path(model: str) -> str:
    """Where below the base URL a provider of this form is asked for `model`."""
    return f"/{resource(model)}:batchEmbedContents"


def resource(model: str) -> str:
    """A model as a path names it."""
    kind = next((kind for kind in _KINDS if model.startswith(kind)), _KINDS[0])
    name = model.removeprefix(kind)
    if name in ("", ".", ".."):  # a path would lose it, and mean another resource
        raise InvalidRequest(f"“{model}” cannot be a model's name.", "model")
    try:
        return kind + quote(name, safe="")
    except UnicodeEncodeError as error:
        raise InvalidRequest("The model's name holds a character that no URL can hold.", "model") from error


@not_too_deep()
def read_request(body: bytes, model: str) -> EmbeddingRequest:
    """The caller's question, whose requests must want the same: other forms say it once for all."""
    told = fields_of(decode(_OBJECT, body), "")
    requests = listed(told.pop("requests", None), "requests")
    required(tuple(requests), "requests")
    return together([read_one(request, f"requests[{index}]", model) for index, request in enumerate(requests)], told)


def together(read: list[EmbeddingRequest], told: Carried) -> EmbeddingRequest:
    """Questions as one, with what was `told` beside them."""
    first, extra = read[0], told
    for one in read:
        if (one.dimensions, one.purpose, one.truncate) != (first.dimensions, first.purpose, first.truncate):
            raise InvalidRequest(
                "The requests differ in taskType, outputDimensionality or autoTruncate, which this provider takes once "
                "for all texts. Send those that are alike in one batch.",
                "requests",
            )
        extra = one.extra | extra
    inputs = tuple(text for one in read for text in one.inputs)
    return msgspec.structs.replace(first, inputs=inputs, single=False, extra=extra)


def read_one(value: object, where: str, model: str) -> EmbeddingRequest:
    """One text with what is wanted of it, beside the text or in a config."""
    fields = fields_of(value, where)
    fields |= fields_of(fields.pop("embedContentConfig", {}), _place(where, "embedContentConfig"))
    _require_same(take(fields, "model", str, where), model, _place(where, "model"))
    text = _text(fields.pop("content", None), _place(where, "content"))
    purpose = _TASKS.get(str(fields.get("taskType")))
    if purpose:
        del fields["taskType"]
    return EmbeddingRequest(
        model,
        (text,),
        True,
        dimensions=_length(take(fields, "outputDimensionality", int, where), where),
        purpose=purpose,
        truncate=take(fields, "autoTruncate", bool, where),
        extra=fields,
        called={**_CALLED, "inputs": where.partition("[")[0] or "content"},
    )


def _length(told: int | None, where: str) -> int | None:
    if told is not None and told < 0:
        raise wrong("a positive number", _place(where, "outputDimensionality"))
    return told or None


def _place(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _require_same(named: str | None, model: str, where: str) -> None:
    if named is not None and named.removeprefix("models/") != model:
        raise InvalidRequest(f"“{where}” names another model than the URL. Ask for one model at a time.", where)


def _text(content: object, where: str) -> str:
    parts = listed(fields_of(content, where).get("parts"), f"{where}.parts")
    texts = [fields_of(part, f"{where}.parts[{index}]").get("text") for index, part in enumerate(parts)]
    if not texts:
        raise InvalidRequest(f"“{where}” has no text. Send one.", where)
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise wrong("a text: this provider turns nothing else into vectors", f"{where}.parts[{index}]")
    return "\n".join(map(str, texts))


def write_request(request: EmbeddingRequest, model: str) -> Written:
    """The question for Google: whatever is wanted of the texts is said with each."""
    name = model if model.startswith(_KINDS) else f"models/{model}"
    wishes = _wishes(request)
    requests = [
        {"model": name, "content": {"parts": [{"text": text}]}, **wishes} for text in texts_of(request, "Gemini", MOST)
    ]
    lost = unsaid(request, ("dimensions", "purpose", "truncate"), _sayable(request))
    return Written(msgspec.json.encode({"requests": requests}), lost)


def _sayable(request: EmbeddingRequest) -> tuple[str, ...]:
    return EXTRA if request.purpose is None else EXTRA[:1]


def _wishes(request: EmbeddingRequest) -> dict[str, Any]:
    wishes = {name: value for name, value in request.extra.items() if name in _sayable(request)}
    if request.purpose:
        wishes["taskType"] = PURPOSES[request.purpose]
    if request.dimensions is not None:
        wishes["outputDimensionality"] = request.dimensions
    if request.truncate is None:
        return wishes
    # Only the config knows this wish, and what stands beside a config is not looked at.
    return {"embedContentConfig": {**wishes, "autoTruncate": request.truncate}}


def read_reply(body: bytes) -> Embedded:
    """Google's answer, its vectors of the length 1 that callers of every other form are used to.

    gemini-embedding-001 cuts what is wanted shorter than 3072 and leaves the rest of the length as it is:
    https://ai.google.dev/gemini-api/docs/embeddings, "Ensuring quality for smaller dimensions".
    """
    answer = _ANSWER.decode(body)
    return Embedded(tuple(unit(vector.values) for vector in answer.embeddings), usage_in(body))


def write_reply(reply: Embedded, request: EmbeddingRequest) -> bytes:
    """The answer as Google's callers take it."""
    vectors = [{"values": vector} for vector in lined_up(reply, request)]
    return msgspec.json.encode({"embeddings": vectors, **usage_of(reply)})


def usage_of(reply: Embedded) -> dict[str, Any]:
    """What was counted, as Google tells it; nothing where nobody did."""
    if reply.usage is None:
        return {}
    tokens = reply.usage.tokens_in
    return {"usageMetadata": {"promptTokenCount": tokens, "totalTokenCount": tokens}}


def rename(body: bytes, asked: str, model: str) -> bytes:
    """A question that passes: each of its requests names the model too."""
    fields = decode(_FIELDS, body)
    if "requests" not in fields:
        return body
    requests = decode(_REQUESTS, bytes(fields["requests"]))
    told = [named(request, f"requests[{index}].model", asked, model) for index, request in enumerate(requests)]
    return msgspec.json.encode({**fields, "requests": told})


def named(request: dict[str, Raw], where: str, asked: str, model: str) -> dict[str, Any]:
    """One request with the provider's name for the model that was `asked`, where it names one."""
    if "model" not in request:
        return request
    _require_same(decode(_TEXT, bytes(request["model"])), asked, where)
    return {**request, "model": model if model.startswith(_KINDS) else f"models/{model}"}
