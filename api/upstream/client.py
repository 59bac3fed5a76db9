"""The wire out: one question to a provider, and its answer or our error.

Requests are built, not copied: of the caller's headers only a few named ones go out. Nothing is followed
and nothing is decompressed.
"""

from collections.abc import Callable, Mapping
from typing import Final

import httpx
import msgspec

from api import VERSION
from api.dialects import anthropic
from api.errors import BadReply, UpstreamFailed, UpstreamTimeout, UpstreamUnreachable
from api.providers.provider import Model, Provider
from api.upstream.h1 import H1Transport
from api.upstream.refusal import refusal
from api.upstream.reply import ProviderReply

# Seconds. `read` is the patience until the first byte; after it the reply has its own.
TIMEOUTS: Final = {"connect": 10.0, "pool": 5.0, "write": 60.0, "read": 300.0}
LIST_TIMEOUTS: Final = {**TIMEOUTS, "write": 10.0, "read": 20.0}
MOST_MODELS: Final = 5000
LONGEST_MODEL: Final = 256
LONGEST_HEADER: Final = 4096
REMEMBERED: Final = 64  # combinations of a caller's headers, per target

FORWARDED: Final = ("anthropic-version", "anthropic-beta", "openai-beta", "accept")
_USER_AGENT: Final = f"morello/{VERSION}".encode()


class _Target(msgspec.Struct, frozen=True):
    """Where a question goes and what goes with every one of them, built once."""

    provider: Provider
    url: httpx.URL
    headers: list[tuple[bytes, bytes]]
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
    """Asks providers over one transport. `redact` strikes secrets out of what they say."""

    def __init__(self, transport: H1Transport, redact: Callable[[str], str]) -> None:
        self._transport, self._redact = transport, redact
        self._targets: dict[tuple[str, str, str], _Target] = {}

    async def post(
        self, provider: Provider, dialect: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> ProviderReply:
        """Ask `provider` at `path` (below its base URL). The reply has begun and its status is below 300."""
        target = self._target(provider, dialect, path)
        extra = [(name.encode(), headers[name].encode()) for name in FORWARDED if _may_go(headers.get(name))]
        if dialect == anthropic.NAME and "anthropic-version" not in headers:
            extra.append((b"anthropic-version", anthropic.DEFAULT_VERSION.encode()))
        request = httpx.Request(
            "POST",
            target.url,
            headers=target.with_callers(extra),
            stream=httpx.ByteStream(body),
            extensions={"timeout": TIMEOUTS},
        )
        return await self._ask(provider, dialect, request)

    async def list_models(self, provider: Provider) -> tuple[Model, ...]:
        """The models a provider lists now."""
        query = "?limit=1000" if provider.dialect == anthropic.NAME else ""
        target = self._target(provider, provider.dialect, f"/models{query}")
        headers = [header for header in target.headers if header[0] != b"content-type"]
        if provider.dialect == anthropic.NAME:
            headers.append((b"anthropic-version", anthropic.DEFAULT_VERSION.encode()))
        request = httpx.Request(
            "GET", target.url, headers=headers, stream=httpx.ByteStream(b""), extensions={"timeout": LIST_TIMEOUTS}
        )
        reply = await self._ask(provider, provider.dialect, request)
        try:
            return _models(provider, await reply.whole())
        finally:
            await reply.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def _ask(self, provider: Provider, dialect: str, request: httpx.Request) -> ProviderReply:
        try:
            reply = ProviderReply(provider, await self._transport.ask(request))
        except httpx.TransportError as error:
            raise self._no_answer(provider, error, request.extensions["timeout"]["read"]) from error
        if reply.status < 300 and reply.header("content-encoding") in (None, "identity"):
            return reply
        try:
            if reply.status >= 300:
                raise await refusal(provider, dialect, reply, self._redact)
            raise BadReply(f"The provider “{provider.id}” compressed its answer although plain text was asked for.")
        finally:
            await reply.close()

    def _no_answer(self, provider: Provider, error: httpx.TransportError, patience: float) -> UpstreamFailed:
        match error:
            case httpx.ConnectTimeout():
                return UpstreamTimeout(f"The provider “{provider.id}” could not be reached within 10 s. Try again.")
            case httpx.ReadTimeout():
                return UpstreamTimeout(
                    f"The provider “{provider.id}” did not answer within {patience:.0f} s. Try again."
                )
            case httpx.PoolTimeout() | httpx.WriteTimeout():
                return UpstreamTimeout(f"The provider “{provider.id}” is too busy to take the request. Try again.")
            case httpx.ConnectError():
                why = self._redact(str(error)).rstrip(".") or "no connection"
                return UpstreamUnreachable(
                    f"The provider “{provider.id}” cannot be reached at {provider.base_url}: {why}. Look whether it "
                    "runs, and at its base URL."
                )
            case _:
                return BadReply(f"The provider “{provider.id}” broke off before it answered: {error}")

    def _target(self, provider: Provider, dialect: str, path: str) -> _Target:
        name = (provider.id, dialect, path)
        target = self._targets.get(name)
        if target is None or target.provider is not provider:
            url = httpx.URL(provider.base_url + path)
            target = self._targets[name] = _Target(provider, url, _headers(provider, dialect, url))
        return target


def _headers(provider: Provider, dialect: str, url: httpx.URL) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"host", url.netloc),
        (b"user-agent", _USER_AGENT),
        (b"accept-encoding", b"identity"),
        (b"content-type", b"application/json"),
    ]
    if provider.key and dialect == anthropic.NAME:
        headers.append((b"x-api-key", provider.key.encode()))
    elif provider.key:
        headers.append((b"authorization", b"Bearer " + provider.key.encode()))
    return headers


def _may_go(value: str | None) -> bool:
    return value is not None and len(value) <= LONGEST_HEADER and value.isascii() and value.isprintable()


class _ListedModel(msgspec.Struct):
    id: str
    created: int | float | None = None
    display_name: str | None = None
    name: str | None = None


class _ModelList(msgspec.Struct):
    data: list[_ListedModel]


def _models(provider: Provider, body: bytes) -> tuple[Model, ...]:
    try:
        listed = msgspec.json.decode(body, type=_ModelList).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadReply(f"The provider “{provider.id}” sent no model list: {error}") from error
    return tuple(
        Model(model.id, max(0, int(model.created or 0)), model.display_name or model.name)
        for model in listed[:MOST_MODELS]
        if 0 < len(model.id) <= LONGEST_MODEL
    )
