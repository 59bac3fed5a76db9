"""A request of the vocabulary in the words of OpenAI Responses, for a provider that speaks them."""

import hashlib
from typing import Any, Final

import msgspec

from api.conversation import ChatRequest, Choice, Format, Thinking, Tool
from api.dialects import schemas
from api.dialects.decoding import not_too_deep
from api.dialects.dialect import Written
from api.dialects.efforts import effort_of, is_off
from api.dialects.naming import Names
from api.dialects.openai_responses.naming import LONGEST_NAME, NAME, TOOL_NAME, Home, homes
from api.dialects.openai_responses.reading import LOGPROBS
from api.dialects.openai_responses.shapes import Item
from api.dialects.openai_responses.writing_items import Items
from api.dialects.quirks import NONE, Quirks
from api.dialects.silent import SILENT

ENCRYPTED: Final = "reasoning.encrypted_content"
SHORTEST: Final = 16  # tokens: OpenAI refuses a lower `max_output_tokens`
LONGEST_ID: Final = 64  # characters of `user` and `prompt_cache_key`
TIERS: Final = frozenset(("auto", "default", "flex", "scale", "priority", "fast", "ultrafast"))
# OpenAI refuses to encrypt the thoughts of a model that has none.
THOUGHTLESS: Final = ("gpt-3", "gpt-4", "chatgpt-", "computer-use")
# Both of OpenAI's dialects have these, under the same names.
SHARED: Final = frozenset(("safety_identifier", "prompt_cache_retention", "prompt_cache_options", "moderation"))
UNSAID: Final = ("top_k", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "stop")


AS_THEY_ARE: Final = Names(TOOL_NAME, LONGEST_NAME, keep=True)  # for who is told again what they asked


class _Notes:
    """What was lost or is said otherwise."""

    def __init__(self) -> None:
        self.dropped: set[str] = set()
        self.renamed: set[str] = set()


@not_too_deep()
def write_request(request: ChatRequest, quirks: Quirks, provider: str) -> Written:
    """`request` in this dialect, for the provider of that id."""
    notes, at_home = _Notes(), request.dialect == NAME
    names = Names(TOOL_NAME, LONGEST_NAME, keep=at_home)
    items = Items(request, quirks, provider, names, notes.dropped)
    instructions, said = items.write()
    body: Item = {"model": request.model, "input": said}
    wishes = {
        "instructions": instructions,
        "max_output_tokens": _limit(request, at_home, notes),
        "temperature": request.temperature,
        "top_p": request.top_p,
        "parallel_tool_calls": request.parallel_tools if request.tools or at_home else None,
        "text": _text(request, quirks),
        "reasoning": _reasoning(request.thinking, notes),
        "top_logprobs": request.top_logprobs,
        "metadata": _metadata(request, notes),
        "service_tier": _tier(request, at_home, notes),
        "user": _identity(request.user, "user", at_home, notes),
        "prompt_cache_key": _identity(request.cache_key, "cache_key", at_home, notes),
        "tools": write_tools(request, quirks, names, notes.dropped),
        "tool_choice": write_choice(request, names),
    }
    body |= {field: value for field, value in wishes.items() if value is not None}
    if request.stream:
        body["stream"] = True
    (_stay if at_home else _go_abroad)(request, body, notes)
    if names.given:
        notes.renamed.add("tools.name")
    return Written(msgspec.json.encode(body), tuple(sorted(notes.dropped)), tuple(sorted(notes.renamed)), names.given)


def _stay(request: ChatRequest, body: Item, notes: _Notes) -> None:
    """What only this dialect knows goes back as it came."""
    for field in ("presence_penalty", "frequency_penalty"):
        value = getattr(request, field)
        if value is not None:
            body[field] = value
    for field, value in request.extra.items():
        mixed = isinstance(value, dict) and isinstance(body.get(field), dict)
        body[field] = {**body[field], **value} if mixed else value
    if body.get("user") == request.extra.get("safety_identifier"):
        body.pop("user", None)


def _go_abroad(request: ChatRequest, body: Item, notes: _Notes) -> None:
    """What another dialect knows is lost, and named; thoughts are asked for by value, for nothing is stored there."""
    notes.dropped |= {field for field in UNSAID if getattr(request, field) not in (None, (), {})}
    if request.n and request.n > 1:
        notes.dropped.add("n")
    shared = SHARED if request.dialect == "openai_chat" else frozenset()
    body |= {field: value for field, value in request.extra.items() if field in shared}
    notes.dropped |= request.extra.keys() - SILENT - shared
    body["store"] = False
    thinks = not request.model.rpartition("/")[2].startswith(THOUGHTLESS) or "reasoning" in body
    include = [*([ENCRYPTED] if thinks else []), *([LOGPROBS] if request.logprobs else [])]
    if include:
        body["include"] = include


def _limit(request: ChatRequest, at_home: bool, notes: _Notes) -> int | None:
    if request.max_tokens is None or at_home or request.max_tokens >= SHORTEST:
        return request.max_tokens
    notes.renamed.add("max_tokens")
    return SHORTEST


def _text(request: ChatRequest, quirks: Quirks) -> Item | None:
    shape = write_format(request.format, quirks)
    text = {"format": shape} if shape else {}
    if request.verbosity:
        text |= {"verbosity": request.verbosity}  # type: ignore[dict-item]
    return text or None


def write_format(wished: Format | None, quirks: Quirks) -> Item | None:
    """The shape of the answer."""
    if wished is None:
        return None
    if wished.schema is None:
        return {"type": "json_object"}
    schema = schemas.without(wished.schema, quirks.schema_refused) if quirks.schema_refused else wished.schema
    shape: Item = {"type": "json_schema", "name": wished.name or "answer", "schema": schema}
    if wished.description:
        shape["description"] = wished.description
    if wished.strict is not None:
        shape["strict"] = wished.strict
    return shape


def _reasoning(thinking: Thinking | None, notes: _Notes) -> Item | None:
    if thinking is None:
        return None
    if is_off(thinking) and not thinking.effort:
        # There is no word for it that every model takes: "none" is refused by most, nothing at all is not "not".
        notes.dropped.add("thinking")
        return None
    effort = thinking.effort
    if not effort and thinking.budget:
        effort = effort_of(thinking.budget)
        notes.renamed.add("thinking")
    summary = thinking.summary or ("auto" if thinking.shown else None)
    reasoning = {"effort": effort, "summary": summary}
    return {field: value for field, value in reasoning.items() if value} or None


def _metadata(request: ChatRequest, notes: _Notes) -> Item | None:
    if request.metadata and not all(isinstance(value, str) for value in request.metadata.values()):
        notes.dropped.add("metadata")
        return None
    return request.metadata


def _tier(request: ChatRequest, at_home: bool, notes: _Notes) -> str | None:
    if request.service_tier is None or at_home or request.service_tier in TIERS:
        return request.service_tier
    notes.dropped.add("service_tier")
    return None


def _identity(text: str | None, field: str, at_home: bool, notes: _Notes) -> str | None:
    """A name that is too long for OpenAI is told by its fingerprint: the same one every time."""
    if not text or at_home or len(text) <= LONGEST_ID:
        return text
    notes.renamed.add(field)
    return hashlib.sha256(text.encode()).hexdigest()


# Tools


def write_tools(request: ChatRequest, quirks: Quirks, names: Names, dropped: set[str]) -> list[Item] | None:
    """The tools as they are offered; those of a namespace together again."""
    tools: list[Item] = []
    spaces: dict[str, Item] = {}
    for tool in request.tools:
        item = _tool(tool, request.dialect == NAME, quirks, names, dropped)
        if request.dialect != NAME or "namespace" not in tool.carried:
            tools.append(item)
            continue
        name = tool.carried["namespace"]
        if name not in spaces:
            about = tool.carried.get("about") or ""
            spaces[name] = {"type": "namespace", "name": name, "description": about, "tools": []}
            tools.append(spaces[name])
        spaces[name]["tools"].append(item)
    if request.dialect == NAME:
        tools += [unread.raw for unread in request.hosted]
    else:
        dropped |= {f"tools.{unread.kind}" for unread in request.hosted}
    return tools or None


def _tool(tool: Tool, at_home: bool, quirks: Quirks, names: Names, dropped: set[str]) -> Item:
    carried = {field: value for field, value in tool.carried.items() if field not in ("namespace", "about", "name")}
    name = tool.carried.get("name", tool.name) if at_home else names.say(tool.name)
    item: Item = {"type": "custom" if tool.takes_text else "function", "name": name}
    if tool.description:
        item["description"] = tool.description
    if not tool.takes_text:
        schema, strict = tool.schema, tool.strict
        if not at_home:
            # Left out, it would mean yes, and most schemas do not meet what strict demands.
            schema, strict = _strictly(schema, bool(strict), quirks, "tools", dropped)
        if quirks.schema_refused:
            schema = schemas.without(schema, quirks.schema_refused)
        item["parameters"] = schema or {"type": "object", "properties": {}}
        item |= {} if strict is None or not quirks.strict_schemas else {"strict": strict}
    if at_home:
        return item | carried
    dropped |= {"tools.cache_control"} if "cache_control" in carried else set()
    return item


def _strictly(
    schema: schemas.Schema, strict: bool, quirks: Quirks, room: str, dropped: set[str]
) -> tuple[schemas.Schema, bool]:
    """A schema from abroad, and whether it can be kept to exactly: OpenAI then demands every property and no other."""
    if not strict:
        return schemas.pruned(schema), False
    closed = schemas.for_strict(schema) if quirks.strict_schemas else None
    if closed is None:
        dropped.add(f"{room}.strict")
    return (schemas.pruned(schema), False) if closed is None else (closed, True)


def write_choice(request: ChatRequest, names: Names) -> str | Item | None:
    """Whether a tool must be called."""
    choice = request.tool_choice
    if choice is None or not choice.names or choice.choice is Choice.NONE:
        return choice.choice.value if choice else None
    known = homes(request)
    named = [_named(name, known.get(name), names) for name in choice.names]
    if choice.choice is Choice.REQUIRED and len(named) == 1:
        return named[0]
    return {"type": "allowed_tools", "mode": choice.choice.value, "tools": named}


def _named(name: str, home: Home | None, names: Names) -> Item:
    if home is None:
        return {"type": "function", "name": names.say(name)}
    item: Item = {"type": "custom" if home.takes_text else "function", "name": names.say(home.name)}
    return item | ({"namespace": home.namespace} if home.namespace else {})


def echoed_tools(request: ChatRequest) -> list[Item]:
    """The tools as a response repeats them: with every field that its readers count on."""
    items = write_tools(request, NONE, AS_THEY_ARE, set()) or []
    blank: dict[str, Any] = {"description": None, "parameters": None, "strict": None}
    return [blank | item if item.get("type") == "function" else item for item in items]
