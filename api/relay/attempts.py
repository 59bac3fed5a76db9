"""One plan, tried: the next key, then the next model, for as long as the caller has heard nothing.

A model that is named itself gets one more attempt where it could not be connected to, and every key of its provider. A
group goes on to its next model, as its policy says. Nothing is tried again once a byte went out, nor where it is the
caller's own fault.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final

from api.errors import GatewayError, ProviderNotReady, UpstreamUnreachable
from api.providers.groups import Plan
from api.providers.provider import Route
from api.relay.asked import Answer
from api.relay.blame import Blame, blame, rest_of, retry_after
from api.relay.sticky import conversation_of
from api.relay.turn import Turn
from api.store.attempts import AttemptRow

AGAIN_SECONDS: Final = 0.25  # before a model that is named itself is connected to once more
BACK_OFF_SECONDS: Final = 0.5  # doubled each round, where no provider says how long to wait
LONGEST_BACK_OFF: Final = 8.0

Ask = Callable[[Route], Awaitable[Answer | None]]


async def answered(turn: Turn, plan: Plan, ask: Ask) -> Answer | None:
    """What `ask` gives for the first route of `plan` that answers; the last error where none does."""
    return await _Trials(turn, plan, ask).run()


class _Trials:
    """The attempts of one call."""

    def __init__(self, turn: Turn, plan: Plan, ask: Ask) -> None:
        self._turn, self._plan, self._ask = turn, plan, ask
        self._policy = plan.policy
        self._rounds, self._waited, self._connected_again = 0, 0.0, False

    async def run(self) -> Answer | None:
        """The first answer."""
        while True:
            waits, last = list[float](), None
            routes = self._order()
            for place, route in enumerate(routes, 1):
                self._turn.may_fall_back = place < len(routes) and self._policy.retry
                try:
                    return await self._with_keys(route)
                except GatewayError as error:
                    if not self._goes_on(error):
                        raise
                    last = error
                    waits += [wait] if (wait := self._wait_after(error)) is not None else []
                    if not self._may_try_again():
                        raise
            assert last is not None
            await self._pause(last, waits)

    def _order(self) -> list[Route]:
        """Whom to ask, in order: those that rest or keep failing are passed over while there are others."""
        routes, gateway = self._plan.routes, self._turn.gateway
        if len(routes) == 1 or not self._policy.retry:
            return list(routes[:1])
        ready = [
            route
            for route in routes
            if gateway.providers.pools.is_ready(route.provider)
            and not (self._policy.circuit and gateway.circuits.skips(route.provider.id))
        ]
        return ready or list(routes)

    async def _with_keys(self, route: Route) -> Answer | None:
        """Ask one model, with each key that its provider has, until one of them is not to blame."""
        pools, tried, last = self._turn.gateway.providers.pools, set[int](), None
        while chosen := pools.choose(route.provider, self._conversation, tried):
            provider, number = chosen
            tried.add(number)
            try:
                return await self._once(Route(provider, route.model), number)
            except GatewayError as error:
                if self._turn.is_final or blame(error) is not Blame.KEY:
                    raise
                pools.rest(route.provider, number, error, rest_of(error))
                last = error
                if not self._may_try_again():
                    break
        raise last or ProviderNotReady(
            "Every key of the provider “%(id)s” is switched off. Switch one on.", "model", id=route.provider.id
        )

    async def _once(self, route: Route, number: int) -> Answer | None:
        turn, at, began = self._turn, time.time(), time.monotonic()
        turn.tally.provider, turn.tally.served = route.provider.id, route.model or None
        turn.begin_anew()
        turn.trying = (route.provider.id, route.model, number)
        try:
            answer = await self._ask(route)
        except GatewayError as error:
            whose, ms = blame(error), (time.monotonic() - began) * 1000
            turn.attempts.append(
                AttemptRow(
                    at,
                    turn.asked.request_id,
                    *turn.trying,
                    error.status,
                    error.kind,
                    whose.name.lower(),
                    str(error),
                    ms,
                )
            )
            if whose is Blame.PROVIDER:
                turn.gateway.circuits.failed(route.provider.id, error)
            if not self._connects_again(error):
                raise
        else:
            turn.gateway.circuits.answered(route.provider.id)
            turn.gateway.providers.pools.wake(route.provider, number)
            return answer
        await asyncio.sleep(AGAIN_SECONDS)
        return await self._once(route, number)

    def _connects_again(self, error: GatewayError) -> bool:
        if self._plan.group or self._connected_again or self._turn.is_final:
            return False
        self._connected_again = isinstance(error, UpstreamUnreachable)
        return self._connected_again

    def _goes_on(self, error: GatewayError) -> bool:
        """Whether another model may answer where this one did not."""
        if self._turn.is_final or not self._plan.group or not self._policy.retry:
            return False
        return blame(error) is not Blame.CALLER

    def _may_try_again(self) -> bool:
        return len(self._turn.attempts) < self._policy.most

    def _wait_after(self, error: GatewayError) -> float | None:
        """Seconds after which it may be asked again; None where that would change nothing."""
        if blame(error) is Blame.UNABLE or error.kind == "upstream_auth":
            return None
        if (wait := retry_after(error)) is not None:
            return wait
        back_off = min(BACK_OFF_SECONDS * float(2**self._rounds), LONGEST_BACK_OFF)
        return back_off * random.uniform(0.5, 1.0)  # noqa: S311 - so that many callers do not come back together

    async def _pause(self, last: GatewayError, waits: list[float]) -> None:
        """Wait for the first that may be asked again; raise `last` where that takes longer than is allowed."""
        wait = min(waits, default=None)
        if wait is None or self._waited + wait > self._policy.patience:
            raise last
        self._rounds, self._waited = self._rounds + 1, self._waited + wait
        await asyncio.sleep(wait)

    def _conversation(self) -> bytes | None:
        return None if self._turn.asked.endpoint else conversation_of(self._turn.asked.body)
