"""Files that a provider keeps: the official SDKs on one side, providers of both kinds on the other."""

import hashlib
import json
import random
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from anthropic import BadRequestError as AnthropicBadRequest
from anthropic import NotFoundError as AnthropicNotFound
from openai import AsyncOpenAI, NotFoundError

from api.dialects.quirks import Quirks
from tests.conftest import Api
from tests.fakes import FarEnd, Received, Wire, far_end
from tests.raw import ask_raw

STRANGE = ["..", ".", "%2e%2e", "a%2fb", "a%3Fb", "a b", "ü", "a%00", "x" * 257, "a;b", "a%0d%0ab", "a@b", "a\\b"]
KEY = "sk-far-0123456789"
CONTENT = random.Random(5).randbytes(200_000)
JSON_LINES = b'{"a":1}\n{"a":2}\n'
FILE = {
    "id": "file-1",
    "object": "file",
    "bytes": len(CONTENT),
    "created_at": 1790000000,
    "filename": "notes.pdf",
    "purpose": "user_data",
    "status": "processed",
}
THEIRS = {
    "id": "file_011",
    "type": "file",
    "filename": "notes.pdf",
    "mime_type": "application/pdf",
    "size_bytes": len(CONTENT),
    "created_at": "2026-10-01T00:00:00Z",
    "downloadable": True,
}


async def keeps_files(received: Received, wire: Wire) -> None:
    """OpenAI's Files API, with one file in it."""
    path = received.path.partition("?")[0]
    match received.method, path.removeprefix("/v1/files"):
        case "POST", "":
            await wire.reply(200, json.dumps(FILE).encode())
        case "GET", "":
            await wire.reply(200, json.dumps({"object": "list", "data": [FILE], "has_more": False}).encode())
        case "GET", "/file-1":
            await wire.reply(200, json.dumps(FILE).encode())
        case "GET", "/file-1/content":
            named = 'attachment; filename="notes.pdf"'
            await wire.reply(200, CONTENT, content_type="application/pdf", content_disposition=named)
        case "GET", "/lines/content":
            await wire.reply(200, JSON_LINES, content_type="application/json")
        case "DELETE", "/file-1":
            await wire.reply(200, b'{"id":"file-1","object":"file","deleted":true}')
        case _:
            words = b'{"error":{"message":"No such File object: x","type":"invalid_request_error","code":null}}'
            await wire.reply(404, words)


async def keeps_theirs(received: Received, wire: Wire) -> None:
    """Anthropic's Files API, with one file in it."""
    path = received.path.partition("?")[0]
    match received.method, path.removeprefix("/v1/files"):
        case "GET", "":
            await wire.reply(200, json.dumps({"data": [THEIRS], "next_page": None}).encode())
        case ("POST", "") | ("GET", "/file_011"):
            await wire.reply(200, json.dumps(THEIRS).encode())
        case "GET", "/file_011/content":
            await wire.reply(200, CONTENT, content_type="application/octet-stream")
        case "DELETE", "/file_011":
            await wire.reply(200, b'{"id":"file_011","type":"file_deleted"}')
        case _:
            await wire.reply(404, b'{"type":"error","error":{"type":"not_found_error","message":"File not found"}}')


async def provide(api: Api, far: FarEnd, id: str = "far", dialect: str = "openai_chat") -> None:
    await api.gateway.providers.add(id, dialect, far.url + "/v1", KEY)


def openai(api: Api, below: str = "/v1", **more: Any) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=api.url + below, api_key=api.key, max_retries=0, **more)


def anthropic(api: Api) -> AsyncAnthropic:
    return AsyncAnthropic(base_url=api.url, api_key=api.key, max_retries=0)


def same(one: bytes, other: bytes) -> bool:
    """Whether they are equal; a failure does not print them."""
    return hashlib.sha256(one).digest() == hashlib.sha256(other).digest()


class TestOpenAI:
    async def test_a_file_is_sent_listed_read_and_deleted(self, api: Api) -> None:
        async with far_end(keeps_files) as far, openai(api) as client:
            await provide(api, far)
            kept = await client.files.create(
                file=("notes.pdf", CONTENT, "application/pdf"),
                purpose="user_data",
                expires_after={"anchor": "created_at", "seconds": 3600},
            )
            assert CONTENT in far.last.body
            assert b'name="expires_after[anchor]"\r\n\r\ncreated_at\r\n' in far.last.body
            page = await client.files.list(purpose="user_data", limit=2, after="file-0", order="asc")
            assert far.last.path == "/v1/files?after=file-0&limit=2&order=asc&purpose=user_data"
            told = await client.files.retrieve("file-1")
            content = await client.files.content("file-1")
            gone = await client.files.delete("file-1")
        assert [kept.id, *(file.id for file in page.data), told.id, gone.id] == ["file-1"] * 4
        assert same(content.content, CONTENT)
        assert content.response.headers["content-disposition"] == 'attachment; filename="notes.pdf"'
        assert gone.deleted
        asked = [(received.method, received.path.partition("?")[0]) for received in far.received]
        assert asked == [
            ("POST", "/v1/files"),
            ("GET", "/v1/files"),
            ("GET", "/v1/files/file-1"),
            ("GET", "/v1/files/file-1/content"),
            ("DELETE", "/v1/files/file-1"),
        ]
        assert {received.headers["authorization"] for received in far.received} == {f"Bearer {KEY}"}
        assert [(row.provider, row.served, row.status) for row in await api.rows()] == [("far", None, 200)] * 5

    async def test_a_file_of_json_comes_back_as_it_is(self, api: Api) -> None:
        async with far_end(keeps_files) as far, openai(api) as client:
            await provide(api, far)
            assert (await client.files.content("lines")).content == JSON_LINES

    async def test_a_file_that_is_not_there_does_not_mean_that_files_are_not(self, api: Api) -> None:
        async with far_end(keeps_files) as far, openai(api) as client:
            await provide(api, far)
            with pytest.raises(NotFoundError, match="No such File object"):
                await client.files.retrieve("x")
            assert (await client.files.list()).data

    async def test_the_url_or_a_header_says_which_of_two_providers(self, api: Api) -> None:
        async with far_end(keeps_files) as one, far_end(keeps_files) as two:
            await provide(api, one, "one")
            await provide(api, two, "two")
            async with openai(api, "/two/v1") as client:
                await client.files.create(file=b"x", purpose="batch")
                await client.files.content("file-1")
            async with openai(api, default_headers={"x-morello-provider": "one"}) as client:
                await client.files.list()
            assert (len(one.received), len(two.received)) == (1, 2)
            async with api.client() as client:
                reply = await client.get("/v1/files")
        assert reply.status_code == 400
        assert "x-morello-provider" in reply.json()["error"]["message"]

    async def test_an_id_leads_nowhere_else(self, api: Api) -> None:
        async with far_end(keeps_files) as far:
            await provide(api, far)
            for id in STRANGE:
                for path in (f"/v1/files/{id}", f"/v1/files/{id}/content", f"/far/v1/files/{id}"):
                    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api.key}\r\n\r\n"
                    assert (await ask_raw(api, head)).status in (400, 404), path
        assert not far.received

    async def test_a_query_that_would_be_lost_is_refused(self, api: Api) -> None:
        async with far_end(keeps_files) as far, api.client() as client:
            await provide(api, far)
            reply = await client.get("/v1/files?purpose=batch&deleted=true")
            assert (reply.status_code, reply.json()["error"]["param"]) == (400, "deleted")
            assert not far.received
            assert (await client.get("/v1/files?api-version=1&purpose=a%26b")).status_code == 200
        assert far.last.path == "/v1/files?purpose=a%26b"

    async def test_azures_version_stands_behind_the_file(self, api: Api) -> None:
        async with far_end(keeps_files) as far, api.client() as client:
            azure = Quirks(api_version="2026-05-01")
            await api.gateway.providers.add("far", "openai_chat", far.url + "/v1", KEY, quirks=azure)
            assert (await client.get("/v1/files?limit=1")).status_code == 200
            assert far.last.path == "/v1/files?api-version=2026-05-01&limit=1"
            assert (await client.get("/v1/files/file-1")).status_code == 200
        assert far.last.path == "/v1/files/file-1?api-version=2026-05-01"

    async def test_a_file_that_comes_as_json_is_refused(self, api: Api) -> None:
        async with far_end(keeps_files) as far, api.client() as client:
            await provide(api, far)
            reply = await client.post("/v1/files", json={"purpose": "batch"})
        assert (reply.status_code, far.received) == (415, [])

    async def test_where_nobody_has_files_the_error_says_so(self, api: Api) -> None:
        async with api.client() as client:
            reply = await client.get("/v1/files")
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "unsupported_by_provider")


class TestAnthropic:
    async def test_a_file_is_sent_listed_read_and_deleted(self, api: Api) -> None:
        async with far_end(keeps_files) as far, far_end(keeps_theirs) as claude, anthropic(api) as client:
            await provide(api, far)
            await provide(api, claude, "claude", "anthropic")
            files = client.beta.files
            kept = await files.upload(file=("notes.pdf", CONTENT, "application/pdf"), betas=["files-api-2025-04-14"])
            assert CONTENT in claude.last.body
            page = await files.list(limit=5, ids=["file_011"])
            assert "limit=5" in claude.last.path
            assert "file_011" in claude.last.path
            told = await files.retrieve_metadata("file_011")
            content = await files.download("file_011")
            assert same(await content.read(), CONTENT)
            gone = await files.delete("file_011")
        assert [kept.id, *(file.id for file in page.data), told.id, gone.id] == ["file_011"] * 4
        assert not far.received
        assert claude.received[0].headers["anthropic-beta"] == "files-api-2025-04-14"
        assert {received.headers["x-api-key"] for received in claude.received} == {KEY}
        assert [(row.dialect, row.provider, row.status) for row in await api.rows()] == [
            ("anthropic", "claude", 200)
        ] * 5

    async def test_errors_are_told_in_its_own_dialect(self, api: Api) -> None:
        async with far_end(keeps_theirs) as claude, anthropic(api) as client:
            with pytest.raises(AnthropicBadRequest, match="No provider"):
                await client.beta.files.list()
            await provide(api, claude, "claude", "anthropic")
            with pytest.raises(AnthropicNotFound, match="File not found"):
                await client.beta.files.retrieve_metadata("nothing")
            with pytest.raises(AnthropicBadRequest, match="cannot be the id of a file"):
                await client.beta.files.retrieve_metadata("a@b")

    async def test_nobody_is_asked_for_files_of_the_other_kind(self, api: Api) -> None:
        async with far_end(keeps_files) as far, far_end(keeps_theirs) as claude, api.client() as client:
            await provide(api, far)
            await provide(api, claude, "claude", "anthropic")
            ours = await client.get("/claude/v1/files")
            theirs = await client.get("/far/v1/files", headers={"anthropic-version": "2023-06-01"})
        assert (ours.status_code, theirs.status_code) == (400, 400)
        assert theirs.json()["type"] == "error"
        assert not far.received
        assert not claude.received
