"""A proxy as the owner writes it: one URL, with its password for us alone."""

import ipaddress
import re
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct

from api.errors import ProviderRefused

HTTP: Final = "http"
HTTPS: Final = "https"
SOCKS: Final = "socks5"
LONGEST: Final = 1024
LONGEST_LOGIN: Final = 255  # bytes, as RFC 1929 has room for
HIDDEN: Final = "***"  # what stands for a password that is shown
_PORTS: Final = {HTTP: 80, HTTPS: 443, SOCKS: 1080}
_SPELLINGS: Final = {"socks5h": SOCKS, "socks": SOCKS}  # the proxy looks the name up, whatever it is called
_HOST: Final = re.compile(r"[A-Za-z0-9_.:-]{1,253}")


class ProxyRefused(ProviderRefused):
    """Not a proxy that can be used, for a provider or for all."""

    def __init__(self, words: str, **given: object) -> None:
        super().__init__(words, "proxy", **given)


class Proxy(Struct, frozen=True):
    """Whom connections go through. `user` and `password` are empty where it wants none."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = ""

    @property
    def url(self) -> str:
        """The whole of it, with the password."""
        return self._written(self.password)

    @property
    def shown(self) -> str:
        """The same for other eyes."""
        return self._written(HIDDEN if self.password else "")

    @property
    def tunnels(self) -> bool:
        """Whether it connects to anything; plain HTTP is better asked of an HTTP proxy, for many tunnel TLS only."""
        return self.scheme == SOCKS

    def __repr__(self) -> str:
        return f"Proxy({self.shown})"

    def _written(self, password: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        word = password if password == HIDDEN else quote(password, safe="")
        login = quote(self.user, safe="") + (f":{word}" if word else "")
        return f"{self.scheme}://{login}{'@' if login else ''}{host}:{self.port}"


def read_proxy(text: str) -> Proxy:
    """The proxy that `text` names; `ProxyRefused` says why it names none. Without a scheme it is an HTTP proxy."""
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"{HTTP}://{text}")
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise _no_url() from None
    scheme = _SPELLINGS.get(parts.scheme, parts.scheme)
    if scheme not in _PORTS:
        raise ProxyRefused(
            "“%(scheme)s” is not a kind of proxy that Morello can use. Begin with http://, https:// or socks5://.",
            scheme=parts.scheme[:40],
        )
    if len(text) > LONGEST or port == 0 or not _HOST.fullmatch(host) or parts.path.strip("/") or "?" in text:
        raise _no_url()
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if parts.fragment or not _is_login(user, password):
        raise ProxyRefused(
            "The proxy's user name or password cannot be sent. They have up to 255 characters each, none of them a "
            "control character, and the name has no colon. Characters that mean something in a URL are percent-encoded."
        )
    return Proxy(scheme, host, port or _PORTS[scheme], user, password)


def checked_proxy(text: str) -> str:
    """A proxy's URL as it is kept; empty for none. `ProxyRefused` says why it cannot be used."""
    return read_proxy(text).url if text.strip() else ""


def shown_proxy(text: str) -> str:
    """A checked proxy's URL without its password."""
    return read_proxy(text).shown if text else ""


def retyped(text: str, old: str) -> str:
    """What was typed over a URL that was shown: a password that still stands there as stars is that of `old`.

    It is the one of that proxy only: whoever names another must type it.
    """
    if not text.strip() or not old:
        return text
    typed, kept = read_proxy(text), read_proxy(old)
    if typed.password != HIDDEN or not kept.password:
        return text
    if typed.shown != kept.shown:
        raise ProxyRefused("The password was for another proxy or user. Type it again in the place of the stars.")
    return old


def is_this_computer(host: str) -> bool:
    """Whether a host is this computer, which is never reached through a proxy."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _no_url() -> ProxyRefused:
    return ProxyRefused(
        "That is not a proxy's address. Write it as http://host:port or socks5://user:password@host:port."
    )


def _is_login(user: str, password: str) -> bool:
    if ":" in user or (password and not user):
        return False
    return all(len(word.encode()) <= LONGEST_LOGIN and (word.isprintable() or not word) for word in (user, password))
