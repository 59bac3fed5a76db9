"""The first run: what is on this computer already is offered with one click; nothing leaves it before.

The page stands where the overview will be, until a provider of the owner's own is there or the owner goes past it.
"""

from functools import partial
from typing import Any, Final

from sanic import HTTPResponse, Request

from api.listener import Failed
from api.providers.discovery import Found
from api.providers.presets import PRESETS
from webui.card import card
from webui.gate import field
from webui.house import House, language
from webui.pages.provider_cards import masked, shelf
from webui.pages.provider_form import FIRST, proposed_id, proposed_name
from webui.view import Part, Told, answer, page

ALL: Final = "*"
USUAL: Final = tuple(preset for preset in PRESETS if preset.id in FIRST)
PARTS: Final = (
    Part("first_run", lambda _request, house: wanted(house)),
    Part("steps", lambda _request, house: card(house)),
)


def wanted(house: House) -> bool:
    """Whether the owner is greeted by this page."""
    return not house.gateway.providers.all() and not house.gateway.settings.first_run_done


async def show(request: Request, house: House) -> HTTPResponse:
    """The page. `look` in its address looks around first: for whoever has no scripts to ask for it later."""
    found = await house.gateway.look_around(house.environment) if "look" in request.args else None
    return whole(request, house, Told(asks=request.args.get("ask")), found=found)


def whole(
    request: Request, house: House, told: Told, status: int = 200, found: tuple[Found, ...] | None = None
) -> HTTPResponse:
    """The whole page, with what was found if that is known yet."""
    values = {
        "first_run": True,
        "steps": card(house),
        "found": found,
        "form": None,
        "presets": USUAL,
        "known": len(PRESETS),
    }
    return page(request, house, "first_run", told, status, **values, **_built_in(house), masked=masked)


async def find(request: Request, house: House) -> HTTPResponse:
    """Look around on this computer; nobody outside is called."""
    found = await house.gateway.look_around(house.environment)
    return answer(request, house, "parts/found.html", home="/?look=1", found=found, masked=masked, **_built_in(house))


async def add_found(request: Request, house: House) -> HTTPResponse:
    """Add what was found: one of it, or all, which also starts the API."""
    chosen = field(request, "found") or ""
    found = [found for found in await house.gateway.look_around(house.environment) if chosen in (ALL, found.base_url)]
    for one in found:
        await house.to_the_end(_add(house, one))
    _ = language(request).gettext
    if not found:
        return _go_on(request, house, Told(_("It is not there any more. Look again.")))
    names = ", ".join(one.preset.name for one in found)
    if chosen == ALL and not house.door.listener.is_open:
        return _go_on(request, house, await _started(request, house, names))
    return _go_on(request, house, Told(_("%(name)s added.", name=names)))


async def skip(request: Request, house: House) -> HTTPResponse:
    """Go on to the overview without a provider."""
    await house.to_the_end(house.gateway.choices.change(first_run_done=True))
    house.gateway.news.tell()
    return _go_on(request, house, Told())


async def _started(request: Request, house: House, names: str) -> Told:
    _ = language(request).gettext
    state = await house.to_the_end(house.door.start())
    if isinstance(state, Failed):
        return Told(_("%(name)s added. The API could not start.", name=names))
    return Told(_("%(name)s added. The API is running.", name=names))


async def _add(house: House, found: Found) -> None:
    preset, providers = found.preset, house.gateway.providers
    id = proposed_id(providers, preset, preset.name)
    name = proposed_name(preset, id)
    provider = await providers.add(id, preset.dialect, found.base_url, found.key, name=name, quirks=preset.quirks)
    house.begin(house.gateway.check(provider))


def _go_on(request: Request, house: House, told: Told) -> HTTPResponse:
    """On to the overview; back to this page where there is a reason to."""
    still = wanted(house)
    otherwise = partial(whole, request, house, told) if still else None
    return answer(request, house, "parts/first_run_answer.html", told, otherwise=otherwise, first_run=still)


def _built_in(house: House) -> dict[str, Any]:
    return {"built_in": shelf(house).built_in}
