"""Bytes that pass: the same dialect on both sides, only the model's name changes, and an ear listens along.

A request is said again, through the vocabulary, where the provider would not take it as it came: it holds seals that
were wrapped for the caller, lacks thoughts that the caller forgot, or says what the provider refused before.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from msgspec import structs

from api.conversation import ChatRequest, Failed
from api.dialects import sealing
from api.dialects.dialect import Written
from api.dialects.envelope import Envelope
from api.dialects.quirks import Quirks
from api.dialects.sse import Frame
from api.errors import BadReply, GatewayError, StreamBroken
from api.lessons import concerns
from api.memory import Hearing
from api.providers.provider import Route
from api.relay.asked import Answer
from api.relay.asking import Asking, quirks_of
from api.relay.frames import Frames
from api.relay.speaking import Speaker, failure
from api.relay.translating import Interpreter, read_request
from api.relay.turn import Turn
from api.upstream.reply import ProviderReply

MARK: Final = sealing.MARK.encode()


async def pass_on(turn: Turn, envelope: Envelope, route: Route) -> Answer | None:
    """Ask the provider in the caller's own words, and hand on what it says."""
    asking = prepare(turn, envelope, route)
    passing = turn.voice = _Passing(turn, envelope, route)
    reply = await asking.reply()
    try:
        if reply.media_type.startswith("text/event-stream"):
            await passing.stream(reply, asking.headers)
            return None
        return await passing.whole(reply, asking.headers)
    finally:
        await reply.close()


def prepare(turn: Turn, envelope: Envelope, route: Route) -> Asking:
    """How the provider is asked in the caller's own words; nothing is sent."""
    return Asking(turn, route, turn.caller.NAME, envelope.stream, _Again(turn, envelope, route).write)


class _Again:
    """The request as it goes out: as it came, or said again."""

    def __init__(self, turn: Turn, envelope: Envelope, route: Route) -> None:
        self.turn, self.envelope, self.route = turn, envelope, route

    def write(self, learned: dict[str, object]) -> Written:
        """The request in the caller's dialect, in his own bytes where that is possible."""
        body, quirks = self.envelope.body, quirks_of(self.route, learned)
        request = self._restored(quirks)
        if request is None and (MARK in body or concerns(quirks, learned, body)):
            request = read_request(self.turn, self.envelope)
        if request is None:
            return Written(self.envelope.renamed(self.route.model))
        said = structs.replace(request, model=self.route.model)
        written: Written = self.turn.caller.write_request(
            said, _faithful(quirks, body, learned), self.route.provider.mark
        )
        return written

    def _restored(self, quirks: Quirks) -> ChatRequest | None:
        """The request with what its turns carried, where its provider wants that back and the caller forgot it."""
        memory = self.turn.gateway.memory
        if not quirks.wants_back or not memory:
            return None
        request = read_request(self.turn, self.envelope)
        restored = memory.restore(request, self.route.provider.mark, self.turn.caller.NAME)
        return None if restored is request else restored


def _faithful(quirks: Quirks, body: bytes, learned: dict[str, Any]) -> Quirks:
    """Quirks for a request that is said again in its own dialect: the caller's own choices stay, unless refused."""
    own = structs.replace(
        quirks,
        stream_options=quirks.stream_options and b'"stream_options"' in body,
        developer_role=b'"developer"' in body,
        max_tokens_field="max_completion_tokens" if b'"max_completion_tokens"' in body else "max_tokens",
        image_urls=True,
        cache_control=True,
    )
    return structs.replace(own, **learned)


class _Passing:
    """The way of a reply's bytes."""

    def __init__(self, turn: Turn, envelope: Envelope, route: Route) -> None:
        self.turn, self.envelope, self.route = turn, envelope, route
        self._frames = Frames(route.provider.id)
        self._ear = turn.caller.Ear()
        self._held, self._first = list[bytes](), Frames(route.provider.id)
        self._sink: Callable[[bytes], None] | None = None
        self._interpreter: Interpreter | None = None
        wants_back = route.provider.quirks.wants_back
        self._hearing = Hearing(turn.gateway.memory, route.provider) if wants_back else None
        self._reader = turn.caller.Reader() if wants_back else None

    @property
    def pauses(self) -> bool:
        """Whether no frame is half said."""
        return self._frames.between

    def fail(self, error: GatewayError) -> bytes:
        """The frame of an error, alone; one that was cut in two is ended before it."""
        frame: bytes = self.turn.caller.error_frame(error, self.turn.asked.request_id)
        return frame if self.pauses else b"\n\n" + frame

    async def whole(self, reply: ProviderReply, headers: dict[str, str]) -> Answer:
        """A reply that comes at once."""
        body = await reply.whole()
        self.turn.slip.came.add(body)
        if body.lstrip()[:1] not in (b"{", b"["):
            raise BadReply(f"The provider “{self.route.provider.id}” answered with something that is not JSON.")
        self._ear.hear_whole(body)
        self.turn.tally.usage = self._ear.usage
        self.turn.tally.first_token()
        self._overhear_whole(body)
        return Answer(body, reply.media_type or "application/json", reply.headers | headers, reply.status)

    async def stream(self, reply: ProviderReply, headers: dict[str, str]) -> None:
        """A reply that comes in frames."""
        turn = self.turn
        await turn.begin(reply.media_type, reply.headers | headers)
        turn.delivery.obey(reply.hold)
        try:
            await reply.pour(self._judge if hasattr(turn.caller, "is_whole") else self._take)
        except StreamBroken:
            # What is complete needs no proper end.
            if not (self._interpreter.is_complete() if self._interpreter else self._ear.finished):
                raise
        if self._interpreter:
            self._interpreter.end()
        elif not self._ear.finished:
            raise StreamBroken(f"The provider “{self.route.provider.id}” ended its answer before it was complete.")
        await turn.end()

    def _take(self, block: bytes) -> None:
        frames, tally = self._frames.feed(block), self.turn.tally
        if self.turn.is_held:
            self._refuse_failure(frames)
        ear = self._ear
        ear.hear(frames)
        tally.pieces += len(frames)
        tally.usage = ear.usage
        if ear.has_spoken:
            tally.first_token()
        if self._reader and self._hearing:
            self._hearing.hear(self._reader.feed(frames))
        self.turn.slip.came.add(block)
        self.turn.write(block)

    def _refuse_failure(self, frames: list[Frame]) -> None:
        """A stream that begins with the provider's failure is none, while another model can be asked."""
        for frame in frames:
            if told := self.turn.caller.error_in(frame.data):
                raise failure(self.turn, Failed(told.words, told.code or told.type))

    def _overhear_whole(self, body: bytes) -> None:
        if self._hearing:
            with suppress(ValueError):  # what it says is the caller's to judge
                self._hearing.hear(self.turn.caller.read_reply(body))

    def _judge(self, block: bytes) -> None:
        """A stream may leave out what its dialect demands: its first frame tells whether it must be said again."""
        if self._sink is None:
            self._held.append(block)
            if not (frames := self._first.feed(block)):
                return
            block, self._held = b"".join(self._held), []
            self._sink = self._take if self.turn.caller.is_whole(frames[0]) else self._interpret()
        self._sink(block)

    def _interpret(self) -> Callable[[bytes], None]:
        turn = self.turn
        speaker = turn.voice = Speaker(turn, read_request(turn, self.envelope))
        self._interpreter = Interpreter(turn, self.route, turn.caller, speaker, {})
        return self._interpreter.take
