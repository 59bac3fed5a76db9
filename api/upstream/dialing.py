"""From a provider's name to an open connection, straight or through a proxy."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar, cast

import httpx

from api.errors import SaidInWords
from api.upstream.addresses import AddressRefused, Check, NotConnected, is_literal, resolve
from api.upstream.proxies import HTTPS, Proxy
from api.upstream.tunnel import Greeter, NoWayOut, ProxyTimedOut, through
from api.upstream.wire import in_words

P = TypeVar("P", bound=asyncio.Protocol)
T = TypeVar("T")
Trusts = Callable[[], Awaitable[ssl.SSLContext]]


class Dialer(Generic[P]):
    """Opens connections to the origin of `url`, each with a protocol that `make` makes.

    `trusts` gives the TLS context of the moment, `check` judges each address that is dialled: the proxy's own where
    there is one, for where that goes on to is its own affair.
    """

    def __init__(
        self, url: httpx.URL, proxy: Proxy | None, check: Check, trusts: Trusts, make: Callable[[], P]
    ) -> None:
        # Not url.host, which decodes xn--: httpx and the resolver may disagree on how to encode it again.
        self.host = url.raw_host.decode("ascii")
        self.is_secure = url.scheme == "https"
        self.port = url.port or (443 if self.is_secure else 80)
        self.proxy, self._check, self._trusts, self._make = proxy, check, trusts, make
        self._answered = ""  # the address that did, last time

    @property
    def asked_instead(self) -> Proxy | None:
        """The proxy, where it is the one that is asked: plain HTTP that it is to pass on."""
        return None if self.proxy is None or self.is_secure or self.proxy.tunnels else self.proxy

    async def open(self, seconds: float | None) -> P:
        """A connection, within so many seconds."""
        try:
            async with asyncio.timeout(seconds) as limit:
                if self.proxy:
                    return await self._through(self.proxy, limit.when())
                return await self._straight(limit.when())
        except TimeoutError as error:
            if self.proxy:
                raise ProxyTimedOut(self.proxy) from error
            raise httpx.ConnectTimeout(f"No connection to {self.host} port {self.port} in time.") from error
        except OSError as error:
            raise NotConnected(
                SaidInWords(
                    "No connection to %(host)s port %(port)d: %(reason)s",
                    host=self.host,
                    port=self.port,
                    reason=in_words(error),
                )
            ) from error

    async def _straight(self, until: float | None) -> P:
        tls = await self._trusts() if self.is_secure else None
        addresses = await resolve(self.host, self.port, self._check)

        async def dial(address: str) -> P:
            # The certificate must name the host we meant, not the address we dial.
            name = self.host if tls else None
            loop = asyncio.get_running_loop()
            return (await loop.create_connection(self._make, address, self.port, ssl=tls, server_hostname=name))[1]

        return await self._first(addresses, until, dial)

    async def _through(self, proxy: Proxy, until: float | None) -> P:
        refuse_literal(self.host, self._check)
        if self.asked_instead:
            return (await self._greeted(proxy, until, self._make))[1]
        tls = await self._trusts() if self.is_secure else None
        transport, greeter = await self._greeted(proxy, until, Greeter)
        try:
            inner = await through(proxy, transport, greeter, self.host, self.port, tls)
            connection = self._make()
            inner.set_protocol(connection)
            connection.connection_made(inner)
        except BaseException:
            transport.abort()
            raise
        return connection

    async def _greeted(self, proxy: Proxy, until: float | None, make: Callable[[], T]) -> tuple[asyncio.Transport, T]:
        """An open connection to the proxy itself."""
        tls = await self._trusts() if proxy.scheme == HTTPS else None

        async def dial(address: str) -> tuple[asyncio.Transport, T]:
            name = proxy.host if tls else None
            loop = asyncio.get_running_loop()
            made = cast(Callable[[], asyncio.Protocol], make)
            opened = await loop.create_connection(made, address, proxy.port, ssl=tls, server_hostname=name)
            return cast(tuple[asyncio.Transport, T], opened)

        try:
            return await self._first(await resolve(proxy.host, proxy.port, self._check), until, dial)
        except TimeoutError:
            raise
        except (AddressRefused, NotConnected, OSError) as error:
            raise NoWayOut(
                SaidInWords("The proxy %(proxy)s cannot be reached: %(reason)s", proxy=proxy.shown, reason=why(error))
            ) from error

    async def _first(self, addresses: list[str], until: float | None, dial: Callable[[str], Awaitable[T]]) -> T:
        """Try the addresses one after the other. Each may take its share of the time that is left."""
        addresses.sort(key=lambda address: address != self._answered)
        failure, loop = OSError(), asyncio.get_running_loop()
        for tried, address in enumerate(addresses):
            share = None if until is None else (until - loop.time()) / (len(addresses) - tried)
            try:
                async with asyncio.timeout(share):
                    opened = await dial(address)
            except OSError as error:  # TimeoutError and ssl.SSLError are OSErrors too
                failure = error
            else:
                self._answered = address
                return opened
        raise failure


def refuse_literal(host: str, check: Check) -> None:
    """Raise `AddressRefused` for a host that is an address which is not dialled; names are looked up elsewhere."""
    if is_literal(host):
        if refusal := check(host):
            raise AddressRefused(host, refusal)
        return
    try:
        address = socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return
    raise AddressRefused(host, f"It is an odd way to write {address}.")


def why(error: Exception) -> SaidInWords | str:
    """A failure's reason, to be part of a longer sentence."""
    match error:
        case AddressRefused():
            return error.refusal.rstrip(".")
        case NotConnected():
            return error.why
        case _:
            return in_words(error)
