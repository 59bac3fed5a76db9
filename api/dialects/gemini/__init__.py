"""Google Gemini: the dialect of gemini-cli and of Google's own SDKs."""

from typing import Final

NAME: Final = "gemini"
