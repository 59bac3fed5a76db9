"""What there is to ask for: the owner's names first, then every model of every provider."""

from collections.abc import Iterator

from msgspec import Struct, structs

from api.facts import Facts
from api.providers.groups import Group
from api.providers.provider import Model, Provider, Route
from api.providers.registry import Providers


class Offer(Struct, frozen=True):
    """A name that a request may ask for, and the model that is asked first for it; `behind` is all that it stands for.

    A model that is named itself has nothing else behind it. `facts` are that model's.
    """

    id: str
    provider: Provider
    model: Model
    facts: Facts
    behind: tuple[str, ...] = ()


def offers(providers: Providers, place: str | None = None) -> list[Offer]:
    """All there are; at the `place` of a provider or group, those that are meant there."""
    group = providers.groups.find(place) if place else None
    if group:
        return [offer for name in group.models if (offer := _of_model(providers, name))]
    listed = [
        _offer(providers, provider, model) for provider, model in providers.listed() if place in (None, provider.id)
    ]
    return listed if place else [*_names(providers), *listed]


def described(providers: Providers, route: Route) -> Model:
    """The model of a route as its provider lists it; one that is not listed by its name alone."""
    return next((model for model in providers.models(route.provider) if model.id == route.model), Model(route.model))


def described_offer(providers: Providers, id: str, route: Route) -> Offer:
    """What `id` means, which is asked of `route` first."""
    if group := providers.groups.find(id):
        offer = _offer(providers, route.provider, described(providers, route))
        return structs.replace(offer, id=id, behind=group.models)
    return _offer(providers, route.provider, described(providers, route))


def _names(providers: Providers) -> Iterator[Offer]:
    for group in providers.groups.all():
        if route := providers.first(group):
            yield described_offer(providers, group.name, route)


def _of_model(providers: Providers, name: str) -> Offer | None:
    route = providers.first(Group(name, (name,)))
    return _offer(providers, route.provider, described(providers, route)) if route else None


def _offer(providers: Providers, provider: Provider, model: Model) -> Offer:
    return Offer(f"{provider.id}:{model.id}", provider, model, providers.facts(provider, model).facts)
