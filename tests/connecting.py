"""What the page hands to a client, and a provider at the far end that answers whoever was connected by it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from tests.fakes import CALLS, FRAMES, WHOLE, WHOLE_CALLS, Behaviour, Called, FarEnd, Received, Wire, far_end, says

Call = tuple[str, Mapping[str, object]]  # a tool's name and the arguments of one call
PATHS: Final = {"/chat/completions": "openai_chat", "/responses": "openai_responses", "/messages": "anthropic"}


async def copied(dashboard: Any, client: str, block: int = 0) -> str:
    """What the page's Copy puts into the clipboard."""
    async with dashboard.client() as window:
        answer = await window.post("/connect/copy", data={"client": client, "block": str(block)})
    assert answer.status_code == 200
    text: str = answer.text
    return text


@asynccontextmanager
async def providing(
    dashboard: Any, *models: str, dialect: str = "openai_chat", id: str = "far", speaks: Behaviour | None = None
) -> AsyncIterator[FarEnd]:
    """A provider `id` of the owner's that lists `models`. It answers "Paris", or as `speaks` says."""
    async with far_end(lists(*models, speaks=speaks or says_paris)) as far:
        base = far.url + ("/v1" if dialect.startswith("openai") else "")
        await dashboard.api.gateway.providers.add(id, dialect, base, None)
        await dashboard.api.gateway.providers.freshen(10)
        yield far


def lists(*models: str, speaks: Behaviour) -> Behaviour:
    """List `models` in every dialect, and answer everything else as `speaks` does."""
    times = {"created": 1_700_000_000, "created_at": "2025-01-01T00:00:00Z"}
    rows = [{"id": model, "type": "model", "display_name": model, **times} for model in models]
    methods = ["generateContent", "countTokens"]
    google = [{"name": f"models/{model}", "supportedGenerationMethods": methods} for model in models]
    listed = json.dumps({"object": "list", "data": rows, "has_more": False}).encode()
    listed_by_google = json.dumps({"models": google}).encode()

    async def behave(received: Received, wire: Wire) -> None:
        if received.method == "GET":
            await wire.reply(200, listed_by_google if received.path.startswith("/v1beta") else listed)
        else:
            await speaks(received, wire)

    return behave


async def says_paris(received: Received, wire: Wire) -> None:
    """Answer in two words, in the dialect of the path."""
    await say(received, wire, "Par", "is")


def calls_tool(name: str, arguments: Mapping[str, object]) -> Behaviour:
    """Call the tool `name` when it is offered, then say what it answered; without it only "Nothing to do."."""
    return works_through((name, arguments))


def works_through(*calls: Call, at_once: bool = False) -> Behaviour:
    """Make the calls, each when the one before has its result, or all `at_once`; then say what the last answered.

    In the dialect of the path; whoever does not offer the tools hears "Nothing to do.".
    """
    made = [(f"call_{number}", name, json.dumps(arguments)) for number, (name, arguments) in enumerate(calls)]

    async def behave(received: Received, wire: Wire) -> None:
        asked = json.loads(received.body)
        results = tool_results(asked)
        if not offered(asked) >= {name for name, _ in calls}:
            await say(received, wire, "Nothing to do.")
        elif len(results) >= len(calls):
            await say(received, wire, f"Done: {results[-1]}")
        else:
            await call(received, wire, *made[len(results) : len(calls) if at_once else len(results) + 1])

    return behave


def offered(asked: Mapping[str, Any]) -> set[str]:
    """The names of the tools that a request of any dialect offers."""
    return {name for tool in asked.get("tools") or [] for name in _names(tool)}


def _names(tool: Mapping[str, Any]) -> Iterator[str]:
    for declared in tool.get("functionDeclarations", [tool]):
        if name := declared.get("name") or declared.get("function", {}).get("name"):
            yield name


def tool_results(asked: Mapping[str, Any]) -> list[str]:
    """What tools answered, as a request of any dialect has it."""
    return [text for message in _turns(asked) for text in _results(message)]


def _turns(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    turns: object = next((asked[name] for name in ("messages", "input", "contents") if name in asked), [])
    return turns if isinstance(turns, list) else []


def _results(message: Mapping[str, Any]) -> Iterator[str]:
    match message:
        case {"role": "tool", "content": content} | {"type": "function_call_output", "output": content}:
            yield _text(content)
        case {"content": list(parts)} | {"parts": list(parts)}:
            for part in parts:
                if part.get("type") == "tool_result":
                    yield _text(part.get("content", ""))
                elif "functionResponse" in part:
                    yield _text(part["functionResponse"]["response"])


def _text(content: Any) -> str:
    match content:
        case str():
            return content
        case {"output": str(text)} | {"error": str(text)}:
            return text
        case list():
            return "".join(part.get("text", "") for part in content)
        case _:
            return json.dumps(content)


def conversations(far: FarEnd) -> list[dict[str, Any]]:
    """The bodies that it was asked with, first to last."""
    return [json.loads(received.body) for received in far.received if received.method == "POST"]


def models_asked(far: FarEnd) -> set[str]:
    """The names of the models that it was asked for; Google's stand in the URL."""
    return {
        json.loads(received.body).get("model") or unquote(received.path.rpartition("/")[2]).rpartition(":")[0]
        for received in far.received
        if received.method == "POST"
    }


def dialects_asked(far: FarEnd) -> set[str]:
    """The dialects that it was asked in."""
    return {_dialect(received) for received in far.received if received.method == "POST"}


def _dialect(received: Received) -> str:
    path = received.path.partition("?")[0]
    return next((dialect for end, dialect in PATHS.items() if path.endswith(end)), "gemini")


def _streams(received: Received) -> bool:
    return "streamGenerateContent" in received.path or bool(json.loads(received.body).get("stream"))


async def say(received: Received, wire: Wire, *words: str) -> None:
    """Say `words`, in the dialect of the path, streamed if that is asked for."""
    dialect = _dialect(received)
    if _streams(received):
        await says(*FRAMES[dialect](words))(received, wire)
    else:
        await wire.reply(200, WHOLE[dialect].replace(b'"Hello"', json.dumps("".join(words)).encode()))


async def call(received: Received, wire: Wire, *calls: Called) -> None:
    """Call tools in the same way."""
    dialect = _dialect(received)
    if _streams(received):
        await says(*CALLS[dialect](*calls))(received, wire)
    else:
        await wire.reply(200, WHOLE_CALLS[dialect](*calls))


async def run(*words: str | Path, given: str = "", cwd: Path | None = None, **more: str) -> str:
    """What a program prints, with nothing of the owner's in its environment."""
    process = await asyncio.create_subprocess_exec(
        *map(str, words),
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere", **more},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, errors = await process.communicate(given.encode())
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, out.decode() + errors.decode()
    return out.decode()
