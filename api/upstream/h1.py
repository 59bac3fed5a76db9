"""HTTP/1.1 straight to a provider: an httpx transport that keeps its own connections alive for each origin.

httpx's own transport walks its whole pool on each event and stalls at some hundred streams. This one keeps to
what a relay needs. It follows no redirects, keeps no cookies, decompresses nothing and knows no HTTP/2. How a
connection comes about is told in `dialing`, what happens on it in `wire`.

One request in one case is sent twice. A provider may close an idle connection at the very moment we write to
it, and the request is lost through nobody's fault. RFC 9112 9.3.1 and RFC 9110 9.2.2 let a client repeat a
POST only with good reason to believe that it was not processed. So all of this must hold: the connection had
been used before; it ended before a byte of a reply; it ended at once (within `wire.STALE_SECONDS`: the far
end's kernel refuses in a round trip, a model that crashes over a prompt takes longer); the body can be sent
again from its first byte, as what lies in memory can, and a `SizedStream`. It is then sent once more, on a
connection opened for it.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Final

import httpx

from api.upstream.addresses import Check, refuse_reason
from api.upstream.dialing import Dialer
from api.upstream.proxies import Proxy
from api.upstream.trust import Trust
from api.upstream.tunnel import login_header, wants_login
from api.upstream.wire import Connection, Reply, StaleConnection

__all__ = ["H1Transport", "Reply"]

Timeouts = Mapping[str, float | None]

NO_TIMEOUTS: Final[Timeouts] = {}
# Framing is our business, and so is what a proxy hears.
OURS: Final = frozenset((b"content-length", b"transfer-encoding", b"connection", b"proxy-authorization"))
LOGIN_WANTED: Final = 407

_Key = tuple[bytes, bytes, int | None, Proxy | None]


class H1Transport(httpx.AsyncBaseTransport):
    """Keep-alive connections to any number of origins.

    Timeouts come with each request, as httpx has them: `connect` (name, address, proxy and TLS), `pool`, `write`,
    `read`, and beside those `total`, of the question and its whole reply. So does the `proxy` that it goes through.
    `max_connections` counts for each origin, `max_head` bounds a reply's headers (and trailers) in bytes, and above
    `high_water` unread bytes the socket of a reply is not read. `tls` stands in for what `trust` would give.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        trust: Trust | None = None,
        check_address: Check = refuse_reason,
        max_connections: int = 2000,
        idle_seconds: float = 30.0,
        max_head: int = 64 * 1024,
        high_water: int = 256 * 1024,
    ) -> None:
        self.check_address = check_address
        self._tls, self._trust = tls, trust or Trust()
        self.max_connections, self.idle_seconds = max_connections, idle_seconds
        self.max_head, self.high_water = max_head, high_water
        self._origins: dict[_Key, _Origin] = {}
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return once the head of its reply is here. The response streams a `Reply`."""
        reply = await self.ask(request)
        return httpx.Response(reply.status, headers=reply.headers, stream=reply, request=request)

    async def ask(self, request: httpx.Request) -> Reply:
        """The same without httpx's own response, which would be a sixteenth of what a whole call costs."""
        timeouts: Timeouts = request.extensions.get("timeout", NO_TIMEOUTS)
        origin, body = self._origin(request.url, request.extensions.get("proxy")), whole(request.stream)
        head, headless = write_head(request, origin.name, body, origin.asked_instead), request.method == "HEAD"
        try:
            reply = await origin.ask(head, body, timeouts, headless)
        except StaleConnection:
            if not isinstance(body, bytes | SizedStream):
                raise
            reply = await origin.ask(head, body, timeouts, headless, fresh=True)
        return reply

    def is_busy(self, base_url: str) -> bool:
        """Whether something is being asked or answered at the origin of `base_url`, without a proxy."""
        origin = self._origins.get(_key(httpx.URL(base_url), None))
        return origin is not None and origin.is_busy

    def forget(self, base_url: str) -> None:
        """Cut every connection to the origin of `base_url`, for good if nobody asks there again."""
        if origin := self._origins.pop(_key(httpx.URL(base_url), None), None):
            origin.close()

    def renew(self) -> None:
        """Cut the connections that nothing happens on: what was trusted or gone through may be so no longer."""
        for origin in self._origins.values():
            origin.cut_idle()

    async def trusts(self) -> ssl.SSLContext:
        """What a TLS connection is opened with now."""
        return self._tls or await self._trust.context()

    def _origin(self, url: httpx.URL, proxy: Proxy | None) -> "_Origin":
        key = _key(url, proxy)
        return self._origins.get(key) or self._origins.setdefault(key, self._new_origin(url, proxy))

    def _new_origin(self, url: httpx.URL, proxy: Proxy | None) -> "_Origin":
        if self._closed:
            raise RuntimeError("The transport is closed.")
        if url.scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol(f"A provider is reached by http or https, not by {url.scheme!r}.")
        return _Origin(self, url, proxy)

    async def aclose(self) -> None:
        """Cut every connection. Requests under way fail, and none begins."""
        self._closed = True
        for origin in self._origins.values():
            origin.close()
        self._origins.clear()


class SizedStream(httpx.AsyncByteStream):
    """A body that comes piece by piece and whose length is known: many servers take no other kind of upload.

    `pieces` begin anew each time they are asked for, and are `size` bytes together.
    """

    def __init__(self, size: int, pieces: AsyncIterable[bytes]) -> None:
        self.size, self._pieces = size, pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces.__aiter__()


def _key(url: httpx.URL, proxy: Proxy | None) -> _Key:
    return url.raw_scheme, url.raw_host, url.port, proxy


def whole(stream: object) -> bytes | httpx.AsyncByteStream:
    """The body of a request in one piece if it is in memory, else the stream that yields it."""
    if isinstance(stream, httpx.ByteStream):
        return b"".join(stream)
    if isinstance(stream, httpx.AsyncByteStream):
        return stream
    raise TypeError("The body of a request is read asynchronously.")


def write_head(
    request: httpx.Request, host: bytes, body: bytes | httpx.AsyncByteStream, proxy: Proxy | None = None
) -> bytes:
    """The request line and the headers, framed for this body. `host` is named if the request names none.

    `proxy` is the one that is asked to pass it on, and so must be told where to.
    """
    to = b"" if proxy is None else b"http://" + host
    lines = [request.method.encode("ascii") + b" " + to + request.url.raw_path + b" HTTP/1.1"]
    named = False
    for name, value in request.headers.raw:
        lower = name.lower()
        if lower in OURS:
            continue
        named = named or lower == b"host"
        lines.append(name + b": " + value)
    if not named:
        lines.append(b"host: " + host)
    if proxy and (login := login_header(proxy)):
        lines.append(login)
    if isinstance(body, SizedStream):
        lines.append(b"content-length: %d" % body.size)
    elif not isinstance(body, bytes):
        lines.append(b"transfer-encoding: chunked")
    elif body or request.method not in ("GET", "HEAD", "DELETE"):
        lines.append(b"content-length: %d" % len(body))
    lines.append(b"\r\n")
    head = b"\r\n".join(lines)
    # httpx lets CR and LF through in header values: two counts prove that no line is more than we meant.
    if head.count(b"\r") != len(lines) or head.count(b"\n") != len(lines) or b"\0" in head:
        raise httpx.LocalProtocolError("A header holds a line break or a zero byte.")
    return head


class _Origin:
    """The connections to one scheme, host and port, by one way, and the queue for them: a `wire.Pool`."""

    def __init__(self, transport: H1Transport, url: httpx.URL, proxy: Proxy | None) -> None:
        self.loop = asyncio.get_running_loop()
        self.max_connections, self.idle_seconds = transport.max_connections, transport.idle_seconds
        self.max_head, self.high_water = transport.max_head, transport.high_water
        self.name = url.netloc
        self.dialer = Dialer(url, proxy, transport.check_address, transport.trusts, lambda: Connection(self))
        self.asked_instead = self.dialer.asked_instead
        self.idle: dict[Connection, None] = {}  # last in, first out: the warmest one, and the rest may expire
        self.everyone: set[Connection] = set()
        self.connecting = 0
        self.queue: deque[asyncio.Future[None]] = deque()
        self.closed = False

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way, or waits for a connection."""
        return bool(self.connecting or self.queue) or len(self.everyone) > len(self.idle)

    async def ask(
        self,
        head: bytes,
        body: bytes | httpx.AsyncByteStream,
        timeouts: Timeouts,
        headless: bool,
        fresh: bool = False,
    ) -> Reply:
        """Send one request and wait for the head of its reply, on a fresh connection or on any."""
        # A fresh one stands in for one that has just gone, so it does not queue: for a moment there may be
        # one more than the limit.
        connection = await (self._connect(timeouts.get("connect")) if fresh else self._acquire(timeouts))
        reply = Reply(connection, timeouts.get("read"), timeouts.get("total"))
        try:
            connection.begin(reply, headless)
            if isinstance(body, bytes):
                connection.send(head, body)
                if connection.blocked:
                    await connection.drain(timeouts.get("write"))
            else:
                chunked = not isinstance(body, SizedStream)
                await connection.send_stream(head, body, timeouts.get("write"), chunked)
            while not reply.status:
                if reply.error:
                    raise reply.error
                await reply.wait()
            if reply.status == LOGIN_WANTED and self.asked_instead:
                raise wants_login(self.asked_instead)
        except BaseException:
            connection.abort()
            raise
        return reply

    async def _acquire(self, timeouts: Timeouts) -> Connection:
        connection = self._warm()
        if connection is None and not self._has_room():
            connection = await self._queue_up(timeouts.get("pool"))
        return connection or await self._connect(timeouts.get("connect"))

    def _warm(self) -> Connection | None:
        while self.idle:
            connection, _ = self.idle.popitem()
            if not connection.transport.is_closing():
                return connection
        return None

    def _has_room(self) -> bool:
        return len(self.everyone) + self.connecting < self.max_connections

    async def _queue_up(self, seconds: float | None) -> Connection | None:
        """Wait for a connection that comes free, or for room to open one (None)."""
        connection = None
        try:
            async with asyncio.timeout(seconds):
                while connection is None and not self._has_room():
                    await self._turn()
                    connection = self._warm()
        except TimeoutError:
            raise httpx.PoolTimeout(f"All connections to {self.dialer.host} are busy.") from None
        return connection

    async def _turn(self) -> None:
        turn = self.loop.create_future()
        self.queue.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._next_in_line()  # the turn came as we left: pass it on
            raise

    def _next_in_line(self) -> None:
        while self.queue and (self.idle or self._has_room()):
            turn = self.queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def _connect(self, seconds: float | None) -> Connection:
        self.connecting += 1
        try:
            connection = await self.dialer.open(seconds)
        finally:
            self.connecting -= 1
            self._next_in_line()
        if self.closed:
            connection.abort()
            raise httpx.ConnectError("The gateway is closing its connections.")
        return connection

    def add(self, connection: Connection) -> None:
        """It is open."""
        self.everyone.add(connection)

    def take_back(self, connection: Connection) -> None:
        """It is free for the next request."""
        self.idle[connection] = None
        if self.queue:
            self._next_in_line()

    def remove(self, connection: Connection) -> None:
        """It has ended."""
        self.everyone.discard(connection)
        self.idle.pop(connection, None)
        self._next_in_line()

    def cut_idle(self) -> None:
        """Cut the connections that wait for a request."""
        for connection in tuple(self.idle):
            connection.abort()

    def close(self) -> None:
        """Cut every connection and send the queue home."""
        self.closed = True
        for connection in tuple(self.everyone):
            connection.fail(httpx.ReadError("The gateway closed the connection."))
        for turn in self.queue:
            if not turn.done():
                turn.set_exception(httpx.ConnectError("The gateway is closing its connections."))
        self.queue.clear()
