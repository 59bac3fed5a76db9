"""One socket to a provider, and the reply that is on it: llhttp reads, httpx's stream type hands on.

A `Connection` carries one `Reply` at a time. It goes back to its pool only when that reply came whole and
nothing about it was odd; in every other case it is cut.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol, cast

import httpx
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

Sink = Callable[[bytes], object]

STALE_SECONDS: Final = 2.0
SMALL_BODY: Final = 32 * 1024  # up to here one copy is cheaper than a second write
FRAMED: Final = frozenset((b"content-length", b"transfer-encoding"))
TOO_LARGE: Final = "The provider's headers are too large."


class StaleConnection(httpx.RemoteProtocolError):
    """An idle connection ended as it was used again, before a byte of a reply."""


class Overdue(httpx.ReadTimeout):
    """A reply was not whole when its time was over."""


class Pool(Protocol):
    """What a connection must know of the place it belongs to."""

    loop: asyncio.AbstractEventLoop
    max_head: int
    high_water: int
    idle_seconds: float

    def add(self, connection: "Connection") -> None:
        """It is open."""

    def take_back(self, connection: "Connection") -> None:
        """It is free for the next request."""

    def remove(self, connection: "Connection") -> None:
        """It has ended."""


class Reply(httpx.AsyncByteStream):
    """One answer on its way: what has arrived, and who waits for it.

    Read it once, either with `async for` or with `pour`; then `aclose` it, whatever happened. `patience` is
    how many seconds the provider may be silent (None: for ever). It begins as the request's read timeout and
    may be set anew before the reading begins. A slow reader is not a silent provider: while nobody reads, and
    while the reply is on hold, the clock stands still. Not so that of `total`, which is how many seconds the
    question and its whole reply may take.
    """

    __slots__ = (
        *("status", "headers", "patience", "complete", "error", "parts", "unread"),
        *("connection", "loop", "waiter", "sink", "paused", "on_hold", "until"),
    )

    def __init__(self, connection: "Connection", patience: float | None, total: float | None = None) -> None:
        self.connection: Connection | None = connection  # None once the wire is no longer ours
        self.loop, self.patience = connection.loop, patience
        self.until = None if total is None else self.loop.time() + total
        self.status, self.unread = 0, 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.parts: list[bytes] = []
        self.complete = self.paused = self.on_hold = False
        self.error: Exception | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.sink: Sink | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self.parts:
            if self.complete:
                raise self.error or StopAsyncIteration
            self._watch()
            await self.wait()
        return self._take()

    async def pour(self, sink: Sink) -> None:
        """Hand each block to `sink(bytes)` as it is read, without waking a task for it, until the end.

        The event loop calls the sink: it must not block. If it raises, the connection is cut and `pour`
        raises that very exception. What came before an error is poured before the error is raised.
        """
        self.sink = sink
        self._watch()
        self.wake()
        try:
            while self.parts or not self.complete:
                await self.wait()
        finally:
            self.sink = None
        if self.error:
            raise self.error

    def hold(self, on: bool) -> None:
        """Back-pressure for `pour`: while on, nothing reaches the sink; once off, all of it does, in order.

        After the brake the socket may still deliver a block, or the end. It is kept until the hold is over,
        and `pour` does not return before: whoever holds a reply lets go of it or cancels. The sink itself may
        call this.
        """
        self.on_hold = on
        if on:
            self.pause()
        else:
            self.resume()
            self._watch()
            self.wake()

    def hurry(self, patience: float) -> None:
        """From now on be silent for no longer than that."""
        self.patience = patience
        self._watch()

    async def aclose(self) -> None:
        """Let go. A reply that is not whole takes its connection along: the rest must not open the next."""
        unread, self.parts, self.unread = self.parts, [], 0
        if self.connection:
            self.connection.fail(httpx.StreamClosed())
        elif unread:
            self.finish(httpx.StreamClosed())

    # What the connection asks of us

    def wake(self) -> None:
        """Something arrived, or nothing more will."""
        sink = self.sink
        if sink is not None and self.parts and not self.on_hold:
            try:
                sink(self._take())
            except Exception as error:
                return self._give_up(error)
            if not self.complete:
                return
        waiter = self.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def finish(self, error: Exception | None) -> None:
        """The connection has left us; without an error, the reply is whole."""
        self.complete, self.error, self.connection = True, error, None
        self.wake()

    def pause(self) -> None:
        """Stop reading the socket."""
        if self.connection and not self.paused:
            self.paused = True
            self.connection.transport.pause_reading()

    def resume(self) -> None:
        """Read the socket again."""
        if self.connection and self.paused:
            self.paused = False
            self.connection.transport.resume_reading()

    async def wait(self) -> None:
        """Sleep until the next `wake`."""
        self.waiter = self.loop.create_future()
        try:
            await self.waiter
        finally:
            self.waiter = None

    def _take(self) -> bytes:
        parts, self.parts, self.unread = self.parts, [], 0
        if self.paused and not self.on_hold:
            self.resume()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _watch(self) -> None:
        if self.connection:
            self.connection.watch(self.patience)

    def _give_up(self, error: Exception) -> None:
        self.sink = None
        if self.connection:
            self.connection.fail(error)
        else:
            self.finish(error)


class Connection(asyncio.Protocol):
    """One socket. Three speak to it, and its methods stand in that order: asyncio, llhttp, the origin."""

    __slots__ = (
        *("pool", "loop", "transport", "parser", "reply", "blocked"),
        *("used", "begun", "barren", "sending", "interim", "headless", "reusable"),
        *("deadline", "timer", "timer_at"),
    )

    parser: HttpResponseParser
    transport: asyncio.Transport

    def __init__(self, pool: Pool) -> None:
        self.pool, self.loop = pool, pool.loop
        self.reply: Reply | None = None
        self.blocked: asyncio.Future[None] | None = None  # set while the socket takes no more from us
        self.used, self.begun = False, 0.0  # had a reply before; when this request was begun
        self.barren = 0  # bytes since then, or since the last piece of a body: heads, chunk sizes, trailers
        self.sending = self.interim = self.headless = False
        self.reusable = True
        self.deadline: float | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.timer_at = 0.0

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.parser = cast(asyncio.Transport, transport), HttpResponseParser(self)
        self.pool.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        reply, self.reply = self.reply, None
        if self.timer:
            self.timer.cancel()
        del self.parser  # it holds our methods: break the circle
        self.resume_writing()
        if reply:
            reply.finish(self._how_it_ended(reply, error))
        self.pool.remove(self)

    def data_received(self, data: bytes) -> None:
        reply = self.reply
        if reply is None:  # nobody asked: never trust this connection again
            return self.abort()
        self.barren += len(data)
        try:
            self.parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.reusable = False
            if not reply.complete:
                return self.fail(refusal(error))
        if reply.complete:
            return self._end(reply)
        if self.barren > self.pool.max_head:  # a head, a trailer or a chunk extension without end
            return self.fail(httpx.RemoteProtocolError(TOO_LARGE))
        if reply.patience is not None:
            self.deadline = self.loop.time() + reply.patience
        reply.wake()
        if reply.unread > self.pool.high_water:
            reply.pause()

    def pause_writing(self) -> None:
        self.blocked = self.loop.create_future()

    def resume_writing(self) -> None:
        blocked, self.blocked = self.blocked, None
        if blocked and not blocked.done():
            blocked.set_result(None)

    # llhttp, while data_received feeds it. If the reply is complete by then, more comes than was asked for.

    def on_message_begin(self) -> None:
        assert self.reply is not None
        if self.reply.complete:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        assert self.reply is not None
        if not self.reply.status:  # later ones are trailers
            self.reply.headers.append((name, value))

    def on_headers_complete(self) -> None:
        reply, status = self.reply, self.parser.get_status_code()
        assert reply is not None
        if reply.complete:
            return
        if status == 101:
            raise httpx.RemoteProtocolError("The provider changed protocols unasked.")
        self.interim = status < 200
        if self.interim:
            reply.headers = []
            return
        if self.barren > self.pool.max_head and size_of(reply.headers) > self.pool.max_head:
            raise httpx.RemoteProtocolError(TOO_LARGE)
        reply.status, self.barren = status, 0
        if self.blocked:  # answered before the request was out: the rest of it is not worth waiting for
            self.resume_writing()
        if self.headless:  # llhttp cannot know that this was a HEAD
            self.reusable, reply.complete = False, True

    def on_body(self, data: bytes) -> None:
        reply = self.reply
        assert reply is not None
        if not reply.complete:
            self.barren = 0
            reply.parts.append(data)
            reply.unread += len(data)

    def on_message_complete(self) -> None:
        assert self.reply is not None
        if not self.interim and not self.reply.complete:
            self.reply.complete = True
            self.reusable = self.reusable and self.parser.should_keep_alive()

    # The origin

    def begin(self, reply: Reply, headless: bool) -> None:
        """Let a reply have the wire. `headless`: it answers a HEAD, so no body will follow its head."""
        if self.transport.is_closing():
            raise httpx.RemoteProtocolError("The provider closed the connection before it was asked.")
        self.reply, self.headless, self.barren, self.begun = reply, headless, 0, self.loop.time()
        self.watch(reply.patience)

    def send(self, head: bytes, body: bytes) -> None:
        """Write a request. Afterwards `blocked` tells whether to `drain`."""
        if len(body) < SMALL_BODY:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))

    async def send_stream(
        self, head: bytes, stream: httpx.AsyncByteStream, patience: float | None, chunked: bool = True
    ) -> None:
        """Write a request whose body is still being made. An answer, or an error, ends that early."""
        reply = self.reply
        assert reply is not None
        self.sending = True  # until the last chunk, or the next request would be read as more of this body
        self.transport.write(head)
        async for part in stream:
            if reply.status or reply.error:
                return
            if part:
                self.transport.writelines((b"%x\r\n" % len(part), part, b"\r\n") if chunked else (part,))
                await self.drain(patience)
        if not reply.status and not reply.error:
            if chunked:
                self.transport.write(b"0\r\n\r\n")
            self.sending = False

    async def drain(self, patience: float | None) -> None:
        """Wait until the socket takes more, or an answer makes that pointless."""
        while self.blocked:
            left = self.transport.get_write_buffer_size()
            try:
                async with asyncio.timeout(patience):
                    await asyncio.shield(self.blocked)
            except TimeoutError:
                if self.transport.get_write_buffer_size() >= left:
                    raise httpx.WriteTimeout("The provider stopped reading.") from None

    def fail(self, error: Exception) -> None:
        """Cut the connection and tell the reply why."""
        reply, self.reply = self.reply, None
        self.abort()
        if reply:
            reply.finish(error)

    def abort(self) -> None:
        """Cut the connection."""
        self.reusable = False
        self.transport.abort()

    def _end(self, reply: Reply) -> None:
        """The reply is whole: let the next one use the wire, unless anything about it is odd."""
        self.reply, transport = None, self.transport
        sent = not self.sending and not transport.get_write_buffer_size()
        if self.reusable and sent and not transport.is_closing():
            if reply.paused:
                transport.resume_reading()
            self.used = True
            self.watch(self.pool.idle_seconds)
            self.pool.take_back(self)
        else:
            self.abort()
        reply.connection = None
        reply.wake()

    def _how_it_ended(self, reply: Reply, error: Exception | None) -> Exception | None:
        if error is None and reply.status and not any(name.lower() in FRAMED for name, _ in reply.headers):
            return None  # a body without a length ends with its connection
        if self.used and self._was_stale(reply, error):
            return StaleConnection("The provider closed an idle connection as it was used again.")
        if error is None:
            return httpx.RemoteProtocolError("The provider closed the connection midway.")
        return httpx.ReadError(f"The connection to the provider broke: {in_words(error)}.")

    def _was_stale(self, reply: Reply, error: Exception | None) -> bool:
        unanswered = not reply.status and not self.barren
        at_once = self.loop.time() - self.begun < STALE_SECONDS
        return unanswered and at_once and (error is None or isinstance(error, ConnectionError))

    # One timer a connection. It is set again only when it fires, so a chunk costs one addition, not a timer.

    def watch(self, seconds: float | None) -> None:
        """Give the provider that long from now (None: for ever), and never longer than the reply may take."""
        self.deadline = None if seconds is None else self.loop.time() + seconds
        at = self._next_look()
        if at is not None and (self.timer is None or self.timer_at > at):
            self._set_timer(at)

    def _next_look(self) -> float | None:
        until = self.reply.until if self.reply else None
        if until is None or self.deadline is None:
            return self.deadline if until is None else until
        return min(until, self.deadline)

    def _set_timer(self, at: float) -> None:
        if self.timer:
            self.timer.cancel()
        self.timer_at, self.timer = at, self.loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self.timer, reply, now = None, self.reply, self.loop.time()
        if reply and reply.until is not None and reply.until <= now:
            return self.fail(Overdue("The provider took too long."))
        if self.deadline is not None and reply and reply.patience is not None and self._waits_for_us(reply):
            self.deadline = now + reply.patience
        if self.deadline is None or self.deadline > now:
            if (at := self._next_look()) is not None:
                self._set_timer(at)
        elif reply:
            self.fail(httpx.ReadTimeout("The provider fell silent."))
        else:
            self.abort()

    def _waits_for_us(self, reply: Reply) -> bool:
        nobody_reads = bool(reply.status) and reply.waiter is None
        return nobody_reads or reply.paused or self.blocked is not None


def size_of(headers: list[tuple[bytes, bytes]]) -> int:
    """How many bytes these headers are on the wire."""
    return sum(len(name) + len(value) + 4 for name, value in headers)


def refusal(error: Exception) -> Exception:
    """What to say of a reply that the parser refused: our own words where one of our methods refused it."""
    if isinstance(error.__context__, httpx.RemoteProtocolError):
        return error.__context__
    return httpx.RemoteProtocolError(f"The provider's reply is not valid HTTP: {error}.")


def in_words(error: Exception) -> str:
    """What the system says of a failed connection, without its numbers and addresses."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.rstrip(".")
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
