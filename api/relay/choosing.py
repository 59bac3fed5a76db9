"""Whom a conversation goes to, and whether its bytes can pass."""

from api.dialects.envelope import Envelope
from api.providers.provider import Provider, Route
from api.relay.turn import Dialect, Turn


async def choose(turn: Turn) -> tuple[Envelope, Route]:
    """The caller's request, seen from outside, and the provider that its model is at; nothing is sent."""
    envelope = turn.open()
    name = _full_name(turn.asked.provider, envelope.model)
    turn.tally.asked, turn.tally.streamed = name, envelope.stream
    route = await turn.resolve(name)
    turn.tally.provider, turn.tally.served = route.provider.id, route.model
    return envelope, route


def bytes_pass(caller: Dialect, provider: Provider, envelope: Envelope) -> bool:
    """Whether the provider speaks the caller's dialect, and can do what is wished as it is wished."""
    if caller.NAME not in provider.dialects:
        return False
    quirks = provider.quirks
    can_stream = quirks.streams and (quirks.streams_tools or b'"tools"' not in envelope.body)
    return can_stream or not envelope.stream


def _full_name(provider: str | None, model: str) -> str:
    """The model's full name, where the URL named its provider."""
    return model if provider is None or model.startswith(f"{provider}:") else f"{provider}:{model}"
