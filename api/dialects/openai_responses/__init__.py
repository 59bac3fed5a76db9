"""OpenAI Responses: the dialect of Codex and of OpenAI's newer SDK calls."""

from typing import Final

NAME: Final = "openai_responses"
