"""What a provider's row may say, and the sentence where it may not."""

from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dialects.quirks import Quirks
from api.errors import ProviderRefused
from api.providers.provider import (
    LONGEST_KEY,
    RESERVED,
    Provider,
    Secret,
    checked_base_url,
    checked_dialects,
    checked_id,
    checked_key,
    checked_name,
    local_provider,
    origin,
    visible,
    what_is_called,
)

OWN = frozenset({23333, 23300})


def url(text, dialect="openai_chat"):
    return checked_base_url(text, dialect, OWN)


def refusal(check, *arguments):
    with pytest.raises(ProviderRefused) as refused:
        check(*arguments)
    assert str(refused.value).endswith(".")
    return refused.value


# Ids


@pytest.mark.parametrize("text", ["a", "7", "openai", "my-openai_2.eu", "a" * 32, "local2", "v3"])
def test_an_id_of_small_letters_digits_and_marks_is_taken(text):
    assert checked_id(text) == text


@pytest.mark.parametrize(
    "text", ["", "-a", ".a", "_a", "A", "aB", "a b", "a:b", "a/b", "ä", "a\n", "a" * 33, "a" * 10_000, "٣"]
)
def test_another_id_is_refused(text):
    refused = refusal(checked_id, text)
    assert refused.field == "id"
    assert len(str(refused)) < 250


@pytest.mark.parametrize("text", ["morello", "local", "v1", "v1beta", "api", "docs", "health", "metrics"])
def test_morellos_own_names_are_reserved(text):
    assert text in RESERVED
    assert "Morello's own" in str(refusal(checked_id, text))


@pytest.mark.parametrize(
    ("text", "dialects"),
    [
        ("openai_chat", ("openai_chat",)),
        ("anthropic", ("anthropic",)),
        ("gemini", ("gemini",)),
        ("openai_responses+openai_chat", ("openai_responses", "openai_chat")),
        (" openai_chat + anthropic ", ("openai_chat", "anthropic")),
        ("gemini+gemini", ("gemini",)),
    ],
)
def test_known_dialects_are_taken_in_their_order(text, dialects):
    assert checked_dialects(text) == dialects


@pytest.mark.parametrize("text", ["", "openai", "Anthropic", "openai_chat+", "openai_chat,anthropic"])
def test_an_unknown_dialect_is_refused_with_the_known_ones(text):
    refused = refusal(checked_dialects, text)
    assert refused.field == "dialect"
    assert "openai_chat, openai_responses, anthropic, gemini" in str(refused)


# Base URLs


@pytest.mark.parametrize(
    ("typed", "called"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("  https://api.openai.com/v1/  ", "https://api.openai.com/v1"),
        ("https://host:8443/a/b//", "https://host:8443/a/b"),
        ("https://[2606:4700::1111]/v1", "https://[2606:4700::1111]/v1"),
        ("https://xn--bcher-kva.example/v1", "https://xn--bcher-kva.example/v1"),
    ],
)
def test_a_base_url_is_kept_without_its_last_slash(typed, called):
    assert url(typed) == called


@pytest.mark.parametrize(
    ("typed", "called"),
    [
        ("https://api.anthropic.com", "https://api.anthropic.com/v1"),
        ("https://api.anthropic.com/", "https://api.anthropic.com/v1"),
        ("https://api.anthropic.com/v1", "https://api.anthropic.com/v1"),
        ("https://api.anthropic.com/v1/", "https://api.anthropic.com/v1"),
        ("https://host/anthropic", "https://host/anthropic/v1"),
        ("https://host/api/v4", "https://host/api/v4"),
        ("https://host/v1beta", "https://host/v1beta"),
        ("https://v1", "https://v1/v1"),
        ("https://host/v", "https://host/v/v1"),
        ("https://host/xv1", "https://host/xv1/v1"),
    ],
)
def test_an_anthropic_base_url_gets_its_version_where_it_has_none(typed, called):
    assert url(typed, "anthropic") == called


def test_an_openai_base_url_gets_no_version():
    assert url("https://host/openai") == "https://host/openai"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "http://127.0.0.1:11434/v1",
            "http://localhost:1234",
            "http://LOCALHOST:1234",
            "http://[::1]:8080/v1",
        ),
        *(
            "http://127.8.8.8",
            "http://10.1.2.3",
            "http://192.168.1.20:8000",
            "http://172.31.0.1",
            "http://[fd00::2]",
        ),
        *(
            "http://nas.local:8080",
            "http://nas",
            "http://my.nas.lan",
            "http://box.home.arpa",
            "http://x.localhost",
        ),
    ],
)
def test_plain_http_is_for_this_computer_and_its_network(text):
    assert url(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("http://api.openai.com/v1", "http://8.8.8.8", "http://[2606:4700::1111]/v1", "http://172.32.0.1"),
        *(
            "http://local.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://1.1.1.1",
        ),
    ],
)
def test_plain_http_into_the_internet_is_refused(text):
    assert "https" in str(refusal(url, text))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "api.openai.com",
            "//api.openai.com",
            "ftp://host",
            "file:///etc/passwd",
            "javascript:alert(1)",
        ),
        *(
            "https://",
            "https:///v1",
            "https://:443/v1",
            "https://[::1",
            "https://[::1]x",
            "https://host:port",
        ),
        *("https://host:65536", "https://host:-1", "https://host:0/v1", "https://[v1.x]/", "https://xn--/"),
        *("https://user@host", "https://user:pass@host", "https://:pass@host", "https://@host"),
        *(
            "https://host?x=1",
            "https://host/v1?",
            "https://host#top",
            "https://host/#",
            "https://host/v1?key=a#b",
        ),
        *("https://ho st", "https://host/a b", "https://host/\x00", "https://host/\x7f", "https://ho\nst/v1"),
        *("https://bücher.example", "https://host/ü", "https://ho“st", "https://host\\@evil.example"),
        *("https://ho^st", "https://ho<st", 'https://ho"st', "https://a..b", "https://."),
    ],
)
def test_what_is_no_base_url_is_refused(text):
    refused = refusal(url, text)
    assert refused.field == "base_url"
    assert len(str(refused)) < 300


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.0.0.2", "me.localhost", "localhost."),
        *("[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "2130706433", "0x7f000001", "0177.0.0.1", "127.1"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("port", sorted(OWN))
def test_morellos_own_ports_are_refused_by_every_name_of_this_computer(scheme, host, port):
    assert refusal(url, f"{scheme}://{host}:{port}/v1").field == "base_url"


@pytest.mark.parametrize(
    "text", ["http://localhost:23334", "http://192.168.1.20:23333", "https://api.example.com:23333"]
)
def test_other_ports_and_other_computers_are_welcome(text):
    assert url(text) == text


@given(st.text(st.sampled_from("abcx1:/.[]@%-_\\^<>~!$&'()*+,;=|`{}"), max_size=14))
def test_what_is_taken_reaches_the_host_that_was_read(rest):
    try:
        taken = url(f"https://a{rest}")
    except ProviderRefused:
        return
    dialled = httpx.URL(taken + "/models")
    assert dialled.host == urlsplit(taken).hostname
    assert not dialled.query
    assert not dialled.userinfo


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://host/v1", "https://host/v2"),
        ("https://host/v1", "https://HOST:443/v1"),
        ("http://127.0.0.1/v1", "http://127.0.0.1:80"),
        ("http://[::1]:8080/v1", "http://[::1]:8080"),
    ],
)
def test_a_path_or_another_spelling_is_no_other_origin(one, other):
    assert origin(one) == origin(other)


@pytest.mark.parametrize(
    "other",
    ["http://host/v1", "https://host:8443/v1", "https://host.evil/v1", "https://a.host/v1", "https://[::1]/v1"],
)
def test_another_scheme_host_or_port_is_another_origin(other):
    assert origin("https://host/v1") == "https://host"
    assert origin(other) != "https://host"


# Names


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("Kimi", "Kimi"), ("  My \t server\n", "My server"), ("月之暗面", "月之暗面"), ("n" * 128, "n" * 128)],
)
def test_a_name_is_kept_without_the_space_around_it(typed, kept):
    assert checked_name(typed) == kept


@pytest.mark.parametrize("text", ["", " ", "\x00", "a\x1bb", "a\u202eb", "n" * 129])
def test_a_name_that_cannot_be_shown_is_refused(text):
    assert refusal(checked_name, text).field == "name"


# Keys


@pytest.mark.parametrize("typed", ["sk-abc", "  sk-abc\n", "\tsk-abc \r\n", "\u00a0sk-abc\u2003"])
def test_a_key_is_kept_without_the_space_around_it(typed):
    assert str(checked_key(typed)) == "sk-abc"


def test_a_key_of_the_longest_length_is_taken():
    assert len(checked_key("k" * LONGEST_KEY)) == LONGEST_KEY


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_key_is_refused(text):
    assert "empty" in str(refusal(checked_key, text))


def test_a_key_that_is_too_long_is_refused_without_being_shown():
    refused = refusal(checked_key, "k" * (LONGEST_KEY + 1))
    assert str(LONGEST_KEY) in str(refused)
    assert "kkk" not in str(refused)


@pytest.mark.parametrize(
    ("text", "position", "named"),
    [
        ("sk-ab…cd", 6, "U+2026"),
        ("sk abc", 3, "U+0020"),
        ("sk-a\nbc", 5, "U+000A"),
        ("ключ", 1, "U+043A"),
        ("sk-\x00", 4, "U+0000"),
        ("sk-\u200babc", 4, "U+200B"),
        ("sk-🦊", 4, "U+1F98A"),
    ],
)
def test_a_character_that_cannot_travel_is_named_by_its_place(text, position, named):
    refused = refusal(checked_key, text)
    assert f"Character {position} " in str(refused)
    assert named in str(refused)
    assert refused.field == "key"


@given(st.text())
def test_a_key_that_is_taken_can_stand_in_a_header(text):
    try:
        key = checked_key(text)
    except ProviderRefused:
        return
    assert key == text.strip()
    assert all(33 <= ord(letter) <= 126 for letter in key)


# What is shown


def provider(**fields):
    known = {"id": "own", "name": "Own", "dialects": ("openai_chat",), "base_url": "https://host/v1"}
    return Provider(**{**known, **fields})


def test_no_repr_shows_a_key():
    key = Secret("sk-very-secret")
    for shown in (
        repr(key),
        repr(provider(key=key)),
        repr([key]),
        f"{provider(key=key)!r}",
        f"{provider(key=key)}",
    ):
        assert "very-secret" not in shown


def test_what_is_visible_of_a_provider_leaves_its_key_out():
    shown = visible(provider(key=Secret("sk-very-secret")))
    assert shown["has_key"] is True
    assert "very-secret" not in str(shown)
    assert visible(provider())["has_key"] is False


def test_what_will_be_called_is_shown():
    assert what_is_called(provider()) == "https://host/v1/chat/completions"
    assert what_is_called(provider(dialects=("anthropic",))) == "https://host/v1/messages"
    assert what_is_called(provider(dialects=("openai_responses",))) == "https://host/v1/responses"
    assert (
        what_is_called(provider(dialects=("gemini",))) == "https://host/v1/models/{model}:streamGenerateContent?alt=sse"
    )


def test_what_will_be_called_is_shown_for_each_dialect_and_first_for_the_default():
    both = provider(dialects=("openai_responses", "openai_chat"))
    assert what_is_called(both) == "https://host/v1/responses"
    assert what_is_called(both, "openai_chat") == "https://host/v1/chat/completions"


def test_what_will_be_called_shows_azures_deployment_and_version():
    azure = provider(base_url="https://host/openai", quirks=Quirks(deployments=True, api_version="2024-10-21"))
    assert what_is_called(azure) == "https://host/openai/deployments/{model}/chat/completions?api-version=2024-10-21"


def test_what_is_visible_of_a_provider_says_its_dialects_and_only_the_quirks_that_are_not_as_usual():
    shown = visible(provider(dialects=("openai_chat", "openai_responses"), quirks=Quirks(stream_options=False)))
    assert shown["dialect"] == "openai_chat+openai_responses"
    assert shown["quirks"] == {"stream_options": False}


def test_the_built_in_ones_are_told_from_the_owners():
    assert local_provider(0, None).is_built_in
    assert not provider().is_built_in
