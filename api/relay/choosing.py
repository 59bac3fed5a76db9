"""Whom a conversation goes to, and whether its bytes can pass."""

from api.dialects.envelope import Envelope
from api.providers.groups import Plan
from api.providers.provider import Provider
from api.providers.registry import Providers
from api.relay.turn import Dialect, Turn


async def choose(turn: Turn) -> tuple[Envelope, Plan]:
    """The caller's request, seen from outside, and whom to ask for its model, in order; nothing is sent."""
    envelope = turn.open()
    name = full_name(turn.gateway.providers, turn.asked.provider, envelope.model)
    turn.tally.asked, turn.tally.streamed = name, envelope.stream
    plan = await turn.find(name)
    turn.tally.provider, turn.tally.served = plan.routes[0].provider.id, plan.routes[0].model
    return envelope, plan


def bytes_pass(caller: Dialect, provider: Provider, envelope: Envelope) -> bool:
    """Whether the provider speaks the caller's dialect, and can do what is wished as it is wished."""
    if caller.NAME not in provider.dialects:
        return False
    quirks = provider.quirks
    can_stream = quirks.streams and (quirks.streams_tools or b'"tools"' not in envelope.body)
    return can_stream or not envelope.stream


def full_name(providers: Providers, place: str | None, model: str) -> str:
    """What a model's name means where the URL named its provider; a group that is named there is meant itself."""
    if place is None or model.startswith(f"{place}:"):
        return model
    return place if providers.groups.find(place) else f"{place}:{model}"
