"""Where below a provider's base URL each question goes."""

from collections.abc import Callable
from typing import Final
from urllib.parse import quote, urlsplit

from api.dialects import anthropic, gemini, openai_chat, openai_responses
from api.dialects.embeddings import cohere, ollama
from api.dialects.quirks import Quirks
from api.endpoints import Endpoint
from api.errors import InvalidRequest

_KINDS: Final = ("models/", "tunedModels/")  # Gemini's own prefixes: a name with one says where it lies
_CONVERSATIONS: Final = {
    openai_chat.NAME: "/chat/completions",
    openai_responses.NAME: "/responses",
    anthropic.NAME: "/messages",
}
_LIES_AT: Final = {cohere.NAME: cohere.PATH, ollama.NAME: ollama.PATH}
# Endpoints that some providers have elsewhere than below their base URL.
_ROOTS: Final[dict[Endpoint, Callable[[Quirks], str]]] = {
    Endpoint.EMBEDDINGS: lambda quirks: quirks.embeddings_path or _LIES_AT.get(quirks.embeddings_form, ""),
    Endpoint.RERANK: lambda quirks: quirks.rerank_path,
}
_COUNTS: Final = {anthropic.NAME: "/messages/count_tokens", openai_responses.NAME: "/responses/input_tokens"}


def conversation_path(dialect: str, quirks: Quirks, model: str, stream: bool) -> str:
    """Where a conversation with `model` goes; `InvalidRequest` for a name that no path can hold."""
    if dialect == gemini.NAME:
        return _gemini(model) + (":streamGenerateContent?alt=sse" if stream else ":generateContent")
    path = _CONVERSATIONS[dialect]
    if quirks.deployments and dialect == openai_chat.NAME:
        path = f"/deployments/{_segment(model)}{path}"
    return versioned(path, quirks)


def count_path(dialect: str, quirks: Quirks, model: str) -> str | None:
    """Where the tokens of a conversation are counted; None where the dialect has no such question."""
    if dialect == gemini.NAME:
        return _gemini(model) + ":countTokens"
    path = _COUNTS.get(dialect)
    return path and versioned(path, quirks)


def endpoint_url(base_url: str, endpoint: Endpoint, quirks: Quirks, model: str, path: str | None = None) -> str:
    """Where an endpoint of a provider lies. `path` is its form's own, below the base URL, where it has one."""
    root = _ROOTS[endpoint](quirks) if endpoint in _ROOTS else ""
    if root:
        parts = urlsplit(base_url)
        return f"{parts.scheme}://{parts.netloc}{root}"
    path = path or endpoint.path
    if quirks.deployments and model:
        path = f"/deployments/{_segment(model)}{path}"
    return base_url + versioned(path, quirks)


def versioned(path: str, quirks: Quirks) -> str:
    """A path with the version of the API that Azure wants to be told."""
    return f"{path}?api-version={quote(quirks.api_version, safe='')}" if quirks.api_version else path


def _gemini(model: str) -> str:
    kind = next((kind for kind in _KINDS if model.startswith(kind)), _KINDS[0])
    return f"/{kind}{_segment(model.removeprefix(kind))}"


def _segment(model: str) -> str:
    if model in ("", ".", ".."):  # a path would lose it, and mean another resource
        raise InvalidRequest(f"“{model}” cannot be a model's name.", "model")
    try:
        return quote(model, safe="")
    except UnicodeEncodeError as error:
        raise InvalidRequest("The model's name holds a character that no URL can hold.", "model") from error
