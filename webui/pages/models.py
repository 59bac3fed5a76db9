"""The models: names of the owner's own, and every model there is to ask for."""

from functools import partial
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
from msgspec import structs
from sanic import HTTPResponse, Request

from api.errors import OwnerError, ProviderRefused
from api.providers.chosen import USUAL
from api.providers.registry import Refreshed
from webui.gate import field
from webui.house import House, language
from webui.pages.model_rows import MOST, SORTS, Wish, aliases, count, table
from webui.view import Part, Told, Wrong, answer, page

HOME: Final = "/models"
LONGEST: Final = 100
PARTS: Final = (
    Part("aliases", lambda _request, house: aliases(house)),
    Part("models_told", lambda _request, house: count(house)),
)


async def list_models(request: Request, house: House) -> HTTPResponse:
    """The page, with the rows that its address asks for. Lists that are due are asked for."""
    await house.gateway.providers.freshen()
    return whole(request, house, Told())


async def find_models(request: Request, house: House) -> HTTPResponse:
    """The table alone, as somebody types; the address follows."""
    wish = _wish(request)
    told = answer(
        *(request, house, "parts/models.html"),
        otherwise=partial(whole, request, house, Told()),
        models=table(house, wish),
        table_of=house.gateway.table().date,
    )
    told.headers["hx-replace-url"] = _address(wish)
    return told


async def refresh_models(request: Request, house: House) -> HTTPResponse:
    """Ask every provider for its list now."""
    changed = await house.to_the_end(house.gateway.providers.refresh())
    return _table(request, house, Told(_news(request, changed)))


async def switch_model(request: Request, house: House) -> HTTPResponse:
    """Let a model be asked, or not; the switch goes back where that cannot be."""
    providers = house.gateway.providers
    provider, model = field(request, "provider") or "", field(request, "model") or ""
    kept = providers.choosing.of(provider).get(model, USUAL)
    chosen = structs.replace(kept, enabled=field(request, "enabled") == "on")
    try:
        await house.to_the_end(providers.choose(provider, model, chosen))
    except OwnerError as error:
        return _table(request, house, Told(language(request).said(error)))
    return answer(
        *(request, house, "parts/aliases_answer.html"), home=HOME, models_told=count(house), aliases=aliases(house)
    )


async def add_model(request: Request, house: House) -> HTTPResponse:
    """List a model that its provider does not list."""
    providers = house.gateway.providers
    provider, model = field(request, "provider") or "", (field(request, "model") or "").strip()
    kept = providers.choosing.of(provider).get(model, USUAL)
    _ = language(request).gettext
    try:
        await house.to_the_end(providers.choose(provider, model, structs.replace(kept, added=True, enabled=True)))
    except ProviderRefused as error:
        wrong = Wrong("model", model[:LONGEST], language(request).said(error))
        return _table(request, house, Told(wrong=wrong), error.status)
    return _table(request, house, Told(_("%(name)s added.", name=f"{provider}:{model}"[:LONGEST])))


async def remove_model(request: Request, house: House) -> HTTPResponse:
    """Take back what was added by hand."""
    providers = house.gateway.providers
    provider, model = field(request, "provider") or "", field(request, "model") or ""
    kept = providers.choosing.of(provider).get(model, USUAL)
    _ = language(request).gettext
    told = Told(_("%(name)s removed.", name=f"{provider}:{model}"[:LONGEST]))
    try:
        await house.to_the_end(providers.choose(provider, model, structs.replace(kept, added=False)))
    except OwnerError as error:
        told = Told(language(request).said(error))
    return _table(request, house, told)


def whole(request: Request, house: House, told: Told, status: int = 200, **more: object) -> HTTPResponse:
    """The whole page; `more` is what a drawer shows."""
    values = {
        "aliases": aliases(house),
        "models_told": count(house),
        "models": table(house, _wish(request)),
        "alias": None,
        "facts": None,
        "compared": None,
        "table_of": house.gateway.table().date,
    }
    return page(request, house, "models", told, status, **{**values, **more})


def refreshed(request: Request, house: House, told: Told) -> HTTPResponse:
    """The table, the names and the count anew: around a drawer that is left empty, and closes."""
    return _table(request, house, told)


def _table(request: Request, house: House, told: Told, status: int = 200) -> HTTPResponse:
    return answer(
        *(request, house, "parts/models_answer.html", told),
        home=HOME,
        otherwise=partial(whole, request, house, told, status) if told.toast or told.wrong else None,
        models=table(house, _wish(request)),
        table_of=house.gateway.table().date,
        models_told=count(house),
        aliases=aliases(house),
    )


def _wish(request: Request) -> Wish:
    """What the address asks for, of an action that of the page it was begun on; nonsense asks for everything."""
    args = parse_qs(urlsplit(request.headers.get("hx-current-url", "")).query) if request.method == "POST" else {}
    args = args or request.args
    given = {name: values[0][:LONGEST] for name, values in args.items() if name in Wish.__struct_fields__}
    try:
        wish = msgspec.convert(given, Wish, strict=False)
    except msgspec.ValidationError:
        return Wish()
    sort = wish.sort if wish.sort in SORTS else ""
    return structs.replace(wish, sort=sort, most=max(MOST, min(wish.most, 100 * MOST)))


def _address(wish: Wish) -> str:
    said = {name: value for name, value in structs.asdict(wish).items() if value != getattr(Wish(), name)}
    return f"{HOME}?{urlencode(said)}" if said else HOME


def _news(request: Request, changed: list[Refreshed]) -> str:
    """What became of the lists, in a sentence or two."""
    _ = language(request).gettext
    new, gone = sum(len(row.added) for row in changed), sum(len(row.gone) for row in changed)
    told = _("%(new)d new, %(gone)d gone.", new=new, gone=gone) if new or gone else _("Nothing changed.")
    if silent := ", ".join(row.provider for row in changed if row.fault):
        told += " " + _("Not answered: %(names)s.", names=silent)
    return told
