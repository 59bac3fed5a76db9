"""How much a model is to think, in the way its family takes it, and how much it may write for that."""

from typing import Final

from msgspec import Struct

from api.conversation import ChatRequest, Thinking
from api.dialects.anthropic.blocks import Json
from api.dialects.anthropic.families import Family
from api.dialects.efforts import BUDGETS, effort_of, is_off

LEAST: Final = 1024  # tokens that a budget has at least
USUAL: Final = 8192  # a budget where nobody said how much
LADDER: Final = ("minimal", "low", "medium", "high", "xhigh", "max")


class Thoughts(Struct, frozen=True):
    """What is said about thinking. `unforced`: a tool cannot be forced, because the model always thinks."""

    max_tokens: int
    thinking: Json | None = None
    effort: str | None = None
    thinks: bool = False
    unforced: bool = False


def thoughts_as_they_came(request: ChatRequest, known: Family) -> Thoughts:
    """As a caller of this dialect said it."""
    limit, said = known.limit if request.max_tokens is None else request.max_tokens, request.thinking
    if said is None:
        return Thoughts(limit)
    thinking: Json | None = None
    if said.enabled is False:
        thinking = {"type": "disabled"}
    elif said.budget is not None:
        thinking = {"type": "enabled", "budget_tokens": said.budget}
    elif said.enabled:
        thinking = {"type": "adaptive"}
    return Thoughts(limit, _shown(thinking, said) if said.enabled else thinking, said.effort)


def thoughts(
    request: ChatRequest, known: Family, talk: list[Json], forced: bool, dropped: set[str], renamed: set[str]
) -> Thoughts:
    """As the model takes it, for a caller of another dialect."""
    limit = known.limit if request.max_tokens is None else request.max_tokens
    if known.ceiling and limit > known.ceiling:
        limit = known.ceiling
        renamed.add("max_tokens")
    said = request.thinking
    wanted = said is not None and not is_off(said)
    if forced and known.thoughtful and not known.quiet:
        return Thoughts(limit, thinks=True, unforced=True)
    if said is None or not wanted or forced:
        return _without_thoughts(limit, known, said, forced and wanted, forced, dropped)
    if known.adaptive and (said.budget is None or not known.budgets):
        effort = _effort(said, known)
        if said.budget is not None or (said.effort and effort != said.effort):
            renamed.add("thinking")
        return Thoughts(limit, _shown({"type": "adaptive"}, said), effort, thinks=True)
    return _within_budget(request, known, said, limit, talk, dropped, renamed)


def _without_thoughts(
    limit: int, known: Family, said: Thinking | None, lost: bool, forced: bool, dropped: set[str]
) -> Thoughts:
    refused = said is not None and not lost and not forced and not known.quiet
    if lost or refused:
        dropped.add("thinking")
    # The older ones think only if asked to.
    silenced = known.thoughtful and known.quiet and (said is not None or forced)
    return Thoughts(limit, {"type": "disabled"} if silenced else None, thinks=known.thoughtful and not silenced)


def _effort(said: Thinking, known: Family) -> str | None:
    """The effort that comes nearest, never a greater one where there is a lesser."""
    wanted = said.effort
    if wanted is None and said.budget is not None:
        wanted = effort_of(said.budget)
    if wanted not in LADDER:
        return None
    below = [name for name in LADDER[: LADDER.index(wanted) + 1] if name in known.efforts]
    return below[-1] if below else (known.efforts[0] if known.efforts else None)


def _within_budget(
    request: ChatRequest,
    known: Family,
    said: Thinking,
    limit: int,
    talk: list[Json],
    dropped: set[str],
    renamed: set[str],
) -> Thoughts:
    """A budget is at least 1024 tokens and less than what may be written in all."""
    budget = max(LEAST, said.budget or BUDGETS.get(said.effort or "", USUAL))
    if request.max_tokens is None:
        limit = min(known.ceiling or limit + budget, limit + budget)
    if not known.budgets or limit <= LEAST or _resumes_thoughtless(talk):
        dropped.add("thinking")
        return Thoughts(limit)
    most = limit - 1 if said.budget else max(LEAST, limit // 2)
    if (said.budget and budget != said.budget) or budget > most:
        renamed.add("thinking")
    effort = _effort(said, known) if said.effort and known.efforts else None
    return Thoughts(limit, _shown({"type": "enabled", "budget_tokens": min(budget, most)}, said), effort, thinks=True)


def _resumes_thoughtless(talk: list[Json]) -> bool:
    """Whether the model is to go on after a call it made without thoughts: with thinking on, that is refused."""
    if len(talk) < 2 or talk[-1]["content"][0]["type"] != "tool_result":
        return False
    before = [turn for turn in talk if turn["role"] == "assistant"]
    return not before or before[-1]["content"][0]["type"] not in ("thinking", "redacted_thinking")


def _shown(thinking: Json | None, said: Thinking) -> Json | None:
    if thinking is None or (said.shown is None and said.summary is None):
        return thinking
    return {**thinking, "display": "omitted" if said.shown is False else "summarized"}
