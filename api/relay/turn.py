"""One call while it runs: what all who work on it must know, and the way out to its caller."""

from types import ModuleType
from typing import Final, Protocol
from urllib.parse import quote

from msgspec import structs

from api.calls import Call
from api.dialects.envelope import Envelope, named_envelope, open_envelope, open_question
from api.errors import GatewayError
from api.gateway import Gateway
from api.heart import Heart
from api.providers.groups import Plan
from api.receipts import Slip
from api.relay.asked import Answer, Asked, Delivery
from api.relay.holding import Holding
from api.store.attempts import AttemptRow
from api.usage import Tally

ATTEMPTS: Final = "x-morello-attempts"
HEARTBEAT_SECONDS: Final = 15.0  # some clients give up after 20 s of silence

Dialect = ModuleType  # a package that fulfils api.dialects.dialect.Dialect


class Voice(Protocol):
    """Whoever speaks to the caller of a stream."""

    @property
    def pauses(self) -> bool:
        """Whether no frame is half said: here something may be put in."""

    def fail(self, error: GatewayError) -> bytes:
        """What ends the stream with `error`, wherever it is; nothing where only breaking off can say it."""


class Turn:
    """A call, its tally and its receipt. `voice` is set by whoever begins to speak.

    One that is `rehearsed` sends nothing, and nothing of it is kept.
    """

    def __init__(
        self,
        asked: Asked,
        gateway: Gateway,
        call: Call,
        caller: Dialect,
        delivery: Delivery,
        tally: Tally,
        rehearsed: bool = False,
    ) -> None:
        self.asked, self.gateway, self.caller, self.delivery, self.tally = asked, gateway, caller, delivery, tally
        self.rehearsed = rehearsed
        self.plan: Plan | None = None
        self.attempts: list[AttemptRow] = []  # those in vain
        self.trying: tuple[str, str, int] | None = None  # the provider, the model and the number of the key
        self.may_fall_back = False  # whether another model is asked if this one fails now
        self._holding: Holding | None = None
        self.slip = Slip(tally, asked.body) if rehearsed else gateway.receipts.begin(tally, asked.body)
        self.slip.attempts = self.attempts
        self.voice: Voice | None = None
        self._call = call
        self._heart: Heart | None = None  # only a stream has one: the two know each other, a cycle for the collector

    def open(self) -> Envelope:
        """The caller's request, seen from outside."""
        asked, says = self.asked, self.caller.SAYS
        if asked.endpoint and asked.method != "POST":
            return Envelope(b"", "", False)
        if asked.endpoint:
            return open_question(asked.body, asked.named.model if asked.named else None)
        if asked.named:
            return named_envelope(asked.body, asked.named.model, asked.named.stream, says)
        return open_envelope(asked.body, says)

    async def find(self, model: str) -> Plan:
        """Whom to ask for a model's name."""
        self.plan = await self.gateway.providers.plan(model, look=not self.rehearsed)
        return self.plan

    def tried(self) -> dict[str, str]:
        """The header that names the attempts, where there is anything to tell."""
        if not self.attempts and not (self.plan and self.plan.group):
            return {}
        said = [_said(one.provider, one.model, one.key, one.status) for one in self.attempts]
        said += [_said(*self.trying, 200)] if self.trying else []
        return {ATTEMPTS: ", ".join(said)}

    @property
    def is_held(self) -> bool:
        """Whether a stream has begun of which the caller knows nothing: another one could take its place."""
        return self._holding is not None and not self._holding.goes

    @property
    def is_final(self) -> bool:
        """Whether the caller has heard something, or is about to: nobody else can be asked any more."""
        return self.delivery.begun or (self._holding is not None and self._holding.goes)

    async def begin(self, media_type: str, headers: dict[str, str]) -> None:
        """Begin to stream, unless that has begun; held back while another model may take this one's place."""
        if self.delivery.begun or self._holding:
            return
        if self.may_fall_back:
            self._holding = Holding(lambda: self._begin(media_type, headers), self._send)
        else:
            await self._begin(media_type, headers)

    def begin_anew(self) -> None:
        """Forget what was said and never heard: somebody else is asked."""
        if self._holding:
            self._holding.drop()
        self._holding = self.voice = None
        self.tally.again()

    async def _begin(self, media_type: str, headers: dict[str, str]) -> None:
        await self.delivery.begin(media_type, headers | self.tried())
        self._call.streams = True
        self._heart = Heart(HEARTBEAT_SECONDS, self._beat)
        self._heart.start()
        self.gateway.news.tell()

    def write(self, data: bytes) -> None:
        """Send bytes of a stream."""
        if not data:
            return
        if self._holding and not self.delivery.begun:
            self._holding.add(data)
            if self.tally.has_spoken:
                self._holding.go()
        else:
            self._send(data)

    def _send(self, data: bytes) -> None:
        if self._heart:
            self._heart.felt()
        self.tally.bytes_out += len(data)
        self.slip.told.add(data)
        self.delivery.write(data)

    async def end(self) -> None:
        """End a stream that is complete."""
        if self._holding:
            await self._holding.out()
        self.close()
        self.delivery.obey(None)
        await self.delivery.end()

    def whole(self, answer: Answer) -> Answer:
        """Note an answer that is sent at once."""
        self.tally.bytes_out += len(answer.body)
        self.slip.told.add(answer.body)
        tried = self.tried()
        return structs.replace(answer, headers=answer.headers | tried) if tried else answer

    async def fail(self, error: GatewayError) -> None:
        """Say `error` in the stream if it has begun; raise it while a status can still be sent."""
        self.tally.status, self.tally.error = error.status, error.kind
        if self._holding and self._holding.goes:
            await self._holding.out()
        if not self.delivery.begun:
            self.trying = None  # it failed, and is among the attempts
            if tried := self.tried():
                error.headers = {**error.headers, **tried}
            self.slip.told.add(self.caller.write_error(error, self.asked.request_id))
            raise error
        if last := self.voice.fail(error) if self.voice else self._frame(error):
            self.write(last)
            await self.delivery.end()
        else:
            self.delivery.cut()

    def close(self) -> None:
        """Beat no more, and let go of who spoke."""
        if self._heart:
            self._heart.stop()
        if self._holding:
            self._holding.drop()
        self._heart = self.voice = self._holding = None

    def _frame(self, error: GatewayError) -> bytes:
        frame: bytes = self.caller.error_frame(error, self.asked.request_id)
        return frame

    def _beat(self) -> None:
        if self.caller.HEARTBEAT and (self.voice is None or self.voice.pauses):
            self.delivery.write(self.caller.HEARTBEAT)


def _said(provider: str, model: str, key: int, status: int) -> str:
    name = f"{provider}:{model}" if model else provider
    return f"{quote(name, safe=':/@._-')};key={key};status={status}"
