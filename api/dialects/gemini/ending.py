"""What a reply tells at its end, in Google's words and in ours: why it ended, what was counted."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from api.conversation import Finish, Finished, Usage

UNSAID: Final = "FINISH_REASON_UNSPECIFIED"
REASONS: Final = {
    "STOP": Finish.STOP,
    "MAX_TOKENS": Finish.LENGTH,
    "SAFETY": Finish.REFUSAL,
    "RECITATION": Finish.REFUSAL,
    "BLOCKLIST": Finish.REFUSAL,
    "PROHIBITED_CONTENT": Finish.REFUSAL,
    "SPII": Finish.REFUSAL,
    "IMAGE_SAFETY": Finish.REFUSAL,
    "IMAGE_PROHIBITED_CONTENT": Finish.REFUSAL,
    "IMAGE_RECITATION": Finish.REFUSAL,
    "MODEL_ARMOR": Finish.REFUSAL,
    "JAILBREAK": Finish.REFUSAL,
    "CONTINUATION": Finish.PAUSE,
    "LANGUAGE": Finish.OTHER,
    "OTHER": Finish.OTHER,
    "MALFORMED_FUNCTION_CALL": Finish.OTHER,
    "MALFORMED_RESPONSE": Finish.OTHER,
    "UNEXPECTED_TOOL_CALL": Finish.OTHER,
    "TOO_MANY_TOOL_CALLS": Finish.OTHER,
    "MISSING_THOUGHT_SIGNATURE": Finish.OTHER,
    "NO_IMAGE": Finish.OTHER,
    "IMAGE_OTHER": Finish.OTHER,
    "ESCALATION": Finish.OTHER,
}
# TOOL_CALLS: Google says STOP and leaves it to the parts to say that tools were called.
_WORDS: Final = {
    Finish.STOP: "STOP",
    Finish.TOOL_CALLS: "STOP",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.CONTEXT: "MAX_TOKENS",
    Finish.REFUSAL: "SAFETY",
    Finish.PAUSE: "OTHER",
    Finish.OTHER: "OTHER",
}


def read_finish(word: str | None, called: bool, choice: int) -> Finished:
    """The end of a choice; `called`: it called tools."""
    reason = REASONS.get(word or "STOP", Finish.OTHER)
    if called and (reason is Finish.STOP or word not in REASONS):
        reason = Finish.TOOL_CALLS
    return Finished(reason, word, choice=choice)


def write_finish(finished: Finished) -> str:
    """Google's word for it: the provider's own where it is one of Google's."""
    raw = finished.raw or ""
    return raw if REASONS.get(raw) is finished.reason else _WORDS[finished.reason]


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
