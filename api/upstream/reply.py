"""A provider's answer on its way: whole, or poured as it comes."""

from collections.abc import Callable
from typing import Final

import httpx

from api.errors import BadReply, StreamBroken
from api.limits import Limits
from api.providers.provider import Provider
from api.upstream import wire

FAREWELL_SECONDS: Final = 5.0  # how long it may be silent once it has said everything: many end their stream later
LARGEST: Final = 64 * 1024 * 1024
LONGEST_HEADER: Final = 1024
RETURNED: Final = (b"retry-after", b"openai-processing-ms", b"content-disposition")
RETURNED_FAMILIES: Final = (b"x-ratelimit-", b"anthropic-ratelimit-")


class ProviderReply:
    """An answer that has begun. `headers` are those that its caller may see."""

    __slots__ = ("_limits", "_provider", "_stream", "_told", "headers", "media_type", "status")

    def __init__(self, provider: Provider, stream: wire.Reply, limits: Limits) -> None:
        self._provider, self._stream, self._limits = provider, stream, limits
        self._stream.patience = limits.idle
        self.status, self._told = stream.status, {name.lower(): value for name, value in stream.headers}
        self.headers = _returned(self._told)
        self.media_type = self.header("content-type") or ""

    def header(self, name: str) -> str | None:
        """One of the provider's own headers."""
        value = self._told.get(name.encode())
        return None if value is None else value.decode("latin-1")

    async def whole(self) -> bytes:
        """All of it; at most 64 MiB."""
        body = await self.beginning(LARGEST + 1)
        if len(body) > LARGEST:
            raise BadReply(
                "The provider “%(id)s” sent more than 64 MiB. The answer was given up.", id=self._provider.id
            )
        return body

    async def beginning(self, limit: int) -> bytes:
        """Its first `limit` bytes, or all there are."""
        parts, size = [], 0
        try:
            async for part in self._stream:
                parts.append(part)
                size += len(part)
                if size >= limit:
                    break
        except httpx.TransportError as error:
            raise self._broken(error) from error
        return b"".join(parts)[:limit]

    async def pour(self, sink: Callable[[bytes], None]) -> None:
        """Give each block to `sink` as it comes, until the end."""
        try:
            await self._stream.pour(sink)
        except httpx.TransportError as error:
            raise self._broken(error) from error

    def hold(self, on: bool) -> None:
        """Pour no more, and read no more, so that the provider slows down; `False` goes on."""
        self._stream.hold(on)

    def hurry(self) -> None:
        """It has said everything: wait but a moment for its end."""
        self._stream.hurry(FAREWELL_SECONDS)

    async def close(self) -> None:
        """Let go, whether it is whole or not."""
        await self._stream.aclose()

    def _broken(self, error: httpx.TransportError) -> StreamBroken:
        if isinstance(error, wire.Overdue):
            return StreamBroken(
                "The provider “%(id)s” was not done within %(seconds)g s. The answer is cut; “total” under Limits in "
                "the settings allows for more.",
                id=self._provider.id,
                seconds=self._limits.total,
            )
        if isinstance(error, httpx.ReadTimeout):
            return StreamBroken(
                "The provider “%(id)s” fell silent for %(seconds)g s. The answer is cut; “idle” under Limits in the "
                "settings allows for more.",
                id=self._provider.id,
                seconds=self._limits.idle,
            )
        return StreamBroken("The connection to the provider “%(id)s” broke. The answer is cut.", id=self._provider.id)


def _returned(told: dict[bytes, bytes]) -> dict[str, str]:
    return {
        name.decode("latin-1"): value[:LONGEST_HEADER].decode("latin-1")
        for name, value in told.items()
        if name in RETURNED or name.startswith(RETURNED_FAMILIES)
    }
