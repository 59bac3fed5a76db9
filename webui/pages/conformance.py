"""What one provider's models really do: the page where a run is begun, watched and cancelled."""

from functools import partial
from typing import Final

from msgspec import Struct
from sanic import HTTPResponse, Request

from api.conformance import Run
from api.errors import OwnerError, ProviderRefused
from api.providers.provider import Provider
from webui.gate import field
from webui.house import House, language
from webui.view import Part, Told, Wrong, answer, page

MOST: Final = 500  # models that are proposed while one types
LONGEST: Final = 512


class Seen(Struct, frozen=True):
    """One provider's last run, and what a new one would ask. `id` is empty where there is no such provider."""

    id: str = ""
    name: str = ""
    run: Run | None = None
    model: str = ""
    embedder: str = ""
    models: tuple[str, ...] = ()


def seen(house: House, id: str) -> Seen:
    """What `parts/conformance.html` shows."""
    provider = house.gateway.providers.find(id)
    return _seen(house, provider) if provider else Seen()


PARTS: Final = (Part("conformance", lambda request, house: seen(house, request.args.get("provider") or "")),)


async def show_conformance(request: Request, house: House, id: str) -> HTTPResponse:
    """The page of one provider."""
    return _whole(request, house, house.gateway.providers.known(id).id, Told())


async def start_conformance(request: Request, house: House, id: str) -> HTTPResponse:
    """Begin a run; the page shows how far it is."""
    provider, wrong = house.gateway.providers.known(id), None
    model, embedder = (field(request, name) or "" for name in ("model", "embedder"))
    try:
        house.door.conformance.start(provider.id, model.strip()[:LONGEST], embedder.strip()[:LONGEST])
    except ProviderRefused as error:
        wrong = Wrong("model", model[:LONGEST], language(request).said(error))
    except OwnerError as error:
        return _answer(request, house, provider.id, Told(language(request).said(error)))
    return _answer(request, house, provider.id, Told(wrong=wrong))


async def cancel_conformance(request: Request, house: House, id: str) -> HTTPResponse:
    """End the run that goes on; what was found so far stays."""
    provider = house.gateway.providers.known(id)
    await house.door.conformance.cancel(provider.id)
    return _answer(request, house, provider.id, Told())


def _answer(request: Request, house: House, id: str, told: Told) -> HTTPResponse:
    return answer(
        *(request, house, "parts/saved.html", told),
        otherwise=partial(_whole, request, house, id, told) if told.wrong or told.toast else None,
        home=f"/providers/{id}/conformance",
        saved="parts/conformance.html",
        conformance=seen(house, id),
    )


def _whole(request: Request, house: House, id: str, told: Told) -> HTTPResponse:
    status = ProviderRefused.status if told.wrong else 200
    return page(
        *(request, house, "conformance", told, status), conformance=seen(house, id), live_query=f"&provider={id}"
    )


def _seen(house: House, provider: Provider) -> Seen:
    model, embedder = house.door.conformance.proposed(provider)
    models = house.gateway.providers.models(provider)[:MOST]
    run = house.door.conformance.of(provider.id)
    return Seen(provider.id, provider.name or provider.id, run, model, embedder, tuple(one.id for one in models))
