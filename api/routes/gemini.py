"""Google's routes: the model and what is wanted of it stand in the URL.

Google's SDKs ask below /v1 since their third major version, gemini-cli and older ones below /v1beta.
"""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import unquote

import msgspec
from msgspec import Raw, Struct
from sanic import Blueprint, HTTPResponse, Request

from api.dialects import gemini
from api.dialects.decoding import decode
from api.dialects.envelope import Envelope, named_envelope
from api.errors import UnknownPath
from api.providers.offers import described_offer
from api.relay import Named, is_rehearsal
from api.relay.choosing import full_name
from api.routes import samples
from api.routes.conversing import ask, hand_over, require_json
from api.routes.counting import count
from api.routes.delivery import ArrayDelivery, SocketDelivery
from api.routes.documenting import PASSED_ON, documented
from api.routes.embeddings import embed_many, embed_one
from api.routes.listing import USUAL, GeminiModel, GeminiModelList, one, page_of
from api.routes.places import place_of

routes = Blueprint("gemini")

KEY_IN_QUERY: Final = "These routes also take the key as `?key=`."
EXAMPLE: Final = {"contents": [{"role": "user", "parts": [{"text": "Say hello"}]}]}
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])


@routes.post("/v1beta/models/<model:(?P<model>.+):generateContent>", name="generate_content")
@routes.post("/v1/models/<model:(?P<model>.+):generateContent>", name="generate_content_v1")
@documented(
    "Generate content",
    f"Answers a conversation at once. {PASSED_ON} {KEY_IN_QUERY}",
    body=gemini.GenerateContentRequest,
    reply=gemini.GenerateContentResponse,
    answer=samples.GENERATED,
    error=gemini.StatusReply,
    example=EXAMPLE,
)
async def generate_content(request: Request, model: str) -> HTTPResponse | None:
    return await _generate(request, model)


@routes.post("/v1beta/models/<model:(?P<model>.+):streamGenerateContent>", name="stream_generate_content")
@routes.post("/v1/models/<model:(?P<model>.+):streamGenerateContent>", name="stream_generate_content_v1")
@documented(
    "Generate content, streamed",
    "The same as a stream: of server-sent events with `?alt=sse`, else of the elements of one JSON array.",
    body=gemini.GenerateContentRequest,
    reply=gemini.GenerateContentResponse,
    answer=samples.STREAMED,
    error=gemini.StatusReply,
    streams=True,
    listed=True,
    example=EXAMPLE,
    query=(("alt", str, "sse for server-sent events"),),
)
async def stream_generate_content(request: Request, model: str) -> HTTPResponse | None:
    return await _stream(request, model)


@routes.post("/v1beta/models/<model:(?P<model>.+):countTokens>", name="count_content_tokens")
@routes.post("/v1/models/<model:(?P<model>.+):countTokens>", name="count_content_tokens_v1")
@documented(
    "Count tokens",
    "The input tokens that a request would cost: its provider's own count, else an estimate, which "
    "`x-morello-estimated: 1` tells.",
    body=gemini.CountTokensRequest,
    reply=gemini.CountTokensResponse,
    answer=samples.TOTAL_TOKENS,
    error=gemini.StatusReply,
    rehearses=False,
    example=EXAMPLE,
)
async def count_content_tokens(request: Request, model: str) -> HTTPResponse:
    return await _count(request, model)


async def _generate(request: Request, model: str) -> HTTPResponse | None:
    named = Named(_name(model), False)
    return hand_over(request, await ask(request, gemini, request.body or b"", SocketDelivery(request), named=named))


async def _stream(request: Request, model: str) -> HTTPResponse | None:
    delivery = (SocketDelivery if request.args.get("alt") == "sse" else ArrayDelivery)(request)
    answer = await ask(request, gemini, request.body or b"", delivery, named=Named(_name(model), True))
    if answer and isinstance(delivery, ArrayDelivery) and not is_rehearsal(request.headers):
        answer = msgspec.structs.replace(answer, body=b"[%b]" % answer.body)
    return hand_over(request, answer)


async def _count(request: Request, model: str) -> HTTPResponse:
    require_json(request)
    return await count(request, gemini, _Question(request.body or b"", _name(model)))


METHODS: Final[dict[str, Callable[[Request, str], Awaitable[HTTPResponse | None]]]] = {
    "generateContent": _generate,
    "streamGenerateContent": _stream,
    "countTokens": _count,
    "embedContent": embed_one,
    "batchEmbedContents": embed_many,
}


async def any_method(request: Request, model: str) -> HTTPResponse | None:
    """The same for a model whose name holds slashes, which no pattern of Sanic's spans."""
    name, _, method = model.rpartition(":")
    if not name or method not in METHODS:
        raise UnknownPath(f"There is nothing at {request.path[:200]}. GET / lists what there is.")
    return await METHODS[method](request, name)


for version in ("v1beta", "v1"):
    path, name = f"/{version}/models/<model:path>", f"any_method_{version}"
    routes.add_route(any_method, path, ["POST"], name=name, ctx_told_as=f"{version}/models")


class _Question(Envelope):
    """What is to be counted: contents, or a whole request that names its model once more."""

    def __init__(self, body: bytes, model: str) -> None:
        fields = decode(_FIELDS, body)
        self._whole = fields.get("generateContentRequest")
        named_envelope(body if self._whole is None else bytes(self._whole), model, False)
        super().__init__(body, model, False)

    def renamed(self, model: str) -> bytes:
        """The body with another model's name, where it has one."""
        if self._whole is None:
            return self.body
        kind = "" if model.startswith(("models/", "tunedModels/")) else "models/"
        whole = {**_FIELDS.decode(self._whole), "model": f"{kind}{model}"}
        return msgspec.json.encode({**_FIELDS.decode(self.body), "generateContentRequest": whole})


@routes.get("/v1beta/models", name="gemini_models")
@documented(
    "Models",
    f"Every model of every provider, in Google's shape. {KEY_IN_QUERY}",
    reply=GeminiModelList,
    answer=samples.GEMINI_MODELS,
    error=gemini.StatusReply,
    query=(
        ("pageSize", int, f"How many at most; without it, {USUAL}"),
        ("pageToken", str, "The nextPageToken of the page before"),
    ),
)
async def models(request: Request) -> HTTPResponse:
    providers = request.app.ctx.gateway.providers
    await providers.freshen()
    return _json(request, page_of(providers, request))


@routes.get("/v1beta/models/<model:path>", name="gemini_model")
@documented(
    "One model",
    "The entry of one model. A model that its provider serves without listing it is described by its name.",
    reply=GeminiModel,
    answer=samples.GEMINI_MODEL,
    error=gemini.StatusReply,
)
async def model(request: Request, model: str) -> HTTPResponse:
    providers = request.app.ctx.gateway.providers
    await providers.freshen()
    name = full_name(providers, place_of(request), _name(model))
    return _json(request, one(described_offer(providers, name, await providers.resolve(name))))


def _name(model: str) -> str:
    """The model that a URL names. Some SDKs write the kind of resource before it once more."""
    return unquote(model).removeprefix("models/")


def _json(request: Request, value: Struct) -> HTTPResponse:
    return HTTPResponse(msgspec.json.encode(value), headers=request.ctx.headers, content_type="application/json")
