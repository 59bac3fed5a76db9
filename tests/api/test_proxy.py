"""The way through a proxy: what it is asked, what it hears, and what is said when it fails."""

import asyncio
import contextlib

import httpx
import pytest

from api.errors import ProviderRefused, UpstreamTimeout, UpstreamUnreachable
from api.providers.provider import Provider, visible
from api.upstream.h1 import H1Transport
from api.upstream.proxies import (
    Proxy,
    ProxyRefused,
    checked_proxy,
    is_this_computer,
    read_proxy,
    retyped,
    shown_proxy,
)
from api.upstream.tunnel import NoWayOut, ProxyTimedOut
from tests.api.test_h1 import on_both_loops
from tests.conftest import opened_store
from tests.fakes import answers, far_end
from tests.proxies import PROVIDER, certificate, fake_proxy, says_hello, served, serving, trusting

LOGIN = ("ada", "p4ss-w0rd-of-the-proxy")
SCHEMES = ("http", "https", "socks5")


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The certificate of the provider, and of a proxy that speaks TLS."""
    return certificate(tmp_path_factory.mktemp("tls"), PROVIDER, "localhost")


def question(proxy, port, scheme="https", host=PROVIDER, **timeouts):
    return httpx.Request(
        "POST",
        f"{scheme}://{host}:{port}/v1/chat?a=b",
        headers={"a": "b"},
        stream=httpx.ByteStream(b"{}"),
        extensions={
            "timeout": {"connect": 20.0, "read": 20.0, "write": 20.0, "pool": 20.0} | timeouts,
            "proxy": proxy and read_proxy(proxy),
        },
    )


async def said(transport, asked):
    reply = await transport.ask(asked)
    return b"".join([part async for part in reply])


def tls_of(scheme, shown):
    return serving(shown) if scheme == "https" else None


# What works


@pytest.mark.parametrize("login", [None, LOGIN], ids=["open", "login"])
@pytest.mark.parametrize("scheme", SCHEMES)
@on_both_loops
async def test_a_provider_is_asked_through_a_proxy_with_tls_inside(scheme, login, shown):
    async with (
        served(says_hello, serving(shown)) as port,
        fake_proxy(scheme, tls_of(scheme, shown), login=login) as proxy,
        H1Transport(tls=trusting(shown)) as transport,
    ):
        for _ in range(2):
            assert await said(transport, question(proxy.url(login), port)) == b"hello"
        place = f"{PROVIDER}:{port}"
        assert proxy.asked == [place if scheme == "socks5" else f"CONNECT {place}"]


@pytest.mark.parametrize("scheme", SCHEMES)
@on_both_loops
async def test_plain_http_is_asked_of_an_http_proxy_and_tunnelled_by_socks(scheme, shown):
    async with (
        served(says_hello) as port,
        fake_proxy(scheme, tls_of(scheme, shown), login=LOGIN) as proxy,
        H1Transport(tls=trusting(shown)) as transport,
    ):
        for _ in range(2):
            assert await said(transport, question(proxy.url(LOGIN), port, "http")) == b"hello"
        place = f"{PROVIDER}:{port}"
        assert proxy.asked == [place if scheme == "socks5" else f"POST http://{place}/v1/chat?a=b"]


@pytest.mark.parametrize("scheme", SCHEMES)
@on_both_loops
async def test_large_bodies_pass_whole_and_a_slow_reader_slows_the_provider(scheme, shown):
    async def echo(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        body = await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        await reader.read()

    body = bytes(range(256)) * 16 * 1024
    async with (
        served(echo, serving(shown)) as port,
        fake_proxy(scheme, tls_of(scheme, shown)) as proxy,
        H1Transport(tls=trusting(shown)) as transport,
    ):
        asked = question(proxy.url(), port)
        asked.stream = httpx.ByteStream(body)
        reply = await transport.ask(asked)
        await asyncio.sleep(0.05)
        assert reply.unread < len(body)
        assert b"".join([part async for part in reply]) == body


@on_both_loops
async def test_each_proxy_has_connections_of_its_own_and_so_has_none(shown):
    async with (
        served(says_hello, serving(shown)) as port,
        fake_proxy("http") as one,
        fake_proxy("socks5") as other,
        H1Transport(tls=trusting(shown)) as transport,
    ):
        for way in (one.url(), other.url(), None, one.url()):
            assert await said(transport, question(way, port, host="localhost")) == b"hello"
        assert (len(one.asked), len(other.asked)) == (1, 1)


@on_both_loops
async def test_an_ipv6_address_is_written_as_each_kind_of_proxy_wants_it():
    address = "2001:db8::7"
    async with (
        fake_proxy("http", status=403) as http,
        fake_proxy("socks5", code=2) as socks,
        H1Transport() as transport,
    ):
        for proxy in (http, socks):
            with pytest.raises(NoWayOut):
                await said(transport, question(proxy.url(), 443, host=f"[{address}]"))
        assert http.asked == [f"CONNECT [{address}]:443"]
        assert socks.asked == ["20010db8000000000000000000000007:443"]


async def test_a_head_that_holds_a_login_of_the_caller_s_loses_it(shown):
    async with served(says_hello) as port, fake_proxy("http") as proxy, H1Transport() as transport:
        asked = question(proxy.url(), port, "http")
        asked.headers["proxy-authorization"] = "Basic bm90OmhpcnM="
        await said(transport, asked)
        assert b"proxy-authorization" not in proxy.heads[0]


# What does not


@pytest.mark.parametrize("target", ["https", "http"])
@pytest.mark.parametrize("scheme", SCHEMES)
@on_both_loops
async def test_a_proxy_that_wants_a_login_is_named_and_so_is_one_that_does_not_accept_it(scheme, target, shown):
    async with (
        served(says_hello) as port,
        fake_proxy(scheme, tls_of(scheme, shown), login=LOGIN) as proxy,
        H1Transport(tls=trusting(shown)) as transport,
    ):
        with pytest.raises(NoWayOut, match=f"{scheme}://localhost:{proxy.port} wants a user name and a password"):
            await said(transport, question(proxy.url(), port, target))
        with pytest.raises(NoWayOut, match="does not accept its user name and password") as caught:
            await said(transport, question(proxy.url(("ada", "wrong-password")), port, target))
    assert f"{scheme}://ada:***@localhost:{proxy.port}" in str(caught.value)
    assert "wrong-password" not in str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "how", "reason"),
    [
        ("http", {"status": 403}, "status 403"),
        ("http", {"status": 502}, "status 502"),
        ("socks5", {"code": 2}, "its rules forbid it"),
        ("socks5", {"code": 5}, "the connection was refused"),
        ("socks5", {"code": 77}, "code 77"),
    ],
)
@on_both_loops
async def test_a_proxy_that_gives_no_connection_says_why(scheme, how, reason):
    async with fake_proxy(scheme, **how) as proxy, H1Transport() as transport:
        with pytest.raises(NoWayOut) as caught:
            await said(transport, question(proxy.url(), 443))
    assert str(caught.value) == (
        f"The proxy {scheme}://localhost:{proxy.port} gives no connection to {PROVIDER} port 443: {reason}."
    )


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@on_both_loops
async def test_a_proxy_that_is_not_there_is_named(scheme):
    async with served(says_hello) as port:
        pass
    async with H1Transport() as transport:
        with pytest.raises(NoWayOut, match=rf"^The proxy {scheme}://localhost:{port} cannot be reached: .*refused\.$"):
            await said(transport, question(f"{scheme}://localhost:{port}", 443))


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@on_both_loops
async def test_a_proxy_that_says_nothing_runs_into_the_connect_timeout(scheme):
    async def mute(reader, _writer):
        await reader.read()

    async with served(mute) as port, H1Transport() as transport:
        with pytest.raises(ProxyTimedOut, match=f"proxy {scheme}://localhost:{port} in time"):
            await said(transport, question(f"{scheme}://localhost:{port}", 443, connect=0.2))


@pytest.mark.parametrize(
    ("scheme", "told", "reason"),
    [
        ("http", b"", "it hung up"),
        ("http", b"SSH-2.0-x\r\n\r\n", "that is not HTTP"),
        ("http", b"HTTP/1.1 OK\r\n\r\n", "that is not HTTP"),
        ("http", b"HTTP/1.1 200 OK\r\n\r\nand more", "it says too much"),
        ("http", b"HTTP/1.1 200 OK\r\na: " + b"b" * 20000, "it says too much"),
        ("socks5", b"", "it hung up"),
        ("socks5", b"\x04\x00", "that is not SOCKS 5"),
        ("socks5", b"\x05\x00\x04\x00\x00\x01", "that is not SOCKS 5"),
        ("socks5", b"\x05\x00\x05\x00\x00\x01abcd", "it hung up"),
        ("socks5", b"\x05\x00\x05\x00\x00\x01abcd\x00\x50more", "it says too much"),
    ],
)
@on_both_loops
async def test_what_is_no_proxy_is_told_from_one(scheme, told, reason):
    async def strange(_reader, writer):
        writer.write(told)
        await writer.drain()
        writer.close()

    async with served(strange) as port, H1Transport() as transport:
        with pytest.raises(NoWayOut) as caught:
            await said(transport, question(f"{scheme}://localhost:{port}", 443))
    assert str(caught.value) == f"The proxy {scheme}://localhost:{port} does not answer as one: {reason}."


@on_both_loops
async def test_the_provider_s_certificate_is_checked_inside_the_tunnel(shown, tmp_path):
    other = certificate(tmp_path, "other.example")
    async with (
        served(says_hello, serving(other)) as port,
        fake_proxy("http") as proxy,
        H1Transport(tls=trusting(other)) as transport,
    ):
        with pytest.raises(httpx.ConnectError, match=f"No connection to {PROVIDER} port {port}: Hostname mismatch"):
            await said(transport, question(proxy.url(), port))


@on_both_loops
async def test_the_certificate_of_a_proxy_is_checked_as_well(shown):
    async with fake_proxy("https", serving(shown)) as proxy, H1Transport() as transport:
        with pytest.raises(NoWayOut, match="cannot be reached: self-signed certificate"):
            await said(transport, question(proxy.url(), 443))


@on_both_loops
async def test_a_caller_who_leaves_during_the_greeting_leaves_no_connection():
    came, gone = asyncio.Event(), asyncio.Event()

    async def mute(reader, _writer):
        await reader.readline()
        came.set()
        await reader.read()
        gone.set()

    async with served(mute) as port, H1Transport() as transport:
        asking = asyncio.ensure_future(said(transport, question(f"http://localhost:{port}", 443)))
        await came.wait()
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(gone.wait(), 20)


# Where a connection may go


@pytest.mark.parametrize("address", ["169.254.169.254", "224.0.0.1", "[fe80::1]", "0.0.0.0"])
async def test_the_address_of_a_proxy_is_judged_like_any_other(address):
    async with H1Transport() as transport:
        with pytest.raises(NoWayOut, match=r"cannot be reached: \S+ is (a|an) .*address"):
            await said(transport, question(f"http://{address}:3128", 443))


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "127.1", "0x7f000001", "2852039166"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_an_address_that_is_not_dialled_is_not_asked_of_a_proxy_either(host, scheme):
    async with fake_proxy("http") as proxy, H1Transport() as transport:
        with pytest.raises(httpx.ConnectError, match="is not contacted"):
            await said(transport, question(proxy.url(), 80, scheme, host))
        assert not proxy.asked


# As it is written


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("http://10.0.0.1:3128", Proxy("http", "10.0.0.1", 3128)),
        ("  127.0.0.1:7890 ", Proxy("http", "127.0.0.1", 7890)),
        ("proxy.corp.example", Proxy("http", "proxy.corp.example", 80)),
        ("HTTPS://Proxy.Example/", Proxy("https", "proxy.example", 443)),
        ("socks5://[::1]", Proxy("socks5", "::1", 1080)),
        ("socks5h://a:b@h:1", Proxy("socks5", "h", 1, "a", "b")),
        ("http://us%3Aer@h:1", None),
        ("http://ada:p%40ss%3A%2F@h:1", Proxy("http", "h", 1, "ada", "p@ss:/")),
    ],
)
def test_a_proxy_is_read_as_people_write_it(text, proxy):
    if proxy is None:
        with pytest.raises(ProxyRefused):
            read_proxy(text)
    else:
        assert read_proxy(text) == proxy == read_proxy(checked_proxy(text))


@pytest.mark.parametrize(
    "text",
    [
        *("socks4://h:1", "ftp://h", "http://", "http://h:0", "http://h:99999", "http://h:1/path", "http://h?x=1"),
        *("http://h h:1", "http://:secret@h:1", f"http://{'u' * 256}:p@h:1", "http://a:b%00@h:1", "http://h:1#x"),
        *("http://[::1:80", "http://h\u00e9:1", "x" * 2000),
    ],
)
def test_what_is_no_proxy_s_address_is_refused_in_words(text):
    with pytest.raises(ProxyRefused) as caught:
        checked_proxy(text)
    assert str(caught.value).endswith(".")
    assert "secret" not in str(caught.value)


def test_an_empty_text_is_no_proxy():
    assert (checked_proxy("  "), shown_proxy("")) == ("", "")


def test_a_password_is_shown_as_stars_only():
    proxy = read_proxy("socks5://ada:hunter2@h:1")
    assert "hunter2" not in f"{proxy!r} {proxy.shown}"
    assert shown_proxy(proxy.url) == "socks5://ada:***@h:1"


def test_stars_mean_the_password_that_is_kept_for_that_very_proxy_and_user():
    kept = "http://ada:hunter2@h:1"
    assert retyped("http://ada:***@h:1", kept) == kept
    assert retyped("http://ada:new@h:1", kept) == "http://ada:new@h:1"
    assert retyped("", kept) == ""
    for other in ("http://ada:***@evil:1", "http://eve:***@h:1", "http://ada:***@h:2", "socks5://ada:***@h:1"):
        with pytest.raises(ProxyRefused, match="Type it again"):
            retyped(other, kept)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST.", "a.localhost", "::1"])
def test_this_computer_is_known_by_all_its_names(host):
    assert is_this_computer(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "localhost.evil.example", "mylocalhost", "192.168.1.1", "api.example"])
def test_other_computers_are_others(host):
    assert not is_this_computer(host)


# As the owner chose it


def provider(url="http://api.lan:8080/v1", proxy=None):
    return Provider(id="far", name="Far", dialects=("openai_chat",), base_url=url, proxy=proxy)


async def test_a_provider_goes_by_the_setting_unless_it_has_a_word_of_its_own(gateway):
    await gateway.network.use_proxy("http://one:1")
    proxies = [gateway.network.proxy_of(provider(proxy=own), "api.lan") for own in (None, "", "socks5://two:2")]
    assert proxies == [Proxy("http", "one", 1), None, Proxy("socks5", "two", 2)]


async def test_a_provider_s_own_proxy_is_kept_sealed_and_shown_without_its_password(gateway, home):
    await gateway.providers.add("far", "openai_chat", "https://api.example/v1", "sk-of-this-provider-0001")
    url = f"http://{':'.join(LOGIN)}@proxy:1"
    for given, kept in ((url, url), ("http://ada:***@proxy:1", url), ("", ""), (None, None), (url, url)):
        assert (await gateway.providers.edit("far", proxy=given)).proxy == kept
    assert visible(gateway.providers.known("far"))["proxy"] == "http://ada:***@proxy:1"
    assert gateway.redact(f"It said {LOGIN[1]}.") == "It said [hidden]."
    assert LOGIN[1].encode() not in b"".join(path.read_bytes() for path in home.path.glob("morello.db*"))
    with pytest.raises(ProviderRefused) as caught:
        await gateway.providers.edit("far", proxy="ftp://h")
    assert caught.value.field == "proxy"


async def test_this_computer_is_never_reached_through_a_proxy(gateway):
    await gateway.network.use_proxy("http://one:1")
    for own in (None, "socks5://two:2"):
        assert gateway.network.proxy_of(provider(proxy=own), "localhost") is None


async def test_the_environment_names_no_proxy(gateway, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert gateway.network.proxy_of(provider(), "api.lan") is None
    async with far_end(answers(200, b'{"data":[]}')) as far:
        assert await gateway.upstream.list_models(provider(f"{far.url}/v1")) == ()


async def test_another_proxy_is_in_force_for_the_next_call(gateway):
    async with far_end() as far, fake_proxy("http") as proxy:
        asked = provider(f"http://api.lan:{far.port}/v1")
        for way in (proxy.url(), proxy.url(LOGIN), ""):
            await gateway.network.use_proxy(way)
            with contextlib.suppress(UpstreamUnreachable):
                reply = await gateway.upstream.post(asked, "openai_chat", "/chat/completions", b"{}", {})
                await reply.whole()
                await reply.close()
        assert proxy.asked == [f"POST http://api.lan:{far.port}/v1/chat/completions"] * 2
        assert b"proxy-authorization: Basic" in proxy.heads[1]


async def test_a_proxy_s_failure_is_told_of_the_proxy_and_not_of_the_provider(gateway):
    async with fake_proxy("http", login=LOGIN) as proxy:
        await gateway.network.use_proxy(proxy.url(("ada", "wrong-password")))
        with pytest.raises(UpstreamUnreachable) as caught:
            await gateway.upstream.list_models(provider("https://api.example/v1"))
    assert str(caught.value) == (
        f"The provider “far” was not asked. The proxy http://ada:***@localhost:{proxy.port} does not accept its user "
        "name and password. Look at the network in the settings."
    )


async def test_a_mute_proxy_is_told_with_the_seconds_it_was_given(gateway):
    async def mute(reader, _writer):
        await reader.read()

    async with served(mute) as port:
        await gateway.network.use_proxy(f"http://localhost:{port}")
        await gateway.limits.change("", "", {"connect": 0.2})
        with pytest.raises(UpstreamTimeout, match=r"through the proxy http://localhost:\d+ within 0.2 s"):
            await gateway.upstream.list_models(provider("https://api.example/v1"))


async def test_a_password_is_kept_sealed_and_known_again_after_a_restart(gateway, home):
    await gateway.network.use_proxy(f"http://{':'.join(LOGIN)}@proxy:1")
    on_disk = b"".join(path.read_bytes() for path in home.path.glob("morello.db*"))
    assert LOGIN[1].encode() not in on_disk
    assert LOGIN[1] not in repr(gateway.settings)
    assert gateway.redact(f"It said {LOGIN[1]}.") == "It said [hidden]."
    async with opened_store(home, read_only=True) as store:
        from api.network import Network
        from api.settings import Choices

        again = Network(Choices(store), gateway.vault, lambda: None)
        assert again.proxy_of(provider(), "api.lan") == Proxy("http", "proxy", 1, *LOGIN)
        assert again.shown == "http://ada:***@proxy:1"


async def test_a_proxy_that_cannot_be_unsealed_is_not_the_same_as_none(gateway, tmp_path):
    from api.vault import Vault

    await gateway.network.use_proxy("http://ada:hunter2@proxy:1")
    (tmp_path / "other").mkdir(mode=0o700)
    gateway.network._vault, gateway.network._opened = Vault.open(tmp_path / "other"), ("", "")
    assert gateway.network.shown is None
    with pytest.raises(UpstreamUnreachable, match="cannot be read any more"):
        gateway.network.proxy_of(provider(), "api.lan")
    assert gateway.network.proxy_of(provider(), "127.0.0.1") is None
    await gateway.network.use_proxy("http://again:1")
    assert gateway.network.proxy_of(provider(), "api.lan") == Proxy("http", "again", 1)
