"""Google's shape of what there is: a page of the models, and one of them."""

from typing import Final

import msgspec
from msgspec import Struct
from sanic import Request

from api.errors import InvalidRequest
from api.providers.offers import Offer, offers
from api.providers.registry import Providers
from api.routes.places import place_of

MOST: Final = 1000  # models of a page
USUAL: Final = 50
METHODS: Final = ("generateContent", "streamGenerateContent", "countTokens")


class GeminiModel(Struct, rename="camel", omit_defaults=True):
    """A model in Google's shape."""

    name: str
    display_name: str
    supported_generation_methods: list[str]
    input_token_limit: int | None = None
    output_token_limit: int | None = None


class GeminiModelList(Struct, rename="camel", omit_defaults=True):
    models: list[GeminiModel]
    next_page_token: str | None = None


class _Page(Struct, rename="camel"):
    page_size: int = USUAL
    page_token: str = ""


def page_of(providers: Providers, request: Request) -> GeminiModelList:
    """The page of the list that a query asks for."""
    first, size = _page(request)
    listed = [_model(offer) for offer in offers(providers, place_of(request))]
    ends = first + size
    return GeminiModelList(listed[first:ends], str(ends) if ends < len(listed) else None)


def one(offer: Offer) -> GeminiModel:
    """One of them."""
    return _model(offer)


def _page(request: Request) -> tuple[int, int]:
    asked = {name: values[0] for name, values in request.args.items()}
    try:
        page = msgspec.convert(asked, _Page, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"The query is wrong: {str(error).replace('`', '')}.") from error
    if page.page_token and not (page.page_token.isascii() and page.page_token.isdigit()):
        raise InvalidRequest("“pageToken” is none that was given out. Send the nextPageToken of a page.", "pageToken")
    return int(page.page_token[:9] or 0), min(page.page_size, MOST) if page.page_size > 0 else USUAL


def _model(offer: Offer) -> GeminiModel:
    name = offer.id if offer.behind else offer.model.name or offer.model.id
    return GeminiModel(f"models/{offer.id}", name, list(METHODS), offer.facts.context, offer.facts.max_output)
