"""Events said to the caller in his own dialect: as a stream, or folded for who did not ask for one."""

from collections.abc import Iterable
from typing import Final

from api.conversation import ChatRequest, Ended, Event, Failed, Fold, PartGrew, PartStarted
from api.errors import GatewayError, UpstreamRefused
from api.relay.asked import Answer
from api.relay.turn import Turn

LONGEST_WORDS: Final = 2000
LONGEST_KIND: Final = 64


class Speaker:
    """Says a reply to the caller of `request`."""

    pauses = True  # an event is said in whole frames

    def __init__(self, turn: Turn, request: ChatRequest) -> None:
        self._turn, self._request = turn, request
        self._fold = Fold()
        self._writer = turn.caller.Writer(request, turn.asked.request_id)
        self._failed: Failed | None = None

    def say(self, events: Iterable[Event]) -> None:
        """Say what happened. `UpstreamRefused` where the provider told of its own failure."""
        if self._request.stream:
            self._turn.write(b"".join([self._writer.write(event) for event in events if self._goes_on(event)]))
        else:
            for event in events:
                if self._goes_on(event):
                    self._fold.hear(event)
        if self._failed:
            raise failure(self._turn, self._failed)

    def fail(self, error: GatewayError) -> bytes:
        """What ends the stream with `error`, wherever it is."""
        frames: bytes = self._writer.fail(error)
        return frames

    async def end(self, headers: dict[str, str]) -> Answer | None:
        """End the reply: the stream, or the whole answer with its headers."""
        if self._request.stream:
            await self._turn.end()
            return None
        turn = self._turn
        body = turn.caller.write_reply(self._fold.reply(), self._request, turn.asked.request_id)
        return Answer(body, "application/json", headers)

    def _goes_on(self, event: Event) -> bool:
        """Take note of an event; whether the reply goes on with it."""
        kind = type(event)
        if kind is PartGrew or kind is PartStarted:
            self._turn.tally.first_token()
        elif isinstance(event, Ended):
            self._turn.tally.usage = event.usage
        elif isinstance(event, Failed):
            self._failed = event
        return self._failed is None


def failure(turn: Turn, failed: Failed) -> UpstreamRefused:
    """The error for a failure that a provider told of in its answer."""
    redact = turn.gateway.redact
    words, kind = redact(failed.words)[:LONGEST_WORDS], redact(failed.kind or "")[:LONGEST_KIND]
    return UpstreamRefused(words or "The provider failed and did not say why.", 502, kind or "upstream_error")
