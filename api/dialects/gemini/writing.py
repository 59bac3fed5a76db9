"""A request in Google's words.

The model and the wish for a stream go into the URL, which the body does not repeat. How much to think is said as each
generation of models takes it: up to 2.5 a budget in tokens, later a level; both at once are refused.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from api.conversation import ChatRequest, Choice, Thinking, Tool, ToolChoice
from api.dialects import efforts, free_text
from api.dialects.decoding import not_too_deep
from api.dialects.dialect import Written
from api.dialects.gemini.asking import JSON, NAME
from api.dialects.gemini.losses import Losses
from api.dialects.gemini.schema import cleaned
from api.dialects.gemini.turns import Turns, is_older
from api.dialects.naming import Names
from api.dialects.quirks import Quirks
from api.dialects.silent import SILENT
from api.errors import InvalidRequest

_TIERS: Final = {
    "default": "standard",
    "standard": "standard",
    "standard_only": "standard",
    "flex": "flex",
    "priority": "priority",
}
TOOL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]*")
LONGEST_NAME: Final = 64
_MODES: Final = {Choice.AUTO: "AUTO", Choice.NONE: "NONE", Choice.REQUIRED: "ANY"}
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


@not_too_deep()
def write_request(request: ChatRequest, quirks: Quirks, provider: str) -> Written:
    """`request` in this dialect, for the provider of that id. `InvalidRequest` where it cannot be said at all."""
    names, losses = names_of(request), Losses()
    told = write_fields(request, quirks, provider, names, losses)
    return Written(msgspec.json.encode(told), losses.dropped, losses.renamed, names.given)


def names_of(request: ChatRequest) -> Names:
    """The names of its tools as Google takes them."""
    return Names(TOOL_NAME, LONGEST_NAME, keep=request.dialect == NAME)


def write_fields(request: ChatRequest, quirks: Quirks, provider: str, names: Names, losses: Losses) -> dict[str, Any]:
    """The fields of the body."""
    at_home = request.dialect == NAME
    system, contents = Turns(request, quirks, provider, names, losses).write()
    if not contents:
        raise InvalidRequest("There is nothing to answer. Send a message with some content.", "messages")
    told: dict[str, Any] = {"contents": contents}
    if system:
        told["systemInstruction"] = {"parts": system}
    if tools := write_tools(request, quirks.schema_refused, names, losses):
        told["tools"] = tools
    extra = dict(request.extra) if at_home else {}
    if config := {**_config(request, quirks, at_home, losses), **extra.pop("generationConfig", {})}:
        told["generationConfig"] = config
    if choice := _choice(request, names, extra.pop("toolConfig", {})):
        told["toolConfig"] = choice
    told |= extra | _about(request, at_home, losses)
    if names.given:
        losses.rename("tools.name")
    return told


def _choice(request: ChatRequest, names: Names, more: dict[str, Any]) -> dict[str, Any]:
    # Without functions the provider refuses to be told which to call.
    said = write_choice(request.tool_choice, names) if request.tool_choice and request.tools else {}
    calling = {**said, **more.get("functionCallingConfig", {})}
    return {**more, "functionCallingConfig": calling} if calling else more


def _config(request: ChatRequest, quirks: Quirks, at_home: bool, losses: Losses) -> dict[str, Any]:
    """`generationConfig`: what was said and nothing else."""
    told: dict[str, Any] = {
        "maxOutputTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "stopSequences": request.stop or None,
        "seed": request.seed,
        "presencePenalty": request.presence_penalty,
        "frequencyPenalty": request.frequency_penalty,
        "candidateCount": request.n,
        "responseLogprobs": request.logprobs,
        "logprobs": request.top_logprobs,
        "thinkingConfig": write_thinking(request.thinking, request.model, at_home, losses)
        if request.thinking
        else None,
    }
    if request.format:
        told["responseMimeType"] = JSON
        if schema := request.format.schema:
            told["responseJsonSchema"] = schema if at_home else cleaned(schema, quirks.schema_refused)
        if request.format.description:
            losses.drop("format.description")
    return {name: value for name, value in told.items() if value is not None}


def _about(request: ChatRequest, at_home: bool, losses: Losses) -> dict[str, Any]:
    """What stands beside the conversation, and what of it cannot be said."""
    told: dict[str, Any] = {}
    for name in ("logit_bias", "user", "verbosity"):
        if getattr(request, name) is not None:
            losses.drop(name)
    if request.parallel_tools is False:
        losses.drop("parallel_tools")
    if request.metadata:
        if at_home:
            told["labels"] = request.metadata
        else:
            losses.drop("metadata")  # labels have rules of their own, and show on the owner's bill
    tier = request.service_tier
    if tier and (at_home or tier in _TIERS):
        told["serviceTier"] = tier if at_home else _TIERS[tier]
    elif tier and tier != "auto":
        losses.drop("service_tier")
    if not at_home:
        losses.drop(*(request.extra.keys() - SILENT))
    return told


def write_tools(request: ChatRequest, refused: Iterable[str], names: Names, losses: Losses) -> list[dict[str, Any]]:
    """`tools`: those of the caller, and those the provider runs itself where the caller named them in this dialect."""
    at_home = request.dialect == "gemini"
    declared = [_declaration(tool, at_home, refused, names, losses) for tool in request.tools]
    tools = [{"functionDeclarations": declared}] if declared else []
    for hosted in request.hosted:
        if at_home:
            tools.append(hosted.raw)
        else:
            losses.drop(f"tools.{hosted.kind}")
    return tools


def _declaration(tool: Tool, at_home: bool, refused: Iterable[str], names: Names, losses: Losses) -> dict[str, Any]:
    told: dict[str, Any] = {"name": names.say(tool.name)}
    if tool.description:
        told["description"] = tool.description
    schema = (tool.schema if at_home else cleaned(tool.schema, refused)) or (
        free_text.SCHEMA if tool.takes_text else {}
    )
    if schema:
        told["parametersJsonSchema"] = schema
    if tool.strict:
        losses.drop("tools.strict")
    if at_home:
        told.update(tool.carried)
    else:
        losses.drop_carried("tools", tool.carried)
    return told


def write_choice(choice: ToolChoice, names: Names) -> dict[str, Any]:
    """`functionCallingConfig`. Only some tools and no duty to call: that is what VALIDATED is for."""
    if not choice.names:
        return {"mode": _MODES[choice.choice]}
    mode = "VALIDATED" if choice.choice is Choice.AUTO else _MODES[choice.choice]
    return {"mode": mode, "allowedFunctionNames": list(map(names.say, choice.names))}


def write_thinking(thinking: Thinking, model: str, at_home: bool, losses: Losses) -> dict[str, Any]:
    """`thinkingConfig`. `at_home`: the caller spoke this dialect and is taken at their word."""
    if at_home:
        return _as_said(thinking)
    off = efforts.is_off(thinking)
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
    wanted = thinking.budget if thinking.budget is not None else efforts.BUDGETS.get(thinking.effort or "")
    if off:
        wanted = 0
    if wanted is None:
        return {"thinkingBudget": -1}  # as much as the model likes
    budget = min(wanted, _MOST_PRO if pro else _MOST)
    if pro:
        budget = max(budget, _LEAST_PRO)
    if budget != wanted:
        (losses.drop if off else losses.rename)("thinking")
    return {"thinkingBudget": budget}


def _newer(thinking: Thinking, off: bool, model: str, losses: Losses) -> dict[str, Any]:
    effort = "minimal" if off else thinking.effort
    if effort is None:
        return {} if thinking.budget is None else {"thinkingBudget": thinking.budget}
    level = LEVELS.get(effort, "HIGH")
    if level == "MINIMAL" and "pro" in model:
        level = "LOW"
    if off:
        losses.drop("thinking")  # these models cannot stop: the least is all that can be had
    elif level.lower() != effort:
        losses.rename("thinking")
    return {"thinkingLevel": level}
