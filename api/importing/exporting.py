"""Everything the owner set up as a file, for another machine or a bad day."""

import asyncio
from datetime import UTC, datetime

from api.gateway import Gateway
from api.importing import own
from api.importing.drafts import Choice, Limit


async def export(gateway: Gateway, passphrase: str | None) -> bytes:
    """The file; without a passphrase it has no secrets."""
    limits = tuple(Limit(rule.provider, rule.route, dict(rule.chosen)) for rule in gateway.limits.rules())
    choices = tuple(
        Choice(provider.id, model, chosen)
        for provider in gateway.providers.all()
        for model, chosen in gateway.providers.choosing.of(provider.id).items()
    )
    return await asyncio.to_thread(
        own.write,
        datetime.now(UTC).isoformat(timespec="seconds"),
        tuple(gateway.providers.all()),
        tuple(gateway.providers.groups.all()),
        choices,
        limits,
        gateway.settings,
        passphrase,
    )
