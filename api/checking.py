"""Whether a provider can be asked: by asking it for its models, with the key it is to be asked with.

No conversation is begun, so nothing is paid for. Where the list is public it says nothing of the key, and a path that
only a good key may read is asked first.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from api.errors import GatewayError, SaidInWords, UpstreamTimeout
from api.lacks import Lacks
from api.providers import testing
from api.providers.presets import MODELS, key_check
from api.providers.provider import TESTING, Check, Model, Provider, Secret
from api.providers.registry import Providers
from api.upstream.client import Upstream

PATIENCE: Final = 10.0  # seconds, for all that is asked


class Checking:
    """Tests providers, kept or not yet. `reach` says where one is asked; `trying` are the keys being sent now."""

    def __init__(
        self, upstream: Upstream, providers: Providers, lacks: Lacks, reach: Callable[[Provider], Awaitable[Provider]]
    ) -> None:
        self._upstream, self._providers, self._lacks, self._reach = upstream, providers, lacks, reach
        self.trying: list[Secret] = []

    async def check(self, provider: Provider) -> Check:
        """What comes of a test; of a provider that is kept it is remembered, and its models are the new ones.

        What it was found to lack is forgotten: whoever tests has changed something over there.
        """
        at, began = time.time(), time.monotonic()
        self._lacks.forget(provider)
        models, error = await self._outcome(provider)
        ms = (time.monotonic() - began) * 1000
        check = Check(ok=error is None, ms=ms, at=at, models=tuple(model.id for model in models), error=error)
        await self._providers.note(provider, check, models)
        return check

    async def _outcome(self, provider: Provider) -> tuple[tuple[Model, ...], SaidInWords | None]:
        if provider.fault:
            return (), provider.fault
        if provider.id == TESTING:
            return testing.MODELS, None
        try:
            return await self._ask(await self._reach(provider)), None
        except GatewayError as error:
            return (), error
        except TimeoutError:
            return (), UpstreamTimeout(
                "The provider “%(id)s” did not answer within %(seconds).0f s. Try again.",
                id=provider.id,
                seconds=PATIENCE,
            )

    async def _ask(self, provider: Provider) -> tuple[Model, ...]:
        self.trying += [provider.key] if provider.key else []
        try:
            async with asyncio.timeout(PATIENCE):
                if (path := key_check(provider.base_url)) != MODELS:
                    await self._upstream.knock(provider, path)
                return await self._upstream.list_models(provider)
        finally:
            if provider.key:
                self.trying.remove(provider.key)
