"""How much to think, in words and in tokens: some providers take the one, some the other.

The budgets of low, medium and high are those that Google documents for its OpenAI-compatible endpoint. Below low
there is none: 1024 is the least that Anthropic takes. Above high stands the largest that Gemini 2.5 Pro takes.
"""

from typing import Final

from api.conversation import Thinking

BUDGETS: Final = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576, "xhigh": 32_768, "max": 32_768}
COMMON: Final = ("low", "medium", "high")  # every provider that knows words for it knows these


def is_off(thinking: Thinking) -> bool:
    """Whether it is asked not to think at all."""
    return thinking.enabled is False or thinking.effort == "none" or thinking.budget == 0


def effort_of(budget: int) -> str:
    """The word for a budget: the greatest effort that it covers, for a budget is a limit."""
    covered = [effort for effort in COMMON if BUDGETS[effort] <= budget]
    return covered[-1] if covered else COMMON[0]
