"""Two dialects: the request in the provider's, the reply in the caller's, the vocabulary in between.

The provider is asked to stream, whatever the caller wished, unless it cannot: a reply is a folded stream. What comes
back decides how it is read.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Final

from msgspec import structs

from api.conversation import (
    ChatRequest,
    Event,
    Failed,
    Image,
    PartEnded,
    PartGrew,
    PartStarted,
    Reasoning,
    Said,
    Text,
    ToolCall,
)
from api.dialects.dialect import HearsEvents, Written
from api.dialects.envelope import Envelope
from api.dialects.quirks import Quirks
from api.dialects.spoken import SPOKEN
from api.errors import BadReply, StreamBroken
from api.memory import Hearing
from api.providers import testing
from api.providers.provider import Provider, Route
from api.relay.asked import Answer
from api.relay.asking import Asking, quirks_of
from api.relay.frames import Frames
from api.relay.speaking import Speaker
from api.relay.turn import Turn
from api.upstream.reply import LARGEST, ProviderReply

LARGEST_STREAM: Final = 512 * 1024 * 1024
_STREAMS: Final = (b"data:", b"event:", b":")


async def translate(turn: Turn, envelope: Envelope, route: Route) -> Answer | None:
    """Ask the provider in a dialect of its own, and say its reply in the caller's."""
    request = read_request(turn, envelope)
    asking = prepare(turn, request, route)
    speaker = turn.voice = Speaker(turn, request)
    reply = await asking.reply()
    try:
        if "html" in reply.media_type:
            raise BadReply(f"The provider “{route.provider.id}” answered with a web page. Look at its base URL.")
        if request.stream:
            await turn.begin(turn.caller.MEDIA_TYPE, reply.headers | asking.headers)
        interpreter = Interpreter(turn, route, target_of(turn, route.provider), speaker, asking.written.names)
        await interpreter.hear(reply, request.stream)
        return await speaker.end(reply.headers | asking.headers)
    finally:
        await reply.close()


def prepare(turn: Turn, request: ChatRequest, route: Route) -> Asking:
    """How the provider is asked in a dialect of its own; nothing is sent."""
    target, mark = target_of(turn, route.provider), route.provider.mark
    restored = turn.gateway.memory.restore(request, mark, target.NAME)
    stream = can_stream(route.provider.quirks, restored)
    wanted = structs.replace(restored, model=route.model, stream=stream)

    def write(learned: dict[str, object]) -> Written:
        written: Written = target.write_request(wanted, quirks_of(route, learned), mark)
        return written

    return Asking(turn, route, target.NAME, stream, write)


async def interpret(turn: Turn, envelope: Envelope, route: Route) -> Answer | None:
    """Say what a test model says."""
    request = read_request(turn, envelope)
    speaker = turn.voice = Speaker(turn, request)
    async for event in testing.answer(route.model, request):
        if request.stream:
            await turn.begin(turn.caller.MEDIA_TYPE, {})
        turn.tally.pieces += 1
        speaker.say((event,))
        if request.stream:
            await turn.delivery.settle()
    return await speaker.end({})


def read_request(turn: Turn, envelope: Envelope) -> ChatRequest:
    """The caller's request in the vocabulary."""
    request: ChatRequest = turn.caller.read_request(turn.asked.body, envelope.model, envelope.stream)
    return request


def target_of(turn: Turn, provider: Provider) -> ModuleType:
    """The dialect a provider is asked in: the caller's, if it speaks that."""
    return turn.caller if turn.caller.NAME in provider.dialects else SPOKEN[provider.dialect]


def can_stream(quirks: Quirks, request: ChatRequest) -> bool:
    """Whether the provider can stream its answer to `request`."""
    return quirks.streams and (quirks.streams_tools or not request.tools)


class Interpreter:
    """Hears a provider's reply in its dialect, and has `speaker` say it.

    `names` are the caller's for tools that had to be called otherwise over there.
    """

    def __init__(self, turn: Turn, route: Route, dialect: ModuleType, speaker: Speaker, names: dict[str, str]) -> None:
        self._mark = route.provider.mark
        self._turn, self._provider, self._dialect, self._speaker = turn, route.provider, dialect, speaker
        self._names, self._is_foreign = names, dialect is not turn.caller
        self._frames = Frames(route.provider.id)
        self._reader: HearsEvents = dialect.Reader()
        self._over: Callable[[], None] | None = None
        self._hearing = Hearing(turn.gateway.memory, route.provider)
        self._size, self._largest = 0, LARGEST_STREAM

    async def hear(self, reply: ProviderReply, streams: bool) -> None:
        """The reply, to its end."""
        if not reply.media_type.startswith("text/event-stream"):
            return self._take_whole(await reply.whole())
        if streams:
            self._turn.delivery.obey(reply.hold)
        else:
            self._largest = LARGEST  # it is kept until it is whole
        self._over = reply.hurry
        try:
            await reply.pour(self.take)
        except StreamBroken:
            if not self.is_complete():  # what is needs no proper end
                raise
        return self.end()

    def take(self, block: bytes) -> None:
        """Bytes of its stream."""
        self._size += len(block)
        if self._size > self._largest:
            raise BadReply(
                f"The provider “{self._provider.id}” sent more than {self._largest // 1024**2} MiB. "
                "The answer was given up."
            )
        self._turn.slip.came.add(block)
        frames = self._frames.feed(block)
        self._turn.tally.pieces += len(frames)
        self._say(self._reader.feed(frames))
        if self._over and self._reader.finished:
            self._over()
            self._over = None

    def end(self) -> None:
        """The end of its stream. `StreamBroken` if the reply is not complete."""
        if not self.is_complete():
            raise StreamBroken(f"The provider “{self._provider.id}” ended its answer before it was complete.")

    def is_complete(self) -> bool:
        """Whether nothing is missing, now that no more comes; what was left to say is said."""
        self._say(self._reader.end())
        return self._reader.finished

    def _take_whole(self, body: bytes) -> None:
        if body.lstrip().startswith(_STREAMS):  # a stream that does not call itself one
            self.take(body)
            return self.end()
        self._turn.slip.came.add(body)
        return self._say(self._read(body))

    def _read(self, body: bytes) -> list[Event]:
        try:
            events: list[Event] = self._dialect.read_reply(body)
        except ValueError as error:
            if told := self._dialect.error_in(body):
                return [Failed(told.words, told.code or told.type)]
            raise BadReply(
                f"The provider “{self._provider.id}” answered with something that cannot be understood."
            ) from error
        return events

    def _say(self, events: list[Event]) -> None:
        if not events:
            return
        self._hearing.hear(events)
        if self._is_foreign:
            events = [event if type(event) is PartGrew else self._abroad(event) for event in events]
        self._speaker.say(events)

    def _abroad(self, event: Event) -> Event:
        """An event as it means the same abroad: a seal says who made it, a tool has the caller's name."""
        match event:
            case PartEnded(seal=seal) if seal:
                return structs.replace(event, seal=structs.replace(seal, provider=self._mark))
            case PartStarted(part=part):
                return structs.replace(event, part=self._part(part))
            case _:
                return event

    def _part(self, part: Said) -> Said:
        if isinstance(part, ToolCall) and part.name in self._names:
            part = structs.replace(part, name=self._names[part.name])
        if isinstance(part, Text | Reasoning | Image | ToolCall) and part.seal:
            part = structs.replace(part, seal=structs.replace(part.seal, provider=self._mark))
        return part
