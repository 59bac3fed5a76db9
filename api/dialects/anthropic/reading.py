"""A caller's request, read into the vocabulary.

The body is decoded twice: once into the documented shapes, which name a wrong field, and once as it came, so that
what the shapes do not name is kept.
"""

from typing import Any, Final, TypeVar

import msgspec

from api.conversation import (
    ChatRequest,
    Choice,
    Format,
    Message,
    Part,
    Role,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    Unread,
)
from api.dialects.anthropic.parts import Json, parts, without
from api.dialects.anthropic.shapes import CountTokensRequest, MessagesRequest
from api.dialects.anthropic.words import NAME
from api.dialects.decoding import decode, not_too_deep
from api.errors import InvalidRequest

Shape = TypeVar("Shape", bound=CountTokensRequest)

_REQUEST: Final = msgspec.json.Decoder(MessagesRequest)
_COUNT: Final = msgspec.json.Decoder(CountTokensRequest)
_WHOLE: Final = msgspec.json.Decoder(Json)
_READ: Final = frozenset(MessagesRequest.__struct_fields__)
_SHOWN: Final = {"summarized": True, "omitted": False}
_CHOICES: Final = {"auto": Choice.AUTO, "any": Choice.REQUIRED, "tool": Choice.REQUIRED, "none": Choice.NONE}


@not_too_deep()
def read_request(body: bytes, model: str = "", stream: bool = False) -> ChatRequest:
    """The caller's request; `InvalidRequest` names the field that is wrong."""
    asked = decode(_REQUEST, body)
    request = _request(asked, decode(_WHOLE, body))
    metadata = dict(asked.metadata or {})
    user = metadata.get("user_id")
    if isinstance(user, str):
        del metadata["user_id"]
    return msgspec.structs.replace(
        request,
        max_tokens=None if asked.max_tokens is msgspec.UNSET else asked.max_tokens,
        stream=bool(asked.stream),
        temperature=asked.temperature,
        top_p=asked.top_p,
        top_k=asked.top_k,
        stop=tuple(asked.stop_sequences or ()),
        user=user if isinstance(user, str) else None,
        metadata=metadata or None,
        service_tier=asked.service_tier,
    )


@not_too_deep()
def read_count(body: bytes) -> ChatRequest:
    """What count_tokens is asked to count."""
    return _request(decode(_COUNT, body), decode(_WHOLE, body))


def _request(asked: CountTokensRequest, whole: Json) -> ChatRequest:
    tools, hosted = _tools(whole.get("tools") or [])
    extra = {name: value for name, value in whole.items() if name not in _READ and value is not None}
    choice, parallel = _choice(asked, extra, whole)
    thinking = _thinking(asked, extra, whole)
    return ChatRequest(
        asked.model,
        _messages(whole),
        tools,
        tool_choice=choice,
        parallel_tools=parallel,
        thinking=thinking,
        format=_format(extra, whole),
        hosted=hosted,
        dialect=NAME,
        extra=extra,
    )


def _messages(whole: Json) -> tuple[Message, ...]:
    system = (Message(Role.SYSTEM, _content(whole["system"])),) if whole.get("system") else ()
    return system + tuple(
        Message(Role(said["role"]), _content(said["content"]), carried=without(said, "role", "content"))
        for said in whole["messages"]
    )


def _content(content: str | list[Json]) -> tuple[Part, ...]:
    return (Text(content),) if isinstance(content, str) else parts(content)


def _tools(said: list[Json]) -> tuple[tuple[Tool, ...], tuple[Unread, ...]]:
    mine = [tool for tool in said if (tool.get("type") or "custom") == "custom"]
    hosted = [tool for tool in said if (tool.get("type") or "custom") != "custom"]
    return tuple(map(_tool, mine)), tuple(Unread(tool["type"], tool) for tool in hosted)


def _tool(tool: Json) -> Tool:
    if not tool.get("name"):
        raise InvalidRequest("A tool in the field “tools” has no name. Give it one.", "tools[].name")
    return Tool(
        tool["name"],
        tool.get("input_schema") or {},
        tool.get("description"),
        tool.get("strict"),
        carried=without(tool, "type", "name", "input_schema", "description", "strict"),
    )


def _choice(asked: CountTokensRequest, extra: Json, whole: Json) -> tuple[ToolChoice | None, bool | None]:
    """Which tool is to be called, and whether several may be. Modes of later years are kept in `extra`."""
    said = asked.tool_choice
    if said is None:
        return None, None
    parallel = None if said.disable_parallel_tool_use is None else not said.disable_parallel_tool_use
    if said.type not in _CHOICES:
        extra["tool_choice"] = whole["tool_choice"]
        return None, parallel
    names = (said.name,) if said.type == "tool" and said.name else ()
    return ToolChoice(_CHOICES[said.type], names), parallel


def _thinking(asked: CountTokensRequest, extra: Json, whole: Json) -> Thinking | None:
    said, effort = asked.thinking, asked.output_config.effort if asked.output_config else None
    if said is None:
        return Thinking(effort=effort) if effort else None
    if said.type not in ("enabled", "disabled", "adaptive"):
        extra["thinking"] = whole["thinking"]
    shown = _SHOWN.get(said.display or "")
    return Thinking(said.type != "disabled", effort, said.budget_tokens, shown=shown)


def _format(extra: Json, whole: Json) -> Format | None:
    """The shape of the answer; what else `output_config` says stays in `extra`."""
    config = without(whole.get("output_config") or {}, "effort", "format")
    said: Any = (whole.get("output_config") or {}).get("format") or extra.pop("output_format", None)
    form = None
    if isinstance(said, dict) and said.get("type") == "json_schema" and isinstance(said.get("schema"), dict):
        form = Format(said["schema"])
    elif said is not None:
        config["format"] = said
    if config:
        extra["output_config"] = config
    return form
