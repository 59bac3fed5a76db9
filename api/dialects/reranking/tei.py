"""Reranking as Hugging Face's Text Embeddings Inference asks and answers: it serves one model, and ranks all texts."""

from typing import Final

from api.dialects.dialect import Written
from api.dialects.reranking import results
from api.dialects.reranking.asked import RerankRequest

NAME: Final = "tei"
KNOWN: Final = ("raw_scores", "truncate", "truncation_direction")
read_reply = results.read_reply


def path(model: str) -> str:
    """Where below the base URL a provider of this form is asked for `model`."""
    return "/rerank"


def write_request(request: RerankRequest, model: str) -> Written:
    """The question as a provider of this form takes it."""
    return results.written(request, KNOWN, ("query", request.query), ("texts", request.texts))
