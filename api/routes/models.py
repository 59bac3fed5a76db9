"""Which models there are: one list, in OpenAI's shape, or in that of the SDK which asks.

Anthropic's send `anthropic-version`, Google's send the key in a header of their own.
"""

import time
from datetime import UTC, datetime
from typing import Annotated, Final, Literal
from urllib.parse import unquote

import msgspec
from msgspec import Meta, Struct
from sanic import Blueprint, HTTPResponse, Request

from api.dialects import anthropic, gemini, openai_chat, openai_responses
from api.errors import InvalidRequest
from api.facts import Prices
from api.providers.offers import Offer, described_offer, offers
from api.providers.provider import Model, Provider
from api.relay.choosing import full_name
from api.routes import samples
from api.routes.documenting import documented
from api.routes.guard import GOOGLE_KEY
from api.routes.listing import one, page_of
from api.routes.places import place_of

routes = Blueprint("models")
OWNER: Final = "morello"  # of the names that the owner gave


class ListedModel(Struct, omit_defaults=True):
    """A model in OpenAI's shape, with the fields Cherry Studio adds."""

    id: Annotated[
        str, Meta(description="provider:model, an alias or a group, as requests name it", examples=["morello:echo"])
    ]
    object: Literal["model"]
    created: Annotated[int, Meta(description="seconds since 1970: the model's, else when its provider was added")]
    owned_by: str
    name: str
    provider: str
    provider_name: str
    provider_type: str
    provider_model_id: str
    context_length: Annotated[int | None, Meta(description="tokens it can read, where that is known")] = None
    max_output_tokens: Annotated[int | None, Meta(description="tokens it can answer with, where that is known")] = None
    capabilities: Annotated[
        list[str] | None,
        Meta(description="what it is known to do", examples=[["reasoning", "tools", "vision"]]),
    ] = None
    pricing: Annotated[
        Prices | None, Meta(description="per million tokens of each kind, as decimal numbers; null where unknown")
    ] = None
    models: Annotated[
        tuple[str, ...] | None,
        Meta(description="what an alias or group stands for, the first is asked first; the other fields are its"),
    ] = None


class ModelList(Struct, omit_defaults=True):
    object: Literal["list"]
    data: list[ListedModel]
    total: int
    offset: int
    limit: int | None = None


class AnthropicModel(Struct, omit_defaults=True):
    type: Annotated[Literal["model"], Meta(description="always model")]
    id: str
    display_name: str
    created_at: str
    lifecycle: Literal["active", "deprecated", "retired"]
    max_input_tokens: int | None = None
    max_tokens: int | None = None


class AnthropicModelList(Struct):
    data: list[AnthropicModel]
    has_more: bool
    first_id: str | None
    last_id: str | None


class _Page(Struct):
    """The query, as one dialect or the other pages. Without `limit` every model is listed."""

    offset: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1)] | None = None
    after_id: str | None = None
    before_id: str | None = None
    providerType: str | None = None


# The names by which Cherry Studio's callers filter, and the dialect each means here.
PROVIDER_TYPES: Final = {
    "openai": openai_chat.NAME,
    "openai-response": openai_responses.NAME,
    anthropic.NAME: anthropic.NAME,
    gemini.NAME: gemini.NAME,
    openai_chat.NAME: openai_chat.NAME,
    openai_responses.NAME: openai_responses.NAME,
}


@routes.get("/v1/models")
@documented(
    "Models",
    "The owner's aliases and groups, then every model of every provider, without a hidden page size. With an "
    "`anthropic-version` header the list has Anthropic's shape and its paging (`limit`, `after_id`, `before_id`), with "
    "the key in `x-goog-api-key` Google's.",
    reply=ModelList,
    answer=samples.MODELS,
    error=openai_chat.ErrorReply,
    query=(
        ("offset", int, "How many to leave out at the start"),
        ("limit", int, "How many at most; without it, all"),
        (
            "providerType",
            str,
            "openai, openai-response, anthropic or gemini: only models whose provider speaks that dialect",
        ),
    ),
)
async def models(request: Request) -> HTTPResponse:
    providers = request.app.ctx.gateway.providers
    await providers.freshen()
    if GOOGLE_KEY in request.headers:
        return _json(request, page_of(providers, request))
    page = _page(request)
    listed = [offer for offer in offers(providers, place_of(request)) if _speaks(offer.provider, page.providerType)]
    if "anthropic-version" in request.headers:
        return _json(request, _anthropic_page([_anthropic(offer) for offer in listed], page))
    ends = None if page.limit is None else page.offset + page.limit
    data = [_openai(offer) for offer in listed[page.offset : ends]]
    return _json(request, ModelList("list", data, len(listed), page.offset, page.limit))


@routes.get("/v1/models/<model:path>")
@documented(
    "One model",
    "The entry of one model. A model that its provider serves without listing it is described by its name.",
    reply=ListedModel,
    answer=samples.MODEL,
    error=openai_chat.ErrorReply,
)
async def model(request: Request, model: str) -> HTTPResponse:
    providers = request.app.ctx.gateway.providers
    await providers.freshen()
    name = full_name(providers, place_of(request), unquote(model))
    offer = described_offer(providers, name, await providers.resolve(name))
    if GOOGLE_KEY in request.headers:
        return _json(request, one(offer))
    return _json(request, _anthropic(offer) if "anthropic-version" in request.headers else _openai(offer))


def _page(request: Request) -> _Page:
    asked = {name: values[0] for name, values in request.args.items()}
    try:
        page = msgspec.convert(asked, _Page, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"The query is wrong: {str(error).replace('`', '')}.") from error
    if page.providerType is not None and page.providerType not in PROVIDER_TYPES:
        raise InvalidRequest(f"“providerType” is one of {', '.join(PROVIDER_TYPES)}.", "providerType")
    return page


def _speaks(provider: Provider, provider_type: str | None) -> bool:
    return provider_type is None or PROVIDER_TYPES[provider_type] in provider.dialects


def _openai(offer: Offer) -> ListedModel:
    provider, model = offer.provider, offer.model
    return ListedModel(
        offer.id,
        "model",
        _created(provider, model),
        OWNER if offer.behind else provider.id,
        _display_name(offer),
        provider.id,
        provider.name,
        provider.dialect,
        model.id,
        offer.facts.context,
        offer.facts.max_output,
        sorted(offer.facts.capabilities) if offer.facts.capabilities else None,
        offer.facts.prices,
        offer.behind or None,
    )


def _anthropic(offer: Offer) -> AnthropicModel:
    model = offer.model
    created = datetime.fromtimestamp(_created(offer.provider, model), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    context, max_output = offer.facts.context, offer.facts.max_output
    return AnthropicModel("model", offer.id, _display_name(offer), created, "active", context, max_output)


def _display_name(offer: Offer) -> str:
    return offer.id if offer.behind else offer.model.name or offer.model.id


def _created(provider: Provider, model: Model) -> int:
    return model.created if 0 < model.created < time.time() else int(provider.created)


def _anthropic_page(listed: list[AnthropicModel], page: _Page) -> AnthropicModelList:
    ids = [model.id for model in listed]
    first, end = 0, len(ids)
    if page.after_id is not None:
        first = _position(ids, page.after_id, "after_id") + 1
    if page.before_id is not None:
        end = _position(ids, page.before_id, "before_id")
    if page.limit is not None and page.before_id is not None and page.after_id is None:
        first = max(first, end - page.limit)
    window = listed[first:end]
    data = window if page.limit is None else window[: page.limit]
    more = first > 0 if page.before_id is not None else len(data) < len(window)
    return AnthropicModelList(data, more, data[0].id if data else None, data[-1].id if data else None)


def _position(ids: list[str], wanted: str, name: str) -> int:
    try:
        return ids.index(wanted)
    except ValueError:
        raise InvalidRequest(f"“{name}” names no model of the list.", name) from None


def _json(request: Request, value: Struct) -> HTTPResponse:
    return HTTPResponse(msgspec.json.encode(value), headers=request.ctx.headers, content_type="application/json")
