"""The API's own documentation: true, whole and offline."""

import json
import re
from typing import Any

import pytest

from tests.conftest import Api


@pytest.fixture
async def document(api: Api) -> dict[str, Any]:
    async with api.client(None) as client:
        got = await client.get("/openapi.json")
    assert got.status_code == 200
    document: dict[str, Any] = json.loads(got.content)
    return document


async def test_it_is_openapi_3_1_with_every_route(api: Api, document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {
        "/",
        "/health",
        "/v1/models",
        "/v1/models/{model}",
        "/v1/chat/completions",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/{provider}/v1/messages",
        "/v1/responses",
        "/v1/responses/input_tokens",
        "/v1/responses/{id}",
        "/v1/responses/{id}/cancel",
        "/v1/responses/{id}/input_items",
        "/v1beta/models",
        "/v1beta/models/{model}",
        "/v1beta/models/{model}:generateContent",
        "/v1beta/models/{model}:streamGenerateContent",
        "/v1beta/models/{model}:countTokens",
        "/v1/models/{model}:generateContent",
        "/v1/models/{model}:streamGenerateContent",
        "/v1/models/{model}:countTokens",
    }


async def test_required_fields_and_enums_are_the_structs_own(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["ChatCompletionRequest"]["required"] == ["model", "messages"]
    assert "assistant" in schemas["ChatMessage"]["properties"]["role"]["enum"]
    assert schemas["MessagesRequest"]["properties"]["max_tokens"]["minimum"] == 1


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    references = set(re.findall(r'"#/components/schemas/([\w.]+)"', json.dumps(document)))
    assert references
    assert references <= set(schemas)


async def test_every_keyed_route_says_so_and_describes_its_401(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            keyed = path not in ("/", "/health")
            assert bool(operation.get("security")) == keyed
            assert ("401" in operation["responses"]) == keyed


async def test_the_examples_work_as_they_stand(api: Api, document: dict[str, Any]) -> None:
    async with api.client() as client:
        for path, methods in document["paths"].items():
            body = methods.get("post", {}).get("requestBody")
            if body:
                example = body["content"]["application/json"]["example"]
                got = await client.post(path.format(provider="morello", model="morello:echo"), json=example)
                assert got.status_code == 200, path


async def test_nothing_in_it_is_an_absolute_link(document: dict[str, Any]) -> None:
    assert document["servers"] == [{"url": "/"}]
    assert "http://" not in json.dumps(document)
    assert "https://" not in json.dumps(document)


async def test_the_page_loads_from_here_alone(api: Api) -> None:
    async with api.client(None) as client:
        page = await client.get("/docs")
        assert page.status_code == 200
        assert "script-src 'self';" in page.headers["content-security-policy"]
        assert "'unsafe-eval'" not in page.headers["content-security-policy"]
        links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert links
        for link in links:
            assert not re.match(r"https?:|//|/", link)
            assert (await client.get(f"/{link}")).status_code == 200, link
        assert "<script>" not in page.text
        assert api.key not in page.text


async def test_only_the_pages_own_files_are_given_out(api: Api) -> None:
    async with api.client() as client:
        for name in ("app.css", "..%2fapp.css", "%2e%2e/app.css", "htmx-4.0.1.min.js"):
            assert (await client.get(f"/docs/assets/{name}")).status_code == 404


async def test_the_front_names_every_route(api: Api, document: dict[str, Any]) -> None:
    async with api.client(None) as client:
        front = (await client.get("/")).json()
    assert front["name"] == "Morello"
    assert set(document["paths"]) <= set(front["endpoints"].values())
    assert "/docs" in front["endpoints"].values()
