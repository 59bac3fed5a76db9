"""Texts ranked by how well they answer a question."""

from sanic import Blueprint, HTTPResponse, Request

from api.dialects import openai_chat
from api.dialects.reranking import jina
from api.endpoints import Endpoint
from api.routes.documenting import documented
from api.routes.endpoints import ask

routes = Blueprint("rerank")


# Cohere's SDK asks at /v2; who asks vLLM, Infinity or LiteLLM is used to having it at the root too.
@routes.post("/v2/rerank", name="rerank_v2")
@routes.post("/rerank", name="rerank_at_root")
@routes.post("/v1/rerank", name="rerank")
@documented(
    "Rerank",
    "Ranks documents by how well they answer a query, the best first. Also at `/v2/rerank`, where Cohere's SDK asks, "
    "and at `/rerank`. Everything passes to a provider that ranks in this form; for Cohere, Voyage and TEI it is "
    "translated, and what cannot be said there is named in `x-morello-dropped`.",
    body=jina.RerankBody,
    reply=jina.RerankReply,
    error=openai_chat.ErrorReply,
    example={
        "model": "jina:jina-reranker-v3",
        "query": "What is the capital of France?",
        "documents": ["Oslo is in Norway.", "Paris is the capital of France."],
        "top_n": 1,
        "return_documents": True,
    },
    answer={
        "model": "jina-reranker-v3",
        "results": [
            {"index": 1, "relevance_score": 0.93, "document": {"text": "Paris is the capital of France."}},
        ],
        "usage": {"total_tokens": 31},
    },
)
async def rerank(request: Request) -> HTTPResponse | None:
    return await ask(request, Endpoint.RERANK, jina)
