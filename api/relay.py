"""One conversation from start to finish.

The same dialect on both sides: the bytes pass, only the model's name changes, and an ear listens along so that
usage is counted. The test models answer in events, which the caller's dialect writes. Whatever happens, the
upstream is closed and one row is written.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Final, Protocol

from msgspec import Struct

from api.calls import Call, Calls
from api.conversation import Ended, Event, Started, collect
from api.dialects import anthropic, sse
from api.dialects.envelope import Envelope, open_envelope
from api.errors import BadReply, GatewayError, StreamBroken, WrongDialect
from api.gateway import Gateway
from api.heart import Heart
from api.providers import testing
from api.providers.provider import LOCAL, TESTING, Provider, Route
from api.store.calls import CALLER_GONE
from api.upstream.reply import ProviderReply
from api.usage import Tally

HEARTBEAT_SECONDS: Final = 15.0  # some clients give up after 20 s of silence
INTERNAL: Final = "Morello failed at this request. Its log says more; the request id finds the place."
log = logging.getLogger("morello.relay")

Dialect = ModuleType  # one of api.dialects: NAME, HEARTBEAT, read_request, Writer, write_reply, error_frame, Ear


class Asked(Struct, frozen=True):
    """What came in. `path` is the dialect's own, below the version; `provider` was named in the URL, if it was."""

    body: bytes
    headers: Mapping[str, str]
    request_id: str
    route: str
    path: str
    provider: str | None = None


class Answer(Struct, frozen=True):
    """A whole answer, to be sent at once."""

    body: bytes
    media_type: str
    headers: dict[str, str]
    status: int = 200


class Delivery(Protocol):
    """A stream on its way to the caller."""

    begun: bool

    async def begin(self, media_type: str, headers: dict[str, str]) -> None:
        """Send the head: from here on an error can only be a frame."""

    def write(self, data: bytes) -> None:
        """Send bytes now."""

    async def settle(self) -> None:
        """Wait while the caller reads more slowly than we write."""

    def obey(self, brake: Callable[[bool], None] | None) -> None:
        """Call `brake(True)` when the caller falls behind and `brake(False)` when they have caught up."""

    async def end(self) -> None:
        """Send the end of the stream."""


async def relay(asked: Asked, gateway: Gateway, calls: Calls, caller: Dialect, delivery: Delivery) -> Answer | None:
    """Answer one call: the answer to send, or None if it went out through `delivery`. Raises `GatewayError`."""
    tally = Tally(asked.request_id, asked.route, caller.NAME, len(asked.body))
    with calls.running(tally) as call:
        gateway.news.tell()
        conversation = _Conversation(asked, gateway, call, caller, delivery, tally)
        try:
            answer = await conversation.answer()
            tally.bytes_out += len(answer.body) if answer else 0
            return answer
        except asyncio.CancelledError:
            if call.broken is None:
                tally.status, tally.error = CALLER_GONE, "caller_gone"
                raise
            call.task.uncancel()
            await conversation.fail(call.broken)
        except GatewayError as error:
            await conversation.fail(error)
        except Exception:
            log.exception("request %s failed", asked.request_id)
            await conversation.fail(GatewayError(INTERNAL))
        finally:
            conversation.quiet()
            gateway.ledger.record(tally)
    return None


class _Conversation:
    """One call while it runs."""

    def __init__(
        self, asked: Asked, gateway: Gateway, call: Call, caller: Dialect, delivery: Delivery, tally: Tally
    ) -> None:
        self.asked, self.gateway, self.call = asked, gateway, call
        self.caller, self.delivery, self.tally = caller, delivery, tally
        self.reader = sse.Reader()
        self.ear = caller.Ear()
        self.heart: Heart | None = None  # only a stream has one: the two know each other, a cycle for the collector

    async def answer(self) -> Answer | None:
        envelope = open_envelope(self.asked.body)
        name = _named(self.asked.provider, envelope.model)
        self.tally.asked, self.tally.streamed = name, envelope.stream
        route = await self.gateway.providers.resolve(name)
        self.tally.provider, self.tally.served = route.provider.id, route.model
        require_dialect(name, route.provider, self.caller.NAME)
        if route.provider.id == TESTING:
            return await self._interpret(route)
        return await self._pass_on(envelope, route)

    async def fail(self, error: GatewayError) -> None:
        """Say `error` in the stream if it has begun; raise it while a status can still be sent."""
        self.tally.status, self.tally.error = error.status, error.kind
        if not self.delivery.begun:
            raise error
        if not self.reader.between_frames:
            self._write(b"\n\n")  # end the frame that was cut in two, so that ours stands alone
        self._write(self.caller.error_frame(error, self.asked.request_id))
        await self.delivery.end()

    def quiet(self) -> None:
        """Beat no more."""
        if self.heart:
            self.heart.stop()
            self.heart = None

    # Bytes that pass

    async def _pass_on(self, envelope: Envelope, route: Route) -> Answer | None:
        provider = await self._reach(route.provider, envelope.stream)
        body = envelope.renamed(route.model)
        reply = await self.gateway.upstream.post(provider, self.caller.NAME, self.asked.path, body, self.asked.headers)
        try:
            if reply.media_type.startswith("text/event-stream"):
                await self._pass_stream(provider, reply)
                return None
            return await self._pass_whole(provider, reply)
        finally:
            await reply.close()
            self.tally.usage = self.ear.usage

    async def _reach(self, provider: Provider, stream: bool) -> Provider:
        # The built-in model takes seconds to wake: whoever asked for a stream is told at once that it comes.
        if provider.id == LOCAL and stream and not self.gateway.local.is_running:
            await self._begin(sse.MEDIA_TYPE, {})
        return await self.gateway.reach(provider)

    async def _pass_whole(self, provider: Provider, reply: ProviderReply) -> Answer:
        body = await reply.whole()
        if body.lstrip()[:1] != b"{":
            raise BadReply(f"The provider “{provider.id}” answered with something that is not JSON.")
        self.ear.hear_whole(body)
        self.tally.first_token()
        return Answer(body, reply.media_type or "application/json", reply.headers, reply.status)

    async def _pass_stream(self, provider: Provider, reply: ProviderReply) -> None:
        if not self.delivery.begun:
            await self._begin(reply.media_type, reply.headers)
        self.delivery.obey(reply.hold)
        await reply.pour(self._pass_block)
        if not self.ear.finished:
            raise StreamBroken(f"The provider “{provider.id}” ended its answer before it was complete.")
        await self._end()

    def _pass_block(self, block: bytes) -> None:
        frames = self.reader.feed(block)
        self.ear.hear(frames)
        self.tally.pieces += len(frames)
        self.tally.usage = self.ear.usage
        if self.ear.has_spoken:
            self.tally.first_token()
        self._write(block)

    # Events of the test models

    async def _interpret(self, route: Route) -> Answer | None:
        request = self.caller.read_request(self.asked.body)
        events = testing.answer(route.model, request)
        request_id = self.asked.request_id
        if request.stream:
            writer = self.caller.Writer(request, request_id)
            async for event in events:
                if not self.delivery.begun:
                    await self._begin(sse.MEDIA_TYPE, {})
                self._hear(event)
                self._write(writer.write(event))
                await self.delivery.settle()
            await self._end()
            return None
        said = []
        async for event in events:
            self._hear(event)
            said.append(event)
        return Answer(self.caller.write_reply(collect(said), request, request_id), "application/json", {})

    def _hear(self, event: Event) -> None:
        if not isinstance(event, Started):
            self.tally.first_token()
            self.tally.pieces += 1
        if isinstance(event, Ended):
            self.tally.usage = event.usage

    # The way out

    async def _begin(self, media_type: str, headers: dict[str, str]) -> None:
        await self.delivery.begin(media_type, headers)
        self.call.streams = True
        self.heart = Heart(HEARTBEAT_SECONDS, self._beat)
        self.heart.start()
        self.gateway.news.tell()

    def _write(self, data: bytes) -> None:
        if data:
            if self.heart:
                self.heart.felt()
            self.tally.bytes_out += len(data)
            self.delivery.write(data)

    def _beat(self) -> None:
        if self.reader.between_frames:
            self.delivery.write(self.caller.HEARTBEAT)

    async def _end(self) -> None:
        self.quiet()
        self.delivery.obey(None)
        await self.delivery.end()


def _named(provider: str | None, model: str) -> str:
    """The model's full name, where the URL named its provider."""
    return model if provider is None or model.startswith(f"{provider}:") else f"{provider}:{model}"


def require_dialect(model: str, provider: Provider, dialect: str) -> None:
    """Raise `WrongDialect` where `provider` does not speak the caller's dialect."""
    if dialect not in provider.dialects:
        route = "POST /v1/messages" if provider.dialect == anthropic.NAME else "POST /v1/chat/completions"
        raise WrongDialect(
            f"“{model}” is at a provider that speaks another dialect than this route. Send it to {route}; "
            "Morello does not translate between the two yet.",
            "model",
        )
