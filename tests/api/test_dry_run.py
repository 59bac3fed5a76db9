"""Dry runs: what would be asked of whom is told, and nobody is asked."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import Response

from api.dialects.counting import IMAGE
from api.dialects.quirks import NONE, Quirks
from api.dialects.weighing import weigh
from api.errors import InvalidRequest
from api.providers.provider import Route
from tests.conftest import Api
from tests.fakes import FRAMES, WHOLE, FarEnd, Received, Wire, answers, far_end, says

CALLERS = ["openai_chat", "openai_responses", "anthropic", "gemini"]
DRY = {"x-morello-dry-run": "1"}
KEY = "sk-far-9876543210"
JSON_ENDPOINTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "completions": ("/v1/completions", {"prompt": "Once upon a time"}, "/completions"),
    "embeddings": ("/v1/embeddings", {"input": ["a text", "and one more"]}, "/embeddings"),
    "rerank": ("/v1/rerank", {"query": "Which?", "documents": ["this", {"text": "that"}]}, "/rerank"),
    "images": ("/v1/images/generations", {"prompt": "A quiet house"}, "/images/generations"),
    "speech": ("/v1/audio/speech", {"input": "Good morning", "voice": "alloy"}, "/audio/speech"),
    "moderations": ("/v1/moderations", {"input": "Is this all right?"}, "/moderations"),
}


async def must_not_come(received: Received, wire: Wire) -> None:
    await wire.reply(500, b"{}")


@pytest.fixture
async def far() -> AsyncIterator[FarEnd]:
    async with far_end(must_not_come) as far:
        yield far


async def provide(api: Api, far: FarEnd, dialect: str = "openai_chat", quirks: Quirks = NONE, name: str = "far") -> str:
    base = far.url + ("/v1beta" if dialect == "gemini" else "/v1")
    await api.gateway.providers.add(name, dialect, base, KEY, quirks=quirks)
    return base


def place(caller: str, stream: bool, model: str) -> str:
    return {
        "openai_chat": "/v1/chat/completions",
        "openai_responses": "/v1/responses",
        "anthropic": "/v1/messages",
        "gemini": f"/v1beta/models/{model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}",
    }[caller]


def asks(caller: str, stream: bool, model: str, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": "What is the weather like in Rome today?"}]
    match caller:
        case "openai_chat":
            return {"model": model, "messages": said, "stream": stream, **more}
        case "openai_responses":
            return {"model": model, "input": said, "stream": stream, **more}
        case "anthropic":
            return {"model": model, "max_tokens": 64, "messages": said, "stream": stream, **more}
        case _:
            return {"contents": [{"role": "user", "parts": [{"text": said[0]["content"]}]}], **more}


async def ask(
    api: Api, caller: str, stream: bool = False, model: str = "far:m", headers: dict[str, str] = DRY, **more: Any
) -> Response:
    async with api.client() as client:
        body = asks(caller, stream, model, **more)
        return await client.post(place(caller, stream, model), json=body, headers=headers)


async def post(api: Api, path: str, body: Any, headers: dict[str, str] = DRY) -> Response:
    async with api.client() as client:
        return await client.post(path, json=body, headers=headers)


async def nothing_is_left(api: Api) -> bool:
    return not await api.rows() and not api.gateway.receipts.latest() and not len(api.app.ctx.calls)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", CALLERS)
@pytest.mark.parametrize("caller", CALLERS)
async def test_a_dry_run_says_what_is_then_called(api, far, caller, dialect, stream):
    await provide(api, far, dialect)

    run = await ask(api, caller, stream)

    assert (run.status_code, far.connections, await nothing_is_left(api)) == (200, 0, True)
    frames, whole = says(*FRAMES[dialect](["Sunny."])), answers(200, WHOLE[dialect])
    streamed = stream or (caller != dialect)
    far.behaviour = frames if streamed else whole
    real = await ask(api, caller, stream, headers={})
    told = run.json()
    assert real.status_code == 200
    assert told["url"] == far.url + far.last.path
    assert (told["model"], told["provider"], told["provider_model"]) == ("far:m", "far", "m")
    assert (told["dialect"], told["stream"]) == (dialect, stream)
    assert told["body"] == ("passed" if caller == dialect else "translated")
    assert run.headers.get("x-morello-dropped") == real.headers.get("x-morello-dropped")
    assert 5 <= told["estimated_input_tokens"] <= 30


async def test_every_dry_run_has_the_same_shape_and_names_no_key(api, far):
    for dialect in CALLERS:
        await provide(api, far, dialect, name=f"far-{dialect.replace('_', '-')}")
    models = [*(f"far-{dialect.replace('_', '-')}:m" for dialect in CALLERS), "morello:echo"]

    runs = [await ask(api, caller, True, model) for caller in CALLERS for model in models]

    assert {run.status_code for run in runs} == {200}
    assert len({tuple(run.json()) for run in runs}) == 1
    assert {(run.json()["object"], run.headers["x-morello-dry-run"]) for run in runs} == {("morello.dry_run", "1")}
    assert {run.headers["content-type"] for run in runs} == {"application/json"}
    assert not [run for run in runs if KEY in run.text or api.key in run.text]


async def test_a_stream_of_google_s_that_would_be_an_array_is_rehearsed_as_one_object(api, far):
    await provide(api, far)

    run = await post(api, "/v1beta/models/far:m:streamGenerateContent", asks("gemini", True, "far:m"))

    assert (run.json()["object"], run.json()["stream"]) == ("morello.dry_run", True)


@pytest.mark.parametrize("caller", CALLERS)
async def test_a_test_model_is_rehearsed_too(api, caller):
    run = await ask(api, caller, model="morello:echo")

    told = run.json()
    assert (told["provider"], told["provider_model"]) == ("morello", "echo")
    assert (told["url"], told["dialect"], told["body"]) == (None, None, None)
    assert told["estimated_input_tokens"] > 5
    assert await nothing_is_left(api)


async def test_the_built_in_model_is_not_started(api):
    runs = [await ask(api, caller, True, model="local:gemma-3-270m") for caller in CALLERS]

    assert {(run.status_code, run.json()["provider"], run.json()["url"]) for run in runs} == {(200, "local", None)}
    assert not api.gateway.local.is_running


async def test_what_would_get_lost_is_named_and_a_strict_caller_is_refused(api, far):
    await provide(api, far, "anthropic")

    run = await ask(api, "openai_chat", seed=7, presence_penalty=0.5)
    strict = await ask(api, "openai_chat", headers={**DRY, "x-morello-strict": "1"}, seed=7)

    assert run.json()["dropped"] == ["presence_penalty", "seed"]
    assert run.headers["x-morello-dropped"] == "presence_penalty,seed"
    assert (strict.status_code, strict.json()["error"]["param"]) == (400, "seed")
    assert far.connections == 0


@pytest.mark.parametrize("caller", CALLERS)
async def test_what_would_be_refused_is_refused_in_the_caller_s_own_words(api, far, caller):
    await provide(api, far, "openai_responses" if caller == "openai_chat" else "openai_chat")

    said = {"gemini": "contents", "openai_responses": "input"}.get(caller, "messages")
    wrong: list[tuple[int, dict[str, Any]]] = [
        (404, {"model": "nobody:m"}),
        (404, {"model": "morello:nothing"}),
        (400, {said: [7]}),
        (400, {said: []}),
    ]

    dry = [await ask(api, caller, **more) for _, more in wrong]

    assert far.connections == 0
    real = [await ask(api, caller, headers={}, **more) for _, more in wrong]
    assert [answer.status_code for answer in dry] == [status for status, _ in wrong]
    assert [_without_id(answer) for answer in dry] == [_without_id(answer) for answer in real]


def _without_id(refusal: Response) -> str:
    return re.sub(r"req_\w+", "req_", refusal.text)


async def test_a_provider_that_is_switched_off_is_told_of(api, far):
    await provide(api, far)
    await api.gateway.providers.switch("far", False)

    run = await ask(api, "openai_chat")

    assert (run.status_code, run.json()["error"]["code"]) == (400, "provider_not_configured")


async def test_a_bare_name_is_looked_up_in_the_lists_that_are_there(api, far):
    await provide(api, far)

    unknown = await ask(api, "openai_chat", model="m")
    in_turn = await ask(api, "openai_responses", model="m", store=True)

    assert {unknown.status_code, in_turn.status_code} == {404}
    assert far.connections == 0


async def test_what_was_learned_shows_in_a_request_that_is_said_anew(api, far):
    await provide(api, far)
    provider = api.gateway.providers.known("far")
    api.gateway.lessons.learn(Route(provider, "m"), 400, "max_tokens is not supported", b'"max_tokens"')

    run = await ask(api, "openai_chat", max_tokens=9)

    assert run.json()["body"] == "rewritten"


async def test_a_body_that_only_its_provider_understands_is_not_guessed_at(api, far):
    await provide(api, far)

    run = await post(api, "/v1/chat/completions", {"model": "far:m", "messages": [{"role": "narrator"}]})

    assert (run.status_code, run.json()["body"], run.json()["estimated_input_tokens"]) == (200, "passed", None)


@pytest.mark.parametrize("wish", ["1", "true", "YES"])
async def test_a_dry_run_may_be_wished_for_in_three_words(api, wish):
    run = await ask(api, "openai_chat", model="morello:echo", headers={"x-morello-dry-run": wish})

    assert run.json()["object"] == "morello.dry_run"


@pytest.mark.parametrize("wish", ["0", "false", "no", ""])
async def test_who_wishes_for_none_gets_an_answer(api, wish):
    answer = await ask(api, "openai_chat", model="morello:echo", headers={"x-morello-dry-run": wish})

    assert answer.json()["object"] == "chat.completion"


async def test_a_wish_that_cannot_be_understood_costs_nothing(api, far):
    await provide(api, far)

    refused = await ask(api, "openai_chat", headers={"x-morello-dry-run": "please"})

    assert (refused.status_code, refused.json()["error"]["param"], far.connections) == (400, "x-morello-dry-run", 0)


async def test_a_rehearsed_response_is_not_kept_and_goes_on_from_one_that_is(api, far):
    first = await post(api, "/v1/responses", {"model": "morello:echo", "input": "Hello there"}, headers={})
    kept = first.json()["id"]
    await provide(api, far)

    alone = await post(api, "/v1/responses", {"model": "far:m", "input": "More"})
    follows = await post(api, "/v1/responses", {"model": "far:m", "input": "More", "previous_response_id": kept})

    assert follows.json()["estimated_input_tokens"] > alone.json()["estimated_input_tokens"]
    assert list(follows.json()) == list(alone.json())
    assert far.connections == 0


OLLAMA: dict[str, dict[str, Any]] = {
    "/api/chat": {"messages": [{"role": "user", "content": "What is the weather like in Rome today?"}]},
    "/api/generate": {"prompt": "What is the weather like in Rome today?"},
}


@pytest.mark.parametrize("dialect", CALLERS)
@pytest.mark.parametrize("path", OLLAMA)
async def test_ollama_s_conversations_are_rehearsed(api, far, path, dialect):
    await provide(api, far, dialect)

    run = await post(api, path, {"model": "far:m", **OLLAMA[path], "options": {"num_ctx": 4096}})

    told = run.json()
    assert (run.status_code, far.connections, await nothing_is_left(api)) == (200, 0, True)
    assert (told["object"], told["dialect"], told["body"]) == ("morello.dry_run", dialect, "translated")
    assert (told["stream"], told["dropped"]) == (True, ["options.num_ctx"])
    assert 5 <= told["estimated_input_tokens"] <= 30
    assert told["url"].startswith(far.url)


@pytest.mark.parametrize("path", OLLAMA)
async def test_ollama_s_callers_are_refused_in_its_words(api, path):
    run = await post(api, path, {"model": "nobody:m", **OLLAMA[path]})

    assert (run.status_code, list(run.json())) == (404, ["error"])


@pytest.mark.parametrize("endpoint", JSON_ENDPOINTS)
async def test_every_endpoint_is_rehearsed(api, far, endpoint):
    path, body, theirs = JSON_ENDPOINTS[endpoint]
    base = await provide(api, far)

    run = await post(api, path, {"model": "far:m", **body})

    told = run.json()
    assert (run.status_code, far.connections, await nothing_is_left(api)) == (200, 0, True)
    assert (told["endpoint"], told["url"], told["method"]) == (endpoint, base + theirs, "POST")
    assert (told["provider_model"], told["dialect"], told["body"]) == ("m", "openai_chat", "passed")
    assert (told["available"], told["estimated_input_tokens"] > 0) == (None, True)


async def test_a_form_with_a_file_is_rehearsed_without_a_guess_at_its_seconds(api, far):
    base = await provide(api, far)

    async with api.client() as client:
        sound = {"file": ("a.wav", b"RIFF" + bytes(2000), "audio/wav")}
        run = await client.post("/v1/audio/transcriptions", data={"model": "far:m"}, files=sound, headers=DRY)

    told = run.json()
    assert (run.status_code, told["url"], told["endpoint"]) == (200, f"{base}/audio/transcriptions", "transcriptions")
    assert (told["estimated_input_tokens"], far.connections) == (None, 0)


async def test_an_endpoint_in_another_form_says_what_gets_lost(api, far):
    await provide(api, far, quirks=Quirks(rerank_form="cohere", rerank_path="/v2/rerank"))

    run = await post(api, "/v1/rerank", {"model": "far:m", "query": "q", "documents": ["d"], "overlap_tokens": 8})

    told = run.json()
    assert (told["body"], told["form"], told["url"]) == ("translated", "cohere", f"{far.url}/v2/rerank")
    assert (told["dropped"], run.headers["x-morello-dropped"]) == (["overlap_tokens"], "overlap_tokens")


@pytest.mark.parametrize("endpoint", JSON_ENDPOINTS)
async def test_an_endpoint_that_is_not_there_is_refused(api, far, endpoint):
    await provide(api, far, "anthropic")
    path, body, _ = JSON_ENDPOINTS[endpoint]

    runs = [await post(api, path, {"model": model, **body}) for model in ("far:m", "morello:echo")]

    assert [(run.status_code, run.json()["error"]["code"]) for run in runs] == [(400, "unsupported_by_provider")] * 2
    assert far.connections == 0


async def test_the_built_in_endpoints_are_rehearsed_without_waking_anybody(api):
    run = await post(api, "/v1/completions", {"model": "local:gemma-3-270m", "prompt": "Once"})

    assert (run.json()["url"], run.json()["available"]) == (None, True)
    assert not api.gateway.local.is_running


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"input": "four letters each"}, 5),
        ({"input": [1, 2, 3]}, 3),
        ({"input": [[1, 2, 3], [4, 5]]}, 5),
        ({"prompt": ["abcd", "efgh"]}, 2),
        ({"input": "你好"}, 2),
        ({"query": "abcd", "documents": ["abcd", {"text": "abcd", "id": "not read"}]}, 3),
        ({"content": {"parts": [{"text": "abcd"}]}}, 1),
        ({"requests": [{"content": {"parts": [{"text": "abcd"}]}}] * 2}, 2),
        ({"input": [{"type": "text", "text": "abcd"}, {"type": "image_url", "image_url": {"url": "x"}}]}, 1201),
        ({"model": "m"}, None),
        ({"input": []}, None),
    ],
)
def test_what_a_question_weighs(body, tokens):
    assert weigh(json.dumps(body).encode()) == tokens


def test_what_cannot_be_read_is_refused_in_words():
    with pytest.raises(InvalidRequest, match="Number out of range"):
        weigh(b'{"input":"a","documents":[1e999]}')


def test_each_picture_of_an_edit_weighs():
    pictures = [{"image_url": "https://a.example/1.png"}, {"image_url": "https://a.example/2.png"}]

    assert weigh(json.dumps({"images": pictures}).encode()) == 2 * IMAGE
