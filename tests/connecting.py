"""What the page hands to a client, and a provider at the far end that answers whoever was connected by it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.fakes import Behaviour, FarEnd, Received, Wire, chat_frames, far_end, message_frames, says


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
        base = far.url + ("/v1" if dialect == "openai_chat" else "")
        await dashboard.api.gateway.providers.add(id, dialect, base, None)
        await dashboard.api.gateway.providers.freshen(10)
        yield far


def lists(*models: str, speaks: Behaviour) -> Behaviour:
    """List `models` in both dialects, and answer everything else as `speaks` does."""
    times = {"created": 1_700_000_000, "created_at": "2025-01-01T00:00:00Z"}
    rows = [{"id": model, "type": "model", "display_name": model, **times} for model in models]
    listed = json.dumps({"object": "list", "data": rows, "has_more": False}).encode()

    async def behave(received: Received, wire: Wire) -> None:
        if received.method == "GET":
            await wire.reply(200, listed)
        else:
            await speaks(received, wire)

    return behave


async def says_paris(received: Received, wire: Wire) -> None:
    """Answer in two words, in the dialect of the path."""
    await says(*_frames(received, "Par", "is"))(received, wire)


def calls_tool(name: str, arguments: Mapping[str, object]) -> Behaviour:
    """Call the tool `name` when it is offered, then say what it answered; without it only "Nothing to do."."""

    async def behave(received: Received, wire: Wire) -> None:
        asked = json.loads(received.body)
        offered = [tool.get("name") or tool["function"]["name"] for tool in asked.get("tools", [])]
        results = tool_results(asked)
        if results or name not in offered:
            frames = _frames(received, f"Done: {results[-1]}" if results else "Nothing to do.")
        else:
            frames = _tool_frames(received, name, json.dumps(arguments))
        await says(*frames)(received, wire)

    return behave


def tool_results(asked: Mapping[str, Any]) -> list[str]:
    """What tools answered, as a request of either dialect has it."""
    found = []
    for message in asked["messages"]:
        parts = message["content"] if isinstance(message["content"], list) else []
        if message["role"] == "tool":
            found.append(_text(message["content"]))
        found += [_text(part.get("content", "")) for part in parts if part.get("type") == "tool_result"]
    return found


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def conversations(far: FarEnd) -> list[dict[str, Any]]:
    """The bodies that it was asked with, first to last."""
    return [json.loads(received.body) for received in far.received if received.method == "POST"]


def _frames(received: Received, *words: str) -> list[bytes]:
    return message_frames(words) if received.path.endswith("/messages") else chat_frames(words)


def _tool_frames(received: Received, name: str, arguments: str) -> list[bytes]:
    if received.path.endswith("/messages"):
        return _tool_message(name, arguments)
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
    first, *_, last = chat_frames([""])[:3]
    return [
        first.replace(b'"content": ""', b'"tool_calls": [' + json.dumps(call).encode() + b"]"),
        last.replace(b'"stop"', b'"tool_calls"'),
        *chat_frames([""])[-2:],
    ]


def _tool_message(name: str, arguments: str) -> list[bytes]:
    start, _, _, stop, delta, end = message_frames([""])
    block = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
    grown = {"type": "input_json_delta", "partial_json": arguments}
    return [
        start,
        _event("content_block_start", index=0, content_block=block),
        _event("content_block_delta", index=0, delta=grown),
        stop,
        delta.replace(b"end_turn", b"tool_use"),
        end,
    ]


def _event(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


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
