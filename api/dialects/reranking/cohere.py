"""Reranking as Cohere asks and answers since its second version: texts only, and no documents in the answer."""

from typing import Final

from api.dialects.dialect import Written
from api.dialects.reranking import results
from api.dialects.reranking.asked import RerankRequest

NAME: Final = "cohere"
KNOWN: Final = ("max_tokens_per_doc", "priority")
read_reply = results.read_reply


def path(model: str) -> str:
    """Where below the base URL a provider of this form is asked for `model`."""
    return "/rerank"


def write_request(request: RerankRequest, model: str) -> Written:
    """The question as a provider of this form takes it, which calls the model `model`."""
    return results.written(
        request, KNOWN, ("model", model), ("query", request.query), ("documents", request.texts), ("top_n", request.top)
    )
