"""The API is what its document says: schemathesis asks it what the document allows, and what it does not.

A short look, the same each time. For a long one say how many questions each route gets; schemathesis's own systematic
cases come on top: MORELLO_EXAMPLES=300 .venv/bin/python -m pytest tests/api/test_schema.py --timeout 3600
"""

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from tests.conftest import Api
from tests.fakes import FRAMES, WHOLE, FarEnd, Received, Wire, far_end, says

CONFIG = Path(__file__).parent / "schemathesis.toml"
EXAMPLES = os.environ.get("MORELLO_EXAMPLES", "")
SPOKEN = ("openai_chat", "openai_responses", "anthropic", "gemini")
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance"),
    *("response_schema_conformance", "missing_required_header", "unsupported_method", "ignored_auth"),
)
# What a provider that is well answers beside conversations, by what its path holds.
WELL: dict[str, Any] = {
    "count_tokens": {"input_tokens": 3},
    "input_tokens": {"object": "response.input_tokens", "input_tokens": 3},
    ":countTokens": {"totalTokens": 3},
    ":embedContent": {"embedding": {"values": [1.0, 0.5]}},
    ":batchEmbedContents": {"embeddings": [{"values": [1.0, 0.5]}]},
    "/embeddings": {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [1.0, 0.5]}],
        "model": "m",
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    },
    "/rerank": {"id": "r1", "results": [{"index": 0, "relevance_score": 0.5}]},
    "/images": {"created": 1700000000, "data": [{"b64_json": "aGVsbG8="}]},
    "/moderations": {
        "id": "modr-1",
        "model": "m",
        "results": [{"flagged": False, "categories": {"violence": False}, "category_scores": {"violence": 0.1}}],
    },
    "/audio/trans": {"text": "Hello"},
    "/v1/completions": {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1700000000,
        "model": "m",
        "choices": [{"text": "Hello", "index": 0, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    },
}


async def is_well(received: Received, wire: Wire) -> None:
    """Answer as a provider does that is well."""
    path = received.path
    if path.endswith("/audio/speech"):
        return await wire.reply(200, b"ID3", content_type="audio/mpeg")
    if path.endswith("/content"):
        return await wire.reply(200, b"hello", content_type="application/octet-stream")
    if "/files" in path:
        return await wire.reply(200, kept(received))
    for part, answer in WELL.items():
        if part in path:
            return await wire.reply(200, json.dumps(answer).encode())
    dialect = spoken_at(path)
    streams = b'"stream":true' in received.body.replace(b" ", b"") or "streamGenerateContent" in path
    if streams:
        return await says(*FRAMES[dialect](["Hel", "lo"]))(received, wire)
    # Anthropic's own answers always tell of the cache.
    uncached = b'"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "input_tokens"'
    whole = WHOLE[dialect].replace(b'"input_tokens"', uncached) if dialect == "anthropic" else WHOLE[dialect]
    return await wire.reply(200, whole)


def kept(received: Received) -> bytes:
    """What a provider says of a file that it keeps."""
    file = {
        "id": "file-1",
        "object": "file",
        "bytes": 5,
        "created_at": 1700000000,
        "filename": "a.txt",
        "purpose": "user_data",
    }
    if received.method == "DELETE":
        return json.dumps({"id": "file-1", "object": "file", "deleted": True}).encode()
    is_list = received.method == "GET" and received.path.partition("?")[0].endswith("/files")
    return json.dumps({"object": "list", "data": [file], "has_more": False} if is_list else file).encode()


def spoken_at(path: str) -> str:
    """The dialect that is spoken at a path."""
    marks = {"/responses": "openai_responses", "/messages": "anthropic", "models/": "gemini"}
    return next((dialect for mark, dialect in marks.items() if mark in path), "openai_chat")


async def hangs_up(received: Received, wire: Wire) -> None:
    """Close the connection instead of answering."""
    wire.hang_up()


async def raves(received: Received, wire: Wire) -> None:
    """Answer with what is no answer."""
    await wire.reply(200, b'{"choices": 7, "content": [[]], "data": {"x": null}}')


class Refuses:
    """Refuses each question with another status."""

    STATUSES = (400, 401, 402, 403, 404, 405, 409, 413, 422, 429, 451, 500, 501, 502, 503, 504, 529, 302)

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, received: Received, wire: Wire) -> None:
        """Refuse, with words and without in turn."""
        status = self.STATUSES[self.asked % len(self.STATUSES)]
        body = b'{"error":{"message":"No, the model will not.","type":"x"}}' if self.asked % 2 else b""
        self.asked += 1
        await wire.reply(status, body)


async def explore(api: Api, folder: Path, models: list[str], checks: tuple[str, ...]) -> None:
    """Let schemathesis ask the running API about `models`, in a process of its own; fails with what it found."""
    async with api.client(None) as client:
        document = json.loads((await client.get("/openapi.json")).content)
    file = folder / "openapi.json"
    file.write_text(json.dumps(naming(document, models)))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", str(file), "--url", api.url),
        *(
            "--phases",
            "examples,coverage,fuzzing" if EXAMPLES else "examples,fuzzing",
            "--max-examples",
            EXAMPLES or "2",
        ),
        *("--header", f"Authorization: Bearer {api.key}", "--header", f"x-morello-provider: {ids(models)[0]}"),
        *("--checks", ",".join(checks), "--generation-deterministic", "--continue-on-failure", "--warnings", "off"),
        *("--suppress-health-check", "all", "--no-color"),
    ]
    running = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    told = (await running.communicate())[0].decode()
    assert running.returncode == 0, told


def naming(document: dict[str, Any], models: list[str]) -> dict[str, Any]:
    """The document with models in it that there are: a name made up leads no further than to a 404."""
    for schema in document["components"]["schemas"].values():
        if "model" in schema.get("properties", {}) and schema["title"].endswith(("Request", "Body", "Form")):
            schema["properties"]["model"] = {"type": "string", "enum": models}
    enums = {"model": models, "provider": ids(models)}
    for methods in document["paths"].values():
        for operation in methods.values():
            for place in operation.get("parameters", ()):
                if place.get("in") == "path" and place["name"] in enums:
                    place["schema"]["enum"] = enums[place["name"]]
    return document


def ids(models: list[str]) -> list[str]:
    """The providers of models, each once."""
    return list(dict.fromkeys(model.partition(":")[0] for model in models))


async def test_what_comes_of_a_question_is_what_the_document_says(api: Api, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        for dialect in SPOKEN:
            well = await stack.enter_async_context(far_end(is_well))
            await add(api, dialect.replace("_", "-"), dialect, well)
        models = [*(f"{dialect.replace('_', '-')}:model" for dialect in SPOKEN), "morello:echo"]
        await explore(api, tmp_path, models, CHECKS)


async def test_whatever_providers_do_the_statuses_are_documented(api: Api, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        for name, behaviour in (("refuses", Refuses()), ("hangs-up", hangs_up), ("raves", raves)):
            ill = await stack.enter_async_context(far_end(behaviour))
            await add(api, name, "openai_chat", ill)
            await add(api, f"{name}-in-claude", "anthropic", ill)
        models = [f"{provider.id}:model" for provider in api.gateway.providers.all()]
        # What such a provider says passes as it came: no shape can be promised of it.
        await explore(api, tmp_path, models, tuple(check for check in CHECKS if check != "response_schema_conformance"))


async def add(api: Api, id: str, dialect: str, far: FarEnd) -> None:
    """Set up the far end as a provider."""
    await api.gateway.providers.add(id, dialect, far.url if dialect == "anthropic" else f"{far.url}/v1", "sk-far-0123")
