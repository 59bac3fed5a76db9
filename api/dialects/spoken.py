"""Every dialect that is spoken here, by its name."""

from types import ModuleType
from typing import Final

from api.dialects import anthropic, gemini, openai_chat, openai_responses

SPOKEN: Final[dict[str, ModuleType]] = {
    dialect.NAME: dialect for dialect in (openai_chat, openai_responses, anthropic, gemini)
}
