"""Which endpoints a provider has, as far as its dialect and its documentation say."""

from typing import Final

from api.dialects import gemini, openai_chat, openai_responses
from api.endpoints import Endpoint
from api.providers.presets import documented
from api.providers.provider import LOCAL, TESTING, Provider

# What a dialect brings along, whoever speaks it. Who speaks OpenAI's may have anything.
_OF_DIALECT: Final = {
    gemini.NAME: frozenset((Endpoint.EMBEDDINGS, Endpoint.IMAGES, Endpoint.IMAGE_EDITS)),
    "anthropic": frozenset((Endpoint.FILES,)),
}
_BUILT_IN: Final = {
    TESTING: frozenset[Endpoint](),
    LOCAL: frozenset((Endpoint.COMPLETIONS, Endpoint.EMBEDDINGS)),
}


def known(provider: Provider) -> frozenset[Endpoint] | None:
    """The endpoints that `provider` has; None where nobody can say before it was asked."""
    if provider.is_built_in:
        return _BUILT_IN[provider.id]
    has = documented(provider.base_url)
    if has is None:
        has = _of_dialects(provider.dialects)
    return None if has is None else has | _said_by_its_row(provider)


def _of_dialects(dialects: tuple[str, ...]) -> frozenset[Endpoint] | None:
    if openai_chat.NAME in dialects or openai_responses.NAME in dialects:
        return None
    return frozenset[Endpoint]().union(*(_OF_DIALECT.get(dialect, ()) for dialect in dialects))


def _said_by_its_row(provider: Provider) -> frozenset[Endpoint]:
    """An owner who writes where an endpoint lies knows that it is there."""
    quirks = provider.quirks
    paths = {Endpoint.EMBEDDINGS: quirks.embeddings_path, Endpoint.RERANK: quirks.rerank_path}
    return frozenset(endpoint for endpoint, path in paths.items() if path)
