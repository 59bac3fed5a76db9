"""What a provider's error means for our caller: a status, a kind, and the provider's own words without secrets."""

from collections.abc import Callable
from typing import Final

import httpx

from api.dialects import anthropic, openai_chat
from api.errors import BadReply, StreamBroken, UpstreamFailed, UpstreamRefused
from api.providers.provider import Provider
from api.upstream.reply import ProviderReply

LARGEST: Final = 64 * 1024
LONGEST_WORDS: Final = 2000
LONGEST_WAIT: Final = 3600  # seconds that a Retry-After may name
# Where the provider's status would mislead: its troubles are not ours.
STATUSES: Final = {500: 502, 504: 502, 529: 503}


async def refusal(
    provider: Provider, dialect: str, reply: ProviderReply, redact: Callable[[str], str]
) -> UpstreamFailed:
    """The error to raise for a reply whose status is 300 or more."""
    if reply.status < 400:
        host = httpx.URL(reply.header("location") or "").host or "another address"
        return BadReply(f"The provider “{provider.id}” redirects to {host}. Correct its base URL.")
    words, kind, code = _words(dialect, await _body(reply), reply.media_type, reply.status)
    words = redact(words)[:LONGEST_WORDS]
    if reply.status in (401, 403):
        # Our caller's key was right: passed on as 401, it would make them throw theirs away.
        told = f"The provider “{provider.id}” refused its own key ({reply.status}): {words}"
        return UpstreamRefused(told, 502, "upstream_auth")
    status = STATUSES.get(reply.status, reply.status)
    return UpstreamRefused(words, status, code or kind or "upstream_error", kind, _wait(reply.header("retry-after")))


async def _body(reply: ProviderReply) -> bytes:
    try:
        return await reply.beginning(LARGEST)
    except StreamBroken:
        return b""  # the status is known, and says enough


def _words(dialect: str, body: bytes, media_type: str, status: int) -> tuple[str, str | None, str | None]:
    found = anthropic.error_in(body) if dialect == anthropic.NAME else openai_chat.error_in(body)
    if found:
        return found
    text = body.decode(errors="replace").strip()
    if "html" in media_type or text.startswith("<"):
        return f"The provider answered with a web page (status {status}). Look at its base URL.", None, None
    return text or f"The provider answered with status {status} and no words.", None, None


def _wait(text: str | None) -> str | None:
    """A Retry-After in seconds, within reason; None for a date or nonsense."""
    return str(min(int(text), LONGEST_WAIT)) if text and text.isascii() and text.isdigit() else None
