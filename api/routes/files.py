"""Files that a provider keeps: OpenAI's and Anthropic's Files API, each to providers that have the same.

What tells the two apart is the header `anthropic-version`, which every client of Anthropic's sends.
"""

import re
from types import ModuleType
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from msgspec import Meta, Struct
from sanic import Blueprint, HTTPResponse, Request

from api.dialects import anthropic, openai_chat, openai_responses
from api.endpoints import Endpoint
from api.errors import Incapable, InvalidRequest
from api.relay.forwarding import CONTENT, PROVIDER
from api.routes.documenting import documented
from api.routes.endpoints import ask, send_on
from api.routes.places import place_of

routes = Blueprint("files")

VERSION: Final = "anthropic-version"
_ID: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.:-]{1,256}\Z")
# What the query of a list may hold, for either.
_LISTED: Final = {
    openai_chat.NAME: ("purpose", "limit", "after", "order"),
    anthropic.NAME: ("beta", "limit", "page", "ids", "ids[]", "after_id", "before_id", "scope_id"),
}
_ELSEWHERE: Final = {openai_chat.NAME: (), anthropic.NAME: ("beta",)}
_SPOKEN: Final = {
    openai_chat.NAME: {openai_chat.NAME, openai_responses.NAME},
    anthropic.NAME: {anthropic.NAME},
}
WHERE: Final = (
    f"The only provider that has files is asked; where there are more, the one that the header `{PROVIDER}` names, or "
    "the URL: `/{provider}/v1/files`. "
    f"With the header `{VERSION}` this is Anthropic's Files API, and a provider that speaks Anthropic is asked."
)
AFTER: Final = ("after", str, "The id of the file after which the list goes on")
QUERY: Final = (
    ("purpose", str, "Only files with this purpose"),
    ("limit", int, "How many files at most"),
    AFTER,
    ("order", str, "asc or desc, by the time they were made"),
)


class FileUpload(Struct):
    """A file for a provider to keep. Other fields of the form pass as well."""

    file: Annotated[bytes, Meta(description="The file, with its name")]
    purpose: Annotated[
        str, Meta(description="What it is for: user_data, batch, assistants, vision, ...", examples=["user_data"])
    ] = ""


class FileObject(Struct):
    """A file that a provider keeps, as the provider tells of it."""

    id: Annotated[str, Meta(examples=["file-abc123"])]
    object: str = "file"
    bytes: int = 0
    created_at: Annotated[int, Meta(description="In seconds since 1970")] = 0
    filename: str = ""
    purpose: str = ""


class FileList(Struct):
    """One page of a provider's files."""

    data: list[FileObject]
    object: str = "list"
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False


class FileDeleted(Struct):
    """What is said of a file that is no more."""

    id: str
    deleted: bool
    object: str = "file"


KEPT: Final = {
    "id": "file-abc123",
    "object": "file",
    "bytes": 120000,
    "created_at": 1790000000,
    "filename": "notes.pdf",
    "purpose": "user_data",
}
GONE: Final = {"id": "file-abc123", "object": "file", "deleted": True}
SOME: Final = {"object": "list", "data": [KEPT], "first_id": "file-abc123", "last_id": "file-abc123", "has_more": False}
SAID: Final[dict[str, Any]] = {"error": openai_chat.ErrorReply, "asks": True}


@routes.post("/v1/files", stream=True)
@documented(
    "Send a file",
    f"Lets a provider keep a file of up to 512 MiB. {WHERE}",
    body=FileUpload,
    upload=True,
    reply=FileObject,
    example={"file": "notes.pdf", "purpose": "user_data"},
    answer=KEPT,
    **SAID,
)
async def send_file(request: Request) -> HTTPResponse | None:
    return await _send(request)


@routes.get("/v1/files")
@documented("List files", f"The files that a provider keeps. {WHERE}", reply=FileList, query=QUERY, answer=SOME, **SAID)
async def list_files(request: Request) -> HTTPResponse | None:
    return await _ask(request)


@routes.get("/v1/files/<id:str>")
@documented("One file", f"What a provider tells of a file. {WHERE}", reply=FileObject, answer=KEPT, **SAID)
async def show_file(request: Request, id: str) -> HTTPResponse | None:
    return await _ask(request, _below(id))


@routes.get("/v1/files/<id:str>/content")
@documented("What a file holds", f"Its bytes, as they come. {WHERE}", binary="*/*", **SAID)
async def read_file(request: Request, id: str) -> HTTPResponse | None:
    return await _ask(request, _below(id) + CONTENT)


@routes.delete("/v1/files/<id:str>")
@documented("Delete a file", f"The provider keeps it no more. {WHERE}", reply=FileDeleted, answer=GONE, **SAID)
async def delete_file(request: Request, id: str) -> HTTPResponse | None:
    return await _ask(request, _below(id))


async def _send(request: Request) -> HTTPResponse | None:
    caller = _caller(request)
    _require_spoken(request, caller)
    query = _query(request, _ELSEWHERE[caller.NAME])
    return await send_on(request, Endpoint.FILES, caller=caller, query=query)


async def _ask(request: Request, below: str = "") -> HTTPResponse | None:
    caller = _caller(request)
    _require_spoken(request, caller)
    query = _query(request, (_ELSEWHERE if below else _LISTED)[caller.NAME])
    method = request.method
    return await ask(request, Endpoint.FILES, caller=caller, method=method, below=below, query=query)


def _caller(request: Request) -> ModuleType:
    return anthropic if VERSION in request.headers else openai_chat


def _require_spoken(request: Request, caller: ModuleType) -> None:
    """Raise `Incapable` where the provider that was named has files of the other kind."""
    name = place_of(request) or request.headers.get(PROVIDER) or ""
    provider = request.app.ctx.gateway.providers.find(name)
    if provider and not _SPOKEN[caller.NAME] & set(provider.dialects):
        raise Incapable(
            f"The provider “{provider.id}” does not have files as they are asked for here. With the header "
            f"{VERSION} this is Anthropic's Files API, without it OpenAI's.",
            PROVIDER,
        )


def _below(id: str) -> str:
    """Where a file lies below the list of them; an id that could lead elsewhere is refused."""
    if not _ID.match(id):
        raise InvalidRequest(f"“{id[:40]}” cannot be the id of a file.", "id")
    return f"/{id}"


def _query(request: Request, known: tuple[str, ...]) -> str:
    """What is passed on of the query; a wish that would be lost is refused."""
    # Azure's SDK says a version with every request; the one that counts stands in the provider's row.
    said = request.get_query_args(keep_blank_values=True)
    pairs = [pair for pair in said if pair[0] != "api-version"]
    for name, _ in pairs:
        if name not in known:
            names = ", ".join(known) or "nothing"
            raise InvalidRequest(f"The query says “{name[:40]}”. It can say here: {names}.", name[:40])
    return urlencode(pairs)
