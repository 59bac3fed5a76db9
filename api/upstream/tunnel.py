"""The way through a proxy: what is said to it before the provider is spoken to.

An HTTP proxy is asked to CONNECT (RFC 9110, 9.3.6), a SOCKS proxy as RFC 1928 and 1929 say. It gets the provider's
name and looks it up itself: where a proxy is needed, the names that are found without it are often wrong.
"""

import asyncio
import base64
import ipaddress
import ssl
from typing import Final, cast

import httpx

from api.errors import SaidInWords
from api.upstream.addresses import NotConnected, is_literal
from api.upstream.proxies import SOCKS, Proxy

MOST_WORDS: Final = 16 * 1024  # bytes of a proxy's answer before the provider's begin
_OPEN, _BY_PASSWORD, _NOTHING = 0, 2, 0xFF  # how a SOCKS proxy wants to be greeted
_REST: Final = {1: 4, 4: 16}  # bytes of the address in a SOCKS answer; a name says its own length
_CODES: Final = {
    1: SaidInWords("it failed"),
    2: SaidInWords("its rules forbid it"),
    3: SaidInWords("it cannot reach that network"),
    4: SaidInWords("it cannot reach that host"),
    5: SaidInWords("the connection was refused"),
    6: SaidInWords("it took too long"),
    7: SaidInWords("it cannot do that"),
    8: SaidInWords("it does not know such addresses"),
}


class NoWayOut(NotConnected):
    """The proxy, which stands between us and every provider, lets nothing through."""


class _Strange(Exception):
    """What came back is no proxy's answer, for the reason `why`."""

    def __init__(self, why: SaidInWords) -> None:
        super().__init__(str(why))
        self.why = why


class ProxyTimedOut(httpx.ConnectTimeout):
    """No connection through the proxy in time."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(f"No connection through the proxy {proxy.shown} in time.")
        self.proxy = proxy


class Greeter(asyncio.Protocol):
    """Speaks to a proxy: says something, and hears so many bytes."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.ended = False
        self._news: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        self.heard += data
        self._tell()

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = True
        self._tell()

    def _tell(self) -> None:
        if self._news and not self._news.done():
            self._news.set_result(None)

    async def hear(self, count: int) -> bytes:
        """The next `count` bytes."""
        while len(self.heard) < count:
            await self._more()
        return self._take(count)

    async def hear_head(self) -> bytes:
        """All up to an empty line."""
        while (end := self.heard.find(b"\r\n\r\n")) < 0:
            if len(self.heard) > MOST_WORDS:
                raise _Strange(SaidInWords("it says too much"))
            await self._more()
        return self._take(end + 4)

    async def _more(self) -> None:
        if self.ended:
            raise _Strange(SaidInWords("it hung up"))
        self._news = asyncio.get_running_loop().create_future()
        await self._news

    def _take(self, count: int) -> bytes:
        taken = bytes(self.heard[:count])
        del self.heard[:count]
        return taken


async def through(
    proxy: Proxy,
    transport: asyncio.Transport,
    greeter: Greeter,
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
) -> asyncio.Transport:
    """A transport to `host` over one to its proxy; `NoWayOut` says why there is none."""
    try:
        await (_by_socks if proxy.scheme == SOCKS else _by_connect)(proxy, transport, greeter, host, port)
        if greeter.heard:  # nobody but us has anything to say yet
            raise _Strange(SaidInWords("it says too much"))
    except _Strange as error:
        raise NoWayOut(
            SaidInWords("The proxy %(proxy)s does not answer as one: %(reason)s", proxy=proxy.shown, reason=error.why)
        ) from error
    if tls is None:
        return transport
    loop = asyncio.get_running_loop()
    inner = await loop.start_tls(transport, greeter, tls, server_hostname=host)
    return cast(asyncio.Transport, inner)


def login_header(proxy: Proxy) -> bytes:
    """The header that an HTTP proxy wants; nothing without a login."""
    if not proxy.user:
        return b""
    login = base64.b64encode(f"{proxy.user}:{proxy.password}".encode())
    return b"proxy-authorization: Basic " + login


def wants_login(proxy: Proxy) -> NoWayOut:
    """What to say of a proxy that lets nobody through whom it does not know."""
    if not proxy.user:
        return NoWayOut(SaidInWords("The proxy %(proxy)s wants a user name and a password", proxy=proxy.shown))
    return NoWayOut(SaidInWords("The proxy %(proxy)s does not accept its user name and password", proxy=proxy.shown))


async def _by_connect(proxy: Proxy, transport: asyncio.Transport, greeter: Greeter, host: str, port: int) -> None:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {place} HTTP/1.1".encode("ascii"), f"host: {place}".encode("ascii"), login_header(proxy)]
    transport.write(b"\r\n".join(filter(None, lines)) + b"\r\n\r\n")
    version, _, rest = (await greeter.hear_head()).partition(b" ")
    status = rest[:3].decode("latin-1")
    if not version.startswith(b"HTTP/1.") or not status.isdigit():
        raise _Strange(SaidInWords("that is not HTTP"))
    if status == "407":
        raise wants_login(proxy)
    if not status.startswith("2"):
        raise _refusal(proxy, host, port, SaidInWords("status %(code)s", code=status))


async def _by_socks(proxy: Proxy, transport: asyncio.Transport, greeter: Greeter, host: str, port: int) -> None:
    ways = bytes((_OPEN, _BY_PASSWORD)) if proxy.user else bytes((_OPEN,))
    transport.write(bytes((5, len(ways))) + ways)
    version, way = await greeter.hear(2)
    if version != 5:
        raise _Strange(SaidInWords("that is not SOCKS 5"))
    if way == _NOTHING or way not in ways:
        raise wants_login(proxy)
    if way == _BY_PASSWORD:
        await _log_in(proxy, transport, greeter)
    transport.write(b"\x05\x01\x00" + _address(host) + port.to_bytes(2))
    version, code, _, kind = await greeter.hear(4)
    if version != 5:
        raise _Strange(SaidInWords("that is not SOCKS 5"))
    if code:
        raise _refusal(proxy, host, port, _CODES.get(code, SaidInWords("code %(code)s", code=code)))
    await greeter.hear((_REST[kind] if kind in _REST else (await greeter.hear(1))[0]) + 2)


async def _log_in(proxy: Proxy, transport: asyncio.Transport, greeter: Greeter) -> None:
    user, password = proxy.user.encode(), proxy.password.encode()
    transport.write(bytes((1, len(user))) + user + bytes((len(password),)) + password)
    _, code = await greeter.hear(2)
    if code:
        raise wants_login(proxy)


def _address(host: str) -> bytes:
    if not is_literal(host):
        name = host.encode("ascii")
        return bytes((3, len(name))) + name
    packed = ipaddress.ip_address(host).packed
    return bytes((1 if len(packed) == 4 else 4,)) + packed


def _refusal(proxy: Proxy, host: str, port: int, reason: SaidInWords) -> NoWayOut:
    return NoWayOut(
        SaidInWords(
            "The proxy %(proxy)s gives no connection to %(host)s port %(port)d: %(reason)s",
            proxy=proxy.shown,
            host=host,
            port=port,
            reason=reason,
        )
    )
