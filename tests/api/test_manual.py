"""The documentation for agents that read: one Markdown text, and a pointer to it."""

import json
import re

from tests.conftest import Api


async def test_it_needs_no_key_and_is_markdown(api: Api) -> None:
    async with api.client(None) as client:
        manual, pointer = await client.get("/docs.md"), await client.get("/llms.txt")
    assert manual.headers["content-type"] == "text/markdown; charset=utf-8"
    assert pointer.headers["content-type"] == "text/plain; charset=utf-8"
    assert manual.text.startswith("# Morello\n")
    assert len(manual.content) < 64 * 1024
    assert api.key not in manual.text
    assert "<!--" not in manual.text


async def test_every_route_is_in_it(api: Api) -> None:
    async with api.client(None) as client:
        manual, document = (await client.get("/docs.md")).text, (await client.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"### {method.upper()} {path}\n" in manual or f"`{path}`" in manual, path


async def test_tables_are_even_and_examples_are_json(api: Api) -> None:
    async with api.client(None) as client:
        manual = (await client.get("/docs.md")).text
    assert manual.count("```") % 2 == 0
    for example in re.findall(r"```json\n(.+?)\n```", manual, re.DOTALL):
        json.loads(example)
    for table in re.findall(r"(?:^\|.*\|\n)+", manual, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(widths) == 1, table


async def test_the_pointer_leads_to_pages_that_are_there(api: Api) -> None:
    async with api.client() as client:
        pointer = (await client.get("/llms.txt")).text
        title, _, quote, *_ = pointer.splitlines()
        assert title == "# Morello"
        assert quote.startswith("> ")
        for link in re.findall(r"\]\(([^)]+)\)", pointer):
            assert (await client.get(link)).status_code == 200, link
