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
from api.errors import BadReply, SaidInWords, UpstreamFailed, UpstreamTimeout, UpstreamUnreachable
from api.providers.provider import Model, Provider
from api.upstream.addresses import NotConnected
from api.upstream.h1 import H1Transport
from api.upstream.refusal import refusal
from api.upstream.reply import ProviderReply

# Seconds. `read` is the patience until the first byte; after it the reply has its own.
TIMEOUTS: Final = {"connect": 10.0, "pool": 5.0, "write": 60.0, "read": 300.0}
LIST_TIMEOUTS: Final = {**TIMEOUTS, "write": 10.0, "read": 20.0}
MOST_MODELS: Final = 5000
LONGEST_MODEL: Final = 256
LONGEST_OWNER: Final = 64
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
        return _models(provider, await self._get(provider, f"/models{query}"))

    async def knock(self, provider: Provider, path: str) -> None:
        """Read what lies at `path` (below the base URL): a key that is not good is refused."""
        await self._get(provider, path)

    async def _get(self, provider: Provider, path: str) -> bytes:
        url = httpx.URL(provider.base_url + path)
        headers = [header for header in _headers(provider, provider.dialect, url) if header[0] != b"content-type"]
        if provider.dialect == anthropic.NAME:
            headers.append((b"anthropic-version", anthropic.DEFAULT_VERSION.encode()))
        request = httpx.Request(
            "GET", url, headers=headers, stream=httpx.ByteStream(b""), extensions={"timeout": LIST_TIMEOUTS}
        )
        reply = await self._ask(provider, provider.dialect, request)
        try:
            return await reply.whole()
        finally:
            await reply.close()

    def forget(self, provider: str) -> None:
        """Drop what was built for a provider's calls, its key in it."""
        for name in [name for name in self._targets if name[0] == provider]:
            del self._targets[name]

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
            raise BadReply(
                "The provider “%(id)s” compressed its answer although plain text was asked for.", id=provider.id
            )
        finally:
            await reply.close()

    def _no_answer(self, provider: Provider, error: httpx.TransportError, patience: float) -> UpstreamFailed:
        match error:
            case httpx.ConnectTimeout():
                return UpstreamTimeout(
                    "The provider “%(id)s” could not be reached within 10 s. Try again.", id=provider.id
                )
            case httpx.ReadTimeout():
                return UpstreamTimeout(
                    "The provider “%(id)s” did not answer within %(seconds).0f s. Try again.",
                    id=provider.id,
                    seconds=patience,
                )
            case httpx.PoolTimeout() | httpx.WriteTimeout():
                return UpstreamTimeout(
                    "The provider “%(id)s” is too busy to take the request. Try again.", id=provider.id
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
    owned_by: object = None


class _ModelList(msgspec.Struct):
    data: list[_ListedModel] | None  # Ollama without a model says null


def _models(provider: Provider, body: bytes) -> tuple[Model, ...]:
    try:
        listed = msgspec.json.decode(body, type=_ModelList).data or []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadReply(
            "The provider “%(id)s” sent no model list: %(reason)s", id=provider.id, reason=str(error)
        ) from error
    return tuple(
        Model(model.id, max(0, int(model.created or 0)), model.display_name or model.name, _owner(model.owned_by))
        for model in listed[:MOST_MODELS]
        if 0 < len(model.id) <= LONGEST_MODEL
    )


def _owner(told: object) -> str | None:
    return told if isinstance(told, str) and 0 < len(told) <= LONGEST_OWNER else None
