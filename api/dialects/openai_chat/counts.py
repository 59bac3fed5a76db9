"""The tokens of a call, read from and written to a `usage` object."""

from typing import Any, Final

from api.conversation import Usage

MOST: Final = 2**53  # what every JSON reader still counts exactly


def read_usage(told: Any) -> Usage | None:
    """What was counted. None if it is no count."""
    if not isinstance(told, dict):
        return None
    came, went = _count(told, "prompt_tokens"), _count(told, "completion_tokens")
    if came is None and went is None:
        return None
    read, written = _object(told, "prompt_tokens_details"), _object(told, "completion_tokens_details")
    reasoning = _count(written, "reasoning_tokens") or 0
    return Usage(
        came or 0,
        _with_reasoning(came or 0, went or 0, reasoning, _count(told, "total_tokens") or 0),
        # DeepSeek, Moonshot, and servers that count as Anthropic does say it elsewhere.
        _count(read, "cached_tokens")
        or _count(told, "prompt_cache_hit_tokens")
        or _count(told, "cached_tokens")
        or _count(told, "cache_read_input_tokens")
        or 0,
        _count(read, "cache_write_tokens") or _count(told, "cache_creation_input_tokens") or 0,
        reasoning,
        _count(read, "audio_tokens") or 0,
        _count(written, "audio_tokens") or 0,
    )


def write_usage(usage: Usage) -> dict[str, Any]:
    """The `usage` object; details only where there is something to tell."""
    told: dict[str, Any] = {
        "prompt_tokens": usage.tokens_in,
        "completion_tokens": usage.tokens_out,
        "total_tokens": usage.tokens_in + usage.tokens_out,
    }
    read = {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write, "audio_tokens": usage.audio_in}
    written = {"reasoning_tokens": usage.reasoning, "audio_tokens": usage.audio_out}
    for name, details in (("prompt_tokens_details", read), ("completion_tokens_details", written)):
        if counted := {key: value for key, value in details.items() if value}:
            told[name] = counted
    return told


def _with_reasoning(came: int, went: int, reasoning: int, total: int) -> int:
    # xAI and Gemini count thoughts beside the completion, not in it: only the total tells.
    return went + reasoning if reasoning and total == came + went + reasoning else went


def _object(told: dict[str, Any], name: str) -> dict[str, Any]:
    value = told.get(name)
    return value if isinstance(value, dict) else {}


def _count(place: dict[str, Any], name: str) -> int | None:
    value = place.get(name)
    return value if type(value) is int and 0 <= value <= MOST else None  # a bool is no count
