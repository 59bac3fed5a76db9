"""What an answer that passes says it cost, whatever the endpoint: found without knowing the rest of it."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from api.conversation import Usage

MOST: Final = 2**53  # what every JSON reader still counts exactly


class _Billed(Struct):
    input_tokens: object = None
    output_tokens: object = None


class _Meta(Struct):
    tokens: _Billed | None = None
    billed_units: _Billed | None = None


class _Answer(Struct):
    usage: Any = None
    meta: _Meta | None = None  # Cohere


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_IN: Final = ("prompt_tokens", "input_tokens", "total_tokens")
_OUT: Final = ("completion_tokens", "output_tokens")


def usage_in(body: bytes) -> Usage | None:
    """The tokens that an answer, or an event of a stream, says it cost; None where it says nothing."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    told: Any = answer.usage
    if not isinstance(told, dict):
        billed = answer.meta and (answer.meta.tokens or answer.meta.billed_units)
        told = {"input_tokens": billed.input_tokens, "output_tokens": billed.output_tokens} if billed else {}
    came, went = _first(told, _IN), _first(told, _OUT)
    return None if came is None and went is None else Usage(came or 0, went or 0)


def _first(told: dict[str, Any], names: tuple[str, ...]) -> int | None:
    return next((int(told[name]) for name in names if _is_count(told.get(name))), None)


def _is_count(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST
