"""Embeddings over real sockets: the official SDKs, answered by a provider of each form."""

import json
import struct
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from google import genai
from google.genai import errors, types

from api.dialects.embeddings import vectors
from api.dialects.quirks import Quirks
from tests.conftest import Api
from tests.fakes import FarEnd, Received, Wire, answers, far_end
from tests.sdks import KEY

FORMS = ("openai", "gemini", "cohere", "ollama")
ABROAD = FORMS[1:]
TEXTS = ["Why is the sky blue?", "Rayleigh ☀"]
# Numbers that 32 bits hold exactly, so that base64 and JSON say the same ones.
VECTORS = [
    list(struct.unpack("<3f", struct.pack("<3f", *numbers))) for numbers in ((0.6, -2.5e-7, 0.8), (0.6, 0, -0.8))
]
PATHS = {
    "openai": "/v1/embeddings",
    "gemini": "/v1beta/models/m:batchEmbedContents",
    "cohere": "/v2/embed",
    "ollama": "/api/embed",
}
QUESTIONS: dict[str, Any] = {
    "openai": {"model": "m", "input": TEXTS, "encoding_format": "base64"},
    "gemini": {"requests": [{"model": "models/m", "content": {"parts": [{"text": text}]}} for text in TEXTS]},
    "cohere": {"model": "m", "texts": TEXTS, "input_type": "search_document", "embedding_types": ["float"]},
    "ollama": {"model": "m", "input": TEXTS},
}
REPLIES: dict[str, Any] = {
    "openai": {
        "object": "list",
        "data": [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(VECTORS)],
        "model": "m",
        "usage": {"prompt_tokens": 9, "total_tokens": 9},
    },
    "gemini": {
        "embeddings": [{"values": vector} for vector in VECTORS],
        "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9},
    },
    "cohere": {
        "id": "1",
        "embeddings": {"float": VECTORS},
        "texts": TEXTS,
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 9}},
    },
    "ollama": {
        "model": "m",
        "embeddings": VECTORS,
        "total_duration": 14143917,
        "load_duration": 1019500,
        "prompt_eval_count": 9,
    },
}


def base64_of(vector: list[float]) -> str:
    return vectors.to_base64(tuple(vector))


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


async def replies(received: Received, wire: Wire) -> None:
    """Answer as the form whose path was asked."""
    form = next(form for form, path in PATHS.items() if path == received.path)
    await wire.reply(200, compact(REPLIES[form]), content_type="application/json; charset=utf-8")


@pytest.fixture
async def far(api: Api) -> AsyncIterator[FarEnd]:
    """One far end that is a provider of each form, called by the form's name."""
    async with far_end(replies) as far:
        add = api.gateway.providers.add
        await add("openai", "openai_chat", f"{far.url}/v1", KEY)
        await add("gemini", "gemini", f"{far.url}/v1beta", KEY)
        for form in ("cohere", "ollama"):
            await add(form, "openai_chat", f"{far.url}/v1", KEY, quirks=Quirks(embeddings_form=form))
        yield far


@pytest.fixture
async def client(api: Api) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{api.url}/v1", api_key=api.key, max_retries=0) as client:
        yield client


@pytest.fixture
async def google(api: Api) -> AsyncIterator[Any]:
    whole = genai.Client(api_key=api.key, http_options=types.HttpOptions(base_url=api.url))
    async with whole.aio as client:
        yield client
    whole.close()


@pytest.mark.parametrize("form", FORMS)
class TestTheOpenaiSdk:
    async def test_texts_become_vectors_and_every_byte_is_the_providers(self, api, client, far, form) -> None:
        got = await client.embeddings.create(model=f"{form}:m", input=TEXTS)
        assert (far.last.method, far.last.path) == ("POST", PATHS[form])
        assert json.loads(far.last.body) == QUESTIONS[form]
        if form != "openai":  # whose bytes are the SDK's own, with its spaces
            assert far.last.body == compact(QUESTIONS[form])
        assert [entry.embedding for entry in got.data] == VECTORS
        assert [entry.index for entry in got.data] == [0, 1]
        assert got.usage.prompt_tokens == got.usage.total_tokens == 9
        (row,) = await api.rows()
        assert (row.asked, row.served, row.tokens_in, row.status) == (f"{form}:m", "m", 9, 200)

    async def test_the_key_travels_as_the_provider_wants_it(self, client, far, form) -> None:
        await client.embeddings.create(model=f"{form}:m", input=TEXTS)
        headers = far.last.headers
        assert headers["content-type"] == "application/json"
        own = headers.get("x-goog-api-key") if form == "gemini" else headers.get("authorization")
        assert own == (KEY if form == "gemini" else f"Bearer {KEY}")
        assert ("authorization" in headers) == (form != "gemini")

    async def test_floats_for_whom_wants_floats(self, client, far, form) -> None:
        raw = await client.embeddings.with_raw_response.create(model=f"{form}:m", input=TEXTS, encoding_format="float")
        assert [entry["embedding"] for entry in json.loads(raw.text)["data"]] == VECTORS

    async def test_base64_for_whom_wants_base64(self, client, far, form) -> None:
        raw = await client.embeddings.with_raw_response.create(model=f"{form}:m", input=TEXTS, encoding_format="base64")
        assert [entry["embedding"] for entry in json.loads(raw.text)["data"]] == [base64_of(v) for v in VECTORS]

    async def test_wishes_are_said_in_the_providers_words(self, client, far, form) -> None:
        raw = await client.embeddings.with_raw_response.create(
            model=f"{form}:m",
            input=TEXTS,
            dimensions=256,
            user="me",
            encoding_format="float",
            extra_body={"input_type": "query", "late_chunking": True},
        )
        sent = json.loads(far.last.body)
        said: dict[str, Any] = {
            "openai": {"dimensions": 256, "user": "me", "input_type": "query", "late_chunking": True},
            "cohere": {"output_dimension": 256, "input_type": "search_query"},
            "ollama": {"dimensions": 256},
            "gemini": {"outputDimensionality": 256, "taskType": "RETRIEVAL_QUERY"},
        }
        told = sent["requests"][1] if form == "gemini" else sent
        assert said[form].items() <= told.items()
        lost = {"openai": None, "ollama": "input_type,late_chunking,user"}.get(form, "late_chunking,user")
        assert raw.headers.get("x-morello-dropped") == lost

    @pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]], ids=["one", "two"])
    async def test_tokens_go_to_whom_can_read_them(self, client, far, form, tokens) -> None:
        if form == "openai":
            await client.embeddings.create(model="openai:m", input=tokens)
            assert json.loads(far.last.body)["input"] == tokens
            return
        with pytest.raises(openai.BadRequestError) as caught:
            await client.embeddings.create(model=f"{form}:m", input=tokens)
        assert "no tokens" in caught.value.message
        assert not far.received

    async def test_a_refusal_is_in_the_providers_words(self, client, far, form) -> None:
        words = {"cohere": b'{"message":"its own words"}', "ollama": b'{"error":"its own words"}'}
        whole = b'{"error":{"code":400,"message":"its own words"}}'
        far.behaviour = answers(400, words.get(form, whole))
        with pytest.raises(openai.BadRequestError) as caught:
            await client.embeddings.create(model=f"{form}:m", input=TEXTS)
        assert "its own words" in caught.value.message


@pytest.mark.parametrize("form", ABROAD)
class TestAbroad:
    async def test_who_is_strict_is_refused_what_gets_lost(self, client, far, form) -> None:
        strict = {"x-morello-strict": "1"}
        with pytest.raises(openai.BadRequestError) as caught:
            await client.embeddings.create(model=f"{form}:m", input="Hi", user="me", extra_headers=strict)
        assert caught.value.param == "user"
        assert not far.received

    async def test_what_is_no_answer_is_a_bad_gateway(self, client, far, form) -> None:
        for reply in (
            b"{}",
            b"[]",
            b'"x"',
            b'{"embeddings":1}',
            b"\xff",
            b"x",
            b'{"embeddings":[[1' + b"0" * 400 + b"]]}",
        ):
            far.behaviour = answers(200, reply)
            with pytest.raises(openai.InternalServerError) as caught:
                await client.embeddings.create(model=f"{form}:m", input=TEXTS)
            assert (caught.value.status_code, caught.value.code) == (502, "upstream_bad_response")

    async def test_a_missing_vector_is_a_bad_gateway(self, client, far, form) -> None:
        with pytest.raises(openai.InternalServerError) as caught:
            await client.embeddings.create(model=f"{form}:m", input=[*TEXTS, "A third"])
        assert "2 vectors for 3 inputs" in caught.value.message


class TestBytesPass:
    async def test_to_a_provider_of_openais_shapes_unknown_fields_too(self, api, far) -> None:
        body = json.dumps({"model": "openai:m", "input": ["Hi"], "output_dtype": "int8", "new": {"a": 1}}, indent=3)
        async with api.client() as client:
            got = await client.post("/v1/embeddings", content=body)
        assert far.last.body == body.replace("openai:m", "m").encode()
        assert got.content == compact(REPLIES["openai"])

    @pytest.mark.parametrize("version", ["v1beta", "v1"])
    async def test_to_google_both_ways_but_for_the_models_name(self, api, far, version) -> None:
        picture = {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]}
        one = b'{"embedding":{"values":[0.5]}}'
        async with api.client(None, **{"x-goog-api-key": api.key}) as client:
            many = {"requests": [{"model": "models/gemini:m", "content": picture, "new": 1}]}
            await client.post(f"/{version}/models/gemini:m:batchEmbedContents", json=many)
            assert far.last.path == "/v1beta/models/m:batchEmbedContents"
            assert far.last.body == compact({"requests": [{"model": "models/m", "content": picture, "new": 1}]})
            far.behaviour = answers(200, one)
            got = await client.post(f"/{version}/models/gemini:m:embedContent", json={"content": picture})
        assert (far.last.path, far.last.body) == ("/v1beta/models/m:embedContent", compact({"content": picture}))
        assert got.content == one
        assert [row.tokens_in for row in await api.rows()] == [9, None]

    @pytest.mark.parametrize("wish", ["float", "base64"])
    @pytest.mark.parametrize("comes_as", ["float", "base64"])
    async def test_whatever_encoding_the_provider_knows(self, client, far, wish, comes_as) -> None:
        told = [base64_of(v) if comes_as == "base64" else v for v in VECTORS]
        entries = [{"object": "embedding", "index": i, "embedding": v, "new": 1} for i, v in enumerate(told)]
        far.behaviour = answers(200, compact({**REPLIES["openai"], "data": entries, "newer": {"x": [1]}}))
        raw = await client.embeddings.with_raw_response.create(model="openai:m", input=TEXTS, encoding_format=wish)
        got = json.loads(raw.text)
        assert [e["embedding"] for e in got["data"]] == [base64_of(v) if wish == "base64" else v for v in VECTORS]
        assert (got["newer"], got["data"][0]["new"], got["usage"]) == ({"x": [1]}, 1, REPLIES["openai"]["usage"])


@pytest.mark.parametrize("form", FORMS)
class TestTheGoogleSdk:
    async def test_texts_become_vectors(self, google, far, form) -> None:
        config = types.EmbedContentConfig(task_type="CLUSTERING", output_dimensionality=8, title="T")
        # The SDK takes every model with “gemini” in its last part for one that joins all texts.
        model = f"{form}/m" if form == "gemini" else f"{form}:m"
        got = await google.models.embed_content(model=model, contents=TEXTS, config=config)
        assert far.last.path == PATHS[form]
        assert [vector.values for vector in got.embeddings] == VECTORS
        assert got.usage_metadata.prompt_token_count == 9
        sent = json.loads(far.last.body)
        if form == "gemini":
            assert [request["model"] for request in sent["requests"]] == ["models/m"] * 2
            assert [request["content"]["parts"][0]["text"] for request in sent["requests"]] == TEXTS
            assert {(request["taskType"], request["title"]) for request in sent["requests"]} == {("CLUSTERING", "T")}
            return
        assert (
            sent
            == {
                "openai": {"model": "m", "input": TEXTS, "dimensions": 8},
                "cohere": QUESTIONS["cohere"] | {"input_type": "clustering", "output_dimension": 8},
                "ollama": {"model": "m", "input": TEXTS, "dimensions": 8},
            }[form]
        )

    async def test_one_text_becomes_one_vector(self, api, far, form) -> None:
        far.behaviour = answers(200, compact({**REPLIES[form], **_first(form)}))
        asked = {"content": {"parts": [{"text": "Hi"}]}, "title": "T"}
        async with api.client(None) as client:
            got = await client.post(f"/v1beta/models/{form}/m:embedContent?key={api.key}", json=asked)
        assert got.status_code == 200
        if form != "gemini":
            assert got.json()["embedding"] == {"values": VECTORS[0]}
            assert got.headers["x-morello-dropped"] == "title"

    async def test_errors_are_in_googles_shape(self, google, far, form) -> None:
        far.behaviour = answers(429, b'{"error":{"code":429,"message":"its own words"}}')
        with pytest.raises(errors.ClientError) as caught:
            await google.models.embed_content(model=f"{form}:m", contents="Hi")
        assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
        assert "its own words" in str(caught.value.message)


def _first(form: str) -> dict[str, Any]:
    """The same answer with one vector."""
    one = VECTORS[:1]
    return {
        "openai": {"data": REPLIES["openai"]["data"][:1]},
        "gemini": {"embedding": {"values": VECTORS[0]}},
        "cohere": {"embeddings": {"float": one}},
        "ollama": {"embeddings": one},
    }[form]


NONSENSE: tuple[Any, ...] = (
    {},
    [],
    {"model": "gemini:m"},
    {"model": "gemini:m", "input": None},
    {"model": "gemini:m", "input": []},
    {"model": "gemini:m", "input": {}},
    {"model": "gemini:m", "input": ["a", 1]},
    {"model": "gemini:m", "input": ["a"] * 101},
    {"model": "cohere:m", "input": ["a"] * 97},
    {"model": "gemini:m", "input": "a", "dimensions": -1},
    {"model": "gemini:m", "input": "a", "encoding_format": "x"},
    {"model": "gemini:..", "input": "a"},
    {"model": 1, "input": "a"},
    {"input": "a"},
)


async def test_nonsense_is_refused_with_a_sentence(api: Api, far: FarEnd) -> None:
    async with api.client() as client:
        got = [await client.post("/v1/embeddings", json=body) for body in NONSENSE]
    assert [answer.status_code for answer in got] == [400] * len(NONSENSE)
    assert all(answer.json()["error"]["message"].endswith(".") for answer in got)
    assert not far.received


@pytest.mark.parametrize("method", ["embedContent", "batchEmbedContents"])
async def test_nonsense_is_refused_in_googles_shape(api: Api, far: FarEnd, method: str) -> None:
    async with api.client() as client:
        for version in ("v1", "v1beta"):
            for model in ("openai:m", "openai/m", "gemini:m"):
                for body in (b"[]", b'{"requests":[{"model":"other"}],"model":"other"}'):
                    got = await client.post(f"/{version}/models/{model}:{method}", content=body)
                    assert (got.status_code, got.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert not far.received


async def test_test_models_embed_nothing_and_say_who_does(api: Api, far: FarEnd, client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.embeddings.create(model="morello:echo", input="Hi")
    assert caught.value.code == "unsupported_by_provider"
    assert "“gemini”" in caught.value.message


async def test_who_turns_out_to_embed_nothing_is_asked_once(api: Api, client: openai.AsyncOpenAI) -> None:
    async with far_end(answers(404, b'{"error":{"message":"Not Found"}}')) as far:
        await api.gateway.providers.add("deepseek", "openai_chat", far.url, KEY)
        for _ in range(2):
            with pytest.raises(openai.BadRequestError) as caught:
                await client.embeddings.create(model="deepseek:deepseek-chat", input="Hi")
            assert caught.value.code == "unsupported_by_provider"
        assert len(far.received) == 1


@pytest.mark.parametrize(("form", "path"), [("cohere", "/mine/v2/embed"), ("ollama", "/mine/api/embed")])
async def test_a_path_of_the_rows_own_is_asked(api: Api, client: openai.AsyncOpenAI, form: Any, path: str) -> None:
    async with far_end(answers(200, compact({**REPLIES[form], **_first(form)}))) as far:
        quirks = Quirks(embeddings_form=form, embeddings_path=path)
        await api.gateway.providers.add("far", "openai_chat", f"{far.url}/v1", KEY, quirks=quirks)
        got = await client.embeddings.create(model="far:m", input="Hi")
    assert far.last.path == path
    assert got.data[0].embedding == VECTORS[0]
