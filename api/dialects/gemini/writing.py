"""A request in Google's words.

The model and the wish for a stream go into the URL, which the body does not repeat.
"""

from typing import Any, Final

import msgspec

from api.conversation import ChatRequest
from api.dialects.dialect import Written
from api.dialects.gemini.asking import JSON, NAME
from api.dialects.gemini.losses import Losses
from api.dialects.gemini.offering import Names, write_choice, write_tools
from api.dialects.gemini.schema import cleaned
from api.dialects.gemini.thinking import write_thinking
from api.dialects.gemini.turns import Turns
from api.dialects.quirks import Quirks
from api.errors import InvalidRequest

# Other dialects' fields that change neither the answer nor the bill.
_SILENT: Final = frozenset(
    {
        "stream_options",
        "store",
        "include",
        "client_metadata",
        "context_management",
        "prompt_cache_key",
        "safety_identifier",
        "background",
        "diagnostics",
    }
)
_TIERS: Final = {
    "default": "standard",
    "standard": "standard",
    "standard_only": "standard",
    "flex": "flex",
    "priority": "priority",
}


def write_request(request: ChatRequest, quirks: Quirks, provider: str) -> Written:
    """`request` in this dialect, for the provider of that id. `InvalidRequest` where it cannot be said at all."""
    names, losses = Names(), Losses()
    told = write_fields(request, quirks, provider, names, losses)
    return Written(msgspec.json.encode(told), losses.dropped, losses.renamed, names.given)


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
        losses.drop(*(request.extra.keys() - _SILENT))
    return told
