"""Embeddings as OpenAI asks and answers."""

from typing import Final

NAME: Final = "openai"


def path(model: str) -> str:
    """Where below the base URL a provider of this form is asked for `model`."""
    return "/embeddings"
