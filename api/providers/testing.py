"""The test models `morello:*`: always there, in the process, the same answer every time.

With them a person tries a client for nothing, and so do our own tests.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any, Final

from api.conversation import (
    ChatRequest,
    Event,
    Finish,
    Finished,
    PartEnded,
    PartGrew,
    PartStarted,
    Role,
    Started,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    said,
)
from api.errors import InvalidRequest, StreamBroken, UnknownModel, UpstreamRefused
from api.providers.provider import Model

SLOW_SECONDS: Final = 0.2  # between two words of morello:slow
LETTERS_PER_TOKEN: Final = 4  # the usual rule of thumb for English; these models have no tokenizer
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
    yield Finished(Finish.LENGTH if cut else Finish.STOP, Usage(came, len(words)))


def _words(text: str) -> list[str]:
    """The text in pieces that join to it again: each word with the space before it."""
    return re.findall(r"\s*\S+|\s+$", text)


def _use_tools(request: ChatRequest) -> AsyncIterator[Event]:
    last = request.messages[-1]
    results = [part.text for part in last.parts if isinstance(part, ToolResult)]
    if results:
        return _text(request, _words("\n".join(results)))
    if not request.tools:
        raise InvalidRequest("morello:tools calls a tool, and this request offers none. Offer one in “tools”.", "tools")
    return _call(request, *_chosen(request))


def _chosen(request: ChatRequest) -> tuple[str, str]:
    """The tool that the user's last message names with its arguments, else the first with the smallest ones."""
    names = {tool.name for tool in request.tools}
    for name, start in _named(last_words(request), names):
        try:
            arguments, _ = json.JSONDecoder().raw_decode(last_words(request), start)
        except ValueError:
            continue
        if isinstance(arguments, dict):
            return name, json.dumps(arguments, ensure_ascii=False)
    first = next(
        (tool for tool in request.tools if re.search(rf"\b{re.escape(tool.name)}\b", last_words(request))),
        None,
    )
    tool = first or request.tools[0]
    return tool.name, json.dumps(smallest(tool.schema), ensure_ascii=False)


def _named(text: str, names: set[str]) -> list[tuple[str, int]]:
    """Each place where a tool's name is followed by a JSON object: the name and where the object begins."""
    found = re.finditer(r"([\w.:-]+)\s*(?=\{)", text)
    return [(match[1], match.end()) for match in found if match[1] in names]


def smallest(schema: dict[str, Any]) -> Any:
    """The smallest value that a JSON Schema allows, for the schemas that tools have."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf"):
        if schema.get(choice):
            return smallest(schema[choice][0])
    kind = schema.get("type", "object" if "properties" in schema else "string")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            fields = schema.get("properties", {})
            return {name: smallest(fields.get(name, {})) for name in schema.get("required", ())}
        case "array":
            return [smallest(schema.get("items", {}))] * schema.get("minItems", 0)
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case "null":
            return None
        case _:
            return "x" * schema.get("minLength", 0)


async def _call(request: ChatRequest, name: str, arguments: str) -> AsyncIterator[Event]:
    came = count(request)
    yield Started(came)
    yield PartStarted(0, ToolCall(f"call_{len(request.messages)}", name, ""))
    yield PartGrew(0, arguments)
    yield PartEnded(0)
    yield Finished(Finish.TOOL_CALLS, Usage(came, max(1, len(arguments) // LETTERS_PER_TOKEN)))


async def _fail(request: ChatRequest) -> AsyncIterator[Event]:
    match last_words(request).split():
        case ["cut", *_]:
            yield Started(count(request))
            yield PartStarted(0, Text(""))
            yield PartGrew(0, "This answer is cut")
            raise StreamBroken("morello:error cut this answer, as it was asked to.")
        case ["hang", *_]:
            await asyncio.Event().wait()
        case [status, *rest] if status.isascii() and status.isdigit() and 400 <= int(status) <= 599:
            wait = rest[1] if len(rest) > 1 and rest[0] == "retry-after" else None
            raise UpstreamRefused(
                f"morello:error answers {status}, as it was asked to.",
                int(status),
                "test_error",
                retry_after=wait,
            )
        case _:
            raise InvalidRequest(
                "morello:error fails as the last message says: “429 retry-after 7”, “500”, “cut” or “hang”.",
                "messages",
            )
