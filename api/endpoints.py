"""What can be asked of a provider beside a conversation: OpenAI's other endpoints, and Cohere's rerank."""

from enum import StrEnum
from typing import Final


class Endpoint(StrEnum):
    """An endpoint by the name that rows, settings and the dashboard know it by."""

    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"
    RERANK = "rerank"
    IMAGES = "images"
    IMAGE_EDITS = "image_edits"
    IMAGE_VARIATIONS = "image_variations"
    SPEECH = "speech"
    TRANSCRIPTIONS = "transcriptions"
    TRANSLATIONS = "translations"
    MODERATIONS = "moderations"
    FILES = "files"

    @property
    def path(self) -> str:
        """Where it lies below the base URL of a provider that has OpenAI's shapes."""
        return _PATHS[self]


# https://platform.openai.com/docs/api-reference, and https://docs.cohere.com/reference/rerank for what OpenAI lacks.
_PATHS: Final = {
    Endpoint.COMPLETIONS: "/completions",
    Endpoint.EMBEDDINGS: "/embeddings",
    Endpoint.RERANK: "/rerank",
    Endpoint.IMAGES: "/images/generations",
    Endpoint.IMAGE_EDITS: "/images/edits",
    Endpoint.IMAGE_VARIATIONS: "/images/variations",
    Endpoint.SPEECH: "/audio/speech",
    Endpoint.TRANSCRIPTIONS: "/audio/transcriptions",
    Endpoint.TRANSLATIONS: "/audio/translations",
    Endpoint.MODERATIONS: "/moderations",
    Endpoint.FILES: "/files",
}
EVERYTHING: Final = frozenset(Endpoint)
