"""The Responses routes of OpenAI's API: to ask, and to come back to what was answered."""

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from sanic import Blueprint, HTTPResponse, Request

from api.dialects import openai_chat, openai_responses
from api.dialects.envelope import open_envelope
from api.errors import InvalidRequest, UnknownResponse
from api.routes import samples
from api.routes.conversing import require_json
from api.routes.counting import Counted, count
from api.routes.documenting import PASSED_ON, documented
from api.routes.keeping import respond
from api.stored import StoredResponse, identity, listed

routes = Blueprint("responses")

USUAL: Final = 20  # items of a page, as OpenAI has it
MOST: Final = 100
EXAMPLE: Final = {"model": "morello:echo", "input": "Say hello"}


class Deleted(Struct):
    id: str
    object: Literal["response"]
    deleted: bool


class InputItems(Struct):
    """The items that were read for a response."""

    object: Literal["list"]
    data: list[dict[str, Any]]
    first_id: str | None
    last_id: str | None
    has_more: bool


class _Page(Struct):
    order: Literal["asc", "desc"] = "desc"
    limit: int = USUAL
    after: str | None = None


@routes.post("/v1/responses", name="responses")
@documented(
    "Responses",
    f"Answers a conversation, streamed as server-sent events if `stream` is true. {PASSED_ON} Unless `store` is "
    "false the response is kept for an hour, and `previous_response_id` goes on from it, whatever the provider.",
    body=openai_responses.ResponsesRequest,
    reply=openai_responses.ResponseObject,
    answer=samples.RESPONSE,
    error=openai_chat.ErrorReply,
    streams=True,
    example=EXAMPLE,
)
async def create(request: Request) -> HTTPResponse | None:
    return await respond(request)


@routes.post("/v1/responses/input_tokens", name="response_input_tokens")
@documented(
    "Count input tokens",
    "The input tokens that a request would cost: its provider's own count, else an estimate, which "
    "`x-morello-estimated: 1` tells.",
    body=openai_responses.ResponsesRequest,
    reply=Counted,
    answer=samples.INPUT_TOKENS,
    rehearses=False,
    error=openai_chat.ErrorReply,
    example=EXAMPLE,
)
async def input_tokens(request: Request) -> HTTPResponse:
    require_json(request)
    return await count(request, openai_responses, open_envelope(request.body or b"", "input"))


@routes.get("/v1/responses/<id:str>", name="response")
@documented(
    "One response",
    "A response of the last hour, to the key that asked for it.",
    reply=openai_responses.ResponseObject,
    answer=samples.RESPONSE,
    error=openai_chat.ErrorReply,
)
async def retrieve(request: Request, id: str) -> HTTPResponse:
    if request.args.get("stream") == "true":
        raise InvalidRequest("A response that is kept cannot be streamed again. Leave out “stream”.", "stream")
    return _answer(request, bytes(_found(request, id).body))


@routes.delete("/v1/responses/<id:str>", name="delete_response")
@documented(
    "Delete a response",
    "Forgets a response at once.",
    reply=Deleted,
    answer=samples.DELETED,
    error=openai_chat.ErrorReply,
)
async def delete(request: Request, id: str) -> HTTPResponse:
    if not request.app.ctx.responses.forget(id, _owner(request)):
        raise UnknownResponse(id)
    await request.app.ctx.responses.settle()
    return _answer(request, msgspec.json.encode(Deleted(id, "response", True)))


@routes.get("/v1/responses/<id:str>/input_items", name="response_input_items")
@documented(
    "Input items",
    "What was read for a response, earlier turns among it; the latest first.",
    reply=InputItems,
    answer=samples.INPUT_ITEMS,
    error=openai_chat.ErrorReply,
    query=(
        ("order", str, "asc or desc"),
        ("limit", int, f"How many at most, up to {MOST}; without it, {USUAL}"),
        ("after", str, "The id of the item before the first one wanted"),
    ),
)
async def input_items(request: Request, id: str) -> HTTPResponse:
    stored = _found(request, id)
    page = _page(request)
    items = listed(stored.items)
    items = items[::-1] if page.order == "desc" else items
    first = _after(items, page.after)
    data = items[first : first + page.limit]
    begins, ends = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return _answer(request, msgspec.json.encode(InputItems("list", data, begins, ends, first + len(data) < len(items))))


@routes.post("/v1/responses/<id:str>/cancel", name="cancel_response")
@documented(
    "Cancel a response",
    "Only responses in the background can be cancelled, and Morello answers none there: close the connection instead.",
    error=openai_chat.ErrorReply,
)
async def cancel(request: Request, id: str) -> HTTPResponse:
    _found(request, id)
    raise InvalidRequest("Only a response in the background can be cancelled. Close its connection instead.")


def _found(request: Request, id: str) -> StoredResponse:
    stored: StoredResponse | None = request.app.ctx.responses.find(id, _owner(request))
    if stored is None:
        raise UnknownResponse(id)
    return stored


def _owner(request: Request) -> bytes:
    return identity(request.app.ctx.gateway.keys.main())


def _page(request: Request) -> _Page:
    asked = {name: values[0] for name, values in request.args.items()}
    try:
        page = msgspec.convert(asked, _Page, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"The query is wrong: {str(error).replace('`', '')}.") from error
    if not 1 <= page.limit <= MOST:
        raise InvalidRequest(f"“limit” is a number from 1 to {MOST}.", "limit")
    return page


def _after(items: list[dict[str, Any]], after: str | None) -> int:
    if after is None:
        return 0
    found = next((number for number, item in enumerate(items) if item["id"] == after), None)
    if found is None:
        raise InvalidRequest("“after” names no item of the list.", "after")
    return found + 1


def _answer(request: Request, body: bytes) -> HTTPResponse:
    return HTTPResponse(body, headers=request.ctx.headers, content_type="application/json")
