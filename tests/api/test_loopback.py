"""Is this caller here, is this page ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.loopback import change_is_ours, host_is_ours, part_is_ours

OURS = [
    *("127.0.0.1", "127.0.0.1:23333", "127.0.0.1:1", "127.0.0.1:65535", "localhost", "localhost:23333"),
    *("LOCALHOST:23333", "LocalHost", "[::1]", "[::1]:23333"),
]
FOREIGN = [
    *(
        "evil.example",
        "evil.example:23333",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example/127.0.0.1",
    ),
    *(
        "127.0.0.1.nip.io",
        "127.0.0.1.nip.io:23333",
        "0.0.0.0",
        "0.0.0.0:23333",
        "192.168.1.10:23333",
        "10.0.0.1",
    ),
    *(
        "127.0.0.2",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "localhost.",
        "me.localhost",
    ),
    *(
        "::1",
        "[::]",
        "[::1",
        "::1]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "[::1%lo]",
        "host.docker.internal",
    ),
    *(
        "a@b",
        "user@127.0.0.1",
        "127.0.0.1@evil.example",
        "localhost:23333@evil.example",
        "evil.example#localhost",
    ),
    *(
        "",
        " ",
        "127.0.0.1 ",
        " 127.0.0.1",
        "127.0.0.1\n",
        "127.0.0.1\r\nx: y",
        "127.0.0.1\x00",
        "127.0.0.1,evil.example",
    ),
    *(
        "127.0.0.1:",
        "localhost:abc",
        "127.0.0.1:123456",
        "127.0.0.1:-1",
        "127.0.0.1:+80",
        "127.0.0.1:٨٠",
        "127.0.0.1:80:80",
    ),
    *("localho\u017ft", "\u217cocalhost", "\uff1127.0.0.1", "127。0。0。1", "http://127.0.0.1", "127.0.0.1/", "*"),
]


@pytest.mark.parametrize("host", OURS)
def test_a_name_of_this_machine_with_any_port_is_ours(host):
    assert host_is_ours([host])


@pytest.mark.parametrize("host", FOREIGN, ids=repr)
def test_any_other_host_is_not(host):
    assert not host_is_ours([host])


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1", "127.0.0.1"], ["localhost", "evil.example"]])
def test_there_is_exactly_one_host(hosts):
    assert not host_is_ours(hosts)


@given(st.text())
def test_whatever_is_ours_names_this_machine_in_plain_letters(host):
    for text in (host, f"127.0.0.1{host}", f"{host}localhost", f"localhost:{host}"):
        if host_is_ours([text]):
            name, _, port = text.rpartition(":") if text[-1].isdigit() and ":" in text else (text, "", "")
            assert name.lower() in ("127.0.0.1", "localhost", "[::1]") or text == "127.0.0.1"
            assert port.isascii()


HOST = "127.0.0.1:23300"


@pytest.mark.parametrize(
    ("site", "origin", "ours"),
    [
        ("same-origin", f"http://{HOST}", True),
        ("same-origin", None, True),
        ("same-site", f"http://{HOST}", False),
        ("same-site", "http://127.0.0.1:9999", False),
        ("cross-site", f"http://{HOST}", False),
        ("cross-site", "http://evil.example", False),
        ("none", f"http://{HOST}", False),
        ("", f"http://{HOST}", False),
        ("Same-Origin", f"http://{HOST}", False),
        ("same-origin, cross-site", f"http://{HOST}", False),
        (None, f"http://{HOST}", True),
        (None, "http://127.0.0.1:9999", False),
        (None, "http://127.0.0.1", False),
        (None, f"https://{HOST}", False),
        (None, f"http://{HOST}/", False),
        (None, "http://localhost:23300", False),
        (None, f"http://{HOST}.evil.example", False),
        (None, "http://evil.example", False),
        (None, "null", False),
        (None, "", False),
        (None, None, False),
    ],
)
def test_a_change_comes_from_a_page_of_this_very_origin(site, origin, ours):
    assert change_is_ours(site, origin, HOST) is ours


@pytest.mark.parametrize(
    ("site", "ours"),
    [
        (None, True),
        ("same-origin", True),
        ("same-site", False),
        ("cross-site", False),
        ("none", False),
        ("", False),
        ("null", False),
    ],
)
def test_a_part_is_read_by_our_page_or_by_no_browser(site, ours):
    assert part_is_ours(site) is ours
