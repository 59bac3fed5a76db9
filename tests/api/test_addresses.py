"""Where a connection may go, and how a name becomes addresses."""

import asyncio
import socket
import time

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.upstream.addresses import refuse_reason, resolve

LINK_LOCAL = "169.254.169.254"


def answering(monkeypatch, *addresses):
    """Let the resolver give these addresses for any name; returns the list of the names it was asked for."""
    asked = []

    async def getaddrinfo(host, port, **_):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"),
        *("10.1.2.3", "172.16.0.1", "192.168.1.20", "::ffff:192.168.1.20", "fd00::2", "100.64.1.1"),
        *("1.1.1.1", "169.253.255.255", "169.255.0.0", "223.255.255.255", "1.0.0.0"),
        *("2606:4700::1111", "fec0::1", "fd00:ec2::253", "fd00:ec2::255"),
        *("64:ff9b::8.8.8.8", "64:ff9b:1::8.8.8.8", "64:ff9b:1:808:8:800::", "2002:808:808::1"),
    ],
)
def test_this_machine_private_networks_and_the_internet_may_be_dialled(address):
    assert refuse_reason(address) is None


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.0.0", LINK_LOCAL, "169.254.255.255", "fe80::1", "fe80::1%eth0", "febf:ffff::1"),
        *("0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1"),
        *("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16"),
    ],
)
def test_addresses_where_no_provider_lives_are_refused_in_words(address):
    reason = refuse_reason(address)
    assert reason
    assert reason.startswith(f"{address} is ")


@pytest.mark.parametrize(
    "address",
    [
        *("::ffff:169.254.169.254", "::169.254.169.254", "::ffff:0:169.254.169.254"),
        *("64:ff9b::169.254.169.254", "64:ff9b:1::169.254.169.254", "64:ff9b:1:abcd::169.254.169.254"),
        *("64:ff9b:1:a9fe:a9:fe00::", "2002:a9fe:a9fe::1"),
        *("2001:0:a9fe:a9fe:0:0:f7f7:f7f7", "2001:0:808:808:0:0:5601:5601"),
    ],
)
def test_an_address_inside_another_is_judged_too(address):
    assert refuse_reason(address) == f"{address} leads to 169.254.169.254, a link-local address."


@pytest.mark.parametrize("address", ["::ffff:0.0.0.0", "::ffff:224.0.0.1", "::ffff:255.255.255.255", "::2"])
def test_no_machine_and_many_machines_stay_refused_when_mapped(address):
    assert refuse_reason(address)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f000001", "127.0.0.01", "::1::"])
def test_what_is_not_an_address_is_refused(text):
    assert refuse_reason(text) == f"{text} is not an IP address."


@given(st.ip_addresses(v=4))
def test_an_address_and_its_mapped_form_share_their_fate(address):
    assert bool(refuse_reason(str(address))) == bool(refuse_reason(f"::ffff:{address}"))


async def test_a_literal_asks_no_resolver(monkeypatch):
    asked = answering(monkeypatch, "9.9.9.9")
    assert await resolve("127.0.0.1", 80, refuse_reason) == ["127.0.0.1"]
    assert await resolve("::1", 80, refuse_reason) == ["::1"]
    assert asked == []


async def test_only_the_addresses_that_pass_are_dialled_each_once_and_in_order(monkeypatch):
    answering(monkeypatch, "10.0.0.2", LINK_LOCAL, "10.0.0.1", "10.0.0.2")
    assert await resolve("provider.example", 80, refuse_reason) == ["10.0.0.2", "10.0.0.1"]


async def test_a_name_with_refused_addresses_only_fails_in_words(monkeypatch):
    answering(monkeypatch, LINK_LOCAL, "0.0.0.0")
    with pytest.raises(httpx.ConnectError) as caught:
        await resolve("provider.example", 80, refuse_reason)
    assert str(caught.value) == (
        "provider.example is not contacted. 169.254.169.254 is a link-local address. "
        "Enter the address of the provider itself."
    )


@pytest.mark.parametrize("spelling", ["127.1", "0x7f000001", "2130706433"])
async def test_an_odd_spelling_is_judged_as_what_it_became(spelling):
    assert await resolve(spelling, 80, refuse_reason) == ["127.0.0.1"]


@pytest.mark.parametrize("spelling", ["2852039166", "0xa9fea9fe", "169.254.43518", LINK_LOCAL])
async def test_an_odd_spelling_of_a_refused_address_is_refused(spelling):
    with pytest.raises(httpx.ConnectError, match=r"169\.254\.169\.254 is a link-local address"):
        await resolve(spelling, 80, refuse_reason)


async def test_a_name_without_an_address_fails_in_words(monkeypatch):
    async def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    with pytest.raises(httpx.ConnectError, match=r"provider\.example leads to no address"):
        await resolve("provider.example", 80, refuse_reason)


async def test_a_name_that_no_name_server_could_hold_fails_in_words():
    with pytest.raises(httpx.ConnectError, match="leads to no address"):
        await resolve(f"{'x' * 64}.example", 80, refuse_reason)


def test_a_slow_resolver_leaves_the_loop_free(monkeypatch):
    def slow(*_, **__):
        time.sleep(0.2)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)

    async def count_beside(resolving):
        beats = 0
        while not resolving.done():
            await asyncio.sleep(0.01)
            beats += 1
        return beats

    async def resolve_and_count():
        resolving = asyncio.create_task(resolve("slow.example", 80, refuse_reason))
        beats = await count_beside(resolving)
        with pytest.raises(httpx.ConnectError):
            await resolving
        return beats

    assert asyncio.run(resolve_and_count()) > 2
