"""The wire out: one question to a provider, its answer or our error.

Requests are built, not copied: of the caller's headers only a few named ones go out. Nothing is followed,
nothing is decompressed, nothing is tried twice.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

import httpx
import msgspec

from api import VERSION
from api.dialects import anthropic, openai_chat
from api.errors import (
    BadReply,
    StreamBroken,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from api.providers.provider import Model, Provider
from api.upstream.h1 import Reply

# Seconds. `read` is the patience until the first byte; between bytes it is IDLE_SECONDS.
TIMEOUTS: Final = {"connect": 10.0, "pool": 5.0, "write": 60.0, "read": 300.0}
LIST_TIMEOUTS: Final = {"connect": 10.0, "pool": 5.0, "write": 10.0, "read": 20.0}
IDLE_SECONDS: Final = 120.0
LARGEST_REPLY: Final = 64 * 1024 * 1024
LARGEST_ERROR: Final = 64 * 1024
LONGEST_WORDS: Final = 2000
MOST_MODELS: Final = 5000
LONGEST_MODEL: Final = 256
LONGEST_HEADER: Final = 4096
LONGEST_WAIT: Final = 3600  # seconds that a provider's Retry-After may name

FORWARDED: Final = ("anthropic-version", "anthropic-beta", "openai-beta", "accept")
RETURNED: Final = ("retry-after", "openai-processing-ms")
RETURNED_FAMILIES: Final = ("x-ratelimit-", "anthropic-ratelimit-")
_USER_AGENT: Final = f"morello/{VERSION}".encode()


class _Target(msgspec.Struct, frozen=True):
    """Where a question goes and what goes with every one of them, built once."""

    provider: Provider
    url: httpx.URL
    headers: list[tuple[bytes, bytes]]


class Upstream:
    """Asks providers over one transport. `redact` strikes secrets out of what they say."""

    def __init__(self, transport: httpx.AsyncBaseTransport, redact: Callable[[str], str]) -> None:
        self._transport, self._redact = transport, redact
        self._targets: dict[tuple[str, str, str], _Target] = {}

    async def post(
        self, provider: Provider, dialect: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> httpx.Response:
        """Ask `provider` at `path` (below its base URL). The reply has begun and its status is below 300."""
        target = self._target(provider, dialect, path)
        extra = [(name.encode(), headers[name].encode()) for name in FORWARDED if _may_go(headers.get(name))]
        if dialect == anthropic.NAME and "anthropic-version" not in headers:
            extra.append((b"anthropic-version", anthropic.DEFAULT_VERSION.encode()))
        request = httpx.Request(
            "POST",
            target.url,
            headers=target.headers + extra,
            stream=httpx.ByteStream(body),
            extensions={"timeout": TIMEOUTS},
        )
        reply = await self._send(provider, request)
        if reply.status_code >= 300:
            raise await self._refusal(provider, dialect, reply)
        if isinstance(reply.stream, Reply):
            reply.stream.patience = IDLE_SECONDS
        return reply

    async def list_models(self, provider: Provider) -> tuple[Model, ...]:
        """The models a provider lists now."""
        query = "?limit=1000" if provider.dialect == anthropic.NAME else ""
        target = self._target(provider, provider.dialect, f"/models{query}")
        headers = [header for header in target.headers if header[0] != b"content-type"]
        if provider.dialect == anthropic.NAME:
            headers.append((b"anthropic-version", anthropic.DEFAULT_VERSION.encode()))
        request = httpx.Request(
            "GET",
            target.url,
            headers=headers,
            stream=httpx.ByteStream(b""),
            extensions={"timeout": LIST_TIMEOUTS},
        )
        reply = await self._send(provider, request)
        if reply.status_code >= 300:
            raise await self._refusal(provider, provider.dialect, reply)
        return _models(provider, await self.whole(provider, reply))

    async def whole(self, provider: Provider, reply: httpx.Response) -> bytes:
        """The rest of a reply, read to its end; at most 64 MiB."""
        parts, size = [], 0
        async for part in self.parts(provider, reply):
            size += len(part)
            if size > LARGEST_REPLY:
                raise BadReply(
                    f"The provider “{provider.id}” sent more than 64 MiB. The answer was given up."
                )
            parts.append(part)
        return b"".join(parts)

    async def parts(self, provider: Provider, reply: httpx.Response) -> AsyncIterator[bytes]:
        """The bytes of a reply as they come."""
        assert isinstance(reply.stream, httpx.AsyncByteStream)
        try:
            async for part in reply.stream:
                yield part
        except httpx.TransportError as error:
            raise broken(provider, error) from error
        finally:
            await reply.aclose()

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def _send(self, provider: Provider, request: httpx.Request) -> httpx.Response:
        try:
            reply = await self._transport.handle_async_request(request)
        except httpx.TransportError as error:
            raise self._no_answer(provider, error) from error
        if reply.headers.get("content-encoding", "identity") != "identity":
            await reply.aclose()
            raise BadReply(
                f"The provider “{provider.id}” compressed its answer although plain text was asked for."
            )
        return reply

    def _no_answer(self, provider: Provider, error: httpx.TransportError) -> UpstreamFailed:
        match error:
            case httpx.ConnectTimeout():
                return UpstreamTimeout(
                    f"The provider “{provider.id}” could not be reached within 10 s. Try again."
                )
            case httpx.ReadTimeout():
                return UpstreamTimeout(
                    f"The provider “{provider.id}” did not answer within 300 s. Try again."
                )
            case httpx.PoolTimeout() | httpx.WriteTimeout():
                return UpstreamTimeout(
                    f"The provider “{provider.id}” is too busy to take the request. Try again."
                )
            case httpx.ConnectError():
                why = self._redact(str(error)) or "no connection"
                return UpstreamUnreachable(
                    f"The provider “{provider.id}” cannot be reached at {provider.base_url}: {why}. Look whether it "
                    "runs, and at its base URL."
                )
            case _:
                return BadReply(f"The provider “{provider.id}” broke off before it answered: {error}")

    async def _refusal(self, provider: Provider, dialect: str, reply: httpx.Response) -> UpstreamFailed:
        status = reply.status_code
        if status < 400:
            host = httpx.URL(reply.headers.get("location", "")).host or "another address"
            await reply.aclose()
            return BadReply(f"The provider “{provider.id}” redirects to {host}. Correct its base URL.")
        text = await self._beginning(provider, reply)
        words, kind, code = _words(dialect, text, reply.headers.get("content-type", ""), status)
        words = self._redact(words)[:LONGEST_WORDS]
        if status in (401, 403):
            # Our caller's key was right: passed on as 401, it would make them throw theirs away.
            return UpstreamRefused(
                f"The provider “{provider.id}” refused its own key ({status}): {words}", 502, "upstream_auth"
            )
        wait = _seconds(reply.headers.get("retry-after"))
        return UpstreamRefused(
            words, _STATUSES.get(status, status), code or kind or "upstream_error", kind, wait
        )

    async def _beginning(self, provider: Provider, reply: httpx.Response) -> bytes:
        text = b""
        try:
            async for part in self.parts(provider, reply):
                text += part
                if len(text) > LARGEST_ERROR:
                    break
        except UpstreamFailed:
            pass
        return text[:LARGEST_ERROR]

    def _target(self, provider: Provider, dialect: str, path: str) -> _Target:
        name = (provider.id, dialect, path)
        target = self._targets.get(name)
        if target is None or target.provider is not provider:
            url = httpx.URL(provider.base_url + path)
            target = self._targets[name] = _Target(provider, url, _headers(provider, dialect, url))
        return target


# What a caller sees where a provider's status would mislead them: its troubles are not ours.
_STATUSES: Final = {500: 502, 504: 502, 529: 503}


def broken(provider: Provider, error: httpx.TransportError) -> StreamBroken:
    """A stream or body that stopped in the middle."""
    if isinstance(error, httpx.ReadTimeout):
        return StreamBroken(
            f"The provider “{provider.id}” fell silent for {IDLE_SECONDS:.0f} s. The answer is cut."
        )
    return StreamBroken(f"The connection to the provider “{provider.id}” broke. The answer is cut.")


def passed_back(headers: httpx.Headers) -> dict[str, str]:
    """Those of a provider's headers that its caller may see."""
    return {
        name: value[:1024]
        for name, value in headers.items()
        if name in RETURNED or name.startswith(RETURNED_FAMILIES)
    }


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


def _words(dialect: str, body: bytes, media_type: str, status: int) -> tuple[str, str | None, str | None]:
    found = anthropic.error_in(body) if dialect == anthropic.NAME else openai_chat.error_in(body)
    if found:
        return found
    text = body.decode(errors="replace").strip()
    if "html" in media_type or text.startswith("<"):
        return f"The provider answered with a web page (status {status}). Look at its base URL.", None, None
    return text or f"The provider answered with status {status} and no words.", None, None


def _seconds(text: str | None) -> str | None:
    """A Retry-After in seconds, within reason; None for a date or nonsense."""
    return str(min(int(text), LONGEST_WAIT)) if text and text.isascii() and text.isdigit() else None


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
