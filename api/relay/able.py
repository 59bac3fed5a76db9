"""Who has an endpoint: as its dialect and its documentation say, and as was learned by asking."""

from api.endpoints import Endpoint
from api.errors import Incapable, InvalidRequest, UpstreamRefused
from api.gateway import Gateway
from api.providers.abilities import known
from api.providers.provider import Provider, Route


def require(gateway: Gateway, route: Route, endpoint: Endpoint) -> None:
    """`Incapable` says that the provider has no such endpoint, and who has."""
    has = known(route.provider)
    if (has is not None and endpoint not in has) or endpoint in gateway.lacks.of(route.provider):
        raise _incapable(gateway, route, endpoint)


def learn(gateway: Gateway, route: Route, endpoint: Endpoint, refused: UpstreamRefused) -> None:
    """Remember a refusal that says the endpoint is not there, and raise `Incapable` with it."""
    if gateway.lacks.learn(route.provider, endpoint, route.model, refused.status, str(refused)):
        raise _incapable(gateway, route, endpoint) from refused


def only(gateway: Gateway, dialect: str, endpoint: Endpoint, named: str | None) -> Provider:
    """The provider that is asked where no model says which: the one that is named, or the only one there is."""
    if named:
        if provider := gateway.providers.find(named):
            return provider
        raise InvalidRequest(f"There is no provider “{named[:40]}”.", "x-morello-provider")
    can = [provider for provider in _able(gateway, endpoint) if dialect in provider.dialects]
    if len(can) == 1:
        return can[0]
    names = ", ".join(f"“{provider.id}”" for provider in can)
    if not can:
        raise Incapable(f"No provider that is set up has {endpoint}.")
    raise InvalidRequest(f"More than one provider has {endpoint}: {names}. Say which in the header x-morello-provider.")


def _incapable(gateway: Gateway, route: Route, endpoint: Endpoint) -> Incapable:
    can = ", ".join(f"“{provider.id}”" for provider in _able(gateway, endpoint))
    if not can:
        return Incapable(
            f"The provider “{route.provider.id}” has no {endpoint}, and neither has any other that is set up.", "model"
        )
    return Incapable(
        f"The provider “{route.provider.id}” has no {endpoint}. Name a model of one that has: {can}.", "model"
    )


def _able(gateway: Gateway, endpoint: Endpoint) -> list[Provider]:
    """Those that have an endpoint; where nobody is known to, those that may."""
    usable = [
        provider
        for provider in (*gateway.providers.all(), *gateway.providers.built_in())
        if provider.enabled and not provider.fault and endpoint not in gateway.lacks.of(provider)
    ]
    sure = [provider for provider in usable if endpoint in (known(provider) or ())]
    return sure or [provider for provider in usable if known(provider) is None]
