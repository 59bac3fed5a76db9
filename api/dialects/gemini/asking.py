"""A caller's request, from Google's JSON to the vocabulary.

The model and the wish for a stream come by the URL. Names may be spelt as in camelCase or in snake_case.
"""

from typing import Any

import msgspec

from api.conversation import (
    Carried,
    ChatRequest,
    Choice,
    Format,
    Message,
    Thinking,
    Tool,
    ToolChoice,
    Unread,
)
from api.dialects.decoding import decode, not_too_deep
from api.dialects.gemini.contents import read_contents, read_system
from api.dialects.gemini.fields import fields_of, listed, take
from api.dialects.gemini.schema import plain
from api.errors import InvalidRequest

NAME = "gemini"
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_CHOICES = {
    "AUTO": Choice.AUTO,
    "VALIDATED": Choice.AUTO,
    "ANY": Choice.REQUIRED,
    "NONE": Choice.NONE,
}
JSON = "application/json"


@not_too_deep()
def read_request(body: bytes, model: str = "", stream: bool = False) -> ChatRequest:
    """The caller's request; `InvalidRequest` names the field that is wrong."""
    return read_fields(fields_of(decode(_OBJECT, body), ""), model, stream)


def read_fields(asked: dict[str, Any], model: str, stream: bool = False) -> ChatRequest:
    """The request whose fields these are."""
    named = asked.pop("model", None)
    config = fields_of(asked.pop("generationConfig", {}), "generationConfig")
    tools, hosted = _tools(asked.pop("tools", []))
    choice, more_choice = _choice(asked.pop("toolConfig", {}))
    messages = _messages(asked)
    told = _config(config)
    service_tier = take(asked, "serviceTier", str)
    metadata = take(asked, "labels", dict)
    extra: Carried = {**asked}
    if config:
        extra["generationConfig"] = config
    if more_choice:
        extra["toolConfig"] = more_choice
    return ChatRequest(
        model or (named.removeprefix("models/") if isinstance(named, str) else ""),
        messages,
        tools,
        stream=stream,
        tool_choice=choice,
        metadata=metadata,
        service_tier=service_tier,
        hosted=hosted,
        dialect=NAME,
        extra=extra,
        **told,
    )


def _messages(asked: dict[str, Any]) -> tuple[Message, ...]:
    contents = read_contents(asked.pop("contents", None))
    return (*read_system(asked.pop("systemInstruction", None)), *contents)


def _tools(value: object) -> tuple[tuple[Tool, ...], tuple[Unread, ...]]:
    tools: list[Tool] = []
    hosted: list[Unread] = []
    for at, offered in enumerate(listed(value, "tools")):
        for kind, field in fields_of(offered, f"tools[{at}]").items():
            if kind == "functionDeclarations":
                where = f"tools[{at}].{kind}"
                tools += [_tool(declared, f"{where}[{place}]") for place, declared in enumerate(listed(field, where))]
            else:
                hosted.append(Unread(kind, {kind: field}))
    return tuple(tools), tuple(hosted)


def _tool(value: object, where: str) -> Tool:
    declared = fields_of(value, where)
    name = take(declared, "name", str, where)
    if not name:
        raise InvalidRequest(f"“{where}.name” must name the function.", f"{where}.name")
    description = take(declared, "description", str, where)
    schema, parameters = declared.pop("parametersJsonSchema", None), declared.pop("parameters", None)
    if schema is None:
        schema = plain(parameters or {})
    if not isinstance(schema, dict):
        raise InvalidRequest(f"“{where}.parameters” must be a schema.", f"{where}.parameters")
    return Tool(name, schema, description, carried=declared)


def _choice(value: object) -> tuple[ToolChoice | None, Carried]:
    """Whether a tool must be called, and the rest of the tools' configuration as it came."""
    where = "toolConfig.functionCallingConfig"
    config = fields_of(value, "toolConfig")
    calling = fields_of(config.pop("functionCallingConfig", {}), where)
    mode = (take(calling, "mode", str, where) or "").upper()
    names = take(calling, "allowedFunctionNames", list[str], where) or []
    if mode == "VALIDATED" and not names:
        calling["mode"] = mode
    rest = {**config, **({"functionCallingConfig": calling} if calling else {})}
    choice = _CHOICES.get(mode, Choice.AUTO if names else None)
    return (ToolChoice(choice, tuple(names)) if choice else None), rest


def _config(config: dict[str, Any]) -> dict[str, Any]:
    """What the generation's configuration says in the vocabulary; taken out of it."""
    where = "generationConfig"
    kinds: dict[str, tuple[str, Any]] = {
        "max_tokens": ("maxOutputTokens", int),
        "temperature": ("temperature", float),
        "top_p": ("topP", float),
        "seed": ("seed", int),
        "presence_penalty": ("presencePenalty", float),
        "frequency_penalty": ("frequencyPenalty", float),
        "n": ("candidateCount", int),
        "logprobs": ("responseLogprobs", bool),
        "top_logprobs": ("logprobs", int),
    }
    told = {name: take(config, field, kind, where) for name, (field, kind) in kinds.items()}
    top_k = take(config, "topK", float, where)
    stop = take(config, "stopSequences", list[str], where)
    return {
        **told,
        "top_k": None if top_k is None else int(top_k),
        "stop": tuple(stop or ()),
        "thinking": _thinking(config.pop("thinkingConfig", {})),
        "format": _format(config),
    }


def _thinking(value: object) -> Thinking | None:
    where = "generationConfig.thinkingConfig"
    config = fields_of(value, where)
    if not config:
        return None
    shown, level = take(config, "includeThoughts", bool, where), take(config, "thinkingLevel", str, where)
    budget = take(config, "thinkingBudget", int, where)
    effort = level.lower() if level and not level.endswith("_UNSPECIFIED") else None
    if budget is None or budget > 0:
        return Thinking(None, effort, budget, shown=shown, carried=config)
    return Thinking(budget != 0, effort, shown=shown, carried=config)  # 0 is off, -1 is as the model likes


def _format(config: dict[str, Any]) -> Format | None:
    """The wish for JSON. Other media types (text/x.enum) stay where they are, with their schema."""
    media_type = config.get("responseMimeType")
    schema, google = config.get("responseJsonSchema"), config.get("responseSchema")
    if media_type == "text/plain":
        del config["responseMimeType"]
    if media_type not in (None, JSON) or (media_type is None and schema is None and google is None):
        return None
    for name in ("responseMimeType", "responseJsonSchema", "responseSchema"):
        config.pop(name, None)
    told = schema if schema is not None else plain(google)
    return Format(told if isinstance(told, dict) else None)
