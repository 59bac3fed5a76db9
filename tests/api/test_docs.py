"""The API's own documentation: true, whole and offline."""

import json
import re
from typing import Any

import jsonschema_rs
import pytest

from api.routes.documenting import shown
from tests.conftest import Api


@pytest.fixture
async def document(api: Api) -> dict[str, Any]:
    async with api.client(None) as client:
        got = await client.get("/openapi.json")
    assert got.status_code == 200
    document: dict[str, Any] = json.loads(got.content)
    return document


OWN_PAGES = {"docs", "document", "manual", "llms", "docs_asset"}


async def test_it_is_openapi_3_1_with_every_route_but_twins(api: Api, document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    routes = [route for route in api.app.router.routes if not hasattr(route.ctx, "told_as")]
    described = {shown(route.path) for route in routes if route.name.rpartition(".")[2] not in OWN_PAGES}
    assert described == set(document["paths"])


async def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))


async def test_every_body_answer_and_place_has_an_example_that_fits_its_shape(document: dict[str, Any]) -> None:
    seen = 0
    for path, methods in document["paths"].items():
        for operation in methods.values():
            places = [place for place in operation.get("parameters", ()) if place.get("in") == "path"]
            assert all("example" in place for place in places), path
            answers = operation["responses"].get("200", {}).get("content", {})
            for kind, content in (*operation.get("requestBody", {}).get("content", {}).items(), *answers.items()):
                if kind == "multipart/form-data":
                    assert content["example"], path
                elif kind == "application/json" and not path.endswith("/speech"):
                    root = {**content["schema"], "components": document["components"]}
                    jsonschema_rs.validate(root, content["example"])
                    seen += 1
    assert seen > 60


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


async def test_the_examples_work_as_they_stand_or_say_who_could(api: Api, document: dict[str, Any]) -> None:
    async with api.client() as client:
        for path, methods in document["paths"].items():
            body = methods.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json")
            if body:
                example = body["example"]
                if "model" in example and not example["model"].startswith("morello:") and ":" in example["model"]:
                    example = {**example, "model": "morello:echo"}
                got = await client.post(path.format(provider="morello", model="morello:echo"), json=example)
                assert got.status_code == 200 or (got.status_code == 400 and "has no" in got.text), (path, got.text)


async def test_a_method_that_a_shared_path_lacks_is_405_with_allow(api: Api) -> None:
    async with api.client() as client:
        for path, allow in (("/v1/models/morello:echo", "GET, POST"), ("/v1/responses/x", "DELETE, GET")):
            got = await client.request("TRACE", path)
            assert (got.status_code, got.headers["allow"]) == (405, allow)


async def test_no_reference_leaves_the_document(document: dict[str, Any]) -> None:
    assert document["servers"] == [{"url": "/"}]
    assert not re.findall(r'"\$ref": "(?!#/)', json.dumps(document))


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


async def test_without_a_key_every_keyed_route_refuses_in_its_documented_shape(
    api: Api, document: dict[str, Any]
) -> None:
    async with api.client(None) as client:
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if operation.get("security"):
                    got = await client.request(method, path.format(provider="p", model="m", id="x", digest="x"))
                    name = operation["responses"]["401"]["$ref"].rpartition("/")[2]
                    schema = document["components"]["responses"][name]["content"]["application/json"]["schema"]
                    assert got.status_code == 401, path
                    jsonschema_rs.validate({**schema, "components": document["components"]}, got.json())
