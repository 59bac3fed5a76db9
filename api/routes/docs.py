"""The API's own documentation: an OpenAPI 3.1 document, and a page that shows it without any network."""

import asyncio
import mimetypes
import re
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Final

import msgspec
from sanic import Blueprint, HTTPResponse, Request, Sanic
from sanic.exceptions import NotFound

from api import VERSION
from api.assets import folder
from api.routes.documenting import NOTE, Described

# Swagger UI sets style attributes as it draws: 'unsafe-inline' for styles, here alone, and never for scripts.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
)
DESCRIPTION: Final = (
    "One address and one key for every model you set up. Send the key as `Authorization: Bearer cs-sk-…` or as "
    "`x-api-key`, `x-goog-api-key` or `api-key`. Models are named `provider:model`; `morello:echo` answers without "
    "any provider."
)
TAGS: Final = {
    "openai": "For programs that speak OpenAI's API",
    "responses": "For programs that speak OpenAI's Responses API",
    "anthropic": "For programs that speak Anthropic's API",
    "gemini": "For programs that speak Google's Gemini API",
    "embeddings": "Texts to vectors",
    "audio": "Speech from text, and text from speech",
    "models": "What there is to ask",
    "public": "Without a key",
}
Schemas = dict[type[msgspec.Struct], dict[str, Any]]
REFERENCE: Final = "#/components/schemas/{name}"
FAILURES: Final = {
    400: "The request is wrong; the sentence names the field",
    401: "No key, or a wrong one",
    404: "No such model",
    413: "The body is larger than 32 MiB",
    415: "The body is not JSON",
    429: "The provider's limit, with its Retry-After",
    502: "The provider cannot be reached, refused its own key, or sent no answer",
    503: "The server was stopped while it answered",
    504: "The provider did not answer in time",
}


class Document:
    """The OpenAPI document of some routes: built once, in a thread, for its builder takes long to import."""

    def __init__(self, rooms: Iterable[Blueprint]) -> None:
        self._rooms = tuple(rooms)
        self._building: asyncio.Task[bytes] | None = None

    async def read(self) -> bytes:
        """The document as JSON."""
        if self._building is None:
            self._building = asyncio.create_task(asyncio.to_thread(lambda: self.bytes))
        return await asyncio.shield(self._building)

    @cached_property
    def bytes(self) -> bytes:
        """The same, built here and now."""
        return _generate(self._rooms)


def _generate(rooms: tuple[Blueprint, ...]) -> bytes:
    """Let sanic-ext describe the routes and msgspec the Structs.

    sanic-ext builds when a server starts and keeps one builder for the whole process; the owner also wants the
    document while the API is stopped. So it describes an app of its own, which serves nobody.
    """
    from sanic_ext import Config
    from sanic_ext.extensions.openapi.blueprint import blueprint_factory
    from sanic_ext.extensions.openapi.builders import OperationStore, SpecificationBuilder

    app: Sanic[Any, Any] = Sanic("described", configure_logging=False)
    try:
        for room in rooms:
            app.blueprint(room)
        app.config.update(
            Config(oas_ui_redoc=False, oas_ui_swagger=False, oas_autodoc=False, oas_ignore_head=True),
            API_TITLE="Morello",
            API_VERSION=VERSION,
            API_DESCRIPTION=DESCRIPTION,
        )
        app.router.finalize()
        OperationStore.reset()
        handlers = [route.handler for route in app.router.routes if _is_documented(route.handler)]
        structs = {struct: None for handler in handlers for struct in getattr(handler, NOTE).structs}
        references, schemas = msgspec.json.schema_components(structs, ref_template=REFERENCE)
        schema = dict(zip(structs, references, strict=True))
        for handler in handlers:
            _describe(handler, schema)
        SpecificationBuilder.reset()
        builder = SpecificationBuilder()
        for room in rooms:  # the page shows them in this order
            builder.tag(room.name, TAGS[room.name])
        builder.add_security_scheme("key", "http", scheme="bearer", bearer_format="cs-sk-…")
        for name, shape in schemas.items():
            builder.add_component("schemas", name, shape)
        for listener in blueprint_factory(app.config)._future_listeners:
            listener.listener(app)
        built: dict[str, Any] = builder.build(app).serialize()
        built["paths"] = {_path(path): methods for path, methods in built["paths"].items()}
    finally:
        Sanic.unregister_app(app)
    return msgspec.json.encode({**built, "openapi": "3.1.0", "servers": [{"url": "/"}]})


def _is_documented(handler: Callable[..., Any]) -> bool:
    """Whether a route has a note; one that has none stands for others that do, and is left out."""
    from sanic_ext.extensions.openapi.builders import OperationStore

    documented = hasattr(handler, NOTE)
    OperationStore()[handler]._exclude = not documented
    return documented


def _path(path: str) -> str:
    """A path as a reader knows it: sanic-ext cuts the patterns of Gemini's in two."""
    return re.sub(r"\{(\w+)\}\.\+\)(:\w+)>", r"{\1}\2", path)


def _describe(handler: Callable[..., Any], schema: Schemas) -> None:
    """Tell sanic-ext what a route's note says."""
    from sanic_ext.extensions.openapi.builders import OperationStore

    note: Described = getattr(handler, NOTE)
    operation = OperationStore()[handler]
    operation.describe(note.summary, note.description)
    for name, kind, sentence in note.query:
        operation.parameter(name, kind, "query", description=sentence)
    if note.body:
        operation.body(_content(schema[note.body], note.example), required=True)
    for status, content, sentence in _replies(note, schema):
        operation.response(status, content, sentence)
    if not note.public:
        operation.secured("key")


def _replies(note: Described, schema: Schemas) -> list[tuple[int, dict[str, Any], str]]:
    answer = _content(schema[note.reply])
    if note.streams:
        answer["text/event-stream"] = {"schema": {"type": "string"}}
    replies = [(200, answer, "The answer")]
    if note.error:
        told = FAILURES if note.body else {status: FAILURES[status] for status in (400, 401, 404)}
        replies += [(status, _content(schema[note.error]), sentence) for status, sentence in told.items()]
    return replies


def _content(schema: dict[str, Any], example: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"application/json": {"schema": schema, "example": example} if example else {"schema": schema}}


def add_docs(app: Sanic[Any, Any], document: Document) -> None:
    """Serve the document and its page on `app`, without a key: /openapi.json, /docs and what the page loads."""
    page = (folder("templates") / "docs.html").read_bytes()
    static = folder("static")
    assets = {
        file.name: file
        for file in [*static.glob("docs.*"), *static.glob("vendor/swagger-ui-*"), static / "favicon.svg"]
    }

    async def show_page(request: Request) -> HTTPResponse:
        return HTTPResponse(page, headers=_headers(), content_type="text/html; charset=utf-8")

    async def show_document(request: Request) -> HTTPResponse:
        return HTTPResponse(await document.read(), headers=_headers(), content_type="application/json")

    async def show_asset(request: Request, name: str) -> HTTPResponse:
        if name not in assets:
            raise NotFound(name)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return HTTPResponse(assets[name].read_bytes(), headers=_headers(), content_type=kind)

    app.add_route(show_page, "/docs", name="docs", ctx_public=True)
    app.add_route(show_document, "/openapi.json", name="document", ctx_public=True)
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
