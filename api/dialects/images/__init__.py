"""Words to pictures: one module for each form in which that is asked."""

from typing import Any, Final

from api.dialects.images import gemini, openai

FORMS: Final[dict[str, Any]] = {openai.NAME: openai, gemini.NAME: gemini}
