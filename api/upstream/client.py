"""The wire out: one question to a provider, and its answer or our error.

Requests are built, not copied: of the caller's headers only a few named ones go out. Nothing is followed
and nothing is decompressed.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final, Protocol

import httpx
import msgspec

from api import VERSION
from api.dialects import anthropic, gemini, openai_chat, openai_responses
from api.errors import BadReply, SaidInWords, UpstreamFailed, UpstreamTimeout, UpstreamUnreachable
from api.limits import CHAT, MODELS, USUAL, Limits
from api.providers.provider import Model, Provider
from api.upstream.addresses import NotConnected
from api.upstream.h1 import H1Transport, SizedStream
from api.upstream.listing import MOST_MODELS, MOST_PAGES, first_page, read_page
from api.upstream.proxies import Proxy
from api.upstream.refusal import refusal
from api.upstream.reply import ProviderReply
from api.upstream.trust import NotTrusted
from api.upstream.tunnel import NoWayOut, ProxyTimedOut
from api.upstream.wire import Overdue

LONGEST_HEADER: Final = 4096
REMEMBERED: Final = 16  # combinations of a caller's headers, per target
MOST_TARGETS: Final = 256  # some paths hold a model's name, and callers may name any

# Of a caller's headers those that a provider of the same dialect may see; one of another dialect sees none.
FORWARDED: Final[dict[str, tuple[str, ...]]] = {
    anthropic.NAME: ("anthropic-version", "anthropic-beta", "accept"),
    openai_chat.NAME: ("openai-beta", "accept"),
    openai_responses.NAME: ("openai-beta", "accept"),
    gemini.NAME: ("accept",),
}
_USER_AGENT: Final = f"morello/{VERSION}".encode()


class Pieces(Protocol):
    """A body of `size` bytes that comes piece by piece."""

    size: int

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces, from the first one each time."""


class Question(msgspec.Struct, frozen=True):
    """What an endpoint is asked: whole, or as a body that comes piece by piece. `dialect` says how keys travel.

    `route` is the endpoint, by whose limits it is asked.
    """

    dialect: str
    url: str
    body: bytes | Pieces = b""
    media_type: str = ""
    method: str = "POST"
    route: str = CHAT


class _Target(msgspec.Struct, frozen=True):
    """Where a question goes and what goes with every one of them, built once."""

    provider: Provider
    url: httpx.URL
    headers: list[tuple[bytes, bytes]]
    proxy: Proxy | None
    whole: dict[tuple[tuple[bytes, bytes], ...], httpx.Headers] = {}

    def with_callers(self, extra: list[tuple[bytes, bytes]]) -> httpx.Headers:
        """The headers with those of a caller, which are nearly always the same ones."""
        known = self.whole.get(key := tuple(extra))
        if known is None:
            known = httpx.Headers(self.headers + extra)
            if len(self.whole) < REMEMBERED:
                self.whole[key] = known
        return known


class Upstream:
    """Asks providers over one transport. `redact` strikes secrets out of what they say.

    `limits` tells those of a provider and a route, `proxy` whom a provider is asked through, at a host.
    """

    def __init__(
        self,
        transport: H1Transport,
        redact: Callable[[str], str],
        limits: Callable[[str, str], Limits] = lambda _provider, _route: USUAL,
        proxy: Callable[[Provider, str], Proxy | None] = lambda _provider, _host: None,
    ) -> None:
        self._transport, self._redact = transport, redact
        self._limits, self._proxy = limits, proxy
        self._targets: dict[tuple[str, str, str], _Target] = {}

    async def post(
        self,
        provider: Provider,
        dialect: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        caller: str | None = None,
        limits: Limits | None = None,
    ) -> ProviderReply:
        """Ask `provider` at `path` (below its base URL). The reply has begun and its status is below 300.

        `headers` are the caller's, who spoke the dialect `caller`; without it, the provider's own. `limits` are
        others than those in force.
        """
        target = self._target(provider, dialect, path)
        limits = limits or self._limits(provider.id, CHAT)
        request = httpx.Request(
            "POST",
            target.url,
            headers=target.with_callers(_callers(headers, dialect, caller or dialect)),
            stream=httpx.ByteStream(body),
            extensions=_extensions(limits, target.proxy),
        )
        return await self._ask(provider, dialect, request, limits)

    async def send(
        self, provider: Provider, question: Question, headers: Mapping[str, str], limits: Limits | None = None
    ) -> ProviderReply:
        """Ask an endpoint of `provider` that is no conversation. The reply has begun and its status is below 300.

        `headers` are the caller's. `limits` are others than those in force.
        """
        limits = limits or self._limits(provider.id, question.route)
        url = httpx.URL(question.url)
        own = [header for header in _headers(provider, question.dialect, url) if header[0] != b"content-type"]
        if question.media_type:
            own.append((b"content-type", question.media_type.encode("ascii")))
        body = question.body
        request = httpx.Request(
            question.method,
            url,
            headers=own + _callers(headers, question.dialect, question.dialect),
            stream=httpx.ByteStream(body) if isinstance(body, bytes) else SizedStream(body.size, body),
            extensions=_extensions(limits, self._proxy(provider, url.host)),
        )
        return await self._ask(provider, question.dialect, request, limits)

    async def list_models(self, provider: Provider) -> tuple[Model, ...]:
        """The models a provider lists now."""
        page = read_page(provider, await self._get(provider, first_page(provider)))
        models = page.models
        for _ in range(MOST_PAGES):
            if page.next is None or len(models) >= MOST_MODELS:
                break
            page = read_page(provider, await self._get(provider, page.next))
            models += page.models
        return models[:MOST_MODELS]

    async def knock(self, provider: Provider, path: str) -> None:
        """Read what lies at `path` (below the base URL): a key that is not good is refused."""
        await self._get(provider, path)

    async def _get(self, provider: Provider, path: str) -> bytes:
        url = httpx.URL(provider.base_url + path)
        headers = [header for header in _headers(provider, provider.dialect, url) if header[0] != b"content-type"]
        if provider.dialect == anthropic.NAME:
            headers.append((b"anthropic-version", anthropic.DEFAULT_VERSION.encode()))
        limits, nothing = self._limits(provider.id, MODELS), httpx.ByteStream(b"")
        extensions = _extensions(limits, self._proxy(provider, url.host))
        request = httpx.Request("GET", url, headers=headers, stream=nothing, extensions=extensions)
        reply = await self._ask(provider, provider.dialect, request, limits)
        try:
            return await reply.whole()
        finally:
            await reply.close()

    def forget(self, provider: str) -> None:
        """Drop what was built for a provider's calls, its key in it."""
        for name in [name for name in self._targets if name[0] == provider]:
            del self._targets[name]

    def renew(self) -> None:
        """The way out is another one from now on: what was built for calls names the old one."""
        self._targets.clear()
        self._transport.renew()

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def _ask(self, provider: Provider, dialect: str, request: httpx.Request, limits: Limits) -> ProviderReply:
        try:
            reply = ProviderReply(provider, await self._transport.ask(request), limits)
        except httpx.TransportError as error:
            raise self._no_answer(provider, error, limits) from error
        if reply.status < 300 and reply.header("content-encoding") in (None, "identity"):
            return reply
        try:
            if reply.status >= 300:
                raise await refusal(provider, dialect, reply, self._redact)
            raise BadReply(
                "The provider “%(id)s” compressed its answer although plain text was asked for.", id=provider.id
            )
        finally:
            await reply.close()

    def _no_answer(self, provider: Provider, error: httpx.TransportError, limits: Limits) -> UpstreamFailed:
        match error:
            case httpx.TimeoutException():
                return _too_late(provider, error, limits)
            case NoWayOut():
                return UpstreamUnreachable(
                    "The provider “%(id)s” was not asked. %(reason)s. Look at the network in the settings.",
                    id=provider.id,
                    reason=self._why(error),
                )
            case NotTrusted():
                return UpstreamUnreachable(
                    "The provider “%(id)s” was not asked. %(reason)s Look at the network in the settings.",
                    id=provider.id,
                    reason=error.refused,
                )
            case httpx.ConnectError():
                return UpstreamUnreachable(
                    "The provider “%(id)s” cannot be reached at %(url)s: %(reason)s. Look whether it runs, and at its "
                    "base URL.",
                    id=provider.id,
                    url=provider.base_url,
                    reason=self._why(error),
                )
            case _:
                return BadReply(
                    "The provider “%(id)s” broke off before it answered: %(reason)s", id=provider.id, reason=str(error)
                )

    def _why(self, error: httpx.ConnectError) -> SaidInWords | str:
        told = self._redact(str(error)).rstrip(".")
        if isinstance(error, NotConnected) and str(error.why) == told:
            return error.why
        return told or SaidInWords("no connection")

    def _target(self, provider: Provider, dialect: str, path: str) -> _Target:
        name = (provider.id, dialect, path)
        target = self._targets.get(name)
        if target is None or target.provider is not provider:
            if len(self._targets) >= MOST_TARGETS:
                del self._targets[next(iter(self._targets))]
            url = httpx.URL(provider.base_url + path)
            proxy = self._proxy(provider, url.host)
            target = self._targets[name] = _Target(provider, url, _headers(provider, dialect, url), proxy)
        return target


def _extensions(limits: Limits, proxy: Proxy | None) -> dict[str, object]:
    timeouts = {
        "connect": limits.connect,
        "pool": limits.pool,
        "write": limits.write,
        "read": limits.first_byte,
        "total": limits.total,
    }
    return {"timeout": timeouts, "proxy": proxy}


def _too_late(provider: Provider, error: httpx.TimeoutException, limits: Limits) -> UpstreamTimeout:
    match error:
        case ProxyTimedOut():
            return UpstreamTimeout(
                "The provider “%(id)s” could not be reached through the proxy %(proxy)s within %(seconds)g s. Look "
                "whether the proxy runs.",
                id=provider.id,
                proxy=error.proxy.shown,
                seconds=limits.connect,
            )
        case httpx.ConnectTimeout():
            return UpstreamTimeout(
                "The provider “%(id)s” could not be reached within %(seconds)g s. Try again, or raise “connect” under "
                "Limits in the settings.",
                id=provider.id,
                seconds=limits.connect,
            )
        case Overdue():
            return UpstreamTimeout(
                "The provider “%(id)s” did not answer within %(seconds)g s, which is the most for a whole call. Try "
                "again, or raise “total” under Limits in the settings.",
                id=provider.id,
                seconds=limits.total,
            )
        case httpx.ReadTimeout():
            return UpstreamTimeout(
                "The provider “%(id)s” did not answer within %(seconds)g s. Try again, or raise “first_byte” under "
                "Limits in the settings.",
                id=provider.id,
                seconds=limits.first_byte,
            )
        case httpx.PoolTimeout():
            return UpstreamTimeout(
                "Every connection to the provider “%(id)s” was busy for %(seconds)g s. Try again, or raise “pool” "
                "under Limits in the settings.",
                id=provider.id,
                seconds=limits.pool,
            )
        case _:
            return UpstreamTimeout(
                "The provider “%(id)s” took nothing of the request for %(seconds)g s. Try again, or raise “write” "
                "under Limits in the settings.",
                id=provider.id,
                seconds=limits.write,
            )


def _headers(provider: Provider, dialect: str, url: httpx.URL) -> list[tuple[bytes, bytes]]:
    return [
        (b"host", url.netloc),
        (b"user-agent", _USER_AGENT),
        (b"accept-encoding", b"identity"),
        (b"content-type", b"application/json"),
        *_key(provider, dialect),
    ]


def _key(provider: Provider, dialect: str) -> list[tuple[bytes, bytes]]:
    """The headers that the provider's key travels in."""
    if not provider.key:
        return []
    key = provider.key.encode()
    bearer = (b"authorization", b"Bearer " + key)
    if provider.quirks.deployments or provider.quirks.api_version:
        return [(b"api-key", key)]
    if dialect == gemini.NAME:
        return [(b"x-goog-api-key", key)]
    if dialect != anthropic.NAME:
        return [bearer]
    # Who speaks Anthropic beside another dialect may look for the key where the other has it (OpenRouter, Ollama).
    return [(b"x-api-key", key)] if len(provider.dialects) == 1 else [(b"x-api-key", key), bearer]


def _callers(headers: Mapping[str, str], dialect: str, caller: str) -> list[tuple[bytes, bytes]]:
    """Those of the caller's headers that may go to a provider asked in `dialect`, and what must not be missing."""
    names = FORWARDED[dialect] if caller == dialect else ()
    extra = [(name.encode(), headers[name].encode()) for name in names if _may_go(headers.get(name))]
    if dialect == anthropic.NAME and not any(name == b"anthropic-version" for name, _ in extra):
        extra.append((b"anthropic-version", anthropic.DEFAULT_VERSION.encode()))
    return extra


def _may_go(value: str | None) -> bool:
    return value is not None and len(value) <= LONGEST_HEADER and value.isascii() and value.isprintable()
