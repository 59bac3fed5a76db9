"""Rerank: documents ranked in the form of Jina and Cohere, whatever form the provider has."""

import json
from typing import Any

import pytest
from httpx import Response
from hypothesis import given
from hypothesis import strategies as st

from api.dialects.quirks import NONE, Quirks
from api.dialects.reranking import FORMS, jina
from api.dialects.reranking.asked import Ranked, Reranked
from tests.conftest import Api
from tests.fakes import FarEnd, answers, far_end

DOCUMENTS = ["Oslo is in Norway.", "Paris is the capital of France.", {"text": "Rome", "title": "Italy"}]
TEXTS = ["Oslo is in Norway.", "Paris is the capital of France.", "Rome"]
ASKED: dict[str, Any] = {"model": "far:rank-1", "query": "What is the capital of France?", "documents": DOCUMENTS}
USUAL: dict[str, Any] = {
    "id": "rr-1",
    "model": "rank-1",
    "results": [{"index": 1, "relevance_score": 0.9}, {"index": 2, "relevance_score": 0.2}],
    "usage": {"total_tokens": 31},
}
COHERE = Quirks(rerank_form="cohere", rerank_path="/v2/rerank")
VOYAGE = Quirks(rerank_form="voyage")
TEI = Quirks(rerank_form="tei", rerank_path="/rerank")


async def provide(api: Api, far: FarEnd, quirks: Quirks = NONE, dialect: str = "openai_chat") -> None:
    await api.gateway.providers.add("far", dialect, f"{far.url}/v1", "sk-far-0123456789", quirks=quirks)


async def ask(api: Api, path: str = "/v1/rerank", headers: dict[str, str] | None = None, **more: Any) -> Response:
    async with api.client() as client:
        return await client.post(path, json={**ASKED, **more}, headers=headers)


def told(reply: Any) -> Any:
    return answers(200, json.dumps(reply, indent=1).encode())


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank", "/rerank"])
async def test_every_byte_but_the_model_s_name_passes(api, path):
    body = b'{ "documents":["a" , "b"],"model":"far:rank-1","query":"q", "max_chunks_per_doc":10, "new":[1.0] }'
    reply = json.dumps(USUAL, indent=3).encode()
    async with far_end(answers(200, reply)) as far, api.client() as client:
        await provide(api, far)

        answer = await client.post(path, content=body, headers={"content-type": "application/json"})

        assert answer.content == reply
        assert (far.last.method, far.last.path) == ("POST", "/v1/rerank")
        assert far.last.body == body.replace(b'"far:rank-1"', b'"rank-1"')
        assert far.last.headers["authorization"] == "Bearer sk-far-0123456789"
    [row] = await api.rows()
    assert (row.route, row.served, row.tokens_in, row.tokens_out) == (path[1:], "rank-1", 31, 0)


async def test_documents_that_the_provider_leaves_out_are_put_in(api):
    async with far_end(told(USUAL)) as far:
        await provide(api, far)

        answer = await ask(api, return_documents=True)

        assert answer.json() == {
            **USUAL,
            "results": [
                {"index": 1, "relevance_score": 0.9, "document": {"text": TEXTS[1]}},
                {"index": 2, "relevance_score": 0.2, "document": {"text": "Rome", "title": "Italy"}},
            ],
        }


async def test_documents_that_the_provider_sent_stay_as_they_are(api):
    own = {**USUAL, "results": [{"index": 1, "relevance_score": 0.9, "document": {"text": "its own"}, "more": 1}]}
    async with far_end(told(own)) as far:
        await provide(api, far)

        answer = await ask(api, return_documents=True)

        assert answer.json() == own


@pytest.mark.parametrize(
    "reply",
    [
        {"results": [{"index": 2, "score": 0.2}, {"index": 1, "score": 0.9}, {"index": 0, "score": -3}]},
        {"data": [{"index": 2, "relevance_score": 0.2}, {"index": 1, "relevance_score": 0.9}]},
        [{"index": 2, "score": 0.2}, {"index": 1, "score": 0.9}, {"index": 0, "score": 0}],
    ],
    ids=["unsorted and too many", "under another name", "a list alone"],
)
async def test_an_answer_that_strays_is_put_right(api, reply):
    async with far_end(told(reply)) as far:
        await provide(api, far)

        answer = await ask(api, top_n=2)

        assert answer.json() == {"results": USUAL["results"]}


@pytest.mark.parametrize(
    ("quirks", "path", "sent", "reply"),
    [
        (
            COHERE,
            "/v2/rerank",
            {"model": "rank-1", "query": ASKED["query"], "documents": TEXTS, "top_n": 2},
            {"id": "rr-1", "results": USUAL["results"], "meta": {"billed_units": {"search_units": 1}}},
        ),
        (
            VOYAGE,
            "/v1/rerank",
            {"model": "rank-1", "query": ASKED["query"], "documents": TEXTS, "top_k": 2},
            {"object": "list", "data": USUAL["results"], "model": "rank-1", "usage": {"total_tokens": 31}},
        ),
        (
            TEI,
            "/rerank",
            {"query": ASKED["query"], "texts": TEXTS},
            [{"index": 0, "score": 0.1}, {"index": 1, "score": 0.9}, {"index": 2, "score": 0.2}],
        ),
    ],
    ids=["cohere", "voyage", "tei"],
)
async def test_a_provider_of_another_form_is_asked_in_its_own(api, quirks, path, sent, reply):
    async with far_end(told(reply)) as far:
        await provide(api, far, quirks)

        answer = await ask(api, top_n=2, return_documents=True)

        assert (far.last.path, json.loads(far.last.body)) == (path, sent)
        assert answer.json()["model"] == "far:rank-1"
        assert answer.json()["results"] == [
            {"index": 1, "relevance_score": 0.9, "document": {"text": TEXTS[1]}},
            {"index": 2, "relevance_score": 0.2, "document": {"text": "Rome", "title": "Italy"}},
        ]
        assert "x-morello-dropped" not in answer.headers


async def test_what_is_billed_comes_back(api):
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}, "tokens": {"input_tokens": 40}}
    async with far_end(told({"id": "rr-1", "results": [], "meta": meta})) as far:
        await provide(api, far, COHERE)

        answer = await ask(api)

    assert (answer.json()["id"], answer.json()["meta"]) == ("rr-1", meta)
    [row] = await api.rows()
    assert row.tokens_in == 40


async def test_what_another_form_cannot_say_is_named_or_refused(api):
    async with far_end(told({"results": []})) as far:
        await provide(api, far, COHERE)

        answer = await ask(api, rank_fields=["title"], max_tokens_per_doc=99)
        strict = await ask(api, headers={"x-morello-strict": "1"}, rank_fields=["title"])

        assert answer.headers["x-morello-dropped"] == "rank_fields"
        assert json.loads(far.last.body)["max_tokens_per_doc"] == 99
        assert (strict.status_code, strict.json()["error"]["param"]) == (400, "rank_fields")
        assert len(far.received) == 1


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"documents": ["a", {"image": "x"}]}, "documents[1]"),
        ({"documents": "a"}, "documents"),
        ({"query": {"image": "x"}}, "query"),
        ({"query": None}, "query"),
        ({"top_n": "two"}, "top_n"),
    ],
)
async def test_what_cannot_be_translated_is_refused_by_its_field(api, more, field):
    async with far_end() as far:
        await provide(api, far, VOYAGE)

        answer = await ask(api, **more)

        assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
        assert far.connections == 0


@pytest.mark.parametrize(
    "reply",
    [
        b'{"results":7}',
        b"{}",
        b"7",
        b'{"results":[{"index":0}]}',
        b'{"results":[{"index":-1,"relevance_score":1}]}',
        b'{"results":[7]}',
        b'{"results":[{"index":true,"relevance_score":1}]}',
        b'{"results":[{"index":99,"relevance_score":1}]}',
        b"{",
    ],
)
@pytest.mark.parametrize("quirks", [NONE, VOYAGE], ids=["passed", "translated"])
async def test_an_answer_that_is_no_ranking_is_told_of(api, quirks, reply):
    async with far_end(answers(200, reply)) as far:
        await provide(api, far, quirks)

        answer = await ask(api, return_documents=True)

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_bad_response")


@pytest.mark.parametrize("model", ["far:m", "morello:echo", "local:gemma-3-270m"])
async def test_who_cannot_rank_is_told_apart(api, model):
    async with far_end() as far:
        await provide(api, far, dialect="anthropic")

        answer = await ask(api, model=model)

        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_by_provider")
        assert far.connections == 0


@pytest.mark.parametrize("places", [(0, 3), (1, 1)], ids=["a place that is none", "a place told twice"])
async def test_a_translated_ranking_of_other_documents_is_none(api, places):
    reply = {"data": [{"index": place, "relevance_score": 0.5} for place in places]}
    async with far_end(told(reply)) as far:
        await provide(api, far, VOYAGE)

        answer = await ask(api)

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_bad_response")


async def test_a_number_that_nothing_can_hold_is_refused_in_words(api):
    async with far_end() as far, api.client() as client:
        await provide(api, far, VOYAGE)
        body = json.dumps(ASKED)[:-1].encode() + b',"else":1e999}'

        answer = await client.post("/v1/rerank", content=body, headers={"content-type": "application/json"})

        assert (answer.status_code, far.connections) == (400, 0)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}", b'{"model":""}', b'{"model":null,"query":"q"}', b"\xff{}"])
async def test_nonsense_is_refused_in_words(api, body):
    async with far_end() as far, api.client() as client:
        await provide(api, far)

        answer = await client.post("/v1/rerank", content=body, headers={"content-type": "application/json"})

        assert answer.status_code == 400
        assert answer.json()["error"]["message"].endswith(".")
        assert far.connections == 0


texts = st.text(max_size=9)
questions = st.builds(
    lambda query, documents, top, returns: {
        "model": "far:m",
        "query": query,
        "documents": documents,
        **({"top_n": top} if top else {}),
        **({"return_documents": returns} if returns is not None else {}),
    },
    texts,
    st.lists(texts | st.builds(lambda text: {"text": text, "id": 1}, texts), max_size=5),
    st.integers(0, 4),
    st.none() | st.booleans(),
)


@pytest.mark.parametrize("form", [form for form in FORMS.values() if form is not jina], ids=lambda form: form.NAME)
@given(asked=questions)
def test_every_form_is_told_the_query_and_every_text(form, asked):
    request = jina.read_request(json.dumps(asked).encode(), "")

    written = form.write_request(request, "m")

    said = json.loads(written.body)
    assert said["query"] == asked["query"]
    assert said.get("documents", said.get("texts")) == list(request.texts)
    assert None not in said.values()
    assert written.dropped == ()


@given(asked=questions, scores=st.lists(st.floats(-1, 1), max_size=5))
def test_what_is_written_fits_and_is_not_put_right_again(asked, scores):
    body = json.dumps(asked).encode()
    request = jina.read_request(body, "")
    ranked = tuple(Ranked(index, score) for index, score in enumerate(scores[: len(request.texts)]))

    reply = jina.write_reply(Reranked(ranked), request)

    assert jina.mend(body, reply) == reply
    best = [result["relevance_score"] for result in json.loads(reply)["results"]]
    assert best == sorted(best, reverse=True)
