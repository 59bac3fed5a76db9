"""Providers of four dialects: which header the key travels in, which headers go along, what their lists say."""

import json
from itertools import permutations

import pytest

from api.dialects.quirks import NONE, Quirks
from api.errors import BadReply, UpstreamRefused
from api.providers.provider import Model, Provider, Secret
from api.upstream import client, listing
from tests.fakes import answers, far_end

KEY = "sk-of-this-provider-0001"
DIALECTS = ("openai_chat", "openai_responses", "anthropic", "gemini")
KEYS = ("authorization", "x-api-key", "x-goog-api-key", "api-key")


@pytest.fixture
def upstream(gateway):
    return gateway.upstream


def provider(far, *dialects, quirks=NONE, key=KEY):
    return Provider(
        id="far", name="Far", dialects=dialects, base_url=f"{far.url}/v1", key=key and Secret(key), quirks=quirks
    )


async def posted(upstream, dialects, headers=None, *, quirks=NONE, key=KEY, caller=None, path="/x"):
    """The headers that arrive when the first of `dialects` is spoken."""
    async with far_end() as far:
        reply = await upstream.post(
            provider(far, *dialects, quirks=quirks, key=key), dialects[0], path, b"{}", headers or {}, caller
        )
        await reply.close()
        return far.last.headers


# Keys


@pytest.mark.parametrize(
    ("dialect", "header", "value"),
    [
        ("openai_chat", "authorization", f"Bearer {KEY}"),
        ("openai_responses", "authorization", f"Bearer {KEY}"),
        ("anthropic", "x-api-key", KEY),
        ("gemini", "x-goog-api-key", KEY),
    ],
)
async def test_a_key_travels_where_the_dialect_has_it_and_nowhere_else(upstream, dialect, header, value):
    headers = await posted(upstream, [dialect])
    assert {name: headers[name] for name in KEYS if name in headers} == {header: value}


@pytest.mark.parametrize("quirks", [Quirks(deployments=True), Quirks(api_version="2024-10-21")])
async def test_azures_key_has_a_header_of_its_own(upstream, quirks):
    headers = await posted(upstream, ["openai_chat"], quirks=quirks)
    assert {name: headers[name] for name in KEYS if name in headers} == {"api-key": KEY}


async def test_who_speaks_anthropic_beside_another_dialect_finds_the_key_in_both_places(upstream):
    headers = await posted(upstream, ["anthropic", "openai_chat"])
    assert (headers["x-api-key"], headers["authorization"]) == (KEY, f"Bearer {KEY}")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_without_a_key_none_is_sent(upstream, dialect):
    headers = await posted(upstream, [dialect], key=None)
    assert not set(KEYS) & set(headers)


# The callers' headers

SENT = {"anthropic-beta": "b-1", "anthropic-version": "2024-01-01", "openai-beta": "r=1", "accept": "a/b"}


@pytest.mark.parametrize(
    ("dialect", "forwarded"),
    [
        ("openai_chat", {"openai-beta", "accept"}),
        ("openai_responses", {"openai-beta", "accept"}),
        ("anthropic", {"anthropic-beta", "anthropic-version", "accept"}),
        ("gemini", {"accept"}),
    ],
)
async def test_of_a_caller_who_speaks_the_same_only_what_belongs_to_the_dialect_goes_along(
    upstream, dialect, forwarded
):
    headers = await posted(upstream, [dialect], {**SENT, "x-secret": "1", "cookie": "c"}, caller=dialect)
    assert {name for name in headers if headers[name] == SENT.get(name)} == forwarded
    assert not {"x-secret", "cookie"} & set(headers)


@pytest.mark.parametrize(("dialect", "caller"), list(permutations(DIALECTS, 2)))
async def test_21_beta_headers_of_another_dialect_never_reach_a_provider(upstream, dialect, caller):
    headers = await posted(upstream, [dialect], SENT, caller=caller)
    assert not [name for name in headers if headers[name] == SENT.get(name)]


async def test_anthropic_is_told_a_version_whoever_asks(upstream):
    assert (await posted(upstream, ["anthropic"], SENT, caller="openai_chat"))["anthropic-version"] == "2023-06-01"
    assert (await posted(upstream, ["anthropic"], {}))["anthropic-version"] == "2023-06-01"


# Paths


async def test_a_path_arrives_as_it_was_written(upstream):
    async with far_end() as far:
        path = "/models/a%2Fb%3Ac:streamGenerateContent?alt=sse"
        reply = await upstream.post(provider(far, "gemini"), "gemini", path, b"{}", {})
        await reply.close()
        assert far.last.path == f"/v1{path}"


async def test_paths_that_hold_a_models_name_are_not_remembered_without_end(upstream, monkeypatch):
    monkeypatch.setattr(client, "MOST_TARGETS", 3)
    async with far_end() as far:
        asked = provider(far, "gemini")
        for number in range(7):
            await (await upstream.post(asked, "gemini", f"/models/{number}:generateContent", b"{}", {})).close()
            assert far.last.path == f"/v1/models/{number}:generateContent"
        assert [path for _, _, path in upstream._targets] == [
            f"/models/{number}:generateContent" for number in (4, 5, 6)
        ]


async def test_a_provider_that_was_changed_is_asked_as_it_is_now(upstream):
    async with far_end() as far:
        for quirks, header in ((NONE, "authorization"), (Quirks(api_version="1"), "api-key")):
            asked = provider(far, "openai_chat", quirks=quirks)
            await (await upstream.post(asked, "openai_chat", "/x", b"{}", {})).close()
            assert header in far.last.headers


# Refusals


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai_chat", b'{"error":{"message":"Too long.","type":"invalid_request_error"}}'),
        ("openai_responses", b'{"error":{"message":"Too long.","type":"invalid_request_error"}}'),
        ("anthropic", b'{"type":"error","error":{"type":"invalid_request_error","message":"Too long."}}'),
        ("gemini", b'{"error":{"code":400,"message":"Too long.","status":"INVALID_ARGUMENT"}}'),
        ("gemini", b'[{"error":{"code":400,"message":"Too long.","status":"INVALID_ARGUMENT"}}]'),
    ],
)
async def test_a_refusal_is_told_in_the_providers_own_words(upstream, dialect, body):
    async with far_end(answers(400, body)) as far:
        with pytest.raises(UpstreamRefused) as refused:
            await upstream.post(provider(far, dialect), dialect, "/x", b"{}", {})
    assert (str(refused.value), refused.value.status) == ("Too long.", 400)


# Model lists


async def listed(upstream, body, dialect="openai_chat", quirks=NONE):
    async with far_end(answers(200, json.dumps(body).encode())) as far:
        return await upstream.list_models(provider(far, dialect, quirks=quirks)), far.received


@pytest.mark.parametrize(
    ("told", "context", "most"),
    [
        ({}, None, None),
        ({"context_length": 128000, "top_provider": {"max_completion_tokens": 4096}}, 128000, 4096),
        ({"top_provider": {"context_length": 64000}}, 64000, None),
        ({"context_window": 131072, "max_completion_tokens": 8192}, 131072, 8192),
        ({"max_input_tokens": 200000, "max_tokens": 64000}, 200000, 64000),
        ({"max_model_len": 32768}, 32768, None),
        ({"max_context_length": 40960}, 40960, None),
        ({"meta": {"n_ctx_train": 8192}}, 8192, None),
        ({"meta": {"n_ctx": 4096, "n_ctx_train": 8192}}, 4096, None),
        ({"context_length": None, "max_model_len": "long", "meta": [1], "top_provider": "none"}, None, None),
        ({"context_length": 0, "context_window": -1, "max_model_len": True, "max_tokens": 2**60}, None, None),
    ],
)
async def test_how_much_a_model_reads_and_writes_is_kept_under_whichever_name_it_is_told(upstream, told, context, most):
    ((model,), _) = await listed(upstream, {"data": [{"id": "m", **told}]})
    assert (model.id, model.context, model.max_output) == ("m", context, most)


@pytest.mark.parametrize("created", ["2026-01-01", None, -5, 1e300, [1]])
async def test_a_birthday_that_is_none_hides_no_model(upstream, created):
    ((model,), _) = await listed(upstream, {"data": [{"id": "m", "created": created}]})
    assert model == Model("m")


GEMINI = {
    "models": [
        {
            "name": "models/gemini-3-pro",
            "displayName": "Gemini 3 Pro",
            "inputTokenLimit": 1048576,
            "outputTokenLimit": 65536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        },
        {"name": "models/embed", "supportedGenerationMethods": ["embedContent"]},
        {"name": "tunedModels/mine", "supportedGenerationMethods": ["generateContent"]},
        {"name": "models/untold"},
        {"name": "models/"},
    ]
}


async def test_geminis_list_holds_those_that_answer_by_their_bare_names(upstream):
    models, (request,) = await listed(upstream, GEMINI, "gemini")
    assert models == (
        Model("gemini-3-pro", name="Gemini 3 Pro", context=1048576, max_output=65536),
        Model("tunedModels/mine"),
        Model("untold"),
    )
    assert request.path == "/v1/models?pageSize=1000"
    assert request.headers["x-goog-api-key"] == KEY


async def paged(upstream, *pages):
    bodies = iter(pages)

    async def turn(_received, wire):
        await wire.reply(200, json.dumps(next(bodies)).encode())

    async with far_end(turn) as far:
        models = await upstream.list_models(provider(far, "gemini"))
        return [model.id for model in models], [request.path for request in far.received]


async def test_geminis_pages_are_followed_to_the_last(upstream):
    first = {"models": [{"name": "models/a"}], "nextPageToken": "t/1&x"}
    models, paths = await paged(upstream, first, {"models": [{"name": "models/b"}]})
    assert models == ["a", "b"]
    assert paths[1] == "/v1/models?pageSize=1000&pageToken=t%2F1%26x"


async def test_a_list_without_end_is_given_up(upstream, monkeypatch):
    monkeypatch.setattr(client, "MOST_PAGES", 3)
    page = {"models": [{"name": "models/a"}], "nextPageToken": "again"}
    models, paths = await paged(upstream, *[page] * 10)
    assert (len(models), len(paths)) == (4, 4)


async def test_no_list_holds_more_than_the_most(upstream, monkeypatch):
    monkeypatch.setattr(client, "MOST_MODELS", 3)
    page = {"models": [{"name": f"models/{name}"} for name in "ab"], "nextPageToken": "next"}
    assert (await paged(upstream, page, page, page))[0] == ["a", "b", "a"]
    assert listing.MOST_MODELS == 5000


async def test_a_gemini_provider_without_models_lists_none(upstream):
    assert (await listed(upstream, {}, "gemini"))[0] == ()


@pytest.mark.parametrize("body", [[], {"models": 7}, {"models": [{"name": 1}]}, "text"])
async def test_what_is_no_list_of_geminis_is_told_so(upstream, body):
    with pytest.raises(BadReply, match="sent no model list"):
        await listed(upstream, body, "gemini")


async def test_azure_is_asked_for_its_list_with_its_version_and_its_header(upstream):
    _, (request,) = await listed(upstream, {"data": []}, quirks=Quirks(api_version="2024-10-21"))
    assert request.path == "/v1/models?api-version=2024-10-21"
    assert request.headers["api-key"] == KEY
