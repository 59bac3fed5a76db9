"""Whom TLS trusts beside the usual: a file that the owner named, looked at for each new connection."""

import os
import ssl

import pytest

from api.errors import UpstreamUnreachable
from api.providers.provider import Provider
from api.upstream import trust
from api.upstream.trust import CaFileRefused, Trust, checked_ca_file
from tests.proxies import certificate, says_hello, served, serving


@pytest.fixture(autouse=True)
def _no_usual_roots(monkeypatch):
    """Loading the world's certificates takes longer than these tests."""
    monkeypatch.setattr(trust, "default_tls", lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


@pytest.fixture
def shown(tmp_path):
    return certificate(tmp_path, "localhost")


async def heard(gateway, port):
    """What a provider of https on this computer says."""
    far = Provider(id="far", name="Far", dialects=("openai_chat",), base_url=f"https://localhost:{port}/v1")
    reply = await gateway.upstream.post(far, "openai_chat", "/x", b"{}", {})
    try:
        return await reply.whole()
    finally:
        await reply.close()
        gateway.upstream.renew()  # the next one is a new connection


async def test_a_private_certificate_is_trusted_once_its_file_is_named(gateway, shown):
    async with served(says_hello, serving(shown)) as port:
        with pytest.raises(UpstreamUnreachable, match="self-signed certificate"):
            await heard(gateway, port)
        await gateway.network.use_ca_file(f" {shown} ")
        assert await heard(gateway, port) == b"hello"
        await gateway.network.use_ca_file("")
        with pytest.raises(UpstreamUnreachable, match="self-signed certificate"):
            await heard(gateway, port)


async def test_a_file_that_changed_is_read_again(gateway, shown, tmp_path):
    ours = tmp_path / "ca.pem"
    ours.write_bytes(certificate(tmp_path, "other.example").read_bytes())
    await gateway.network.use_ca_file(str(ours))
    async with served(says_hello, serving(shown)) as port:
        with pytest.raises(UpstreamUnreachable, match="self-signed certificate"):
            await heard(gateway, port)
        ours.unlink()
        ours.write_bytes(shown.read_bytes() + b"\n")
        assert await heard(gateway, port) == b"hello"


async def test_a_file_that_vanished_is_named_and_nobody_is_trusted(gateway, shown):
    await gateway.network.use_ca_file(str(shown))
    async with served(says_hello, serving(shown)) as port:
        shown.unlink()
        with pytest.raises(UpstreamUnreachable) as caught:
            await heard(gateway, port)
    assert str(caught.value) == (
        f"The provider “far” was not asked. The CA file {shown} cannot be read: No such file or directory. Look at the "
        "network in the settings."
    )


async def test_a_context_is_made_once_for_as_long_as_the_file_stays_the_same(shown):
    one = Trust(lambda: str(shown))
    first = await one.context()
    assert await one.context() is first
    os.utime(shown, (1, 1))
    assert await one.context() is not first


async def test_without_a_file_the_usual_roots_are_read_once():
    one = Trust()
    assert await one.context() is await one.context()


async def test_the_certificates_are_added_to_the_usual_ones(monkeypatch, shown, tmp_path):
    usual = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    usual.load_verify_locations(certificate(tmp_path, "usual.example"))
    monkeypatch.setattr(trust, "default_tls", lambda: usual)
    context = await Trust(lambda: str(shown)).context()
    assert context.cert_store_stats()["x509"] == 2


def test_nobody_can_switch_the_checking_off():
    context = trust.default_tls()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_file_with_comments_in_any_language_is_read(shown):
    shown.write_bytes("# CA für Übungen, 測試\n".encode() + shown.read_bytes())
    assert checked_ca_file(str(shown)) == str(shown)


def test_what_is_no_file_of_certificates_is_refused_when_it_is_named(tmp_path, shown):
    made = {name: tmp_path / name for name in ("folder", "pipe", "empty", "text", "key", "large", "none")}
    made["folder"].mkdir()
    os.mkfifo(made["pipe"])
    made["empty"].touch()
    made["text"].write_text("hello")
    made["key"].write_bytes(shown.read_bytes().partition(b"-----BEGIN CERT")[0])
    made["large"].write_bytes(shown.read_bytes() + b"\n" * trust.LARGEST)
    said = {name: refused(str(path)) for name, path in made.items()}
    assert "is not a file" in said["folder"]
    assert "is not a file" in said["pipe"]
    assert {said[name].partition(" holds ")[2] for name in ("empty", "text", "key")} == {
        "no certificates in PEM form. Choose a CA file."
    }
    assert "is larger than 1 MiB" in said["large"]
    assert said["none"].endswith("cannot be read: No such file or directory.")


@pytest.mark.parametrize("path", ["ca.pem", "~/ca.pem", "/" + "a" * 5000, "/a\0b"])
def test_only_a_whole_path_is_taken(path):
    assert refused(path) == "Write the whole path of the CA file, from the root of the disk."


def refused(path):
    with pytest.raises(CaFileRefused) as caught:
        checked_ca_file(path)
    return str(caught.value)
