"""Whom a name means: a model of one provider, or, behind a name of the owner's, several that are asked in order."""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Final

from api.errors import GatewayError, ModelOff, SaidInWords, UnknownModel
from api.providers.groups import Group, Plan
from api.providers.near import no_such_model
from api.providers.provider import LOCAL, Model, Provider, Route
from api.providers.resolving import by_bare_name, by_prefix, refuse_unready

REMEMBERED: Final = 4096  # names whose plan is kept, so that the hot path looks up one dictionary

Listed = list[tuple[Provider, Model]]


class Planner:
    """Makes plans out of what the registry has, and keeps them until that changes."""

    def __init__(
        self,
        find: Callable[[str], Provider | None],
        group: Callable[[str], Group | None],
        models: Callable[[Provider], Iterable[Model]],
        listed: Callable[[], Listed],
        is_off: Callable[[str, str], bool],
        names: Callable[[], Iterable[str]],
        freshen: Callable[[], Awaitable[None]],
    ) -> None:
        self._find, self._group, self._models, self._listed, self._freshen = find, group, models, listed, freshen
        self._is_off, self._names = is_off, names
        self._plans: dict[str, Plan] = {}

    async def plan(self, asked: str, look: bool) -> Plan:
        """Whom to ask for `asked`. `UnknownModel` names near misses, `ProviderNotReady` what is missing."""
        if plan := self._plans.get(asked):
            return plan
        group = self._group(asked)
        plan = await self._behind(group, look) if group else Plan((await self._route(asked, look),))
        if len(self._plans) < REMEMBERED:
            self._plans[asked] = plan
        return plan

    def forget(self) -> None:
        """Something changed: make every plan anew."""
        self._plans.clear()

    def first(self, group: Group) -> Route | None:
        """The first model of a group that can be asked, as far as that is known without asking anybody."""
        for model in group.models:
            with suppress(GatewayError):
                return self._known(model)
        return None

    def why_not(self, model: str) -> SaidInWords | None:
        """Why a model of that name could not be asked now, as far as that is known without asking anybody."""
        try:
            self._known(model)
        except GatewayError as error:
            return error
        return None

    def _known(self, asked: str) -> Route:
        route = by_prefix(asked, self._find, self._models) or by_bare_name(asked, self._listed())
        if not route:
            raise self._unknown(asked)
        return self._ready(route)

    async def _behind(self, group: Group, look: bool) -> Plan:
        """The models of a group that can be asked; what is said of the first if none can."""
        routes, left = list[Route](), list[GatewayError]()
        for model in group.models:
            try:
                routes.append(await self._route(model, look))
            except GatewayError as error:
                left.append(error)
        if not routes:
            raise left[0]
        return Plan(tuple(routes), group.policy, group.name, tuple(left))

    async def _route(self, asked: str, look: bool) -> Route:
        route = by_prefix(asked, self._find, self._models)
        if not route:
            if look:
                await self._freshen()
            route = by_bare_name(asked, self._listed())
        if not route:
            raise self._unknown(asked)
        return self._ready(route)

    def _ready(self, route: Route) -> Route:
        refuse_unready(route.provider)
        if self._is_off(route.provider.id, route.model):
            raise ModelOff(
                "The model “%(id)s:%(model)s” is switched off. Switch it on, or name another one.",
                "model",
                id=route.provider.id,
                model=route.model[:100],
            )
        return route

    def _unknown(self, asked: str) -> UnknownModel:
        listed = self._listed()
        names = [*self._names(), *(f"{provider.id}:{model.id}" for provider, model in listed)]
        own = next((model.id for provider, model in listed if provider.id == LOCAL), None)
        if own is None or not asked.startswith(f"{LOCAL}:"):
            return no_such_model(asked, names)
        # It has one model, which the owner may have changed: the name of the other may be nothing like it.
        return UnknownModel(
            "There is no model “%(model)s”. The built-in provider has “%(name)s” now.",
            model=asked[:100],
            name=f"{LOCAL}:{own}",
        )
