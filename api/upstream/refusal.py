"""What a provider's error means for our caller: a status, a kind, and the provider's own words without secrets."""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from api.dialects.dialect import Told
from api.dialects.spoken import SPOKEN
from api.errors import BadReply, StreamBroken, UpstreamFailed, UpstreamRefused
from api.providers.provider import Provider
from api.upstream.reply import ProviderReply

LARGEST: Final = 64 * 1024
LONGEST_WORDS: Final = 2000
LONGEST_KIND: Final = 64
LONGEST_WAIT: Final = 3600  # seconds that a Retry-After may name
# Where the provider's status would mislead: its troubles are not ours.
STATUSES: Final = {500: 502, 504: 502, 529: 503}
# llama.cpp's 500 for a text that it cannot embed in one piece, which is the caller's to shorten.
_TOO_LONG: Final = re.compile(r"input \((\d+) tokens\) is too large to process\..*\(current batch size: (\d+)\)")


async def refusal(
    provider: Provider, dialect: str, reply: ProviderReply, redact: Callable[[str], str]
) -> UpstreamFailed:
    """The error to raise for a reply whose status is 300 or more."""
    if reply.status < 400:
        return _redirected(provider, redact(_host(reply.header("location") or "")))
    body = await _body(reply)
    told: Told = SPOKEN[dialect].error_in(body) or Told(_plain(body, reply.media_type))
    words = redact(told.words)[:LONGEST_WORDS]
    kind, code = (redact(name or "")[:LONGEST_KIND] or None for name in (told.type, told.code))
    if reply.status in (401, 403):
        return _key_refused(provider, reply.status, words)
    status, wait = STATUSES.get(reply.status, reply.status), _wait(reply.header("retry-after"))
    if too_long := _TOO_LONG.match(words):
        return _longer_than_a_batch(provider, *too_long.groups())
    if words:
        return UpstreamRefused(words, status, code or kind or "upstream_error", kind, wait)
    return _wordless(reply, status, wait, bool(body.strip()))


def _longer_than_a_batch(provider: Provider, has: str, most: str) -> UpstreamRefused:
    return UpstreamRefused(
        "The text has %(has)s tokens, and the provider “%(id)s” embeds at most %(most)s at a time. Send it in smaller "
        "pieces.",
        400,
        "context_length_exceeded",
        has=has,
        id=provider.id,
        most=most,
    )


def _host(location: str) -> str:
    """The host that a Location names; nothing where it names none, or is no URL."""
    try:
        return urlsplit(location).hostname or ""
    except ValueError:
        return ""


def _redirected(provider: Provider, host: str) -> BadReply:
    if not host:
        return BadReply("The provider “%(id)s” redirects to another address. Correct its base URL.", id=provider.id)
    return BadReply("The provider “%(id)s” redirects to %(host)s. Correct its base URL.", id=provider.id, host=host)


def _key_refused(provider: Provider, status: int, words: str) -> UpstreamRefused:
    # Our caller's key was right: passed on as 401, it would make them throw theirs away.
    if not words:
        return UpstreamRefused(
            "The provider “%(id)s” refused its own key (%(code)d) and said no more.",
            502,
            "upstream_auth",
            id=provider.id,
            code=status,
        )
    return UpstreamRefused(
        "The provider “%(id)s” refused its own key (%(code)d): %(told)s",
        502,
        "upstream_auth",
        id=provider.id,
        code=status,
        told=words,
    )


def _wordless(reply: ProviderReply, status: int, wait: str | None, is_page: bool) -> UpstreamRefused:
    """What can be said for a provider that said nothing a person could read."""
    if is_page:
        return UpstreamRefused(
            "The provider answered with a web page (status %(code)d). Look at its base URL.",
            status,
            "upstream_error",
            retry_after=wait,
            code=reply.status,
        )
    return UpstreamRefused(
        "The provider answered with status %(code)d and no words.",
        status,
        "upstream_error",
        retry_after=wait,
        code=reply.status,
    )


async def _body(reply: ProviderReply) -> bytes:
    try:
        return await reply.beginning(LARGEST)
    except StreamBroken:
        return b""  # the status is known, and says enough


def _plain(body: bytes, media_type: str) -> str:
    """A body that is no error of the dialect, where a person can read it."""
    text = body.decode(errors="replace").strip()
    return "" if "html" in media_type or text.startswith("<") else text


def _wait(text: str | None) -> str | None:
    """A Retry-After in seconds, within reason; None for a date or nonsense."""
    return str(min(int(text), LONGEST_WAIT)) if text and text.isascii() and text.isdigit() else None
