"""How much to think, as each generation of models takes it.

Models up to 2.5 take a budget in tokens, later ones a level; both at once are refused. The budgets of the levels are
those that Google documents for its OpenAI-compatible endpoint.
"""

from typing import Any, Final

from api.conversation import Thinking
from api.dialects.gemini.losses import Losses

BUDGETS: Final = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
LEVELS: Final = {
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",  # the API names an XHIGH, which few models take
    "max": "HIGH",
}
_MOST: Final = 24_576  # tokens: the largest budget of 2.5 Flash; 2.5 Pro's is larger and cannot be 0
_MOST_PRO: Final = 32_768
_LEAST_PRO: Final = 128
_OLDER: Final = ("gemini-1", "gemini-2", "gemini-exp", "gemini-pro", "gemini-flash-1", "gemma", "learnlm")


def is_older(model: str) -> bool:
    """Whether a model is of a generation before Gemini 3."""
    return model.rpartition("/")[2].startswith(_OLDER)


def write_thinking(thinking: Thinking, model: str, at_home: bool, losses: Losses) -> dict[str, Any]:
    """`thinkingConfig`. `at_home`: the caller spoke this dialect and is taken at their word."""
    if at_home:
        return _as_said(thinking)
    off = thinking.enabled is False or thinking.effort == "none"
    told = _older(thinking, off, "pro" in model, losses) if is_older(model) else _newer(thinking, off, model, losses)
    if not off and thinking.shown is not False:
        told["includeThoughts"] = True
    return told


def _as_said(thinking: Thinking) -> dict[str, Any]:
    told: dict[str, Any] = dict(thinking.carried)
    if thinking.shown is not None:
        told["includeThoughts"] = thinking.shown
    if thinking.effort:
        told["thinkingLevel"] = thinking.effort.upper()
    if thinking.budget is not None:
        told["thinkingBudget"] = thinking.budget
    elif thinking.enabled is not None:
        told["thinkingBudget"] = -1 if thinking.enabled else 0
    return told


def _older(thinking: Thinking, off: bool, pro: bool, losses: Losses) -> dict[str, Any]:
    wanted = thinking.budget if thinking.budget is not None else BUDGETS.get(thinking.effort or "")
    if off:
        wanted = 0
    if wanted is None:
        return {"thinkingBudget": -1}  # as much as the model likes
    budget = min(wanted, _MOST_PRO if pro else _MOST)
    if pro:
        budget = max(budget, _LEAST_PRO)
    if budget != wanted:
        losses.rename("thinking")
    return {"thinkingBudget": budget}


def _newer(thinking: Thinking, off: bool, model: str, losses: Losses) -> dict[str, Any]:
    effort = "minimal" if off else thinking.effort
    if effort is None:
        return {} if thinking.budget is None else {"thinkingBudget": thinking.budget}
    level = LEVELS.get(effort, "HIGH")
    if level == "MINIMAL" and "pro" in model:
        level = "LOW"
    if off or level.lower() != effort:
        losses.rename("thinking")  # these models cannot stop thinking, and know fewer levels
    return {"thinkingLevel": level}
