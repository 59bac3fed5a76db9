"""Texts to vectors: one module for each form in which that is asked."""

from typing import Any, Final

from api.dialects.embeddings import cohere, gemini, ollama, openai

# The forms that providers are asked in; `gemini_one` and `ollama_old` are callers' alone.
FORMS: Final[dict[str, Any]] = {form.NAME: form for form in (openai, gemini, cohere, ollama)}
