"""The load: connections that ask again and again, and streams that are listened to; every byte is checked."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, cast

from httptools import HttpResponseParser
from msgspec import Struct

from bench.messages import (
    AFTER_STAMP,
    BEFORE_STAMP,
    CHUNK_LENGTH,
    CHUNKS_A_SECOND,
    HEAD_END,
    STAMP_END,
    answer,
    ending,
)

PATIENCE: Final = 30.0  # seconds beyond the plan until a run is given up
OPENING_SECONDS: Final = 1.0
MARGIN: Final = 0.3  # after the last stream began, and before the first one ends
GOLDEN: Final = 0.618_033_988_75  # spreads the streams' beginnings, so that their chunks do not march in step
GOOD: Final = b"HTTP/1.1 200 "


class Void(Exception):
    """A run that measured nothing: something arrived that should not have, or did not arrive."""


class Volley(Struct, frozen=True):
    """What a run of whole answers showed. Times are in seconds."""

    requests: int
    seconds: float
    latencies: list[float]


class Chorus(Struct, frozen=True):
    """What a run of streams showed. Times are in seconds; `pace` is 1 where every chunk kept its time."""

    streams: int
    chunks: int
    delays: list[float]
    pace: float
    cpu_a_chunk: float


class Run:
    """The connections of one run: it ends when all are done, or when one of them fails."""

    def __init__(self, connections: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.left = connections
        self.over: asyncio.Future[None] = self.loop.create_future()

    async def connect(self, port: int, connection: asyncio.Protocol) -> None:
        """Open one of them."""
        await self.loop.create_connection(lambda: connection, "127.0.0.1", port)

    def done(self) -> None:
        """One connection has all it wanted."""
        self.left -= 1
        if not self.left and not self.over.done():
            self.over.set_result(None)

    def fail(self, sentence: str) -> None:
        """The run is void."""
        if not self.over.done():
            self.over.set_exception(Void(sentence))

    async def finished(self, seconds: float) -> None:
        """Wait for the end."""
        try:
            async with asyncio.timeout(seconds + PATIENCE):
                await self.over
        except TimeoutError:
            raise Void(f"{self.left} connections were not done {PATIENCE:.0f} s after their time.") from None


class Asker(asyncio.Protocol):
    """One connection that asks anew as soon as it was answered, until `ends`."""

    transport: asyncio.Transport

    def __init__(self, run: Run, request: bytes, expected: bytes, ends: float, latencies: list[float]) -> None:
        self.run, self.request, self.expected, self.ends, self.latencies = (
            run,
            request,
            expected,
            ends,
            latencies,
        )
        self.asked, self.rest = 0.0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.ask()

    def ask(self) -> None:
        """Send the request."""
        self.asked = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if self.rest:
            data = self.rest + data
        if not data.startswith(GOOD[: len(data)]):
            return self.run.fail(f"An answer was not as it should be: {data[:400]!r}")
        body = data.find(HEAD_END) + len(HEAD_END)
        if body < len(HEAD_END) or len(data) - body < len(self.expected):
            self.rest = data
            return None
        if data[body:] != self.expected:
            return self.run.fail(f"An answer's body was not the far end's: {data[body : body + 400]!r}")
        self.rest = b""
        now = time.perf_counter()
        self.latencies.append(now - self.asked)
        if now < self.ends:
            self.ask()
        else:
            self.asked = 0.0
            self.transport.close()
            self.run.done()
        return None

    def connection_lost(self, error: Exception | None) -> None:
        if self.asked:
            self.run.fail("A connection was closed while an answer was due.")


async def ask(port: int, request: bytes, connections: int, seconds: float) -> Volley:
    """Keep `connections` busy with one request after the other."""
    run, latencies = Run(connections), list[float]()
    began = time.perf_counter()
    for _ in range(connections):
        await run.connect(port, Asker(run, request, answer(), began + seconds, latencies))
    await run.finished(seconds)
    return Volley(len(latencies), time.perf_counter() - began, latencies)


class Ear(asyncio.Protocol):
    """One stream, heard to its end."""

    transport: asyncio.Transport

    def __init__(self, run: Run, request: bytes, chunks: int, delays: list[int], paces: list[float]) -> None:
        self.run, self.request, self.wanted, self.delays, self.paces = run, request, chunks, delays, paces
        self.parser = HttpResponseParser(self)
        self.heard, self.first, self.last, self.now, self.rest = 0, 0, 0, 0, b""
        self.complete = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.now = time.monotonic_ns()
        self.parser.feed_data(data)

    def on_headers_complete(self) -> None:
        if self.parser.get_status_code() != 200:
            self.run.fail(f"A stream was refused with {self.parser.get_status_code()}.")

    def on_body(self, data: bytes) -> None:
        self.rest += data
        while self.heard < self.wanted and len(self.rest) >= CHUNK_LENGTH:
            self._hear(self.rest[:CHUNK_LENGTH])
            self.rest = self.rest[CHUNK_LENGTH:]

    def _hear(self, chunk: bytes) -> None:
        stamp = chunk[len(BEFORE_STAMP) : STAMP_END]
        if not (chunk.startswith(BEFORE_STAMP) and chunk.endswith(AFTER_STAMP) and stamp.isdigit()):
            return self.run.fail(f"A chunk was not the far end's: {chunk!r}")
        self.heard += 1
        self.first, self.last = self.first or self.now, self.now
        self.delays.append(self.now - int(stamp))
        return None

    def on_message_complete(self) -> None:
        if self.heard != self.wanted or self.rest != ending():
            return self.run.fail(f"A stream ended after {self.heard} of {self.wanted} chunks with {self.rest[:400]!r}.")
        self.paces.append((self.wanted - 1) / CHUNKS_A_SECOND / ((self.last - self.first) / 1e9))
        self.complete = True
        self.transport.close()
        self.run.done()
        return None

    def connection_lost(self, error: Exception | None) -> None:
        if not self.complete:
            self.run.fail(f"A stream was cut after {self.heard} of {self.wanted} chunks.")


async def listen(port: int, request: bytes, streams: int, chunks: int, cpu: Callable[[], float]) -> Chorus:
    """Hear `streams` at once. `cpu` tells what the gateway has used; it is read while all of them run."""
    run, delays, paces = Run(streams), list[int](), list[float]()
    began, seconds = time.perf_counter(), chunks / CHUNKS_A_SECOND
    opening = asyncio.create_task(_open(run, port, request, streams, chunks, delays, paces))
    await asyncio.sleep(OPENING_SECONDS + MARGIN)
    used, heard = cpu(), len(delays)
    await asyncio.sleep(began + seconds - MARGIN - time.perf_counter())
    used, heard = cpu() - used, len(delays) - heard
    await opening
    await run.finished(OPENING_SECONDS + seconds)
    return Chorus(streams, len(delays), [delay / 1e9 for delay in delays], sum(paces) / streams, used / max(1, heard))


async def _open(
    run: Run, port: int, request: bytes, streams: int, chunks: int, delays: list[int], paces: list[float]
) -> None:
    began = run.loop.time()
    for share in sorted(number * GOLDEN % 1 for number in range(streams)):
        await asyncio.sleep(began + share * OPENING_SECONDS - run.loop.time())
        await run.connect(port, Ear(run, request, chunks, delays, paces))
