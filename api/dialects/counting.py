"""An honest estimate of what a request will count, where nobody can be asked.

Latin text runs at about four letters a token; a letter of Chinese, Japanese or Korean is about one token by itself.
Images and documents count what they usually do.
"""

import re
from typing import Final

import msgspec

from api.conversation import ChatRequest, File, Image, Part, Reasoning, Refusal, Text, ToolCall, ToolResult

LETTERS_PER_TOKEN: Final = 4  # the providers' own rule of thumb for English
IMAGE: Final = 1200  # tokens: what Anthropic counts for a picture of about a megapixel
FILE_BYTES_PER_TOKEN: Final = 25  # a PDF page is about 50 KB and 2000 tokens
MESSAGE: Final = 4  # tokens around each message
_WIDE: Final = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")


def estimate(request: ChatRequest) -> int:
    """The tokens of a request, tools counted; at least 1."""
    messages = sum(MESSAGE + sum(map(_part, message.parts)) for message in request.messages)
    return max(1, messages + sum(_tool(tool.name, tool.description, tool.schema) for tool in request.tools))


def letters(text: str) -> int:
    """The tokens of a text."""
    wide = 0 if text.isascii() else len(_WIDE.findall(text))
    return wide + (len(text) - wide + LETTERS_PER_TOKEN - 1) // LETTERS_PER_TOKEN


def _tool(name: str, description: str | None, schema: dict[str, object]) -> int:
    return MESSAGE + letters(name) + letters(description or "") + letters(msgspec.json.encode(schema).decode())


def _part(part: Part) -> int:
    match part:
        case Text(text) | Reasoning(text) | Refusal(text):
            return letters(text)
        case ToolCall(name=name, arguments=arguments):
            return MESSAGE + letters(name) + letters(arguments)
        case ToolResult(parts=parts):
            return MESSAGE + sum(map(_part, parts))
        case Image():
            return IMAGE
        case File(source=source):
            return len(getattr(source, "data", "")) // FILE_BYTES_PER_TOKEN or IMAGE
        case _:
            return MESSAGE
