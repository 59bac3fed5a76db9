"""One provider: its row, and what a row may say."""

import hashlib
import ipaddress
import re
from typing import Final
from urllib.parse import quote, urlsplit

from msgspec import Struct, structs

from api.dialects import anthropic, gemini, openai_chat, openai_responses
from api.dialects.quirks import NONE, Quirks
from api.errors import ProviderRefused, SaidInWords
from api.providers.asking import written
from api.upstream.paths import conversation_path
from api.upstream.proxies import shown_proxy

TESTING: Final = "morello"
LOCAL: Final = "local"
RESERVED: Final = frozenset((TESTING, LOCAL, "v1", "v1beta", "v2", "k", "api", "docs", "health", "metrics"))
DIALECTS: Final = (openai_chat.NAME, openai_responses.NAME, anthropic.NAME, gemini.NAME)
JOINED: Final = "+"
LONGEST_KEY: Final = 4096
LONGEST_NAME: Final = 128
FIRST: Final = 1  # the number of a provider's first key
MODEL: Final = "{model}"  # what stands for a model's name in a URL that is only shown
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_HOST: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?")
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:0x[0-9a-f]*|[0-9]+)\.?")  # what a resolver would take for an address
# What is added to a base URL without a version, by the dialect it is asked in. Vertex has its version further ahead.
_VERSIONS: Final = {
    anthropic.NAME: ("/v1", re.compile(r"/v\d+[a-z0-9]*$")),
    gemini.NAME: ("/v1beta", re.compile(r"/v\d+[a-z0-9]*(/|$)")),
}
_BLANK: Final = re.compile(r"\{[a-z]{1,20}\}")  # what a preset leaves open
_ANY: Final = re.compile("")
_HOME_NAMES: Final = (".localhost", ".local", ".lan", ".internal", ".home.arpa")


class Secret(str):
    """A provider's key, which no log, traceback or repr may show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class Credential(Struct, frozen=True):
    """One key of a provider's pool. `weight` is its share of the conversations, `number` names it within the pool.

    `created` is in seconds since 1970.
    """

    key: Secret
    number: int = FIRST
    label: str = ""
    weight: int = 1
    enabled: bool = True
    created: float = 0.0


class Provider(Struct, frozen=True, kw_only=True, weakref=True):
    """Whom we may ask. `dialects` are those it understands; `fault` is why it cannot be asked now, if so.

    `created` is in seconds since 1970. `base_url` includes the version and has no slash at its end. `quirks` are how
    it wants to be asked. `key` is the one it is asked with, `pool` are all it has. `proxy` is a URL; empty for none,
    None where the setting decides.
    """

    id: str
    name: str
    dialects: tuple[str, ...]
    base_url: str
    key: Secret | None = None
    enabled: bool = True
    created: float = 0.0
    fault: SaidInWords | None = None
    quirks: Quirks = NONE
    pool: tuple[Credential, ...] = ()
    proxy: str | None = None

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """Every key it has."""
        return self.pool or ((Credential(self.key),) if self.key else ())

    @property
    def dialect(self) -> str:
        """The one it is asked in when the caller's does not matter."""
        return self.dialects[0]

    @property
    def speaks(self) -> str:
        """Its dialects as a row keeps them, and as they are typed."""
        return JOINED.join(self.dialects)

    @property
    def mark(self) -> str:
        """Who it is, for what nobody else can read: its id alone may be another's by tomorrow."""
        place = hashlib.blake2b(origin(self.base_url).encode(), digest_size=4).hexdigest()
        return f"{self.id}@{place}"

    @property
    def proxy_shown(self) -> str | None:
        """Its proxy without the password; empty for none, None where the setting decides."""
        return self.proxy and shown_proxy(self.proxy)

    @property
    def is_built_in(self) -> bool:
        """Whether it is part of Morello."""
        return self.id in (TESTING, LOCAL)


class Model(Struct, frozen=True, omit_defaults=True):
    """A model as its provider lists it. `created` is in seconds since 1970; 0 where it was not told.

    `context` is how many tokens it can read and `max_output` how many it can answer with, where that was told.
    """

    id: str
    created: int = 0
    name: str | None = None
    owner: str | None = None
    context: int | None = None
    max_output: int | None = None


class Check(Struct, frozen=True, kw_only=True):
    """What came of asking a provider for its models: their ids, or why not. `at` is in seconds since 1970."""

    ok: bool
    ms: float
    at: float
    models: tuple[str, ...] = ()
    error: SaidInWords | None = None


class Route(Struct, frozen=True):
    """Whom to ask for a model, and what it is called there."""

    provider: Provider
    model: str


def pooled(provider: Provider, pool: tuple[Credential, ...]) -> Provider:
    """`provider` with `pool` for its keys; it is asked with the first that is switched on."""
    first = next((credential.key for credential in pool if credential.enabled), None)
    return structs.replace(provider, pool=pool, key=first)


def checked_id(text: str) -> str:
    """An id that a provider may have; `ProviderRefused` says why not."""
    if not _ID.fullmatch(text):
        raise ProviderRefused(
            "“%(id)s” cannot be a provider's id. Use up to 32 small letters, digits, dots, dashes and underscores, "
            "beginning with a letter or digit.",
            "id",
            id=text[:40],
        )
    if text in RESERVED:
        raise ProviderRefused("“%(id)s” is a name of Morello's own. Choose another id.", "id", id=text)
    return text


def checked_name(text: str) -> str:
    """A name that a provider may have; `ProviderRefused` says why not."""
    name = " ".join(text.split())
    if not name or not name.isprintable():
        raise ProviderRefused("The name is empty, or holds a character that cannot be shown. Type another one.", "name")
    if len(name) > LONGEST_NAME:
        raise ProviderRefused("The name is longer than %(most)d characters. Shorten it.", "name", most=LONGEST_NAME)
    return name


def checked_dialects(text: str) -> tuple[str, ...]:
    """The dialects that `text` names, with a “+” between them; the first is the default."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(JOINED)))
    for name in names:
        if name not in DIALECTS:
            raise ProviderRefused(
                "“%(dialect)s” is not a dialect. Use one of: %(dialects)s.",
                "dialect",
                dialect=name[:40],
                dialects=", ".join(DIALECTS),
            )
    return names


def checked_base_url(text: str, dialect: str, own_ports: frozenset[int]) -> str:
    """The base URL as it will be called; `ProviderRefused` says why not.

    Plain http is for this computer and its network: over the internet a key would travel readable by all.
    """
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _bad_url("“%(url)s” is not a URL: %(why)s.", url=url[:80], why=str(error)) from error
    host = parts.hostname or ""
    if blank := _BLANK.search(url):
        raise _bad_url("Write your own name in the place of “%(blank)s” in the base URL.", blank=blank[0])
    if parts.scheme not in ("http", "https") or not host:
        raise _bad_url("The base URL must begin with https:// or http:// and name a host.")
    if port == 0 or not _is_host(host, parts.netloc):
        raise _bad_url("“%(url)s” names no host that can be called. Check its spelling.", url=url[:80])
    if parts.username is not None or parts.query or parts.fragment or "?" in url or "#" in url:
        raise _bad_url("The base URL must hold no user name, no “?” and no “#”; the key has a place of its own.")
    if not url.isascii() or not all(33 <= ord(letter) <= 126 for letter in url):
        raise _bad_url("The base URL must be plain ASCII without spaces.")
    if parts.scheme == "http" and not _is_near(host):
        raise _bad_url("Plain http is only for this computer and its own network. Write https://.")
    if _is_this_computer(host) and port in own_ports:
        raise _bad_url(
            "Port %(port)d is Morello's own: Morello would be asking itself. Give the other server's port.", port=port
        )
    version, versioned = _VERSIONS.get(dialect, ("", _ANY))
    return url if versioned.search(parts.path) else url + version


def origin(base_url: str) -> str:
    """Whom a checked base URL reaches: scheme, host and port. A key belongs to the one it was given for."""
    parts = urlsplit(base_url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    usual = parts.port in (None, 443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{host}" if usual else f"{parts.scheme}://{host}:{parts.port}"


def _bad_url(words: str, **given: object) -> ProviderRefused:
    return ProviderRefused(words, "base_url", **given)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that a host is written as; that of IPv4 where IPv6 carries it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_host(host: str, netloc: str) -> bool:
    """Whether `host` is an address, or a name that no resolver takes for one (as it does `127.1`)."""
    if "[" in netloc:
        return _address(host) is not None and re.search(r"\](:[0-9]+)?$", netloc) is not None
    return _address(host) is not None or bool(_HOST.fullmatch(host) and not _NUMERIC.fullmatch(host))


def _is_this_computer(host: str) -> bool:
    if address := _address(host):
        return address.is_loopback or address.is_unspecified
    name = host.rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def _is_near(host: str) -> bool:
    if address := _address(host):
        return address.is_private
    name = host.rstrip(".")
    return "." not in name or name.endswith(_HOME_NAMES)


def checked_key(text: str) -> Secret:
    """A provider's key as it can travel in a header; `ProviderRefused` names the character that cannot."""
    key = text.strip()
    if not key:
        raise ProviderRefused("The key is empty. Paste one, or say that the provider needs none.", "key")
    if len(key) > LONGEST_KEY:
        raise ProviderRefused(
            "The key is longer than %(most)d characters. Look at what was pasted.", "key", most=LONGEST_KEY
        )
    for position, letter in enumerate(key, 1):
        if not 33 <= ord(letter) <= 126:
            raise ProviderRefused(
                "Character %(position)d of the key (%(letter)s) cannot be part of one. Copy it again.",
                "key",
                position=position,
                letter=f"U+{ord(letter):04X}",
            )
    return Secret(key)


def testing_provider(created: float) -> Provider:
    """`morello`: the models for trying a client out."""
    return Provider(id=TESTING, name="Morello test models", dialects=DIALECTS, base_url="", created=created)


def local_provider(created: float, fault: SaidInWords | None) -> Provider:
    """`local`: llama.cpp as a child of ours."""
    return Provider(
        id=LOCAL,
        name="Built-in",
        dialects=(openai_chat.NAME, anthropic.NAME),
        base_url="",
        created=created,
        fault=fault,
    )


def what_is_called(provider: Provider, dialect: str | None = None) -> str:
    """The URL a streamed conversation with it goes to, asked in `dialect` or in its first."""
    path = conversation_path(dialect or provider.dialect, provider.quirks, MODEL, stream=True)
    return provider.base_url + path.replace(quote(MODEL), MODEL)


def visible(provider: Provider) -> dict[str, object]:
    """A provider as it may be shown: everything but its key and its proxy's password."""
    return {
        "id": provider.id,
        "name": provider.name,
        "dialect": provider.speaks,
        "base_url": provider.base_url,
        "calls": what_is_called(provider),
        "quirks": written(provider.quirks),
        "has_key": bool(provider.credentials),
        "enabled": provider.enabled,
        "fault": provider.fault and provider.fault.message,
        "proxy": provider.proxy_shown,
    }
