"""A request of the vocabulary, written for a provider."""

from typing import Any, Final

import msgspec

from api.conversation import Carried, ChatRequest, Choice, Format, Thinking, Tool, ToolChoice
from api.dialects import efforts, free_text, schemas
from api.dialects.decoding import not_too_deep
from api.dialects.dialect import Written
from api.dialects.naming import Names
from api.dialects.openai_chat.names import LONGEST_NAME, NAME, TOOL_NAME
from api.dialects.openai_chat.retelling import Retelling
from api.dialects.quirks import Quirks
from api.dialects.silent import SILENT

LONGEST_USER: Final = 64  # characters: what OpenAI takes
TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
_encode: Final = msgspec.json.Encoder().encode


@not_too_deep()
def write_request(request: ChatRequest, quirks: Quirks, provider: str) -> Written:
    """`request` in this dialect, for the provider of that id. `InvalidRequest` where it cannot be said at all."""
    return _Writing(request, quirks, provider).written()


class _Writing:
    """One request while it is written."""

    def __init__(self, request: ChatRequest, quirks: Quirks, provider: str) -> None:
        self._request, self._quirks = request, quirks
        self._home = request.dialect == NAME
        self._free = {tool.name for tool in request.tools if self._home and tool.takes_text}
        self._names = Names(TOOL_NAME, LONGEST_NAME, keep=self._home)
        self._messages = Retelling(quirks, provider, self._home, self._names)
        self._dropped, self._renamed = self._messages.dropped, set[str]()

    def written(self) -> Written:
        request, quirks = self._request, self._quirks
        body: Carried = {"model": request.model, "messages": self._messages.write(request.messages)}
        if request.stream:
            body["stream"] = True
            if quirks.stream_options:
                body["stream_options"] = {"include_usage": True}
        if request.max_tokens is not None:
            body[quirks.max_tokens_field] = request.max_tokens
        body |= self._sampling() | self._tools() | self._format() | self._thinking() | self._account()
        if self._home:
            body |= request.extra
        else:
            self._dropped |= request.extra.keys() - SILENT
        if quirks.max_tokens_field != "max_tokens" and request.max_tokens is not None:
            self._renamed.add("max_tokens")
        if self._names.given:
            self._renamed.add("tools.name")
        return Written(_encode(body), tuple(sorted(self._dropped)), tuple(sorted(self._renamed)), self._names.given)

    def _sampling(self) -> Carried:
        request = self._request
        told: Carried = {
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": request.seed,
            "presence_penalty": request.presence_penalty,
            "frequency_penalty": request.frequency_penalty,
            "n": request.n,
            "logprobs": request.logprobs,
            "top_logprobs": request.top_logprobs,
            "logit_bias": request.logit_bias,
            "stop": list(request.stop) or None,
            # Not OpenAI's own, who refuses it; a caller of the dialect knows what they say.
            "top_k": self._only_home("top_k", request.top_k),
        }
        if request.top_logprobs is not None and request.logprobs is None and not self._home:
            told["logprobs"] = True
        return _said(told)

    def _account(self) -> Carried:
        request = self._request
        newest = self._home or self._quirks.developer_role  # who knows that role knows OpenAI's newer fields
        told = {
            "user": request.user if len(request.user or "") <= LONGEST_USER else self._only_home("user", request.user),
            # OpenAI refuses it where nothing is stored.
            "metadata": self._only_home("metadata", request.metadata),
            "service_tier": request.service_tier
            if self._home or request.service_tier in TIERS
            else self._only_home("service_tier", request.service_tier),
            "verbosity": request.verbosity if newest else self._only_home("verbosity", request.verbosity),
            "prompt_cache_key": request.cache_key if newest else self._only_home("cache_key", request.cache_key),
        }
        return _said(told)

    def _only_home(self, name: str, value: Any) -> Any:
        if self._home or value is None:
            return value
        self._dropped.add(name)
        return None

    # Tools

    def _tools(self) -> Carried:
        request = self._request
        told: Carried = {}
        tools = [self._tool(tool) for tool in self._offered()]
        for tool in request.hosted:
            if self._home:
                tools.append(tool.raw)
            else:
                self._dropped.add(f"tools.{tool.kind}")
        if tools:
            told["tools"] = tools
        if tools or self._home:
            if request.tool_choice:
                told["tool_choice"] = self._choice(request.tool_choice)
            if request.parallel_tools is not None:
                told["parallel_tool_calls"] = request.parallel_tools
        return told

    def _offered(self) -> tuple[Tool, ...]:
        """The tools. Some of them only, if the choice is narrowed: elsewhere than at home nobody knows another way."""
        tools, choice = self._request.tools, self._request.tool_choice
        if self._home or choice is None or not choice.names or _is_one(choice):
            return tools
        wanted = frozenset(choice.names)
        return tuple(tool for tool in tools if tool.name in wanted)

    def _tool(self, tool: Tool) -> Carried:
        carried = self._messages.carried(tool.carried, "tools")
        described = {"description": tool.description} if tool.description is not None else {}
        if tool.takes_text and self._home:
            inner = carried.pop("custom", {})
            return {"type": "custom", "custom": {"name": tool.name, **described, **inner}, **carried}
        inner = carried.pop("function", {}) if self._home else {}
        schema = tool.schema or (free_text.SCHEMA if tool.takes_text else {})
        told: Carried = {"name": self._names.say(tool.name), **described}
        if schema or not self._home:
            cleaned, strict = self._schema(schema or {"type": "object", "properties": {}}, tool.strict, "tools")
            told["parameters"] = cleaned
        else:
            strict = tool.strict
        if strict is not None:
            told["strict"] = strict
        return {"type": "function", "function": told | inner, **carried}

    def _schema(self, schema: Carried, strict: bool | None, room: str) -> tuple[Carried, bool | None]:
        """A schema as the provider takes it, and whether it may be strict."""
        if strict and not self._home:
            closed = schemas.for_strict(schema)
            if closed is None or not self._quirks.strict_schemas:
                self._dropped.add(f"{room}.strict")
                strict = None
            schema = closed if closed is not None and strict else schema
        elif not self._quirks.strict_schemas:
            if strict:
                self._dropped.add(f"{room}.strict")
            strict = None
        if refused := self._quirks.schema_refused:
            if "$ref" in refused or "$defs" in refused:
                schema = schemas.inlined(schema)
            schema = schemas.without(schema, refused)
        return (schema if self._home else schemas.pruned(schema)), strict

    def _choice(self, wish: ToolChoice) -> Any:
        if _is_one(wish):
            return self._named(wish.names[0])
        if wish.names and self._home:
            allowed = {"mode": wish.choice.value, "tools": [self._named(name) for name in wish.names]}
            return {"type": "allowed_tools", "allowed_tools": allowed}
        return wish.choice.value

    def _named(self, name: str) -> Carried:
        kind = "custom" if name in self._free else "function"
        return {"type": kind, kind: {"name": self._names.say(name)}}

    # The answer

    def _format(self) -> Carried:
        match self._request.format:
            case None:
                return {}
            case Format(dict(schema), name, description, strict):
                cleaned, strict = self._schema(schema, strict, "format")
                told = _said({"name": name or "answer", "description": description, "schema": cleaned})
                told |= _said({"strict": strict})
                return {"response_format": {"type": "json_schema", "json_schema": told}}
            case _:
                return {"response_format": {"type": "json_object"}}

    def _thinking(self) -> Carried:
        wish = self._request.thinking
        if wish is None:
            return {}
        if self._home and wish.carried:
            return wish.carried
        told = _THINKING[self._quirks.thinking_field](wish)
        if not told and (efforts.is_off(wish) or wish.effort or wish.budget):
            self._dropped.add("thinking")
        elif wish.budget and "reasoning_effort" in told and not wish.effort:
            self._renamed.add("thinking")
        return told


def _is_one(choice: ToolChoice) -> bool:
    return choice.choice is Choice.REQUIRED and len(choice.names) == 1


def _as_effort(wish: Thinking) -> Carried:
    if wish.effort:
        return {"reasoning_effort": wish.effort}
    if wish.budget is None or efforts.is_off(wish):
        return {}
    return {"reasoning_effort": efforts.effort_of(wish.budget)}


def _as_reasoning(wish: Thinking) -> Carried:
    limit = {"max_tokens": wish.budget} if wish.budget is not None else _said({"effort": wish.effort})
    told = limit or _said({"enabled": wish.enabled})
    if wish.enabled is False:
        told = {"enabled": False}
    if wish.shown is False:
        told["exclude"] = True
    return {"reasoning": told} if told else {}


def _as_thinking(wish: Thinking) -> Carried:
    wanted = _wanted(wish)
    return {} if wanted is None else {"thinking": {"type": "enabled" if wanted else "disabled"}}


def _as_switch(wish: Thinking) -> Carried:
    wanted = _wanted(wish)
    budget = (wish.budget or efforts.BUDGETS.get(wish.effort or "")) if wanted else None
    return _said({"enable_thinking": wanted, "thinking_budget": budget})


def _wanted(wish: Thinking) -> bool | None:
    if wish.enabled is not None:
        return wish.enabled
    if wish.effort:
        return wish.effort != "none"
    return None if wish.budget is None else wish.budget > 0


_THINKING: Final = {
    "reasoning_effort": _as_effort,
    "reasoning": _as_reasoning,
    "thinking": _as_thinking,
    "enable_thinking": _as_switch,
}


def _said(fields: Carried) -> Carried:
    return {name: value for name, value in fields.items() if value is not None}
