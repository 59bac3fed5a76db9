"""What an answer that passes says it cost, whatever the endpoint: found without knowing the rest of it."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from api.conversation import Usage

MOST: Final = 2**53  # what every JSON reader still counts exactly


class _Answer(Struct):
    usage: Any = None
    meta: Any = None  # Cohere, and who answers in its shape
    google: Any = msgspec.field(name="usageMetadata", default=None)
    prompt_eval_count: Any = None  # Ollama


_ANSWER: Final = msgspec.json.Decoder(_Answer)
# Who tells but the sum (Jina, Voyage) has only read: vectors and scores are no tokens.
_IN: Final = ("prompt_tokens", "input_tokens", "promptTokenCount", "total_tokens", "totalTokenCount")
_OUT: Final = ("completion_tokens", "output_tokens", "candidatesTokenCount")


def usage_in(body: bytes) -> Usage | None:
    """The tokens that an answer, or an event of a stream, says it cost; None where it says nothing.

    Seconds of audio and searches, which some count instead, are no tokens.
    """
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    meta = answer.meta if isinstance(answer.meta, dict) else {}
    ollama = {"prompt_tokens": answer.prompt_eval_count}
    places = (answer.usage, meta.get("tokens"), meta.get("billed_units"), answer.google, ollama)
    told = (_read(place) for place in places)
    return next((usage for usage in told if usage), None)


def _read(told: Any) -> Usage | None:
    if not isinstance(told, dict):
        return None
    came, went = _first(told, _IN), _first(told, _OUT)
    return None if came is None and went is None else Usage(came or 0, went or 0)


def _first(told: dict[str, Any], names: tuple[str, ...]) -> int | None:
    return next((int(told[name]) for name in names if _is_count(told.get(name))), None)


def _is_count(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST
