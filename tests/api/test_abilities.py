"""Who can what: what refusals teach and what they do not, and the sentence that says who can instead."""

import json

import pytest

from api.dialects.quirks import NONE, Quirks
from api.endpoints import Endpoint
from api.lacks import LONGEST_WORDS, MOST, Lacks, Scope, scope
from api.providers.abilities import known
from api.providers.provider import Model, Provider
from tests.fakes import answers, far_end

VECTORS = json.dumps(
    {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]}
).encode()
GONE = b'{"detail":"Not Found"}'
UNABLE = b'{"error":{"message":"this model does not support embeddings","type":"api_error"}}'
LIST = b'{"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"x"}]}'


def provider(id: str = "one", *dialects: str, base_url: str = "https://one.example/v1", quirks: Quirks = NONE):
    return Provider(id=id, name=id, dialects=dialects or ("openai_chat",), base_url=base_url, quirks=quirks)


# What refusals say, in the words of those who refuse


@pytest.mark.parametrize(
    ("endpoint", "status", "words"),
    [
        # llama.cpp: its way of saying 404, and what it was not started with
        ("embeddings", 501, "This server does not support embeddings. Start it with `--embeddings`"),
        ("rerank", 501, "This server does not support reranking. Start it with `--reranking`"),
        ("images", 404, "File Not Found"),
        # Groq
        (
            *("embeddings", 404),
            "Unknown request URL: POST /openai/v1/embeddings. Please check the URL for typos, or see the docs at "
            "https://console.groq.com/docs/",
        ),
        ("rerank", 404, "Invalid URL (POST /v1/rerank)"),  # OpenAI
        ("rerank", 404, "404 page not found"),  # Ollama, and others written in Go
        ("speech", 404, "Not Found"),
        ("speech", 404, '{"detail":"Not Found"}'),  # vLLM, and others on FastAPI
        ("speech", 404, '{"timestamp":"2026-11-23","status":404,"error":"Not Found","path":"/v4/x"}'),  # Spring: GLM
        ("speech", 404, "no Route matched with those values"),  # Kong
        ("speech", 404, "Cannot POST /v1/audio/speech"),  # Express
        ("speech", 404, "Resource not found"),  # Azure
        ("speech", 404, "The provider answered with status 404 and no words."),
        ("speech", 404, "The provider answered with a web page (status 404). Look at its base URL."),
        ("speech", 405, "Method Not Allowed"),
        ("speech", 501, "Not Implemented"),
    ],
)
def test_who_has_nothing_at_a_path_lacks_it_for_every_model(endpoint, status, words):
    assert scope(Endpoint(endpoint), "a-model", status, words) is Scope.PROVIDER


@pytest.mark.parametrize(
    ("endpoint", "model", "status", "words"),
    [
        ("embeddings", "llama3", 501, "this model does not support embeddings"),  # Ollama
        ("completions", "nomic", 400, '"nomic" does not support generate'),  # Ollama
        ("embeddings", "qwen", 400, "The model does not support Embeddings API"),  # vLLM
        ("rerank", "qwen", 400, "The model does not support Rerank (Score) API"),  # vLLM
        ("transcriptions", "qwen", 400, "The model does not support Transcriptions API"),  # vLLM
        (
            *("completions", "gpt-4o", 404),  # OpenAI
            "This is a chat model and not supported in the v1/completions endpoint. Did you mean to use "
            "v1/chat/completions?",
        ),
        (
            *("embeddings", "gpt-4o", 502),  # OpenAI says so with 403
            "The provider “one” refused its own key (403): You are not allowed to generate embeddings from this model",
        ),
        (
            *("embeddings", "gpt-4o", 400),  # Azure
            "The embeddings operation does not work with the specified model, gpt-4o. Please choose different model "
            "and try again.",
        ),
    ],
)
def test_a_model_that_cannot_says_nothing_of_the_others(endpoint, model, status, words):
    assert scope(Endpoint(endpoint), model, status, words) is Scope.MODEL


@pytest.mark.parametrize(
    ("endpoint", "status", "words"),
    [
        # Sizes
        (
            *("embeddings", 400),
            'Model "m" does not support matryoshka representation, changing output dimensions will lead to poor '
            "results.",
        ),
        ("embeddings", 400, "This model does not support specifying dimensions."),
        ("embeddings", 400, "This model's maximum context length is 8192 tokens, however you requested 9000 tokens."),
        ("images", 400, "The model does not support image size 3x3"),
        # Other troubles
        ("embeddings", 429, "Rate limit reached for embeddings. This model does not support embeddings."),
        ("embeddings", 500, "this model does not support embeddings"),
        ("embeddings", 502, "The provider “one” refused its own key (401): Incorrect API key provided"),
        ("images", 400, "Your request was rejected as a result of our safety system."),
        ("transcriptions", 400, "Invalid file format. Supported formats: ['flac', 'mp3']"),
        ("speech", 400, "The model does not support speech speed"),
        # Models and files that are not there
        ("embeddings", 404, "The model `m` does not exist or you do not have access to it."),
        ("embeddings", 404, 'model "m" not found, try pulling it first'),
        ("embeddings", 404, "The API deployment for this resource does not exist."),
        ("embeddings", 404, "No endpoints found for m."),
        ("embeddings", 404, "No endpoints found matching your data policy."),
        (
            *("embeddings", 404),
            "models/m is not found for API version v1beta, or is not supported for embedContent. Call ListModels to "
            "see the list of available models and their supported methods.",
        ),
        ("transcriptions", 404, "No such File object: file-abc"),
    ],
)
def test_what_is_wrong_with_one_question_teaches_nothing(endpoint, status, words):
    assert scope(Endpoint(endpoint), "m", status, words) is Scope.NOTHING


# What is remembered


def test_what_is_learned_of_a_model_is_kept_for_that_model():
    lacks, one = Lacks(), provider()
    assert lacks.learn(one, Endpoint.EMBEDDINGS, "a", 501, "this model does not support embeddings")
    assert [lack.words for lack in lacks.of(one)] == ["this model does not support embeddings"]
    assert lacks.find(one, Endpoint.EMBEDDINGS, "a") == lacks.of(one)[0]
    assert lacks.find(one, Endpoint.EMBEDDINGS, "b") is None
    assert lacks.find(one, Endpoint.COMPLETIONS, "a") is None
    assert lacks.find(provider("two"), Endpoint.EMBEDDINGS, "a") is None


def test_what_is_remembered_of_one_provider_has_an_end():
    lacks, one = Lacks(), provider()
    for number in range(MOST + 5):
        lacks.learn(one, Endpoint.EMBEDDINGS, f"m{number}", 501, "this model does not support embeddings" + " " * 999)
    assert len(lacks.of(one)) == MOST
    assert len(lacks.of(one)[0].words) == LONGEST_WORDS
    assert lacks.find(one, Endpoint.EMBEDDINGS, "m0") is None


# What is known before anybody asks


@pytest.mark.parametrize(
    ("one", "has"),
    [
        (provider(), None),
        (provider("a", "anthropic"), {"files"}),
        (provider("g", "gemini"), {"embeddings", "images", "image_edits"}),
        (provider("g", "gemini", "openai_chat"), None),
        (provider(base_url="https://api.deepseek.com"), set()),
        (provider(base_url="https://api.deepseek.com/beta"), None),
        (provider("a", "anthropic", quirks=Quirks(rerank_path="/v2/rerank")), {"files", "rerank"}),
    ],
)
def test_what_a_provider_has_is_said_by_its_address_its_dialect_and_its_row(one, has):
    assert known(one) == has


# Through the gateway


async def ask(api, path: str = "embeddings", model: str = "one:m", **body: object):
    async with api.client() as client:
        return await client.post(f"/v1/{path}", json={"model": model, "input": "x", **body})


@pytest.mark.parametrize(("status", "body"), [(404, GONE), (405, b"{}"), (501, UNABLE)])
async def test_what_was_refused_once_is_answered_without_a_connection(api, status, body):
    async with far_end(answers(status, body)) as far:
        await api.gateway.providers.add("one", "openai_chat", f"{far.url}/v1", None)
        first, again = await ask(api), await ask(api)
    assert first.status_code == again.status_code == 400
    assert first.json()["error"]["code"] == "unsupported_by_provider"
    assert first.json()["error"]["message"] == again.json()["error"]["message"]
    assert len(far.received) == 1


async def test_a_model_that_cannot_leaves_the_others_to_be_asked(api):
    async with far_end(answers(501, UNABLE)) as far:
        await api.gateway.providers.add("one", "openai_chat", f"{far.url}/v1", None)
        refused = await ask(api)
        far.behaviour = answers(200, VECTORS)
        other = await ask(api, model="one:other")
    assert "The model “m” of the provider “one” has no embeddings" in refused.json()["error"]["message"]
    assert "“this model does not support embeddings”" in refused.json()["error"]["message"]
    assert other.status_code == 200


async def test_a_refusal_of_one_question_is_passed_on_and_asked_again(api):
    async with far_end(answers(400, b'{"error":{"message":"too long"}}')) as far:
        await api.gateway.providers.add("one", "openai_chat", f"{far.url}/v1", None)
        refused = await ask(api)
        await ask(api)
    assert "too long" in refused.json()["error"]["message"]
    assert len(far.received) == 2


async def checked(gateway):
    await gateway.check(gateway.providers.known("one"))


async def switched(gateway):
    await gateway.providers.switch("one", False)
    await gateway.providers.switch("one", True)


async def edited(gateway):
    await gateway.providers.edit("one", name="Another")


@pytest.mark.parametrize("done", [checked, switched, edited])
async def test_who_is_tested_switched_or_edited_is_asked_again(api, done):
    async with far_end(answers(404, GONE)) as far:
        await api.gateway.providers.add("one", "openai_chat", f"{far.url}/v1", None)
        await ask(api)
        far.behaviour = answers(200, LIST)
        await done(api.gateway)
        far.behaviour = answers(200, VECTORS)
        answer = await ask(api)
    assert answer.status_code == 200


async def refusal_with(api, *others: tuple[str, str]) -> str:
    """What is said of Groq, which has no embeddings, where there are others too."""
    providers = api.gateway.providers
    await providers.add("groq", "openai_chat", "https://api.groq.com/openai/v1", None)
    for id, url in others:
        await providers.add(id, "openai_chat", url, None)
    refused = await ask(api, model="groq:m")
    assert refused.status_code == 400
    return refused.json()["error"]["message"]


async def test_the_sentence_names_who_can_and_a_model_that_the_catalogue_knows(api):
    providers = api.gateway.providers
    openai = await providers.add("openai", "openai_chat", "https://api.openai.com/v1", None)
    await providers.catalog.learn(openai, (Model("gpt-6"), Model("text-embedding-3-small")))
    words = await refusal_with(api, ("vllm", "http://127.0.0.1:8000/v1"))
    assert words == (
        "The provider “groq” has no embeddings. Name a model of “openai” or “local”, which can, for example "
        "“openai:text-embedding-3-small”."
    )


async def test_where_nobody_is_known_to_have_it_those_that_may_are_named(api):
    providers = api.gateway.providers
    await providers.add("groq", "openai_chat", "https://api.groq.com/openai/v1", None)
    await providers.add("vllm", "openai_chat", "http://127.0.0.1:8000/v1", None)
    refused = await ask(api, "rerank", "groq:m", query="q", documents=["d"])
    assert refused.json()["error"]["message"] == (
        "The provider “groq” has no reranking. Name a model of “vllm”, which may be able to."
    )


async def test_where_nobody_can_that_is_said(api):
    await api.gateway.providers.add("groq", "openai_chat", "https://api.groq.com/openai/v1", None)
    refused = await ask(api, "rerank", "groq:m", query="q", documents=["d"])
    assert refused.json()["error"]["message"] == (
        "The provider “groq” has no reranking. No other provider that is set up has that. Add one that has."
    )
