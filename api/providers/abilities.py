"""Which endpoints a provider has, as far as its dialect and its documentation say."""

from typing import Final

from api.dialects import gemini, openai_chat, openai_responses
from api.endpoints import Endpoint
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
    if openai_chat.NAME in provider.dialects or openai_responses.NAME in provider.dialects:
        return None
    return frozenset().union(*(_OF_DIALECT.get(dialect, frozenset()) for dialect in provider.dialects))
