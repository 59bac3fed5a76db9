"""One run: the same work by every way in turn, round after round: a busy machine troubles all alike."""

import asyncio
from collections.abc import Callable
from statistics import median

from msgspec import Struct

from bench import load, messages

PERCENT = 100


class Plan(Struct, frozen=True):
    """How long a run takes."""

    rounds: int
    seconds: float
    connections: int
    stream_rounds: int
    streams: int
    chunks: int
    starts: int


QUICK = Plan(rounds=3, seconds=1.5, connections=16, stream_rounds=1, streams=500, chunks=90, starts=3)
WHOLE = Plan(rounds=7, seconds=2.5, connections=16, stream_rounds=3, streams=500, chunks=160, starts=7)


class Way:
    """One way to the far end: where it begins, what it has used, how it accounts for what was sent."""

    def __init__(
        self,
        name: str,
        ports: tuple[int, int],
        key: str = "none",
        prefixes: tuple[str, str] = ("", ""),
        cpu: Callable[[], float] | None = None,
        settle: Callable[[int], None] = lambda sent: None,
    ) -> None:
        self.name, self.cpu, self.settle, self.sent = name, cpu, settle, 0
        (self.port, self.stream_port), (canned, paced) = ports, prefixes
        self._key, self._model, self._stream_model = key, canned + messages.MODEL, paced + messages.MODEL

    def used(self) -> float:
        """The CPU seconds of the gateway so far; 0 where there is none."""
        return self.cpu() if self.cpu else 0.0

    def request(self) -> bytes:
        """The request for a whole answer."""
        return messages.request(self.port, self._key, messages.question(self._model))

    def stream_request(self, chunks: int) -> bytes:
        """The request for a stream."""
        return messages.request(self.stream_port, self._key, messages.question(self._stream_model, chunks))


class Answered(Struct, frozen=True):
    """Whole answers by one way in one round. `cpu` is seconds a request; latencies are in seconds."""

    rate: float
    cpu: float
    p50: float
    p99: float

    @property
    def rate_per_core(self) -> float:
        """Requests for each second of the gateway's CPU time."""
        return 1 / self.cpu if self.cpu else 0.0


class Streamed(Struct, frozen=True):
    """Streams by one way in one round. `cpu` is seconds a chunk; delays are in seconds."""

    chunks: int
    expected: int
    pace: float
    cpu: float
    p50: float
    p99: float


async def answer_by(way: Way, connections: int, seconds: float) -> Answered:
    """One round of whole answers. The call table's work counts until its last row is written."""
    before = way.used()
    volley = await load.ask(way.port, way.request(), connections, seconds)
    way.sent += volley.requests
    way.settle(way.sent)
    cpu = (way.used() - before) / volley.requests
    return Answered(volley.requests / volley.seconds, cpu, *_percentiles(volley.latencies))


async def stream_by(way: Way, streams: int, chunks: int) -> Streamed:
    """One round of streams."""
    chorus = await load.listen(way.stream_port, way.stream_request(chunks), streams, chunks, way.used)
    way.sent += streams
    way.settle(way.sent)
    return Streamed(chorus.chunks, streams * chunks, chorus.pace, chorus.cpu_a_chunk, *_percentiles(chorus.delays))


async def in_turn(ways: list[Way], plan: Plan) -> tuple[dict[str, list[Answered]], dict[str, list[Streamed]]]:
    """Every round of `plan` by every way."""
    answered: dict[str, list[Answered]] = {way.name: [] for way in ways}
    streamed: dict[str, list[Streamed]] = {way.name: [] for way in ways}
    for way in ways:
        await answer_by(way, plan.connections, 0.5)
    for _ in range(plan.rounds):
        for way in ways:
            answered[way.name].append(await answer_by(way, plan.connections, plan.seconds))
    for _ in range(plan.stream_rounds):
        for way in ways:
            streamed[way.name].append(await stream_by(way, plan.streams, plan.chunks))
            await asyncio.sleep(0.2)
    return answered, streamed


def _percentiles(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return median(ordered), ordered[len(ordered) * 99 // PERCENT]
