"""The pool of a provider's keys: one more, one changed, one less, one woken that rests."""

from functools import partial
from typing import Final

from sanic import HTTPResponse, Request

from api.errors import OwnerError, ProviderRefused
from api.providers.credentials import KeyChanges
from webui.gate import field
from webui.house import House, language
from webui.pages import provider_form
from webui.pages.key_rows import keys_of
from webui.pages.provider_cards import shelf
from webui.pages.providers import own, unknown, whole
from webui.view import Told, Wrong, answer

HEAVIEST: Final = 100


async def add_key(request: Request, house: House, id: str) -> HTTPResponse:
    """Give a provider another key."""
    label = field(request, "label") or ""
    try:
        weight = _weight(field(request, "weight") or "1")
        adding = house.gateway.providers.add_key(id, field(request, "key") or "", label, weight)
        await house.to_the_end(adding)
    except OwnerError as error:
        at = error.field if isinstance(error, ProviderRefused) else "key"
        return _seen(request, house, id, Told(wrong=Wrong(at, label[:64], language(request).said(error))), error.status)
    _ = language(request).gettext
    return _seen(request, house, id, Told(_("Key added.")))


async def change_key(request: Request, house: House, id: str, number: str) -> HTTPResponse:
    """Change a key's label and weight, or let it be used or not."""
    _ = language(request).gettext
    try:
        changes = _changes(request)
        await house.to_the_end(house.gateway.providers.edit_key(id, _number(number), **changes))
    except OwnerError as error:
        return _seen(request, house, id, Told(language(request).said(error)), error.status)
    return _seen(request, house, id, Told(_("Saved")))


async def wake_key(request: Request, house: House, id: str, number: str) -> HTTPResponse:
    """Have a key that rests used again."""
    if (provider := own(house, id)) is not None:
        house.gateway.providers.pools.wake(provider, _number(number))
    return _seen(request, house, id, Told())


async def remove_key(request: Request, house: House, id: str, number: str) -> HTTPResponse:
    """Forget a key; it is gone from the disk when this answers."""
    _ = language(request).gettext
    try:
        await house.to_the_end(house.gateway.providers.remove_key(id, _number(number)))
    except OwnerError as error:
        return _seen(request, house, id, Told(language(request).said(error)), error.status)
    return _seen(request, house, id, Told(_("Key removed. It is gone from this computer.")))


async def close_circuit(request: Request, house: House, id: str) -> HTTPResponse:
    """Have a provider asked again that was skipped."""
    house.gateway.circuits.forget(id)
    return _seen(request, house, id, Told())


def _changes(request: Request) -> KeyChanges:
    changes: KeyChanges = {}
    if (label := field(request, "label")) is not None:
        changes["label"] = label
    if weight := field(request, "weight"):
        changes["weight"] = _weight(weight)
    if field(request, "switch"):
        changes["enabled"] = field(request, "enabled") == "on"
    return changes


def _number(text: str) -> int:
    """The number that an address names; one that no key has for nonsense."""
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def _weight(text: str) -> int:
    if text.strip().isdecimal():
        return int(text.strip()[:4])
    raise ProviderRefused("The weight must be a whole number from 1 to %(most)d.", "weight", most=HEAVIEST)


def _seen(request: Request, house: House, id: str, told: Told, status: int = 200) -> HTTPResponse:
    provider = own(house, id)
    if provider is None:
        return whole(request, house, Told(language(request).said(unknown(id))), 404)
    cards = shelf(house)
    whole_page = partial(whole, request, house, told, status, form=provider_form.of(provider))
    return answer(
        *(request, house, "parts/provider_keys_answer.html", told),
        otherwise=whole_page,
        providers=cards,
        providers_told=cards.tally,
        keys=keys_of(house, provider),
        provider=provider,
    )
