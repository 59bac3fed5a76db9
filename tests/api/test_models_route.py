"""The list of models: who speaks which dialect, and how much a model can read."""

import json

import pytest
from anthropic.types import ModelInfo

from tests.conftest import Api
from tests.fakes import Received, Wire, far_end

LISTS = {
    "/v1/models": {"object": "list", "data": [{"id": "m", "object": "model", "context_length": 8000}]},
    "/v1beta/models": {
        "models": [
            {
                "name": "models/m",
                "inputTokenLimit": 1000,
                "outputTokenLimit": 500,
                "supportedGenerationMethods": ["generateContent"],
            }
        ]
    },
}


async def list_models(received: Received, wire: Wire) -> None:
    await wire.reply(200, json.dumps(LISTS[received.path.partition("?")[0]]).encode())


@pytest.mark.parametrize(
    ("asked", "dialect"),
    [
        ("openai", "openai_chat"),
        ("openai-response", "openai_responses"),
        ("anthropic", "anthropic"),
        ("gemini", "gemini"),
        ("openai_responses", "openai_responses"),
    ],
)
async def test_provider_type_names_each_dialect(api: Api, asked: str, dialect: str) -> None:
    async with far_end(list_models) as far, api.client() as client:
        for name in ("openai_chat", "openai_responses", "anthropic", "gemini"):
            base = far.url if name == "gemini" else f"{far.url}/v1"
            await api.gateway.providers.add(name.replace("_", "-"), name, base, None)
        listed = (await client.get(f"/v1/models?providerType={asked}")).json()["data"]
    own = {model["provider"] for model in listed} - {"morello", "local"}
    assert own == {dialect.replace("_", "-")}


async def test_a_known_context_is_told_in_every_shape_and_an_unknown_one_in_none(api: Api) -> None:
    async with far_end(list_models) as far, api.client() as client:
        await api.gateway.providers.add("far", "gemini", far.url, None)
        openai = (await client.get("/v1/models/far:m")).json()
        anthropic = (await client.get("/v1/models/far:m", headers={"anthropic-version": "2023-06-01"})).json()
        gemini = (await client.get("/v1beta/models/far:m")).json()
        unknown = (await client.get("/v1/models/morello:echo")).json()
    assert (openai["context_length"], openai["max_output_tokens"]) == (1000, 500)
    told = ModelInfo.model_validate(anthropic)
    assert (told.max_input_tokens, told.max_tokens) == (1000, 500)
    assert (gemini["inputTokenLimit"], gemini["outputTokenLimit"]) == (1000, 500)
    assert "context_length" not in unknown
