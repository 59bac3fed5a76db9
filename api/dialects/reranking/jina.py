"""Reranking as Jina asks and answers, and most servers that rank.

Some of them stray: scores under another name, results in the order of the question or more than were wanted, no
documents though they were asked for. Their answers are put right.
"""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from api.conversation import Carried
from api.dialects.decoding import decode, not_too_deep
from api.dialects.reranking import results
from api.dialects.reranking.asked import Ranked, Reranked, RerankRequest
from api.errors import InvalidRequest

NAME: Final = "jina"
_TEXTS: Final = ("text", "content")  # of a document that is an object: Cohere's and Jina's name, and an older one


class RerankBody(Struct, omit_defaults=True, kw_only=True):
    """The fields Morello reads. Every other field is passed on to a provider that ranks in this form."""

    model: Annotated[str, Meta(min_length=1, description="provider:model", examples=["jina:jina-reranker-v3"])]
    query: Annotated[Any, Meta(description="What is looked for: a text", examples=["What is the capital of France?"])]
    documents: Annotated[
        list[Any],
        Meta(description="Texts, or objects with a `text`", examples=[["Paris is in France.", {"text": "Oslo"}]]),
    ]
    top_n: Annotated[int | None, Meta(description="How many to return, the best first")] = None
    return_documents: Annotated[bool | None, Meta(description="Return the documents with their scores")] = None


class RerankResult(Struct, omit_defaults=True):
    """One document: its place in the question, and how well it answers."""

    index: int
    relevance_score: float
    document: Annotated[Any, Meta(description="The document, if `return_documents` was true")] = None


class RerankReply(Struct, omit_defaults=True, kw_only=True):
    """The documents, the best one first."""

    results: list[RerankResult]
    id: str | None = None
    model: str | None = None
    usage: Annotated[Any, Meta(description="Tokens, where the provider counted them: `total_tokens`")] = None
    meta: Annotated[Any, Meta(description="What Cohere bills")] = None


class _Asked(Struct):
    """What an answer is put right by."""

    documents: list[Any] = []
    top_n: int | None = None
    return_documents: bool | None = None


_BODY: Final = msgspec.json.Decoder(RerankBody)
_ASKED: Final = msgspec.json.Decoder(_Asked)
_FIELDS: Final = msgspec.json.Decoder(Carried)
_READ: Final = frozenset(RerankBody.__struct_fields__)


def path(model: str) -> str:
    """Where below the base URL a provider of this form is asked for `model`."""
    return "/rerank"


@not_too_deep()
def read_request(body: bytes, model: str) -> RerankRequest:
    """The caller's question; `InvalidRequest` names the field that is wrong."""
    asked = decode(_BODY, body)
    fields = decode(_FIELDS, body)
    return RerankRequest(
        model or asked.model,
        _text(asked.query, "query"),
        tuple(_text(document, f"documents[{place}]") for place, document in enumerate(asked.documents)),
        tuple(asked.documents),
        asked.top_n,
        bool(asked.return_documents),
        {name: value for name, value in fields.items() if name not in _READ and value is not None},
    )


def write_reply(reply: Reranked, request: RerankRequest) -> bytes:
    """The answer as the caller of `request` takes it."""
    _require_places(reply.results, len(request.documents))
    best = [_result(ranked, request.documents, request.returns) for ranked in _best(reply.results, request.top)]
    usage = reply.usage and {"prompt_tokens": reply.usage.tokens_in, "total_tokens": reply.usage.tokens_in}
    said = ("model", request.model), ("results", best), ("usage", usage)
    return results.fields_of(*reply.carried.items(), *said)


def mend(asked: bytes, reply: bytes) -> bytes:
    """An answer that passes, as it came, or put right. `ValueError` if it is none."""
    told: Any = msgspec.json.decode(reply)
    wish = _wish(asked)
    given = results.listed(told)
    ranked = [results.ranked(result) for result in given]
    best, returns = _best(ranked, wish.top_n), bool(wish.return_documents)
    if _fits(told, given, returns) and best == ranked:
        return reply
    own = {result["index"]: result.get("document") for result in given}
    put = [_result(one, wish.documents, returns, own.get(one.index)) for one in best]
    rest = {name: value for name, value in told.items() if name != "data"} if isinstance(told, dict) else {}
    return msgspec.json.encode({**rest, "results": put})


def _wish(asked: bytes) -> _Asked:
    try:
        return _ASKED.decode(asked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Asked()  # a question that only its provider understands


def _fits(told: Any, given: list[Any], returns: bool) -> bool:
    """Whether everything is called and put as the form has it."""
    names = ("relevance_score", "document") if returns else ("relevance_score",)
    return (
        isinstance(told, dict)
        and "results" in told
        and all(result.get(name) is not None for result in given for name in names)
    )


def _best(ranked: "list[Ranked] | tuple[Ranked, ...]", top: int | None) -> list[Ranked]:
    """The best ones first; those that are as good stay in their order."""
    best = sorted(ranked, key=lambda one: -one.score)
    return best if top is None or top < 1 else best[:top]


def _require_places(ranked: tuple[Ranked, ...], count: int) -> None:
    """Raise `ValueError` unless each is another of `count` documents."""
    places = {one.index for one in ranked}
    if len(places) < len(ranked) or max(places, default=-1) >= count:
        raise ValueError(results.NO_RANKING)


def _result(one: Ranked, documents: Any, returns: bool, own: Any = None) -> dict[str, Any]:
    result: dict[str, Any] = {"index": one.index, "relevance_score": one.score}
    if own is not None:
        return {**result, "document": own}
    if not returns:
        return result
    if one.index >= len(documents):
        raise ValueError(results.NO_RANKING)
    document = documents[one.index]
    return {**result, "document": {"text": document} if isinstance(document, str) else document}


def _text(said: Any, field: str) -> str:
    """What is read of a query or a document."""
    if isinstance(said, str):
        return said
    text = next((said[name] for name in _TEXTS if name in said), None) if isinstance(said, dict) else None
    if not isinstance(text, str):
        raise InvalidRequest(f"“{field}” must be a text, or an object with a “text”, for this provider.", field)
    return text
