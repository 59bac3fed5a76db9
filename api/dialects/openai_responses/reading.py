"""A caller's request into the vocabulary."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from api.conversation import (
    ChatRequest,
    Choice,
    Format,
    Message,
    Role,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    Unread,
)
from api.dialects import free_text
from api.dialects.decoding import decode, not_too_deep
from api.dialects.openai_responses.naming import NAME, joined
from api.dialects.openai_responses.reading_items import read_items
from api.dialects.openai_responses.shapes import Item, ResponsesRequest
from api.errors import InvalidRequest

LOGPROBS: Final = "message.output_text.logprobs"
# Fields that have a place of their own in the vocabulary; the rest is `extra`.
UNDERSTOOD: Final = frozenset(
    {
        *(
            "model",
            "input",
            "instructions",
            "stream",
            "max_output_tokens",
        ),
        *(
            "temperature",
            "top_p",
            "presence_penalty",
            "frequency_penalty",
            "tools",
        ),
        *(
            "tool_choice",
            "parallel_tool_calls",
            "text",
            "reasoning",
            "top_logprobs",
        ),
        *(
            "metadata",
            "service_tier",
            "user",
            "prompt_cache_key",
            "background",
        ),
        *(
            "conversation",
            "prompt",
        ),
    }
)
_REQUEST: Final = msgspec.json.Decoder(ResponsesRequest)
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])
_ANY: Final = msgspec.json.Decoder()


@not_too_deep()
def read_request(body: bytes, model: str = "", stream: bool = False) -> ChatRequest:
    """The caller's request; `InvalidRequest` names the field that is wrong."""
    asked = decode(_REQUEST, body)
    _require_possible(asked)
    extra = _leftover(body)
    tools, hosted = _tools(asked.tools or [])
    choice = _choice(asked.tool_choice, extra)
    answer_format, verbosity = _text(asked.text or {}, extra)
    return ChatRequest(
        asked.model,
        _messages(asked),
        tools,
        asked.max_output_tokens,
        bool(asked.stream),
        tool_choice=choice,
        parallel_tools=asked.parallel_tool_calls,
        format=answer_format,
        thinking=_thinking(asked.reasoning or {}, extra),
        temperature=asked.temperature,
        top_p=asked.top_p,
        presence_penalty=asked.presence_penalty,
        frequency_penalty=asked.frequency_penalty,
        logprobs=True if LOGPROBS in (asked.include or ()) else None,
        top_logprobs=asked.top_logprobs,
        user=asked.user or extra.get("safety_identifier"),
        metadata=asked.metadata,
        service_tier=asked.service_tier,
        verbosity=verbosity,
        cache_key=asked.prompt_cache_key,
        hosted=hosted,
        dialect=NAME,
        extra=extra,
    )


def _require_possible(asked: ResponsesRequest) -> None:
    if asked.background:
        raise InvalidRequest(
            "A response in the background is not possible here. Leave out “background”, or set it to false.",
            "background",
        )
    if asked.conversation is not None:
        raise InvalidRequest(
            "A conversation kept by the provider is not possible with this model. Send the whole conversation in "
            "“input”, or name the last response in “previous_response_id”.",
            "conversation",
        )
    if asked.prompt is not None:
        raise InvalidRequest(
            "A prompt kept by the provider is not possible with this model. Send its text in “instructions”.", "prompt"
        )
    if not asked.input and asked.previous_response_id is None:
        raise InvalidRequest("“input” is empty. Send a text or at least one item.", "input")


def _leftover(body: bytes) -> dict[str, Any]:
    fields = _FIELDS.decode(body).items()
    values = ((name, _ANY.decode(raw)) for name, raw in fields if name not in UNDERSTOOD)
    return {name: value for name, value in values if value is not None}


def _messages(asked: ResponsesRequest) -> tuple[Message, ...]:
    told = (Text(asked.instructions),) if asked.instructions else ()
    first = (Message(Role.SYSTEM, told, carried={"instructions": True}),) if told else ()
    if isinstance(asked.input, str):
        return (*first, Message(Role.USER, (Text(asked.input),)))
    return (*first, *read_items(asked.input or []))


def _tools(items: list[Item]) -> tuple[tuple[Tool, ...], tuple[Unread, ...]]:
    """The tools the caller runs, those in namespaces among them, and those the provider runs."""
    tools: list[Tool] = []
    hosted: list[Unread] = []
    for place, item in enumerate(items):
        if item.get("type") == "namespace" and isinstance(item.get("tools"), list):
            inside = {"namespace": _name(item, f"tools[{place}]"), "about": item.get("description")}
            for nested in item["tools"]:
                _sort(nested, inside, f"tools[{place}].tools", tools, hosted)
        else:
            _sort(item, {}, f"tools[{place}]", tools, hosted)
    return tuple(tools), tuple(hosted)


def _sort(item: Any, inside: Item, path: str, tools: list[Tool], hosted: list[Unread]) -> None:
    if not isinstance(item, dict):
        raise InvalidRequest(f"A tool must be an object, in the field “{path}”.", path)
    match item.get("type"):
        case "function":
            tools.append(_function(item, inside, path))
        case "custom":
            tools.append(_custom(item, inside, path))
        case kind:
            hosted.append(Unread(str(kind or "unknown"), item))


def _function(item: Item, inside: Item, path: str) -> Tool:
    # Chat Completions' nested shape comes here too, from programs that speak both.
    flat = {**item, **item["function"]} if isinstance(item.get("function"), dict) else item
    name, schema = _name(flat, path), flat.get("parameters")
    if schema is not None and not isinstance(schema, dict):
        raise InvalidRequest(
            f"A JSON Schema must be an object, in the field “{path}.parameters”.", f"{path}.parameters"
        )
    known = ("type", "name", "description", "parameters", "strict", "function")
    strict = flat.get("strict")
    return Tool(
        joined(name, inside.get("namespace")),
        schema or {},
        _described(flat),
        strict if isinstance(strict, bool) else None,
        carried=_carried(flat, known, inside, name),
    )


def _custom(item: Item, inside: Item, path: str) -> Tool:
    name, description = _name(item, path), _described(item) or ""
    grammar = item.get("format")
    carried = _carried(item, ("type", "name", "description"), inside, name)
    if isinstance(grammar, dict) and isinstance(grammar.get("definition"), str):
        # A grammar binds only OpenAI's own models; others can at least read it.
        carried["description"] = description
        rule = f"The input must follow this {grammar.get('syntax', '')} grammar:\n{grammar['definition']}"
        description = f"{description}\n\n{rule}".strip()
    return Tool(
        joined(name, inside.get("namespace")), free_text.SCHEMA, description or None, takes_text=True, carried=carried
    )


def _name(item: Item, path: str) -> str:
    name = item.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidRequest(f"A tool needs a name, in the field “{path}.name”.", f"{path}.name")
    return name


def _described(item: Item) -> str | None:
    description = item.get("description")
    return description if isinstance(description, str) and description else None


def _carried(item: Item, known: tuple[str, ...], inside: Item, name: str) -> Item:
    rest = {field: value for field, value in item.items() if field not in known and value is not None}
    return {**rest, **inside, "name": name} if inside else rest


def _choice(asked: str | Item | None, extra: Item) -> ToolChoice | None:
    match asked:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(Choice(asked))
        case {"type": "function" | "custom", "name": str(name), **rest}:
            return ToolChoice(Choice.REQUIRED, (joined(name, _namespace(rest)),))
        case {"type": "function", "function": {"name": str(name)}}:
            return ToolChoice(Choice.REQUIRED, (name,))
        case {"type": "allowed_tools", "tools": list(tools), **rest} if all(map(_is_ours, tools)):
            mode = Choice.REQUIRED if rest.get("mode") == "required" else Choice.AUTO
            return ToolChoice(mode, tuple(joined(tool["name"], _namespace(tool)) for tool in tools))
        case _:
            extra["tool_choice"] = asked
            return None


def _namespace(item: Mapping[Any, Any]) -> str | None:
    namespace = item.get("namespace")
    return namespace if isinstance(namespace, str) else None


def _is_ours(tool: Any) -> bool:
    return isinstance(tool, dict) and tool.get("type") in ("function", "custom") and isinstance(tool.get("name"), str)


def _text(asked: Item, extra: Item) -> tuple[Format | None, str | None]:
    """The wished format and verbosity. A format nobody else has is kept as it came."""
    verbosity = asked.get("verbosity") if isinstance(asked.get("verbosity"), str) else None
    match asked.get("format"):
        case None | {"type": "text"}:
            return None, verbosity
        case {"type": "json_object"}:
            return Format(), verbosity
        case {"type": "json_schema", "schema": dict(schema)} as wish:
            strict = wish.get("strict")
            wished = strict if isinstance(strict, bool) else None
            return Format(schema, wish.get("name"), wish.get("description"), wished), verbosity
        case {"type": "json_schema"}:
            raise InvalidRequest("A JSON Schema must be an object, in the field “text.format.schema”.", "text.format")
        case other:
            extra["text"] = {"format": other}
            return None, verbosity


def _thinking(asked: Item, extra: Item) -> Thinking | None:
    known = ("effort", "summary", "generate_summary")
    rest = {field: value for field, value in asked.items() if field not in known and value is not None}
    if rest:
        extra["reasoning"] = rest
    effort, summary = asked.get("effort"), asked.get("summary") or asked.get("generate_summary")
    for field, value in (("effort", effort), ("summary", summary)):
        if value is not None and not isinstance(value, str):
            raise InvalidRequest(f"Expected “str”, in the field “reasoning.{field}”.", f"reasoning.{field}")
    return Thinking(effort=effort, summary=summary) if effort or summary else None
