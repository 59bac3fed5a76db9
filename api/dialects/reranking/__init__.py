"""Texts ranked by how well they answer: one module for each form in which that is asked.

Callers ask in Jina's, which Cohere's first version began and most servers have: vLLM, llama.cpp, LocalAI, SiliconFlow,
OpenRouter. The others are for providers only.
"""

from typing import Any, Final

from api.dialects.reranking import cohere, jina, tei, voyage

FORMS: Final[dict[str, Any]] = {form.NAME: form for form in (jina, cohere, voyage, tei)}
USUAL: Final = jina.NAME
