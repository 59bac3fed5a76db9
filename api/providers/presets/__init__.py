"""Providers that are known by name: where they answer, where a key comes from, in which variable it is usually kept.

One row each. A base URL is the one of the provider's own documentation: below it lies the path that its chats go
to. A preset only fills in a form; what the owner saves is a row of their own. Some have one
house in China and one outside it, and a key is good in one of them: those are two rows. A variable that the documents
of both name is offered once, for the house outside.

Dialects are those that the provider's documentation promises at that address, quirks what it refuses or wants. Of the
programs on this computer older versions are about: they are asked in what all of them speak.

Endpoints are those that the provider documents in the shapes that its clients send: OpenAI's, and Cohere's rerank.
Mistral's speech comes as JSON and Perplexity's vectors are of whole numbers, so neither counts.
"""

from typing import Final

from api.endpoints import Endpoint
from api.providers.presets.first import FIRST
from api.providers.presets.more import MORE
from api.providers.presets.preset import BOTH, MODELS, OPENAI, Preset
from api.providers.presets.running import RUNNING

__all__ = ["BOTH", "ENVIRONMENT", "MODELS", "OPENAI", "PRESETS", "Preset", "documented", "key_check", "preset"]

PRESETS: Final = (*FIRST, *MORE, *RUNNING)

# The only names of the environment that are ever looked at for providers.
ENVIRONMENT: Final = frozenset(name for preset in PRESETS for name in (*preset.env, *preset.env_url))


def preset(id: str) -> Preset | None:
    """The preset of that id."""
    return next((preset for preset in PRESETS if preset.id == id), None)


def key_check(base_url: str) -> str:
    """The path below `base_url` that only a good key may read."""
    return next((preset.key_check for preset in PRESETS if preset.base_url == base_url), MODELS)


def documented(base_url: str) -> frozenset[Endpoint] | None:
    """What the provider at `base_url` documents beside conversations; None where nobody wrote it down here."""
    return next((preset.endpoints for preset in PRESETS if preset.base_url == base_url), None)
