"""The providers: whom Morello may ask, whether they answer, and the drawer where one is added or changed."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from msgspec import structs
from sanic import HTTPResponse, Request

from api.errors import OwnerError, ProviderRefused
from api.providers.provider import Check, Provider
from webui.gate import field
from webui.house import House, language
from webui.pages import provider_form
from webui.pages.key_rows import keys_of
from webui.pages.provider_cards import shelf, trouble
from webui.pages.provider_form import Form, changes, described, proposed_id, typed, typed_key
from webui.view import Part, Told, Wrong, answer, page

HOME: Final = "/providers"
PARTS: Final = (
    Part("providers", lambda _request, house: shelf(house)),
    Part("providers_told", lambda _request, house: shelf(house).tally),
)


async def list_providers(request: Request, house: House) -> HTTPResponse:
    """The page. The address may name one that was just removed: it can be had back."""
    removed = house.gateway.providers.removed(request.args.get("removed") or "")
    return whole(request, house, _farewell(request, removed) if removed else Told())


def whole(
    request: Request,
    house: House,
    told: Told,
    status: int = 200,
    *,
    form: Form | None = None,
    check: Check | None = None,
    retype: bool = False,
    **more: object,
) -> HTTPResponse:
    """The whole page, with the drawer open if there is a form to be filled in, or `more` for another one."""
    cards = shelf(house)
    return page(
        *(request, house, "providers", told, status),
        **{
            "providers": cards,
            "providers_told": cards.tally,
            "form": form,
            "retype": retype,
            **_outcome(check),
            **_pool(house, form),
            **more,
        },
    )


async def new_provider(request: Request, house: House) -> HTTPResponse:
    """The drawer for a new one; for whoever navigates here the page with the drawer open."""
    return _draw(request, house, provider_form.blank(request, house.gateway.providers))


async def change_provider(request: Request, house: House, id: str) -> HTTPResponse:
    """The drawer with what is kept of one."""
    if (provider := own(house, id)) is None:
        return _refuse(request, house, unknown(id), 404)
    return _draw(request, house, provider_form.of(provider))


async def add_provider(request: Request, house: House) -> HTTPResponse:
    """Keep a new one, and test it when the page has its answer."""
    providers = house.gateway.providers
    form, key = typed(request, providers), typed_key(request)
    try:
        new = described(providers, form, key)
        provider = await house.to_the_end(
            providers.add(new.id, new.speaks, new.base_url, new.key, name=new.name, quirks=new.quirks)
        )
    except OwnerError as error:
        return _wrong(request, house, form, error)
    house.begin(house.gateway.check(provider))
    _ = language(request).gettext
    return _saved(request, house, _("%(name)s added.", name=provider.name))


async def keep_provider(request: Request, house: House, id: str) -> HTTPResponse:
    """Keep what was changed on one, and test it when the page has its answer."""
    if (old := own(house, id)) is None:
        return _refuse(request, house, unknown(id), 404)
    form, key = typed(request, house.gateway.providers, old), typed_key(request)
    try:
        provider = await house.to_the_end(house.gateway.providers.edit(id, **changes(form, key)))
    except OwnerError as error:
        return _wrong(request, house, form, error)
    if provider.enabled:
        house.begin(house.gateway.check(provider))
    _ = language(request).gettext
    return _saved(request, house, _("%(name)s saved.", name=provider.name))


async def check_provider(request: Request, house: House) -> HTTPResponse:
    """Test what stands in the form; nothing is kept. Without a key only those are asked that want none."""
    providers = house.gateway.providers
    form, key = typed(request, providers, own(house, field(request, "editing") or "")), typed_key(request)
    if not (key or form.wants_no_key or field(request, "asked")):
        return _checked(request, house, form, None)
    try:
        provider = described(providers, form, key)
    except ProviderRefused as error:
        return _checked(request, house, form, None, Told(wrong=_beside(request, error)))
    return _checked(request, house, form, await house.gateway.check(provider))


async def show_calls(request: Request, house: House) -> HTTPResponse:
    """Where conversations would go, by what stands in the form; nobody is called."""
    form = typed(request, house.gateway.providers, own(house, field(request, "editing") or ""))
    whole_page = partial(whole, request, house, Told(), form=form, retype=True)
    return answer(request, house, "parts/provider_calls.html", Told(), otherwise=whole_page, form=form)


async def test_provider(request: Request, house: House, id: str) -> HTTPResponse:
    """Test one; what came of it stands on its card."""
    if (provider := own(house, id)) is None:
        return _refuse(request, house, unknown(id), 404)
    await house.gateway.check(provider)
    return _shelf(request, house, Told())


async def test_providers(request: Request, house: House) -> HTTPResponse:
    """Test all that are switched on, at once."""
    on = [provider for provider in house.gateway.providers.all() if provider.enabled]
    await asyncio.gather(*map(house.gateway.check, on))
    return _shelf(request, house, Told())


async def switch_provider(request: Request, house: House, id: str) -> HTTPResponse:
    """Let one be asked, or not."""
    try:
        await house.to_the_end(house.gateway.providers.switch(id, field(request, "enabled") == "1"))
    except OwnerError as error:
        return _refuse(request, house, error, error.status)
    return _shelf(request, house, Told())


async def remove_provider(request: Request, house: House, id: str) -> HTTPResponse:
    """Forget one and its key, at once; for a few seconds it can be had back."""
    provider = own(house, id)
    try:
        await house.to_the_end(house.gateway.providers.remove(id))
    except OwnerError as error:
        return _refuse(request, house, error, error.status)
    assert provider is not None
    return _shelf(request, house, _farewell(request, provider), home=f"{HOME}?removed={id}")


async def restore_provider(request: Request, house: House, id: str) -> HTTPResponse:
    """Put back one that was just removed."""
    try:
        provider = await house.to_the_end(house.gateway.providers.restore(id))
    except OwnerError as error:
        return _refuse(request, house, error, error.status)
    _ = language(request).gettext
    return _shelf(request, house, Told(_("%(name)s is back.", name=provider.name)))


def own(house: House, id: str) -> Provider | None:
    """One of the owner's own providers."""
    provider = house.gateway.providers.find(id)
    return None if provider is None or provider.is_built_in else provider


def unknown(id: str) -> ProviderRefused:
    """What is said of an id that is nobody's."""
    return ProviderRefused("There is no provider “%(id)s”.", "id", id=id[:40])


def _farewell(request: Request, removed: Provider) -> Told:
    _ = language(request).gettext
    return Told(_("%(name)s removed.", name=removed.name), undo=f"{HOME}/{removed.id}/restore")


def _draw(request: Request, house: House, form: Form, told: Told | None = None, status: int = 200) -> HTTPResponse:
    """The drawer for htmx, else the page with the drawer open."""
    whole_page = partial(whole, request, house, told or Told(), status, form=form, retype=status >= 400)
    # The browser keeps a key that was typed where only the page around it changes.
    return answer(
        *(request, house, "parts/provider_form.html", told),
        otherwise=whole_page,
        **{"form": form, "retype": False, **_outcome(None), **_pool(house, form)},
    )


def _pool(house: House, form: Form | None) -> dict[str, Any]:
    """The keys of the one that is being changed."""
    if form is None or form.editing is None:
        return {}
    return {"keys": keys_of(house, form.editing), "provider": form.editing}


def _outcome(check: Check | None) -> dict[str, Any]:
    return {"check": check, "trouble": trouble(check.error) if check and check.error else None}


def _wrong(request: Request, house: House, form: Form, error: OwnerError) -> HTTPResponse:
    if isinstance(error, ProviderRefused) and error.field == "id" and not form.editing:
        # Somebody took it meanwhile: the next one is shown, and is what a second attempt would keep.
        form = structs.replace(form, id=proposed_id(house.gateway.providers, form.preset, form.name))
    return _draw(request, house, form, Told(wrong=_beside(request, error)), error.status)


def _beside(request: Request, error: OwnerError) -> Wrong:
    at = error.field if isinstance(error, ProviderRefused) else "name"
    return Wrong("name" if at == "id" else at, "", language(request).said(error))


def _checked(request: Request, house: House, form: Form, check: Check | None, told: Told | None = None) -> HTTPResponse:
    whole_page = partial(whole, request, house, told or Told(), form=form, check=check, retype=True)
    return answer(
        *(request, house, "parts/provider_checked.html", told), otherwise=whole_page, form=form, **_outcome(check)
    )


def _saved(request: Request, house: House, toast: str) -> HTTPResponse:
    """For htmx nothing but what changed around the drawer: it is left empty, and closes."""
    return _shelf(request, house, Told(toast))


def _shelf(
    request: Request,
    house: House,
    told: Told,
    home: str = HOME,
    otherwise: Callable[[], HTTPResponse] | None = None,
) -> HTTPResponse:
    cards = shelf(house)
    return answer(
        *(request, house, "parts/providers_answer.html", told),
        home=home,
        otherwise=otherwise,
        providers=cards,
        providers_told=cards.tally,
    )


def _refuse(request: Request, house: House, error: OwnerError, status: int) -> HTTPResponse:
    told = Told(language(request).said(error))
    return _shelf(request, house, told, otherwise=partial(whole, request, house, told, status))
