"""An honest estimate of the tokens in a question to an endpoint beside the conversations, in whatever form it is.

Only what a model would read is looked at, under the names that the forms have for it; a list of numbers is tokens.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

from api.dialects.counting import IMAGE, letters
from api.dialects.decoding import decode, not_too_deep

# What is read, by OpenAI's names, Cohere's and Jina's, Google's and Ollama's.
READ: Final = (
    *("input", "prompt", "suffix", "instructions", "query", "documents", "texts", "inputs"),
    *("content", "contents", "parts", "requests", "text", "title"),
    *("image", "images", "image_url", "inlineData", "inline_data"),
)
_PICTURES: Final = frozenset(("image", "image_url", "inlineData", "inline_data"))
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])
_ANYTHING: Final = msgspec.json.Decoder(Any)


@not_too_deep()
def weigh(body: bytes) -> int | None:
    """The tokens of a question; None where nothing in it can be read."""
    if not body:
        return None
    fields = decode(_FIELDS, body)
    said = {name: decode(_ANYTHING, bytes(fields[name])) for name in READ if name in fields}
    return _weight(said) or None


def _weight(value: Any) -> int:
    match value:
        case str():
            return letters(value)
        case [int() | float(), *_]:
            return len(value)
        case list():
            return sum(map(_weight, value))
        case dict():
            return sum(IMAGE if name in _PICTURES else _weight(said) for name, said in value.items() if name in READ)
        case _:
            return 0
