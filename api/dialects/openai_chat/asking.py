"""A caller's request, read into the vocabulary."""

from typing import Any, Final

import msgspec

from api.conversation import (
    Carried,
    ChatRequest,
    Choice,
    Format,
    Thinking,
    Tool,
    ToolChoice,
    Unread,
)
from api.dialects import free_text
from api.dialects.decoding import decode, not_too_deep
from api.dialects.openai_chat.names import NAME
from api.dialects.openai_chat.shapes import ChatCompletionRequest
from api.dialects.openai_chat.turns import read_messages, take_text

_REQUEST: Final = msgspec.json.Decoder(ChatCompletionRequest)
_FIELDS: Final = msgspec.json.Decoder(dict[str, Any])
_READ: Final = frozenset(ChatCompletionRequest.__struct_fields__)
THINKING: Final[tuple[str, ...]] = ("reasoning", "thinking", "enable_thinking", "thinking_budget")
_CHOICES: Final = {
    "auto": Choice.AUTO,
    "none": Choice.NONE,
    "required": Choice.REQUIRED,
    "any": Choice.REQUIRED,  # Mistral's word
}


@not_too_deep()
def read_request(body: bytes, model: str = "", stream: bool = False) -> ChatRequest:
    """The caller's request; `InvalidRequest` names the field that is wrong."""
    asked = decode(_REQUEST, body)
    fields = _FIELDS.decode(body)  # checked just now; here for what the shapes do not know
    extra = {name: value for name, value in fields.items() if name not in _READ and value is not None}
    tools, hosted = _tools(fields)
    options = asked.stream_options
    return ChatRequest(
        asked.model,
        read_messages(fields["messages"]),
        tools,
        asked.max_completion_tokens or asked.max_tokens,
        bool(asked.stream),
        bool(options and options.include_usage),
        _tool_choice(asked, extra),
        asked.parallel_tool_calls,
        _format(asked.response_format, extra),
        _thinking(asked.reasoning_effort, extra),
        asked.temperature,
        asked.top_p,
        asked.top_k,
        (asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ()),
        asked.seed,
        asked.presence_penalty,
        asked.frequency_penalty,
        asked.n,
        asked.logprobs,
        asked.top_logprobs,
        asked.logit_bias,
        asked.user,
        asked.metadata,
        asked.service_tier,
        asked.verbosity,
        asked.prompt_cache_key,
        hosted,
        NAME,
        extra,
    )


def _tools(fields: Carried) -> tuple[tuple[Tool, ...], tuple[Unread, ...]]:
    old = [{"type": "function", "function": function} for function in fields.get("functions") or ()]
    read = [_tool(raw) for raw in (*(fields.get("tools") or ()), *old)]
    return (
        tuple(tool for tool in read if isinstance(tool, Tool)),
        tuple(tool for tool in read if isinstance(tool, Unread)),
    )


def _tool(raw: Any) -> Tool | Unread:
    match raw:
        case {"type": "custom", "custom": {"name": str(name), **inner}, **rest}:
            description = take_text(inner, "description")
            carried: Carried = {**_said(rest), **({"custom": inner} if inner else {})}
            return Tool(name, free_text.SCHEMA, description, takes_text=True, carried=carried)
        case {"function": {"name": str(name), **inner}, **rest}:
            rest.pop("type", None)
            return _function(name, inner, rest)
        case {"type": "function", "name": str(name), **rest}:
            return _function(name, rest, {})
        case _:
            return Unread(str(raw.get("type") or ""), raw)


def _function(name: str, inner: dict[Any, Any], rest: dict[Any, Any]) -> Tool:
    description, schema = take_text(inner, "description"), inner.pop("parameters", None)
    strict, inner = inner.pop("strict", None), _said(inner)
    carried = _said(rest)
    return Tool(name, schema or {}, description, strict, carried=carried | ({"function": inner} if inner else {}))


def _tool_choice(asked: ChatCompletionRequest, extra: Carried) -> ToolChoice | None:
    for field, wish in (("tool_choice", asked.tool_choice), ("function_call", asked.function_call)):
        if wish is not None:
            choice = read_choice(wish)
            if choice is None:
                extra[field] = wish
            return choice
    return None


def read_choice(wish: Any) -> ToolChoice | None:
    """Whether a tool must be called, and which; None for what nobody knows."""
    match wish:
        case str():
            return ToolChoice(_CHOICES[wish]) if wish in _CHOICES else None
        case {"type": "allowed_tools", "allowed_tools": {"mode": str(mode), "tools": list(tools)}} if mode in _CHOICES:
            names = tuple(name for name in map(_named, tools) if name)
            return ToolChoice(_CHOICES[mode], names)
        case {"type": str(kind), **rest} if kind in _CHOICES and not rest:
            return ToolChoice(_CHOICES[kind])
        case dict():
            name = _named(wish)
            return ToolChoice(Choice.REQUIRED, (name,)) if name else None
        case _:
            return None


def _named(raw: Any) -> str | None:
    match raw:
        case {"function": {"name": str(name)}} | {"custom": {"name": str(name)}} | {"name": str(name)}:
            return name
        case _:
            return None


def _format(wish: Any, extra: Carried) -> Format | None:
    match wish:
        case None | {"type": "text"}:
            return None
        case {"type": "json_schema", "json_schema": {"schema": dict(schema), **rest}}:
            strict = _of(bool, rest.get("strict"))
            return Format(schema, take_text(rest, "name"), take_text(rest, "description"), strict)
        case {"type": "json_object", "schema": dict(schema)}:
            return Format(schema)
        case {"type": "json_object"}:
            return Format()
        case _:
            extra["response_format"] = wish
            return None


def _thinking(asked: str | None, extra: Carried) -> Thinking | None:
    """How much to think, in any of the four ways that providers of the dialect have, kept as it was said."""
    said: Carried = {name: extra[name] for name in THINKING if name in extra}
    effort, enabled, budget, shown = asked, None, None, None
    match said.get("reasoning"):
        case dict(wish):
            effort, budget = wish.get("effort") or effort, wish.get("max_tokens")
            enabled = wish.get("enabled")
            shown = False if wish.get("exclude") is True else None
    match said.get("thinking"):
        case {"type": "enabled" | "disabled" as wish, **rest}:
            enabled, budget = wish == "enabled", rest.get("budget_tokens")
    if isinstance(said.get("enable_thinking"), bool):
        enabled = said["enable_thinking"]
    budget = said.get("thinking_budget", budget)
    for name in said:
        del extra[name]
    if asked is not None and said:
        said["reasoning_effort"] = asked
    if effort is None and not said:
        return None
    return Thinking(_of(bool, enabled), _of(str, effort), _of(int, budget), shown=shown, carried=said)


def _said(fields: dict[Any, Any]) -> Carried:
    return {name: value for name, value in fields.items() if value is not None}


def _of(kind: type[Any], value: Any) -> Any:
    return value if type(value) is kind else None
