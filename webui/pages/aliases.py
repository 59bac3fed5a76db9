"""The drawer in which a name is given to a model, or to several in order."""

from functools import partial
from typing import Final

import msgspec
from msgspec import Struct
from sanic import HTTPResponse, Request

from api.errors import OwnerError, ProviderRefused
from api.providers.groups import Group, Policy
from webui.gate import field
from webui.house import House, language
from webui.pages.model_rows import aliases, count
from webui.pages.models import HOME, whole
from webui.view import Told, Wrong, answer

NAMES: Final = f"{HOME}/names"
LONGEST: Final = 100  # letters of what is typed, but for models
NUMBERS: Final = ("most", "patience", "first_byte")


class AliasForm(Struct, frozen=True):
    """What stands in the drawer. `was` is the name that is being changed; empty for a new one."""

    was: str = ""
    name: str = ""
    models: tuple[str, ...] = ("",)
    retry: bool = True
    circuit: bool = True
    most: str = ""
    patience: str = ""
    first_byte: str = ""
    known: tuple[str, ...] = ()


class PolicyRefused(OwnerError):
    """Not a number that a policy can have."""


async def new_alias(request: Request, house: House) -> HTTPResponse:
    """The drawer for a new name; for whoever navigates here the page with the drawer open."""
    return _draw(request, house, _blank(house, request.args.get("model") or ""))


async def change_alias(request: Request, house: House, name: str) -> HTTPResponse:
    """The drawer with what stands behind a name."""
    group = house.gateway.providers.groups.find(name)
    if group is None:
        said = language(request).said(ProviderRefused("There is no alias or group “%(name)s”.", "name", name=name[:40]))
        return whole(request, house, Told(said), 404)
    return _draw(request, house, _of(house, group))


async def arrange_alias(request: Request, house: House) -> HTTPResponse:
    """One more model, or one moved: what a browser without scripts has instead of dragging."""
    form = _typed(request, house)
    return _draw(request, house, msgspec.structs.replace(form, models=_arranged(form.models, field(request, "move"))))


async def keep_alias(request: Request, house: House) -> HTTPResponse:
    """Keep a name, new or changed."""
    form, providers = _typed(request, house), house.gateway.providers
    try:
        policy = _policy(form)
        if form.name != form.was:
            _refuse_taken(house, form.name)
        await house.to_the_end(providers.group(form.name, form.models, policy))
        if form.was and form.was != form.name:
            await house.to_the_end(providers.ungroup(form.was))
    except OwnerError as error:
        at = error.field if isinstance(error, ProviderRefused) else "policy"
        at = "name" if at == "id" else at
        return _draw(request, house, form, Told(wrong=Wrong(at, "", language(request).said(error))), error.status)
    _ = language(request).gettext
    return _answer(request, house, Told(_("%(name)s saved.", name=form.name)))


async def remove_alias(request: Request, house: House, name: str) -> HTTPResponse:
    """Forget a name; the models stay, and it can be had back."""
    try:
        await house.to_the_end(house.gateway.providers.ungroup(name))
    except OwnerError as error:
        return _answer(request, house, Told(language(request).said(error)))
    _ = language(request).gettext
    return _answer(request, house, Told(_("%(name)s removed.", name=name), undo=f"{NAMES}/{name}/restore"))


async def restore_alias(request: Request, house: House, name: str) -> HTTPResponse:
    """Put back a name that was just removed."""
    try:
        await house.to_the_end(house.gateway.providers.regroup(name))
    except OwnerError as error:
        return _answer(request, house, Told(language(request).said(error)))
    _ = language(request).gettext
    return _answer(request, house, Told(_("%(name)s is back.", name=name)))


def _blank(house: House, model: str) -> AliasForm:
    return AliasForm(models=(model,), known=_known(house))


def _of(house: House, group: Group) -> AliasForm:
    policy, usual = group.policy, Policy()
    most, patience, first_byte = (_shown(getattr(policy, name), getattr(usual, name)) for name in NUMBERS)
    return AliasForm(
        was=group.name,
        name=group.name,
        models=group.models,
        retry=policy.retry,
        circuit=policy.circuit,
        most=most,
        patience=patience,
        first_byte=first_byte,
        known=_known(house),
    )


def _shown(value: float | None, usual: float | None) -> str:
    return "" if value is None or value == usual else f"{value:g}"


def _known(house: House) -> tuple[str, ...]:
    """What can be chosen from while typing."""
    return tuple(f"{provider.id}:{model.id}" for provider, model in house.gateway.providers.listed())


def _typed(request: Request, house: House) -> AliasForm:
    models = tuple(model.strip() for model in request.form.getlist("model", [])) if request.form else ()
    return AliasForm(
        was=_field(request, "was"),
        name=_field(request, "name"),
        models=models or ("",),
        retry=bool(_field(request, "retry")),
        circuit=bool(_field(request, "circuit")),
        most=_field(request, "most"),
        patience=_field(request, "patience"),
        first_byte=_field(request, "first_byte"),
        known=_known(house),
    )


def _field(request: Request, name: str) -> str:
    return (field(request, name) or "").strip()[:LONGEST]


def _policy(form: AliasForm) -> Policy:
    """How the models are asked; `PolicyRefused` names the number that cannot be."""
    said: dict[str, object] = {"retry": form.retry, "circuit": form.circuit}
    said |= {name: getattr(form, name) for name in NUMBERS if getattr(form, name)}
    try:
        return msgspec.convert(said, Policy, strict=False)
    except msgspec.ValidationError as error:
        raise PolicyRefused(
            "Attempts are a whole number from 1 to 20, the patience 0 to 120 seconds, the first byte 0.1 to 3600 "
            "seconds. Leave a field empty to have it as usual."
        ) from error


def _refuse_taken(house: House, name: str) -> None:
    if house.gateway.providers.groups.find(name):
        raise ProviderRefused("There is an alias or group “%(name)s” already. Change that one.", "name", name=name[:40])


def _arranged(models: tuple[str, ...], move: str | None) -> tuple[str, ...]:
    """`move` is “more”, or a place and a direction as in “2:-1”; 0 removes."""
    if move == "more":
        return (*models, "")
    place, _, by = (move or "").partition(":")
    if not (place.isdecimal() and int(place) < len(models) and by in ("-1", "0", "1")):
        return models
    rest = [model for number, model in enumerate(models) if number != int(place)]
    if by != "0":
        rest.insert(max(0, int(place) + int(by)), models[int(place)])
    return tuple(rest) or ("",)


def _draw(request: Request, house: House, form: AliasForm, told: Told | None = None, status: int = 200) -> HTTPResponse:
    """The drawer for htmx, else the page with the drawer open."""
    whole_page = partial(whole, request, house, told or Told(), status, alias=form)
    return answer(request, house, "parts/alias_form.html", told, otherwise=whole_page, alias=form)


def _answer(request: Request, house: House, told: Told) -> HTTPResponse:
    """For htmx what changed around the drawer: it is left empty, and closes."""
    return answer(
        *(request, house, "parts/aliases_answer.html", told),
        home=HOME,
        otherwise=partial(whole, request, house, told) if told.undo else None,
        aliases=aliases(house),
        models_told=count(house),
    )
