"""Where a connection may go: a name becomes addresses, and each is judged before it is dialled.

Judging the text of a URL is useless. `127.1`, `0x7f000001` and `2852039166` are plain names to every URL
parser and addresses to the resolver, and a name may resolve to something else the second time. So the rule
looks at what will really be dialled, on each new connection, and the caller dials that literal: nothing
resolves in between. Loopback and private networks are welcome (Ollama and LM Studio live there). Refused is
where no model answers: where clouds keep their credentials, and where one packet reaches many machines.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

import httpx

from api.errors import SaidInWords

Check = Callable[[str], str | None]  # judges an address: None lets it pass, a sentence refuses it

REFUSED: Final = tuple(
    (ip_network(network), what)
    for network, what in (
        ("0.0.0.0/8", "an address of no machine"),  # Linux takes it for this machine
        ("169.254.0.0/16", "a link-local address"),
        ("224.0.0.0/4", "a multicast address"),
        ("255.255.255.255/32", "the broadcast address"),
        ("100.100.100.200/32", "the metadata service of a cloud"),  # Alibaba
        ("168.63.129.16/32", "the metadata service of a cloud"),  # Azure
        ("::/128", "an address of no machine"),
        ("::ffff:0.0.0.0/128", "an address of no machine"),
        ("fe80::/10", "a link-local address"),
        ("ff00::/8", "a multicast address"),
        ("fd00:ec2::254/128", "the metadata service of a cloud"),  # Amazon
        ("fd20:ce::254/128", "the metadata service of a cloud"),  # Google
    )
)

# IPv6 addresses that carry an IPv4 one, and at which of their bytes.
CARRIERS: Final = tuple(
    (ip_network(network), places)
    for network, places in (
        ("::/96", (12, 13, 14, 15)),  # IPv4-compatible
        ("::ffff:0:0/96", (12, 13, 14, 15)),  # IPv4-mapped
        ("::ffff:0:0:0/96", (12, 13, 14, 15)),  # IPv4-translated
        ("64:ff9b::/96", (12, 13, 14, 15)),  # NAT64
        ("64:ff9b:1::/48", (12, 13, 14, 15)),  # NAT64 of one's own: of the layouts in RFC 6052 these two fit
        ("64:ff9b:1::/48", (6, 7, 9, 10)),
        ("2002::/16", (2, 3, 4, 5)),  # 6to4
        ("2001::/32", (4, 5, 6, 7)),  # Teredo's server; its client stands inverted at the end
    )
)


class NotConnected(httpx.ConnectError):
    """There is no connection; `why` says it without the full stop, so that it can be part of a longer sentence."""

    def __init__(self, why: SaidInWords) -> None:
        super().__init__(f"{why}.")
        self.why = why


class AddressRefused(httpx.ConnectError):
    """A host is not contacted, for what it leads to; `refusal` says what that is."""

    def __init__(self, host: str, refusal: str) -> None:
        super().__init__(f"{host} is not contacted. {refusal} Enter the address of the provider itself.")
        self.refusal = refusal


def refuse_reason(address: str) -> str | None:
    """Why this IP address is not dialled, as a sentence; None if it may be."""
    try:
        ip = ip_address(address)
    except ValueError:
        return f"{address} is not an IP address."
    if ip.is_loopback:  # ::1 would otherwise count as a carrier of 0.0.0.1
        return None
    for reached in (ip, *carried_by(ip)):
        for network, what in REFUSED:
            if reached in network:
                return f"{address} is {what}." if reached is ip else f"{address} leads to {reached}, {what}."
    return None


def carried_by(ip: IPv4Address | IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses written inside an IPv6 one: a translator on the way sends the packet there."""
    if isinstance(ip, IPv6Address):
        for network, places in CARRIERS:
            octets = bytes(ip.packed[place] for place in places)
            if ip in network and any(octets):  # four zeros: it was written in the other layout
                yield IPv4Address(octets)
        if ip.teredo:
            yield ip.teredo[1]


async def resolve(host: str, port: int, check: Check) -> list[str]:
    """The addresses of a host that may be dialled, in the resolver's order; if none, a ConnectError says why.

    It takes as long as the resolver does: the caller sets the limit. It never blocks the loop.
    """
    verdicts = {address: check(address) for address in await look_up(host, port)}
    allowed = [address for address, refusal in verdicts.items() if refusal is None]
    if allowed:
        return allowed
    raise AddressRefused(host, next(iter(verdicts.values())) or "")


async def look_up(host: str, port: int) -> list[str]:
    """Every address of a host. An IP literal is its own and asks no resolver."""
    if is_literal(host):
        return [host]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # UnicodeError: a label that no name server could hold
        found = []
    if not found:
        raise NotConnected(
            SaidInWords("The name %(host)s leads to no address. Check its spelling and the network", host=host)
        )
    return [str(sockaddr[0]) for *_, sockaddr in found]


def is_literal(host: str) -> bool:
    """Whether a host is an IP address already."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
