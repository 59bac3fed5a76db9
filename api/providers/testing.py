"""The test models `morello:*`: always there, in the process, the same answer every time.

With them a person tries a client for nothing, and so do our own tests.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from functools import reduce
from itertools import takewhile
from operator import getitem
from typing import Any, Final

import msgspec

from api.conversation import (
    ChatRequest,
    Ended,
    Event,
    Finish,
    Finished,
    PartEnded,
    PartGrew,
    PartStarted,
    Role,
    Started,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
    said,
)
from api.errors import InvalidRequest, StreamBroken, UnknownModel, UpstreamRefused
from api.providers.provider import Model

SLOW_SECONDS: Final = 0.2  # between two words of morello:slow
LETTERS_PER_TOKEN: Final = 4  # the usual rule of thumb for English; these models have no tokenizer
MOST: Final = 1000  # letters or items that a smallest value has at most, whatever its schema wants
_NAMED: Final = re.compile(r"(?<![\w.:-])([\w.:-]++)\s*+(?=\{)")  # possessive: a long text is read once
MODELS: Final = (
    Model("echo", name="Echo: answers with your last message"),
    Model("tools", name="Tools: calls the tool your last message names"),
    Model("slow", name="Slow: one word of your message every 200 ms"),
    Model("error", name="Error: fails as your message says"),
)


async def answer(model: str, request: ChatRequest) -> AsyncIterator[Event]:
    """What the test model says, as events. Errors come before the first event, but for `cut`."""
    match model:
        case "echo":
            words = _words(last_words(request))
            events = _text(request, words)
        case "slow":
            words = _words(last_words(request))
            events = _text(request, words, SLOW_SECONDS)
        case "tools":
            events = _use_tools(request)
        case "error":
            events = _fail(request)
        case _:
            names = ", ".join(f"morello:{known.id}" for known in MODELS)
            raise UnknownModel(f"There is no model “morello:{model}”. The test models are {names}.")
    async for event in events:
        yield event


def count(request: ChatRequest) -> int:
    """The tokens of a request, estimated: these models read letters."""
    letters = sum(len(said(message)) for message in request.messages)
    return max(1, letters // LETTERS_PER_TOKEN)


def last_words(request: ChatRequest) -> str:
    """The text of the last message the user wrote, tool results left out."""
    for message in reversed(request.messages):
        texts = [part.text for part in message.parts if isinstance(part, Text)]
        if message.role is Role.USER and texts:
            return "".join(texts)
    return ""


async def _text(request: ChatRequest, words: list[str], pause: float = 0.0) -> AsyncIterator[Event]:
    came, limit = count(request), request.max_tokens
    cut = limit is not None and len(words) > limit
    words = words[:limit] if cut else words
    yield Started(came)
    yield PartStarted(0, Text(""))
    for number, word in enumerate(words):
        if pause and number:
            await asyncio.sleep(pause)
        yield PartGrew(0, word)
    yield PartEnded(0)
    yield Finished(Finish.LENGTH if cut else Finish.STOP)
    yield Ended(Usage(came, len(words)))


def _words(text: str) -> list[str]:
    """The text in pieces that join to it again: each word with the space before it."""
    return re.findall(r"\s*\S+|\s+$", text)


def _use_tools(request: ChatRequest) -> AsyncIterator[Event]:
    if results := _results(request):
        return _text(request, _words("\n".join(results)))
    if not request.tools:
        raise InvalidRequest("morello:tools calls a tool, and this request offers none. Offer one in “tools”.", "tools")
    return _call(request, *_chosen(request))


def _results(request: ChatRequest) -> list[str]:
    """What tools answered since the assistant last spoke: in one message or several, reminders between them."""
    turn = takewhile(lambda message: message.role is not Role.ASSISTANT, reversed(request.messages))
    parts = (part for message in reversed(list(turn)) for part in message.parts)
    return [part.text for part in parts if isinstance(part, ToolResult)]


def _chosen(request: ChatRequest) -> tuple[str, str]:
    """The tool that the user's last message names with its arguments, else the first with the smallest ones."""
    text, names = last_words(request), {tool.name for tool in request.tools}
    for found in _NAMED.finditer(text):
        if found[1] in names and (arguments := _object_at(text, found.end())):
            return found[1], arguments
    named = (tool for tool in request.tools if re.search(rf"\b{re.escape(tool.name)}\b", text))
    tool = next(named, request.tools[0])
    return tool.name, _smallest_arguments(tool)


def _object_at(text: str, start: int) -> str | None:
    """The JSON object that begins at `start`; None if it is none."""
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
        found = msgspec.json.decode(text[start:end])  # which knows no NaN and no half of a surrogate pair
    except (ValueError, RecursionError):
        return None
    return json.dumps(found, ensure_ascii=False)


def _smallest_arguments(tool: Tool) -> str:
    try:
        arguments = smallest({"type": "object", **tool.schema})
    except (AttributeError, LookupError, TypeError, RecursionError) as error:
        raise InvalidRequest(
            f"The schema of the tool “{tool.name[:64]}” cannot be understood. Look at its JSON Schema.", "tools"
        ) from error
    return json.dumps(arguments if isinstance(arguments, dict) else {}, ensure_ascii=False)


def smallest(schema: Any, root: Any = None) -> Any:
    """The smallest value that a JSON Schema allows, for the schemas that tools have. `root` is what `$ref` means."""
    root = schema if root is None else root
    match schema:
        case {"$ref": str(place)}:
            return smallest(reduce(getitem, place.strip("#/").split("/"), root), root)
        case {"const": value}:
            return value
        case {"enum": [first, *_]}:
            return first
        case {"allOf": [_, *_] as choices, **rest}:
            return smallest(reduce(_with, choices, rest), root)
        case {"anyOf": [first, *_], **rest} | {"oneOf": [first, *_], **rest}:
            return smallest(_with(rest, first), root)
        case {"type": [kind, *_]} | {"type": str(kind)}:
            return _smallest_of(kind, schema, root)
        case {"properties": _} | {"required": _}:
            return _smallest_of("object", schema, root)
        case _:
            return _smallest_of("string", schema if isinstance(schema, dict) else {}, root)


def _with(schema: Any, other: Any) -> Any:
    """A schema with what another adds to it."""
    fields = {**schema.get("properties", {}), **other.get("properties", {})}
    required = [*schema.get("required", ()), *other.get("required", ())]
    return {**schema, **other} | ({"properties": fields, "required": required} if fields or required else {})


def _smallest_of(kind: str, schema: dict[str, Any], root: Any) -> Any:
    match kind:
        case "object":
            fields = schema.get("properties", {})
            return {name: smallest(fields.get(name, {}), root) for name in schema.get("required", ())}
        case "array":
            return [smallest(schema.get("items", {}), root)] * min(schema.get("minItems", 0), MOST)
        case "integer" | "number":
            least = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
            return min(least, schema.get("maximum", least))
        case "boolean":
            return False
        case "null":
            return None
        case _:
            return "x" * min(schema.get("minLength", 0), MOST)


async def _call(request: ChatRequest, name: str, arguments: str) -> AsyncIterator[Event]:
    came = count(request)
    yield Started(came)
    yield PartStarted(0, ToolCall(f"call_{len(request.messages)}", name, ""))
    yield PartGrew(0, arguments)
    yield PartEnded(0)
    yield Finished(Finish.TOOL_CALLS)
    yield Ended(Usage(came, max(1, len(arguments) // LETTERS_PER_TOKEN)))


async def _fail(request: ChatRequest) -> AsyncIterator[Event]:
    match last_words(request).split():
        case ["cut", *_]:
            yield Started(count(request))
            yield PartStarted(0, Text(""))
            yield PartGrew(0, "This answer is cut")
            raise StreamBroken("morello:error cut this answer, as it was asked to.")
        case ["hang", *_]:
            await asyncio.Event().wait()
        case [status, *rest] if re.fullmatch("[45][0-9][0-9]", status):
            told = re.fullmatch("retry-after ([0-9]{1,6})", " ".join(rest[:2]))
            raise UpstreamRefused(
                f"morello:error answers {status}, as it was asked to.",
                int(status),
                "test_error",
                retry_after=told[1] if told else None,
            )
        case _:
            raise InvalidRequest(
                "morello:error fails as the last message says: “429 retry-after 7”, “500”, “cut” or “hang”.",
                "messages",
            )
