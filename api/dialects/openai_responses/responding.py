"""The response object: the frame around every answer, which repeats what was asked."""

import time
from typing import Any, Final

from api.conversation import ChatRequest, Finish, Usage
from api.dialects.openai_responses.shapes import Item
from api.dialects.openai_responses.writing import AS_THEY_ARE, echoed_tools, write_choice, write_format
from api.dialects.quirks import NONE

INCOMPLETE: Final = {
    Finish.LENGTH: "max_output_tokens",
    Finish.CONTEXT: "max_output_tokens",
    Finish.REFUSAL: "content_filter",
}


def response_id(request_id: str) -> str:
    """The id of the response to a request."""
    return f"resp_{request_id}"


def response(request: ChatRequest, request_id: str, created: int) -> Item:
    """A response that has just begun. Every field is there: suites and SDKs miss any that is not."""
    extra, thinking = request.extra, request.thinking
    first = request.messages[0] if request.messages else None
    apart = first is not None and first.carried.get("instructions") is True
    return {
        "id": response_id(request_id),
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": getattr(first.parts[0], "text", None) if first and apart else None,
        "max_output_tokens": request.max_tokens,
        "max_tool_calls": extra.get("max_tool_calls"),
        "model": request.model,
        "output": [],
        "parallel_tool_calls": _or(request.parallel_tools, True),
        "previous_response_id": extra.get("previous_response_id"),
        "presence_penalty": _or(request.presence_penalty, 0.0),
        "frequency_penalty": _or(request.frequency_penalty, 0.0),
        "prompt_cache_key": request.cache_key,
        "reasoning": {"effort": thinking.effort, "summary": thinking.summary} if thinking else None,
        "safety_identifier": extra.get("safety_identifier"),
        "service_tier": request.service_tier or "auto",
        "store": extra.get("store", True),
        "background": False,
        "temperature": _or(request.temperature, 1.0),
        "text": {"format": _format(request), "verbosity": request.verbosity or "medium"},
        "tool_choice": extra.get("tool_choice") or write_choice(request, AS_THEY_ARE) or "auto",
        "tools": echoed_tools(request),
        "top_logprobs": request.top_logprobs or 0,
        "top_p": _or(request.top_p, 1.0),
        "truncation": extra.get("truncation") or "disabled",
        "usage": None,
        "user": request.user,
        "metadata": request.metadata or {},
    }


def _or(value: Any, usual: Any) -> Any:
    return usual if value is None else value


def _format(request: ChatRequest) -> Item:
    kept = request.extra.get("text")
    return write_format(request.format, NONE) or (kept or {}).get("format") or {"type": "text"}


def ended(begun: Item, output: list[Item], reason: Finish, usage: Usage | None = None, tier: str | None = None) -> Item:
    """The same response when nothing more comes."""
    why = INCOMPLETE.get(reason)
    state: Item = {"status": "incomplete", "incomplete_details": {"reason": why}} if why else {"status": "completed"}
    state |= {"completed_at": None if why else int(time.time()), "output": output}
    state |= {"usage": write_usage(usage or Usage())}
    return begun | state | ({"service_tier": tier} if tier else {})


def write_usage(usage: Usage) -> Item:
    """The tokens, both details always beside them."""
    return {
        "input_tokens": usage.tokens_in,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.tokens_out,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.tokens_in + usage.tokens_out,
    }
