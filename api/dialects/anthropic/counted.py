"""Tokens as this dialect counts them: what the cache served or took is not in `input_tokens`."""

from typing import Any, Final

from api.conversation import Usage
from api.dialects.anthropic.shapes import MessageUsage, OutputDetails

MOST: Final = 2**53
TIERS: Final = ("standard", "priority", "batch")


class Counted:
    """What a provider has counted so far: each number it tells replaces the one told before."""

    __slots__ = ("cached", "came", "heard", "reasoning", "tier", "went", "written")

    def __init__(self) -> None:
        self.came = self.went = self.cached = self.written = self.reasoning = 0
        self.heard = False
        self.tier: str | None = None

    def hear(self, usage: Any) -> None:
        """Take a `usage` of any event. What is no sane number is passed over."""
        if not isinstance(usage, dict):
            return
        self.heard = True
        self.came = _sane(usage.get("input_tokens"), self.came)
        self.went = _sane(usage.get("output_tokens"), self.went)
        self.cached = _sane(usage.get("cache_read_input_tokens"), self.cached)
        self.written = _sane(usage.get("cache_creation_input_tokens"), self.written)
        details = usage.get("output_tokens_details")
        if isinstance(details, dict):
            self.reasoning = _sane(details.get("thinking_tokens"), self.reasoning)
        if isinstance(tier := usage.get("service_tier"), str):
            self.tier = tier

    @property
    def tokens_in(self) -> int:
        """Everything that was read."""
        return self.came + self.cached + self.written

    @property
    def usage(self) -> Usage | None:
        """The same in the vocabulary; None where nobody counted."""
        if not self.heard:
            return None
        return Usage(self.tokens_in, self.went, self.cached, self.written, self.reasoning)


def counted(usage: Usage, tier: str | None = None) -> MessageUsage:
    """Tokens in this dialect's shape."""
    fresh = max(0, usage.tokens_in - usage.cached - usage.cache_write)
    details = OutputDetails(usage.reasoning) if usage.reasoning else None
    served = tier if tier in TIERS else None
    return MessageUsage(fresh, usage.tokens_out, usage.cache_write, usage.cached, details, served)


def _sane(number: Any, known: int) -> int:
    return number if type(number) is int and 0 <= number <= MOST else known
