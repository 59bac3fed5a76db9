"""Texts to vectors: as OpenAI's callers ask, and as Google's do."""

from typing import Final
from urllib.parse import unquote

from sanic import Blueprint, HTTPResponse, Request

from api.dialects import gemini as google
from api.dialects import openai_chat
from api.dialects.embeddings import gemini, gemini_one, openai
from api.endpoints import Endpoint
from api.relay import Named
from api.routes.documenting import PASSED_ON, documented
from api.routes.endpoints import ask

routes = Blueprint("embeddings")

TEXT: Final = {"parts": [{"text": "Why is the sky blue?"}]}
ABROAD: Final = (
    "Providers of Google's, Cohere's and Ollama's shapes are asked in these: they take texts, not tokens, Google at "
    "most 100 and Cohere at most 96 in one request. What the vectors are for may stand in `input_type` (query, "
    "document, classification, clustering). Google's vectors are brought to the length 1 then; all others come as the "
    "provider made them."
)
ALIKE: Final = (
    "Where the provider has another shape, all requests must want the same. Google's SDK for Python joins a list of "
    "texts to one for models it takes for multimodal; write the model as `provider/model` to keep them apart."
)


@routes.post("/v1/embeddings")
@documented(
    "Embeddings",
    f"Turns texts into vectors, one for each input, in their order. {PASSED_ON} {ABROAD}",
    body=openai.EmbeddingsRequest,
    reply=openai.EmbeddingList,
    error=openai_chat.ErrorReply,
    example={"model": "openai:text-embedding-3-small", "input": ["Why is the sky blue?", "Rayleigh scattering"]},
    answer={
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.0123, -0.0456]},
            {"object": "embedding", "index": 1, "embedding": [-0.0789, 0.0012]},
        ],
        "model": "openai:text-embedding-3-small",
        "usage": {"prompt_tokens": 10, "total_tokens": 10},
    },
)
async def embeddings(request: Request) -> HTTPResponse | None:
    return await ask(request, Endpoint.EMBEDDINGS, openai)


@routes.post("/v1beta/models/<model:(?P<model>.+):embedContent>", name="embed_content")
@routes.post("/v1/models/<model:(?P<model>.+):embedContent>", name="embed_content_v1")
@documented(
    "Embed content",
    f"Turns one text into a vector. {PASSED_ON}",
    body=gemini.EmbedContentRequest,
    reply=gemini_one.EmbedContentResponse,
    error=google.StatusReply,
    example={"content": TEXT, "taskType": "RETRIEVAL_QUERY"},
    answer={"embedding": {"values": [0.0123, -0.0456]}},
)
async def embed_content(request: Request, model: str) -> HTTPResponse | None:
    return await embed_one(request, model)


@routes.post("/v1beta/models/<model:(?P<model>.+):batchEmbedContents>", name="batch_embed_contents")
@routes.post("/v1/models/<model:(?P<model>.+):batchEmbedContents>", name="batch_embed_contents_v1")
@documented(
    "Embed contents",
    f"Turns texts into vectors, one for each request, in their order. {PASSED_ON} {ALIKE}",
    body=gemini.BatchEmbedContentsRequest,
    reply=gemini.BatchEmbedContentsResponse,
    error=google.StatusReply,
    example={"requests": [{"content": TEXT, "outputDimensionality": 768}]},
    answer={"embeddings": [{"values": [0.0123, -0.0456]}]},
)
async def batch_embed_contents(request: Request, model: str) -> HTTPResponse | None:
    return await embed_many(request, model)


async def embed_one(request: Request, model: str) -> HTTPResponse | None:
    """Answer `embedContent`."""
    return await ask(request, Endpoint.EMBEDDINGS, gemini_one, google, named=_named(model))


async def embed_many(request: Request, model: str) -> HTTPResponse | None:
    """Answer `batchEmbedContents`."""
    return await ask(request, Endpoint.EMBEDDINGS, gemini, google, named=_named(model))


def _named(model: str) -> Named:
    """What the URL says. Some SDKs write the kind of resource before the model once more."""
    return Named(unquote(model).removeprefix("models/"), False)
