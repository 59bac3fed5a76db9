"""Ollama's routes: its own SDK, what real clients ask, and a key in the path."""

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import ollama
import pytest

from api.providers.provider import Model
from tests import sdks
from tests.conftest import Api
from tests.fakes import FarEnd, answers, chat_frames, far_end, says
from tests.sdks import FARS, NOTHING, OSLO, PICTURES, REFUSALS, ROME, WEATHER, model, sent, squeezed, tells

TOOLS: Any = [{"type": "function", "function": {"name": "weather", "description": "It.", "parameters": WEATHER}}]
HI = [{"role": "user", "content": "Hi there"}]
CHAT = {"model": "morello:echo", "messages": HI}
RECORDINGS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))["requests"]
    for path in sorted((Path(__file__).parents[1] / "recordings" / "ollama").glob("*.json"))
}


@pytest.fixture
async def client(api: Api) -> AsyncIterator[Any]:
    client = ollama.AsyncClient(api.url, headers={"Authorization": f"Bearer {api.key}"}, verify=False)
    yield client
    await client._client.aclose()


@pytest.fixture
async def far(api: Api) -> AsyncIterator[FarEnd]:
    async with sdks.four_providers(api) as far:
        yield far


async def ask(client: Any, stream: bool, dialect: str, messages: Any = HI, **more: Any) -> list[Any]:
    """The lines of a stream, or the one answer."""
    answer = await client.chat(model(dialect), messages, stream=stream, **more)
    return [chunk async for chunk in answer] if stream else [answer]


def text_of(chunks: list[Any]) -> str:
    return "".join(chunk.message.content or "" for chunk in chunks)


def calls_of(chunks: list[Any]) -> list[Any]:
    return [call.function for chunk in chunks for call in chunk.message.tool_calls or []]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", FARS)
class TestAnswers:
    async def test_a_text(self, client: Any, far: FarEnd, dialect: str, stream: bool) -> None:
        far.behaviour = tells(dialect, "It is", " sunny ☀")
        chunks = await ask(client, stream, dialect)
        last = chunks[-1]
        assert text_of(chunks) == "It is sunny ☀"
        assert (last.model, last.done, last.done_reason) == (model(dialect), True, "stop")
        assert (last.prompt_eval_count, last.eval_count) == (11, 7)
        assert last.total_duration > 0

    async def test_a_prompt(self, client: Any, far: FarEnd, dialect: str, stream: bool) -> None:
        far.behaviour = tells(dialect, "It is", " sunny")
        answer = await client.generate(model(dialect), "Weather?", system="Be brief.", stream=stream)
        chunks = [chunk async for chunk in answer] if stream else [answer]
        assert "".join(chunk.response for chunk in chunks) == "It is sunny"
        assert chunks[-1].eval_count == 7
        assert '"Be brief."' in squeezed(far)

    async def test_parallel_calls_and_their_results(self, client: Any, far: FarEnd, dialect: str, stream: bool) -> None:
        far.behaviour = sdks.calls_then_tells(dialect, ROME, OSLO, NOTHING)
        first = await ask(client, stream, dialect, tools=TOOLS)
        calls = calls_of(first)
        assert [call.arguments for call in calls] == [{"city": "Rome"}, {"city": "Oslo"}, {}]
        said = {"role": "assistant", "tool_calls": [{"function": call.model_dump()} for call in calls]}
        results = [{"role": "tool", "tool_name": call.name, "content": "sunny"} for call in calls]
        second = await ask(client, stream, dialect, [*HI, said, *results], tools=TOOLS)
        assert text_of(second) == "It is sunny."
        assert squeezed(far).count("sunny") == 3

    async def test_a_shape(self, client: Any, far: FarEnd, dialect: str, stream: bool) -> None:
        far.behaviour = tells(dialect, '{"city":', ' "Rome"}')
        chunks = await ask(client, stream, dialect, format=WEATHER)
        assert json.loads(text_of(chunks)) == {"city": "Rome"}
        assert '"city"' in squeezed(far)


@pytest.mark.parametrize("dialect", FARS)
class TestRequests:
    async def test_a_picture(self, client: Any, far: FarEnd, dialect: str) -> None:
        far.behaviour = tells(dialect, "A dot.")
        chunks = await ask(client, False, dialect, [{"role": "user", "content": "What?", "images": [sdks.PNG]}])
        assert text_of(chunks) == "A dot."
        assert PICTURES[dialect] in squeezed(far)

    async def test_options_reach_the_provider(self, client: Any, far: FarEnd, dialect: str) -> None:
        far.behaviour = tells(dialect, "Hello")
        await ask(client, False, dialect, options={"num_predict": 64, "num_ctx": 4096})
        said = sent(far)
        limit = said.get("max_tokens") or said.get("max_output_tokens") or said["generationConfig"]["maxOutputTokens"]
        assert limit == 64
        assert "4096" not in squeezed(far)

    async def test_a_stream_that_breaks_raises(self, client: Any, far: FarEnd, dialect: str) -> None:
        far.behaviour = sdks.breaks_off(dialect)
        with pytest.raises(ollama.ResponseError, match="The answer is cut"):
            await ask(client, True, dialect)

    async def test_its_errors_are_the_sdks_own(self, client: Any, far: FarEnd, dialect: str) -> None:
        for status, told in ((400, 400), (401, 502), (404, 404), (429, 429), (500, 502)):
            far.behaviour = answers(status, REFUSALS[dialect])
            with pytest.raises(ollama.ResponseError, match="its own words") as raised:
                await ask(client, False, dialect)
            assert raised.value.status_code == told
            assert "{" not in raised.value.error  # the sentence, not its JSON


async def test_thoughts_are_told_apart(client: Any, far: FarEnd) -> None:
    thought = chat_frames(["Sunny"])
    delta = {"id": "c", "choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}, "finish_reason": None}]}
    far.behaviour = says(thought[0], b"data: " + json.dumps(delta).encode() + b"\n\n", *thought[1:])
    chunks = await ask(client, True, "openai_chat", think="low")
    assert "".join(chunk.message.thinking or "" for chunk in chunks) == "Hm."
    assert text_of(chunks) == "Sunny"
    assert sent(far)["reasoning_effort"] == "low"


async def test_what_cannot_be_said_is_named_or_refused(api: Api) -> None:
    body = {**CHAT, "model": "far:m", "stream": False, "options": {"num_ctx": 4096}, "keep_alive": "5m"}
    async with far_end() as far, api.client() as client:
        await api.gateway.providers.add("far", "openai_chat", far.url, None)
        told = await client.post("/api/chat", json=body)
        refused = await client.post("/api/chat", json=body, headers={"x-morello-strict": "1"})
    assert told.headers["x-morello-dropped"] == "options.num_ctx"
    assert refused.status_code == 400
    assert "options.num_ctx" in refused.json()["error"]


async def test_embeddings_in_both_forms(client: Any, far: FarEnd) -> None:
    vectors = [{"object": "embedding", "index": number, "embedding": [number, 0.5]} for number in range(2)]
    usage = {"prompt_tokens": 4, "total_tokens": 4}
    whole = {"object": "list", "data": vectors, "model": "m", "usage": usage}
    far.behaviour = answers(200, json.dumps(whole).encode())
    got = await client.embed(f"{model('openai_chat')}:latest", ["a", "b"])
    assert [list(vector) for vector in got.embeddings] == [[0, 0.5], [1, 0.5]]
    assert got.prompt_eval_count == 4
    assert sent(far)["model"] == "m"
    far.behaviour = answers(200, json.dumps({**whole, "data": vectors[:1]}).encode())
    assert list((await client.embeddings(model("openai_chat"), "a")).embedding) == [0, 0.5]


async def test_who_has_no_embeddings_says_so(client: Any) -> None:
    with pytest.raises(ollama.ResponseError, match="has no embeddings") as raised:
        await client.embed("morello:echo", "a")
    assert raised.value.status_code == 400


async def test_a_stream_is_lines_of_json(api: Api) -> None:
    async with api.client() as client:
        got = await client.post("/api/chat", json=CHAT)
    assert got.headers["content-type"] == "application/x-ndjson"
    told = [json.loads(line) for line in got.text.splitlines()]
    assert "".join(line["message"]["content"] for line in told) == "Hi there"


@pytest.mark.parametrize(
    ("path", "asked", "reason"),
    [
        ("chat", {}, "load"),
        ("chat", {"messages": []}, "load"),
        ("chat", {"messages": [], "keep_alive": 0}, "unload"),
        ("generate", {"prompt": ""}, "load"),
        ("generate", {"prompt": "", "keep_alive": 0}, "unload"),
    ],
)
async def test_who_says_nothing_asks_nobody(
    api: Api, far: FarEnd, path: str, asked: dict[str, Any], reason: str
) -> None:
    async with api.client() as client:
        got = await client.post(f"/api/{path}", json={"model": model("openai_chat"), **asked})
        lost = await client.post(f"/api/{path}", json={"model": "nobody:x", **asked})
    assert (got.json()["done"], got.json()["done_reason"]) == (True, reason)
    assert lost.status_code == 404
    assert {received.method for received in far.received} <= {"GET"}  # lists of models, at most


@pytest.mark.parametrize(
    ("listed", "asked", "reached"),
    [
        (["m"], "far:m:latest", "m"),
        (["m", "m:latest"], "far:m:latest", "m:latest"),
        (["m:latest"], "m", "m:latest"),
        (["a/b:free"], "far:a/b:free", "a/b:free"),
        ([], "far:a/b:latest", "a/b"),
    ],
)
async def test_the_tag_that_programs_add_or_cut_off(api: Api, listed: list[str], asked: str, reached: str) -> None:
    async with far_end() as far, api.client() as client:
        provider = await api.gateway.providers.add("far", "openai_chat", far.url, None)
        await api.gateway.providers.catalog.learn(provider, tuple(Model(name) for name in listed))
        got = await client.post("/api/chat", json={**CHAT, "model": asked, "stream": False})
    assert json.loads(far.last.body)["model"] == reached
    assert got.json()["model"] == asked


async def test_models_are_listed_and_shown(api: Api, client: Any) -> None:
    far = await api.gateway.providers.add("far", "openai_chat", "http://127.0.0.1:9", None)
    await api.gateway.providers.catalog.learn(
        far, (Model("gpt-5", context=400_000, name="GPT-5"), Model("text-embedding-3-small"))
    )
    listed = (await client.list()).models
    named = {tagged.model: tagged for tagged in listed}
    assert {"far:gpt-5", "morello:echo"} <= named.keys()
    assert len({tagged.digest for tagged in listed}) == len(listed)
    assert {len(tagged.digest) for tagged in listed} == {64}
    shown = await client.show("far:gpt-5")
    architecture = shown.modelinfo["general.architecture"]
    assert shown.modelinfo[f"{architecture}.context_length"] == 400_000
    assert shown.capabilities == ["completion", "tools", "vision", "thinking"]
    assert (await client.show("far:text-embedding-3-small:latest")).capabilities == ["embedding"]


async def test_nothing_is_in_memory_before_the_built_in_model_runs(client: Any) -> None:
    assert list((await client.ps()).models) == []


async def test_the_version_is_one_that_editors_accept(api: Api) -> None:
    async with api.client() as client:
        version = (await client.get("/api/version")).json()["version"]
    assert tuple(map(int, version.split("."))) >= (0, 6, 4)  # what VS Code demands


async def test_a_model_that_is_there_is_pulled_at_once(client: Any) -> None:
    assert (await client.pull("morello:echo")).status == "success"
    assert [progress.status async for progress in await client.pull("morello:echo", stream=True)] == ["success"]
    with pytest.raises(ollama.ResponseError) as raised:
        await client.pull("nobody:x")
    assert raised.value.status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "create"), ("POST", "copy"), ("POST", "push"), ("DELETE", "delete"), ("POST", "blobs/sha256:0")],
)
async def test_what_only_ollama_does_is_refused_in_words(api: Api, method: str, path: str) -> None:
    async with api.client() as client:
        got = await client.request(method, f"/api/{path}", json={"model": "morello:echo"})
    assert got.status_code == 400
    assert "Add a provider" in got.json()["error"]


@pytest.mark.parametrize("path", ["chat", "generate", "show", "pull", "embed", "embeddings"])
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model": 5}', b'{"model": ""}', b"{}", b"\xff"])
async def test_nonsense_is_a_400_with_a_sentence(api: Api, path: str, body: bytes) -> None:
    async with api.client(**{"content-type": "application/json"}) as client:
        got = await client.post(f"/api/{path}", content=body)
    assert got.status_code == 400
    assert got.json().keys() == {"error"}


async def test_errors_have_ollamas_shape_on_paths_that_are_none(api: Api) -> None:
    async with api.client() as client:
        lost = await client.get("/api/nope")
        method = await client.put("/api/chat")
    async with api.client(None) as stranger:
        refused = await stranger.get("/api/tags")
    assert [got.status_code for got in (lost, method, refused)] == [404, 405, 401]
    assert all(got.json().keys() == {"error"} for got in (lost, method, refused))


class TestKeysInThePath:
    async def test_open_nothing_until_the_owner_allows_it(self, api: Api) -> None:
        async with api.client(None) as client:
            shut = await client.get(f"/k/{api.key}/api/tags")
            await api.gateway.choices.change(path_keys=True)
            opened = await client.get(f"/k/{api.key}/api/tags")
            await api.gateway.choices.change(path_keys=False)
            again = await client.get(f"/k/{api.key}/api/tags")
        assert [got.status_code for got in (shut, opened, again)] == [401, 200, 401]
        assert "morello settings path_keys true" in shut.json()["error"]

    @pytest.mark.parametrize("key", ["wrong", "cs-sk-wrong", "", "%ff", "cs-sk-%20"])
    async def test_a_wrong_one_is_refused(self, api: Api, key: str) -> None:
        await api.gateway.choices.change(path_keys=True)
        async with api.client(None) as client:
            got = await client.get(f"/k/{key}/api/tags")
            lost = await client.get(f"/k/{key}/api/nope")
        assert (got.status_code, lost.status_code) == (401, 401)
        assert not key or key not in got.text

    async def test_two_different_ones_are_refused(self, api: Api) -> None:
        await api.gateway.choices.change(path_keys=True)
        async with api.client("cs-sk-other") as client:
            got = await client.get(f"/k/{api.key}/api/tags")
        assert got.status_code == 401
        assert "different keys" in got.json()["error"]

    async def test_every_route_is_there(self, api: Api) -> None:
        await api.gateway.choices.change(path_keys=True)
        async with api.client(None) as client:
            chat = await client.post(f"/k/{api.key}/api/chat", json={**CHAT, "stream": False})
            openai = await client.post(f"/k/{api.key}/v1/chat/completions", json=CHAT)
            front = await client.head(f"/k/{api.key}/")
        assert chat.json()["message"]["content"] == "Hi there"
        assert openai.json()["choices"][0]["message"]["content"] == "Hi there"
        assert front.status_code == 200

    async def test_is_told_nowhere(self, api: Api, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        await api.gateway.choices.change(path_keys=True)
        async with api.client(None) as client:
            await client.post(f"/k/{api.key}/api/chat", json=CHAT)
            lost = await client.get(f"/k/{api.key}/api/nope")
            twice = await client.get(f"/k/x/{api.key}/nope", headers={"x-api-key": api.key})
            wrong = await client.put(f"/k/{api.key}/api/chat")
            front = await client.get("/")
            document = await client.get("/openapi.json")
        (row,) = await api.rows()
        assert row.route == "api/chat"
        assert (lost.status_code, twice.status_code, wrong.status_code) == (404, 404, 405)
        told = "".join(got.text for got in (lost, twice, wrong, front, document))
        ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
        assert api.key not in told + "".join(ours)
        assert "/k/<" not in front.text
        assert '"/k/' not in document.text

    async def test_does_not_open_the_other_routes(self, api: Api) -> None:
        await api.gateway.choices.change(path_keys=True)
        async with api.client(None) as client:
            assert (await client.get(f"/k/{api.key}/v1/responses/x")).status_code == 404
            assert (await client.get("/v1/models")).status_code == 401


@pytest.mark.parametrize("recorded", RECORDINGS)
async def test_what_a_real_client_asks_is_answered_as_it_needs(api: Api, recorded: str) -> None:
    async with api.client(None) as client:
        for asked in RECORDINGS[recorded]:
            headers = {name: value.replace("{key}", api.key) for name, value in asked["headers"].items()}
            body = None if asked["body"] is None else json.dumps(asked["body"])
            got = await client.request(asked["method"], asked["path"], headers=headers, content=body)
            NEEDS[asked["path"]](got, asked["body"])


def _talk(field: str) -> Any:
    def needs(got: Any, asked: dict[str, Any]) -> None:
        assert got.status_code == 200
        lines = [json.loads(line) for line in got.text.splitlines()]
        assert len(lines) == 1 or asked["stream"]
        assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
        assert all(field in line and line["model"] == asked["model"] for line in lines)
        assert lines[-1]["done_reason"] == ("stop" if asked.get("prompt", "said") else "unload")
        said = "".join(line[field] if field == "response" else line[field]["content"] for line in lines)
        last = str(asked.get("messages") or asked.get("prompt"))
        calls = [call for line in lines if field == "message" for call in line[field].get("tool_calls", [])]
        assert said or calls or not asked.get("prompt", "said")
        assert "sunny in Paris" not in last or said == "sunny in Paris"

    return needs


def _has(field: str) -> Any:
    def needs(got: Any, asked: Any) -> None:
        assert got.status_code == 200
        assert field in got.json()

    return needs


def _refused(got: Any, asked: Any) -> None:
    assert got.status_code == 400
    assert got.json()["error"]


NEEDS: dict[str, Any] = {
    "/api/chat": _talk("message"),
    "/api/generate": _talk("response"),
    "/api/tags": _has("models"),
    "/api/ps": _has("models"),
    "/api/version": _has("version"),
    "/api/show": _has("capabilities"),
    "/api/pull": _has("status"),
    "/api/embed": _refused,  # the test models have no embeddings
    "/api/delete": _refused,
}
