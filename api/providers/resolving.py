"""Whom a model's name means.

In this order: an id exactly as listed; a known provider before the first `::`, `:` or `/`, the rest going to it as it
is, listed or not; a bare name that exactly one provider lists.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from api.errors import ProviderNotReady, UnknownModel
from api.providers.provider import Model, Provider, Route

_SPLIT: Final = re.compile(r"::|:|/")


def by_prefix(
    asked: str, find: Callable[[str], Provider | None], models: Callable[[Provider], Iterable[Model]]
) -> Route | None:
    """The provider that is named first, and the rest. A built-in one has the models it has."""
    found = _SPLIT.search(asked)
    provider = find(asked[: found.start()]) if found else None
    model = asked[found.end() :] if found else ""
    if not provider or not model.strip():
        return None
    if provider.is_built_in and not provider.fault and all(known.id != model for known in models(provider)):
        return None
    return Route(provider, model)


def by_bare_name(asked: str, listed: Iterable[tuple[Provider, Model]]) -> Route | None:
    """The only provider that lists a model of that name; `UnknownModel` if there are more."""
    routes = [Route(provider, model.id) for provider, model in listed if model.id == asked]
    if len(routes) > 1:
        names = ", ".join(f"“{route.provider.id}:{asked}”" for route in routes)
        raise UnknownModel(
            "More than one provider has a model “%(model)s”. Say which: %(names)s.", model=asked, names=names
        )
    return routes[0] if routes else None


def refuse_unready(provider: Provider) -> None:
    """`ProviderNotReady` says what `provider` lacks to be asked."""
    if not provider.enabled:
        raise ProviderNotReady("The provider “%(id)s” is switched off. Switch it on first.", "model", id=provider.id)
    if fault := provider.fault:
        raise ProviderNotReady(fault.words, "model", **fault.given)
