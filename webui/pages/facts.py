"""The drawer with what is known of one model: each fact with whom it is from, and a field to say it better."""

from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final

from msgspec import Struct, structs
from sanic import HTTPResponse, Request

from api.errors import OwnerError, ProviderRefused
from api.facts import Capability, Facts, Prices
from api.providers.chosen import USUAL
from api.providers.provider import Model, Provider
from webui.gate import field, values
from webui.house import House, language
from webui.pages.models import refreshed, whole
from webui.view import Told, Wrong, answer

LONGEST: Final = 512
LONGEST_NUMBER: Final = 24
MOST_TOKENS: Final = 10**9
MOST_PRICE: Final = Decimal(10**6)
COUNTS: Final = ("context", "max_output")
PRICES: Final = (
    *("input", "output", "cached", "cache_written", "cache_written_long", "reasoning"),
    *("audio_in", "audio_out", "image_in", "image_out", "per_image", "per_request"),
)
SHORT: Final = ("input", "output", "cached", "cache_written")  # the others are shown when asked for


class FactField(Struct, frozen=True):
    """A number: what the owner said (nothing: as others say), what others say, and who."""

    name: str
    said: str
    others: str
    source: str


class FactsForm(Struct, frozen=True):
    """What stands in the drawer. `can` are the capabilities in force, `mine` whether they are the owner's word."""

    provider: str
    model: str
    can: tuple[Capability, ...]
    can_from: str
    mine: bool
    counts: tuple[FactField, ...]
    prices: tuple[FactField, ...]
    currency: str
    every: tuple[Capability, ...] = tuple(Capability)
    short: tuple[str, ...] = SHORT


class FactRefused(OwnerError):
    """Not a number that a fact can have; `field` is where it stands."""

    def __init__(self, words: str, field: str, **given: object) -> None:
        super().__init__(words, **given)
        self.field = field


async def show_facts(request: Request, house: House) -> HTTPResponse:
    """The drawer; for whoever navigates here the page with the drawer open."""
    try:
        provider, model = _asked(house, request.args.get("provider") or "", request.args.get("model") or "")
    except OwnerError as error:
        return whole(request, house, Told(language(request).said(error)), 404)
    return _draw(request, house, _form(house, provider, model))


async def keep_facts(request: Request, house: House) -> HTTPResponse:
    """Keep what was typed; what is empty is as others say."""
    try:
        provider, model = _asked(house, field(request, "provider") or "", field(request, "model") or "")
    except OwnerError as error:
        return whole(request, house, Told(language(request).said(error)), 404)
    sent = {name: (field(request, name) or "").strip()[:LONGEST_NUMBER] for name in (*COUNTS, *PRICES, "currency")}
    mine = tuple(one for one in Capability if one in values(request, "can")) if field(request, "mine") else None
    try:
        kept = house.gateway.providers.choosing.of(provider.id).get(model, USUAL)
        facts = _facts(sent, mine, kept.facts.prices or Prices())
        await house.to_the_end(house.gateway.providers.choose(provider.id, model, structs.replace(kept, facts=facts)))
    except FactRefused as error:
        told = Told(wrong=Wrong(error.field, sent.get(error.field, ""), language(request).said(error)))
        return _draw(request, house, _form(house, provider, model, sent, mine), told, error.status)
    _ = language(request).gettext
    return refreshed(request, house, Told(_("%(name)s saved.", name=f"{provider.id}:{model}"[:100])))


def _asked(house: House, provider: str, model: str) -> tuple[Provider, str]:
    found = house.gateway.providers.known(provider)
    if found.is_built_in or not model or len(model) > LONGEST:
        raise ProviderRefused("There is nothing to say of the model “%(model)s”.", "model", model=model[:100])
    return found, model


def _form(
    house: House,
    provider: Provider,
    model: str,
    sent: dict[str, str] | None = None,
    mine: tuple[Capability, ...] | None = None,
) -> FactsForm:
    providers = house.gateway.providers
    listed = next((one for one in providers.every_model(provider) if one.id == model), Model(model))
    own = providers.choosing.of(provider.id).get(model, USUAL).facts
    others = providers.facts_of_others(provider, listed)
    said, theirs = own.prices or Prices(), others.facts.prices or Prices()

    def number(name: str, mine: object, other: object, source: str) -> FactField:
        return FactField(name, sent[name] if sent else _text(mine), _text(other), source if other is not None else "")

    own_can = own.capabilities if sent is None else (frozenset(mine) if mine is not None else None)
    can = (others.facts.capabilities or frozenset()) if own_can is None else own_can
    price_source = others.sources.get("prices", "")
    return FactsForm(
        provider.id,
        model,
        can=tuple(one for one in Capability if one in can),
        can_from=others.sources.get("capabilities", ""),
        mine=own_can is not None,
        counts=tuple(
            number(name, getattr(own, name), getattr(others.facts, name), others.sources.get(name, ""))
            for name in COUNTS
        ),
        prices=tuple(number(name, getattr(said, name), getattr(theirs, name), price_source) for name in PRICES),
        currency=sent["currency"] if sent else (own.prices or theirs).currency,
    )


def _facts(sent: dict[str, str], mine: tuple[Capability, ...] | None, old: Prices) -> Facts:
    """What was typed, with the tiers of the `old` prices; `FactRefused` names the field that cannot be."""
    prices: dict[str, Any] = {name: _price(name, sent[name]) for name in PRICES if sent[name]}
    currency = sent["currency"].upper() or "USD"
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise FactRefused("A currency has three letters, such as USD.", "currency")
    counts = {name: _count(name, sent[name]) if sent[name] else None for name in COUNTS}
    return Facts(
        capabilities=None if mine is None else frozenset(mine),
        context=counts["context"],
        max_output=counts["max_output"],
        prices=Prices(tiers=old.tiers, currency=currency, **prices) if prices else None,
    )


def _count(name: str, text: str) -> int:
    number = text.replace(",", "").replace(" ", "")
    if not (number.isascii() and number.isdecimal() and 0 < int(number) <= MOST_TOKENS):
        raise FactRefused("Tokens are a whole number, such as 200000.", name)
    return int(number)


def _price(name: str, text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal(-1)
    if not (price.is_finite() and 0 <= price <= MOST_PRICE):
        raise FactRefused("A price is a number of 0 or more, such as 2.50.", name)
    return price


def _text(number: object) -> str:
    if number is None:
        return ""
    return format(number.normalize(), "f") if isinstance(number, Decimal) else str(number)


def _draw(request: Request, house: House, form: FactsForm, told: Told | None = None, status: int = 200) -> HTTPResponse:
    whole_page = partial(whole, request, house, told or Told(), status, facts=form)
    return answer(request, house, "parts/facts_form.html", told, otherwise=whole_page, facts=form)
