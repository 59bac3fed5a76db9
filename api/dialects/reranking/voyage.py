"""Reranking as Voyage asks and answers: `top_k` for how many, and results called `data`."""

from typing import Final

from api.dialects.dialect import Written
from api.dialects.reranking import results
from api.dialects.reranking.asked import RerankRequest

NAME: Final = "voyage"
KNOWN: Final = ("truncation",)
read_reply = results.read_reply


def path(model: str) -> str:
    """Where below the base URL a provider of this form is asked for `model`."""
    return "/rerank"


def write_request(request: RerankRequest, model: str) -> Written:
    """The question as a provider of this form takes it, which calls the model `model`."""
    return results.written(
        request, KNOWN, ("query", request.query), ("documents", request.texts), ("model", model), ("top_k", request.top)
    )
