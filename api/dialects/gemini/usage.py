"""Tokens as Google counts them: thoughts beside the answer, and what tools read beside the prompt."""

from typing import Any

import msgspec
from msgspec import Struct

from api.conversation import Usage


class Modality(Struct, frozen=True, rename="camel"):
    modality: str | None = None
    token_count: int | None = None


class Counted(Struct, frozen=True, rename="camel"):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    total_token_count: int | None = None
    prompt_tokens_details: list[Modality] | None = None
    candidates_tokens_details: list[Modality] | None = None


_COUNTED = msgspec.json.Decoder(Counted | None, strict=False)


def read_usage(raw: msgspec.Raw) -> Usage | None:
    """The usage that `usageMetadata` tells; None where it is odd."""
    try:
        counted = _COUNTED.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if counted is None:
        return None
    tokens_in = _natural(counted.prompt_token_count) + _natural(counted.tool_use_prompt_token_count)
    thoughts, written = _natural(counted.thoughts_token_count), _natural(counted.candidates_token_count)
    if counted.candidates_token_count is None and counted.total_token_count is not None:
        written = max(0, counted.total_token_count - tokens_in - thoughts)
    return Usage(
        tokens_in,
        written + thoughts,
        _natural(counted.cached_content_token_count),
        reasoning=thoughts,
        audio_in=_spoken(counted.prompt_tokens_details),
        audio_out=_spoken(counted.candidates_tokens_details),
    )


def _natural(count: int | None) -> int:
    return max(0, count or 0)


def _spoken(details: list[Modality] | None) -> int:
    return sum(_natural(detail.token_count) for detail in details or () if detail.modality == "AUDIO")


def write_usage(usage: Usage) -> dict[str, Any]:
    """`usageMetadata` for a caller. What is zero is not said, but for the three counts every reply has."""
    told: dict[str, Any] = {
        "promptTokenCount": usage.tokens_in,
        "candidatesTokenCount": max(0, usage.tokens_out - usage.reasoning),
        "totalTokenCount": usage.tokens_in + usage.tokens_out,
    }
    if usage.reasoning:
        told["thoughtsTokenCount"] = usage.reasoning
    if usage.cached:
        told["cachedContentTokenCount"] = usage.cached
    if usage.audio_in:
        told["promptTokensDetails"] = _details(usage.tokens_in, usage.audio_in)
    if usage.audio_out:
        told["candidatesTokensDetails"] = _details(told["candidatesTokenCount"], usage.audio_out)
    return told


def _details(total: int, audio: int) -> list[dict[str, Any]]:
    counts = {"TEXT": max(0, total - audio), "AUDIO": audio}
    return [{"modality": modality, "tokenCount": count} for modality, count in counts.items() if count]
