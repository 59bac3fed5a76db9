"""The API's own documentation: an OpenAPI 3.1 document, a page that shows it without any network, and its Markdown."""

import asyncio
import mimetypes
from functools import cached_property
from typing import Any, Final

import msgspec
from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import NotFound

from api.assets import folder
from api.routes.manual import write_manual
from api.routes.specification import generate

# Swagger UI sets style attributes as it draws: 'unsafe-inline' for styles, here alone, and never for scripts.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
)
MARKDOWN: Final = "text/markdown; charset=utf-8"
DESCRIPTION: Final = (
    "One address and one key for every model you set up. Send the key as `Authorization: Bearer cs-sk-…` or as "
    "`x-api-key`, `x-goog-api-key` or `api-key`. Models are named `provider:model`; `morello:echo` answers without "
    "any provider. Everything below `/v1` is there once more below each name, as in `/smart/v1/chat/completions`: "
    "with a provider's id `model` is that provider's, with an alias or group it means what stands behind that."
)
TAGS: Final = {
    "openai": "For programs that speak OpenAI's API",
    "responses": "For programs that speak OpenAI's Responses API",
    "anthropic": "For programs that speak Anthropic's API",
    "gemini": "For programs that speak Google's Gemini API",
    "ollama": "For programs that speak Ollama's API",
    "embeddings": "Texts to vectors",
    "rerank": "Texts ranked by how well they answer",
    "moderations": "Texts and pictures judged",
    "images": "Pictures from words, and from other pictures",
    "audio": "Speech from text, and text from speech",
    "files": "Files that a provider keeps",
    "models": "What there is to ask",
    "public": "Without a key",
}


class Document:
    """The OpenAPI document of an app: built once, in a thread, for its builder takes long to import."""

    def __init__(self, app: Sanic[Any, Any]) -> None:
        self._app = app
        self._building: asyncio.Task[tuple[bytes, bytes]] | None = None

    async def read(self) -> bytes:
        """The document as JSON."""
        return (await self._build())[0]

    async def read_manual(self) -> bytes:
        """The document as Markdown."""
        return (await self._build())[1]

    @cached_property
    def json(self) -> bytes:
        """The document as JSON, built here and now."""
        return msgspec.json.encode(generate(self._app, TAGS, DESCRIPTION))

    @cached_property
    def manual(self) -> bytes:
        """The document as Markdown, built here and now."""
        template = (folder("templates") / "manual.md").read_text(encoding="utf-8")
        return write_manual(msgspec.json.decode(self.json), template).encode()

    async def _build(self) -> tuple[bytes, bytes]:
        if self._building is None:
            self._building = asyncio.create_task(asyncio.to_thread(lambda: (self.json, self.manual)))
        return await asyncio.shield(self._building)


def add_docs(app: Sanic[Any, Any], document: Document) -> None:
    """Serve the document on `app`, without a key: /openapi.json, /docs and what the page loads, /docs.md, /llms.txt."""
    page = (folder("templates") / "docs.html").read_bytes()
    pointer = (folder("templates") / "llms.txt").read_bytes()
    static = folder("static")
    assets = {
        file.name: file
        for file in [*static.glob("docs.*"), *static.glob("vendor/swagger-ui-*"), static / "favicon.svg"]
    }

    async def show_page(request: Request) -> HTTPResponse:
        return HTTPResponse(page, headers=_headers(), content_type="text/html; charset=utf-8")

    async def show_document(request: Request) -> HTTPResponse:
        return HTTPResponse(await document.read(), headers=_headers(), content_type="application/json")

    async def show_manual(request: Request) -> HTTPResponse:
        return HTTPResponse(await document.read_manual(), headers=_headers(), content_type=MARKDOWN)

    async def show_pointer(request: Request) -> HTTPResponse:
        return HTTPResponse(pointer, headers=_headers(), content_type="text/plain; charset=utf-8")

    async def show_asset(request: Request, name: str) -> HTTPResponse:
        if name not in assets:
            raise NotFound(name)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return HTTPResponse(assets[name].read_bytes(), headers=_headers(), content_type=kind)

    app.add_route(show_page, "/docs", name="docs", ctx_public=True)
    app.add_route(show_document, "/openapi.json", name="document", ctx_public=True)
    app.add_route(show_manual, "/docs.md", name="manual", ctx_public=True)
    app.add_route(show_pointer, "/llms.txt", name="llms", ctx_public=True)
    app.add_route(show_asset, "/docs/assets/<name:str>", name="docs_asset", ctx_public=True)


def _headers() -> dict[str, str]:
    return {
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "no-store",
    }
