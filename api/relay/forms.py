"""In which form a provider is asked at an endpoint that has several."""

from types import ModuleType
from typing import Any, Final

from api.dialects import embeddings, images, reranking
from api.dialects.gemini import NAME as GEMINI
from api.endpoints import Endpoint
from api.providers.provider import Provider

OPENAI: Final = "openai"
FORMS: Final[dict[Endpoint, dict[str, Any]]] = {
    Endpoint.EMBEDDINGS: embeddings.FORMS,
    Endpoint.IMAGES: images.FORMS,
    Endpoint.IMAGE_EDITS: images.FORMS,
    Endpoint.RERANK: reranking.FORMS,
}


def form_of(provider: Provider, endpoint: Endpoint) -> ModuleType | None:
    """The provider's form; None where an endpoint has but one."""
    if endpoint not in FORMS:
        return None
    form: ModuleType = FORMS[endpoint][_name(provider, endpoint)]
    return form


def _name(provider: Provider, endpoint: Endpoint) -> str:
    if endpoint is Endpoint.RERANK:
        return provider.quirks.rerank_form or reranking.USUAL
    if endpoint is Endpoint.EMBEDDINGS and provider.quirks.embeddings_form:
        return provider.quirks.embeddings_form
    return GEMINI if provider.dialects == (GEMINI,) else OPENAI
