"""The forms of embeddings: what one writes another reads, nothing gets lost in silence, vectors stay as they are."""

import json
import math
from contextlib import suppress
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.conversation import Usage
from api.dialects.embeddings import FORMS, cohere, gemini, gemini_one, ollama, ollama_old, openai
from api.dialects.embeddings.asked import Embedded, EmbeddingRequest, Purpose
from api.dialects.embeddings.vectors import from_base64, to_base64, unit
from api.errors import BadReply, InvalidRequest

CALLERS = (openai, gemini, gemini_one, ollama, ollama_old)
PROVIDERS = tuple(FORMS.values())
callers, providers = st.sampled_from(CALLERS), st.sampled_from(PROVIDERS)

texts = st.text(min_size=1, max_size=12)
singles = st.floats(width=32, allow_nan=False, allow_infinity=False)
vectors = st.lists(singles, max_size=5).map(tuple)
WORDS = (
    "model input prompt requests content parts text taskType data embedding embeddings index values float truncate "
    "dimensions encoding_format embedContentConfig options x"
)
names = st.sampled_from(WORDS.split())
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def together(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda drawn: {name: value for part in drawn for name, value in part.items()})


lengths = st.integers(1, 4096)
tasks = st.sampled_from([*gemini.PURPOSES.values(), "SOMETHING_NEW"])
google = optional(taskType=tasks, title=texts, outputDimensionality=lengths, autoTruncate=st.booleans())
parameters = optional(options=st.just({"num_ctx": 512}), keep_alive=st.sampled_from(["5m", 0]), unheard=texts)
# What each kind of caller may ask beside the texts.
ASKED: dict[ModuleType, st.SearchStrategy[dict[str, Any]]] = {
    openai: together(
        optional(dimensions=lengths, user=texts, title=texts, late_chunking=st.booleans()),
        optional(truncate=st.sampled_from([True, False, "END", "NONE", "START"])),
        optional(input_type=st.sampled_from(["query", "passage", "classification", "image"]))
        | optional(task=st.sampled_from(["retrieval.query", "text-matching", "separation", "else"])),
    ),
    gemini: google,
    gemini_one: google,
    ollama: together(optional(truncate=st.booleans(), dimensions=lengths), parameters),
    ollama_old: parameters,
}


def body_of(form: ModuleType, said: list[str], asked: dict[str, Any]) -> dict[str, Any]:
    """A caller's body; forms that take one text get the first."""
    contents = [{"parts": [{"text": text}]} for text in said]
    match form:
        case _ if form is gemini:
            return {"requests": [{"model": "models/m", "content": content, **asked} for content in contents]}
        case _ if form is gemini_one:
            return {"content": contents[0], **asked}
        case _ if form is ollama_old:
            return {"model": "m", "prompt": said[0], **asked}
        case _:
            return {"model": "m", "input": said, **asked}


def read(form: ModuleType, body: Any, model: str = "m") -> EmbeddingRequest:
    request: EmbeddingRequest = form.read_request(json.dumps(body).encode(), model)
    return request


def written(provider: ModuleType, request: EmbeddingRequest) -> tuple[Any, tuple[str, ...]]:
    told = provider.write_request(request, "theirs")
    return json.loads(told.body), told.dropped


def bare(request: EmbeddingRequest) -> EmbeddingRequest:
    """What is asked, without how a caller named it."""
    return msgspec.structs.replace(request, called={})


@pytest.mark.parametrize("form", [openai, gemini, ollama], ids=lambda form: form.NAME)
@given(
    said=st.lists(texts, min_size=1, max_size=3),
    dimensions=st.none() | lengths,
    truncate=st.none() | st.booleans(),
    purpose=st.none() | st.sampled_from(Purpose),
    single=st.booleans(),
)
def test_what_a_form_writes_it_reads_back(form, said, dimensions, truncate, purpose, single) -> None:
    request = EmbeddingRequest(
        "theirs",
        tuple(said[:1] if single else said),
        single and form is not gemini,
        dimensions,
        purpose=purpose if form is gemini else None,
        truncate=None if form is openai else truncate,
    )
    body, dropped = written(form, request)
    assert bare(read(form, body, "theirs")) == request
    assert dropped == ()


@settings(max_examples=200)
@given(caller=callers, provider=providers, rest=st.data(), said=st.lists(texts, min_size=1, max_size=3))
def test_what_a_caller_says_is_told_or_named_as_lost(caller, provider, rest, said) -> None:
    asked = rest.draw(ASKED[caller])
    whole = read(caller, body_of(caller, said, asked))
    body, dropped = written(provider, whole)
    assert set(dropped) <= set(asked)
    for name in asked:
        without = {other: value for other, value in asked.items() if other != name}
        other, _ = written(provider, read(caller, body_of(caller, said, without)))
        is_default = provider is cohere and whole.purpose is Purpose.DOCUMENT and name == whole.called["purpose"]
        assert other != body or name in dropped or is_default


@given(caller=callers, provider=providers, said=st.lists(texts, min_size=1, max_size=3))
def test_nothing_is_told_that_nobody_said(caller, provider, said) -> None:
    body, dropped = written(provider, read(caller, body_of(caller, said, {})))
    required = {"input_type", "embedding_types"} if provider is cohere else set()
    top = body["requests"][0] if provider is gemini else body
    assert (
        set(top)
        == {"model", {openai: "input", gemini: "content", cohere: "texts", ollama: "input"}[provider]} | required
    )
    assert dropped == ()


def told_by(form: ModuleType, given: tuple[tuple[float, ...], ...]) -> Any:
    """A provider's answer."""
    if form is openai:
        return {"data": [{"index": index, "embedding": vector} for index, vector in enumerate(given)]}
    if form is gemini:
        return {"embeddings": [{"values": vector} for vector in given]}
    return {"embeddings": {"float": given} if form is cohere else given}


def vectors_in(form: ModuleType, answer: Any) -> list[list[float]]:
    """What a caller makes of an answer."""
    match form:
        case _ if form is openai:
            return [entry["embedding"] for entry in answer["data"]]
        case _ if form is gemini:
            return [entry["values"] for entry in answer["embeddings"]]
        case _ if form is gemini_one:
            return [answer["embedding"]["values"]]
        case _ if form is ollama_old:
            return [answer["embedding"]]
        case _:
            return list(answer["embeddings"])


@given(caller=callers, provider=providers, sent=st.lists(vectors, min_size=1, max_size=3))
def test_vectors_reach_every_caller_from_every_provider_unchanged(caller, provider, sent) -> None:
    sent = sent[:1] if caller in (gemini_one, ollama_old) else sent
    heard = provider.read_reply(json.dumps(told_by(provider, tuple(sent))).encode())
    request = read(caller, body_of(caller, ["x"] * len(sent), {}))
    answer = json.loads(caller.write_reply(heard, request))
    assert vectors_in(caller, answer) == [list(unit(vector) if provider is gemini else vector) for vector in sent]


@given(vector=vectors)
def test_a_vector_of_google_s_has_the_length_1_and_its_direction(vector) -> None:
    [heard] = gemini.read_reply(json.dumps({"embeddings": [{"values": vector}]}).encode()).vectors
    length = math.hypot(*vector)
    assert math.hypot(*heard) == pytest.approx(1 if length else 0, abs=2e-3)
    assert [number * length for number in heard] == pytest.approx(vector, rel=2e-3)


@pytest.mark.parametrize("vector", [(0.6, 0.8), (0.6001, 0.8), (0.0, 0.0), ()])
def test_a_vector_that_needs_no_stretching_keeps_its_very_numbers(vector) -> None:
    assert unit(vector) == vector


@given(vector=vectors)
def test_base64_holds_the_very_numbers(vector) -> None:
    assert from_base64(to_base64(vector)) == vector


@pytest.mark.parametrize("text", ["AAA", "AAAA", "?", "AADAfw==", "AACAfw=="])
def test_text_that_is_no_vector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"base64|number"):
        from_base64(text)


@pytest.mark.parametrize("form", CALLERS, ids=lambda form: form.__name__.rpartition(".")[2])
@given(body=json_values)
def test_nonsense_is_refused_in_words(form, body) -> None:
    with suppress(InvalidRequest):
        assert read(form, body).inputs


@pytest.mark.parametrize("form", PROVIDERS, ids=lambda form: form.NAME)
@given(body=json_values)
def test_an_answer_that_is_none_is_a_value_error(form, body) -> None:
    try:
        heard = form.read_reply(json.dumps(body).encode())
    except (ValueError, msgspec.DecodeError):
        return
    assert all(isinstance(number, float) for vector in heard.vectors for number in vector)


@given(asked=json_values, reply=json_values)
def test_mending_leaves_alone_what_is_no_answer(asked, reply) -> None:
    asked = {"encoding_format": "float", **asked} if isinstance(asked, dict) else {"encoding_format": "base64"}
    reply = reply if isinstance(reply, dict) else {"data": reply}
    mended = json.loads(openai.mend(json.dumps(asked).encode(), json.dumps(reply).encode()))
    assert mended == reply or mended["data"] != reply["data"]


class TestOpenAI:
    @pytest.mark.parametrize(
        ("told", "inputs", "single"),
        [
            ("Hi", ("Hi",), True),
            (["Hi"], ("Hi",), False),
            (["Hi", "you"], ("Hi", "you"), False),
            ([1, 2], ((1, 2),), True),
            ([[1, 2], [3]], ((1, 2), (3,)), False),
        ],
    )
    def test_each_kind_of_input_is_read_and_written_alike(self, told, inputs, single) -> None:
        request = read(openai, {"model": "m", "input": told})
        assert (request.inputs, request.single) == (inputs, single)
        assert written(openai, request)[0]["input"] == told

    @pytest.mark.parametrize("told", [[], ["a", 1], [[1], "a"], [1, [1]], {}, 1, None, [{"text": "a"}], [-1], [True]])
    def test_other_inputs_are_refused(self, told) -> None:
        with pytest.raises(InvalidRequest) as caught:
            read(openai, {"model": "m", "input": told})
        assert (caught.value.param or "").startswith("input")

    @pytest.mark.parametrize("field", [{"dimensions": 0}, {"encoding_format": "hex"}, {"user": 1}, {"dimensions": "8"}])
    def test_a_wrong_field_is_named(self, field) -> None:
        with pytest.raises(InvalidRequest) as caught:
            read(openai, {"model": "m", "input": "x", **field})
        assert caught.value.param in field

    def test_vectors_are_put_in_the_order_of_their_index(self) -> None:
        told = {"data": [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]}
        assert openai.read_reply(json.dumps(told).encode()).vectors == ((1.0,), (2.0,))

    @pytest.mark.parametrize("places", [(0, 0), (1, 2), (0, None, 1)])
    def test_vectors_that_are_not_numbered_one_by_one_are_no_answer(self, places) -> None:
        told = {"data": [{"index": place, "embedding": [1.0]} for place in places]}
        with pytest.raises(ValueError, match="one by one"):
            openai.read_reply(json.dumps(told).encode())

    def test_vectors_without_numbers_come_in_their_order(self) -> None:
        told = {"data": [{"embedding": [1.0]}, {"embedding": to_base64((2.0,))}]}
        assert openai.read_reply(json.dumps(told).encode()).vectors == ((1.0,), (2.0,))

    def test_usage_is_nothing_where_nobody_counted(self) -> None:
        request = read(openai, {"model": "m", "input": "x"})
        answer = json.loads(openai.write_reply(Embedded(((1.0,),)), request))
        assert answer["usage"] == {"prompt_tokens": 0, "total_tokens": 0}

    def test_a_number_too_large_for_base64_is_a_bad_reply(self) -> None:
        request = read(openai, {"model": "m", "input": "x", "encoding_format": "base64"})
        with pytest.raises(BadReply):
            openai.write_reply(Embedded(((1e300,),)), request)

    @pytest.mark.parametrize(("wish", "came"), [("base64", [0.5, 2]), ("float", to_base64((0.5, 2.0)))])
    def test_an_answer_in_the_other_encoding_is_mended_and_keeps_the_rest(self, wish, came) -> None:
        told: dict[str, Any] = {
            "object": "list",
            "data": [{"index": 0, "embedding": came, "new": [1]}],
            "model": "x",
            "newer": {"a": 1},
        }
        mended = json.loads(openai.mend(json.dumps({"encoding_format": wish}).encode(), json.dumps(told).encode()))
        told["data"][0]["embedding"] = to_base64((0.5, 2.0)) if wish == "base64" else [0.5, 2.0]
        assert mended == told

    @pytest.mark.parametrize("wish", [{}, {"encoding_format": None}, {"encoding_format": "ubinary"}, {"dimensions": 1}])
    @pytest.mark.parametrize("came", [[0.5], "AAAAPw==", [1, 0, -3]])
    def test_who_wished_for_nothing_gets_the_very_bytes(self, wish, came) -> None:
        reply = json.dumps({"data": [{"embedding": came}]}, indent=3).encode()
        assert openai.mend(json.dumps(wish).encode(), reply) is reply

    @pytest.mark.parametrize("reply", [b"", b"[]", b"x", b'"x"', b"null"])
    def test_what_is_no_object_is_no_answer(self, reply) -> None:
        with pytest.raises(ValueError, match="no list"):
            openai.mend(b"{}", reply)

    @pytest.mark.parametrize("reply", [b"{", b"{}", b'{"data":1}', b'{"data":[{}]}', b'{"data":[{"embedding":"?"}]}'])
    def test_what_cannot_be_mended_passes(self, reply) -> None:
        assert openai.mend(b'{"encoding_format":"float"}', reply) is reply


class TestGemini:
    @pytest.mark.parametrize(
        "told",
        [
            {"taskType": "RETRIEVAL_QUERY", "outputDimensionality": 8, "title": "T"},
            {"task_type": "RETRIEVAL_QUERY", "output_dimensionality": "8", "title": "T"},
            {"embedContentConfig": {"taskType": "RETRIEVAL_QUERY", "outputDimensionality": 8, "title": "T"}},
            {"embed_content_config": {"task_type": "RETRIEVAL_QUERY", "output_dimensionality": 8}, "title": "T"},
        ],
    )
    def test_every_spelling_means_the_same(self, told) -> None:
        request = read(gemini_one, body_of(gemini_one, ["x"], told))
        assert (request.purpose, request.dimensions, request.extra) == (Purpose.QUERY, 8, {"title": "T"})

    def test_what_only_the_config_knows_takes_the_rest_along(self) -> None:
        request = EmbeddingRequest("m", ("x",), dimensions=8, truncate=False, purpose=Purpose.FACT)
        told: Any = written(gemini, request)[0]["requests"][0]
        wishes = {"taskType": "FACT_VERIFICATION", "outputDimensionality": 8, "autoTruncate": False}
        assert told == {"model": "models/theirs", "content": {"parts": [{"text": "x"}]}, "embedContentConfig": wishes}

    @pytest.mark.parametrize("field", [{"taskType": "CLUSTERING"}, {"outputDimensionality": 8}, {"autoTruncate": True}])
    def test_requests_that_want_different_things_are_refused(self, field) -> None:
        one, other = body_of(gemini_one, ["x"], field), body_of(gemini_one, ["x"], {})
        with pytest.raises(InvalidRequest, match="differ"):
            read(gemini, {"requests": [one, other]})

    def test_titles_may_differ(self) -> None:
        requests = [body_of(gemini_one, [text], {"title": text}) for text in ("a", "b")]
        assert written(openai, read(gemini, {"requests": requests})) == (
            {"model": "theirs", "input": ["a", "b"]},
            ("title",),
        )

    @pytest.mark.parametrize(
        ("body", "param"),
        [
            ({}, "requests"),
            ({"requests": []}, "requests"),
            ({"requests": [{}]}, "requests[0].content"),
            ({"requests": [{"content": {"parts": []}}]}, "requests[0].content"),
            ({"requests": [{"content": {"parts": [{"inlineData": {}}]}}]}, "requests[0].content.parts[0]"),
            ({"requests": [{"content": {"parts": [{"text": "a"}]}, "model": "models/other"}]}, "requests[0].model"),
            ({"requests": [{"content": {"parts": "a"}}]}, "requests[0].content.parts[0]"),
            (
                {"requests": [{"content": {"parts": [{"text": "a"}]}, "outputDimensionality": -1}]},
                "requests[0].outputDimensionality",
            ),
        ],
    )
    def test_what_is_wrong_is_named(self, body, param) -> None:
        with pytest.raises(InvalidRequest) as caught:
            read(gemini, body)
        assert caught.value.param == param

    def test_parts_are_one_text(self) -> None:
        content = {"parts": [{"text": "a"}, {"text": "b"}]}
        assert read(gemini_one, {"content": content}).inputs == ("a\nb",)

    @pytest.mark.parametrize("name", ["models/m", "m"])
    def test_a_question_that_passes_names_the_providers_model(self, name) -> None:
        batch = {"requests": [{"model": name, "content": {"new": 1}}, {"content": {}}], "newer": 2}
        told = json.loads(gemini.rename(json.dumps(batch).encode(), "m", "theirs"))
        assert told == {"requests": [{"model": "models/theirs", "content": {"new": 1}}, {"content": {}}], "newer": 2}
        assert json.loads(gemini_one.rename(b'{"model":"m","x":1}', "m", "tunedModels/t")) == {
            "model": "tunedModels/t",
            "x": 1,
        }

    @pytest.mark.parametrize("body", [b"{}", b'{ "content": {} }'])
    def test_a_question_that_names_no_model_passes_as_it_is(self, body) -> None:
        assert gemini.rename(body, "m", "theirs") is body
        assert gemini_one.rename(body, "m", "theirs") is body

    @pytest.mark.parametrize(
        ("model", "path"),
        [("m", "/models/m"), ("models/m", "/models/m"), ("tunedModels/t", "/tunedModels/t"), ("a/b", "/models/a%2Fb")],
    )
    def test_a_model_is_a_resource_of_the_path(self, model, path) -> None:
        assert gemini.path(model) == f"{path}:batchEmbedContents"
        assert gemini_one.path(model) == f"{path}:embedContent"

    @pytest.mark.parametrize("model", ["", ".", "..", "models/", "\ud800"])
    def test_a_name_that_no_path_can_hold_is_refused(self, model) -> None:
        with pytest.raises(InvalidRequest):
            gemini.path(model)


class TestCohere:
    @pytest.mark.parametrize(
        ("field", "input_type", "dropped"),
        [
            ({}, "search_document", ()),
            ({"input_type": "query"}, "search_query", ()),
            ({"input_type": "search_query"}, "search_query", ()),
            ({"input_type": "passage"}, "search_document", ()),
            ({"task": "retrieval.query"}, "search_query", ()),
            ({"task": "separation"}, "clustering", ()),
            ({"task_type": "CLASSIFICATION"}, "classification", ()),
            ({"task_type": "CODE_RETRIEVAL_QUERY"}, "search_query", ("task_type",)),
            ({"task_type": "SEMANTIC_SIMILARITY"}, "search_document", ("task_type",)),
            ({"input_type": "something new"}, "something new", ()),
            ({"task": "something new"}, "search_document", ("task",)),
            ({"input_type": "something new", "task": "separation"}, "clustering", ("input_type",)),
        ],
    )
    def test_it_is_told_what_vectors_are_for(self, field, input_type, dropped) -> None:
        body, lost = written(cohere, read(openai, {"model": "m", "input": "x", **field}))
        assert (body["input_type"], lost) == (input_type, dropped)

    def test_every_wish_in_its_words(self) -> None:
        asked = {"dimensions": 512, "truncate": "END", "max_tokens": 9, "user": "me", "encoding_format": "base64"}
        body, dropped = written(cohere, read(openai, {"model": "m", "input": ["a", "b"], **asked}))
        assert body == {
            "model": "theirs",
            "texts": ["a", "b"],
            "input_type": "search_document",
            "embedding_types": ["float"],
            "output_dimension": 512,
            "truncate": "END",
            "max_tokens": 9,
        }
        assert dropped == ("user",)


@pytest.mark.parametrize("provider", [gemini, cohere, ollama], ids=lambda form: form.NAME)
@pytest.mark.parametrize("tokens", [[1, 2], [[1], [2]]])
def test_who_takes_no_tokens_says_so(provider, tokens) -> None:
    with pytest.raises(InvalidRequest, match="no tokens") as caught:
        provider.write_request(read(openai, {"model": "m", "input": tokens}), "theirs")
    assert caught.value.param == "input"


@pytest.mark.parametrize(("provider", "most"), [(gemini, 100), (cohere, 96)], ids=["gemini", "cohere"])
def test_more_texts_than_a_provider_takes_are_refused_with_the_limit(provider, most) -> None:
    assert provider.write_request(read(openai, {"model": "m", "input": ["x"] * most}), "theirs").body
    with pytest.raises(InvalidRequest, match=rf"at most {most} texts .* this one has {most + 1}") as caught:
        provider.write_request(read(openai, {"model": "m", "input": ["x"] * (most + 1)}), "theirs")
    assert caught.value.param == "input"


@pytest.mark.parametrize("caller", CALLERS, ids=lambda form: form.__name__.rpartition(".")[2])
@pytest.mark.parametrize("got", [0, 3])
def test_a_wrong_number_of_vectors_is_a_bad_reply(caller, got) -> None:
    said = ["x"] if caller in (gemini_one, ollama_old) else ["x", "y"]
    with pytest.raises(BadReply, match=f"{got} vectors for {len(said)} inputs"):
        caller.write_reply(Embedded(((1.0,),) * got), read(caller, body_of(caller, said, {})))


@pytest.mark.parametrize("body", [{"model": "m", "input": []}, {"model": "m"}, {"model": "m", "input": [1]}])
def test_ollama_is_asked_with_texts(body) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(ollama, body)
    assert "input" in str(caught.value)


def test_ollamas_old_callers_send_one_text() -> None:
    with pytest.raises(InvalidRequest, match="“prompt” is empty"):
        read(ollama_old, {"model": "m"})


@pytest.mark.parametrize(
    ("form", "reply"),
    [
        (openai, {"data": [], "usage": {"prompt_tokens": 5, "total_tokens": 5}}),
        (openai, {"data": [], "usage": {"total_tokens": 5}}),
        (gemini, {"embeddings": [], "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}}),
        (cohere, {"embeddings": {"float": []}, "meta": {"billed_units": {"input_tokens": 5}}}),
        (ollama, {"embeddings": [], "prompt_eval_count": 5}),
    ],
)
def test_what_was_counted_is_heard(form, reply) -> None:
    assert form.read_reply(json.dumps(reply).encode()).usage == Usage(5)


@pytest.mark.parametrize(
    ("caller", "told"),
    [
        (openai, {"usage": {"prompt_tokens": 5, "total_tokens": 5}}),
        (gemini, {"usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}}),
        (gemini_one, {"usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}}),
        (ollama, {"prompt_eval_count": 5, "model": "m"}),
    ],
    ids=["openai", "gemini", "gemini_one", "ollama"],
)
def test_what_was_counted_is_told(caller, told) -> None:
    answer = json.loads(caller.write_reply(Embedded(((1.0,),), Usage(5)), read(caller, body_of(caller, ["x"], {}))))
    assert told.items() <= answer.items()
