"""Whose fault a failed attempt is, which decides who is asked next."""

import re
from enum import Enum, auto
from typing import Final

from api.errors import (
    BadReply,
    GatewayError,
    Incapable,
    ProviderNotReady,
    StreamBroken,
    TooLarge,
    Unprepared,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from api.providers.pool import EMPTY_SECONDS, REFUSED_SECONDS

# How providers say that an account has no money left, where their status says that it asks too often.
_EMPTY: Final = re.compile(r"quota|balance|billing|credit|insufficient|欠费|余额", re.IGNORECASE)


class Blame(Enum):
    """CALLER: nobody else would answer otherwise. KEY: another may do. PROVIDER: another one may answer.

    UNABLE: it cannot be asked for this at all, and nothing was sent.
    """

    CALLER = auto()
    KEY = auto()
    PROVIDER = auto()
    UNABLE = auto()


def blame(error: GatewayError) -> Blame:
    """Whose fault it is."""
    match error:
        case UpstreamRefused() if error.kind == "upstream_auth" or error.status in (402, 429):
            return Blame.KEY
        case UpstreamRefused() if error.kind == "invalid_request_error":
            return Blame.CALLER
        case UpstreamRefused():
            return Blame.PROVIDER if error.status == 408 or error.status >= 500 else Blame.CALLER
        case UpstreamUnreachable() | UpstreamTimeout() | BadReply() | StreamBroken():
            return Blame.PROVIDER
        case Incapable() | ProviderNotReady() | Unprepared() | TooLarge():
            return Blame.UNABLE
        case _:
            return Blame.CALLER


def rest_of(error: GatewayError) -> float | None:
    """Seconds that a key rests after `error`; None where that depends on how often it happened."""
    if error.kind == "upstream_auth":
        return REFUSED_SECONDS
    if (wait := retry_after(error)) is not None:
        return wait
    return EMPTY_SECONDS if error.status == 402 or _EMPTY.search(str(error)) else None


def retry_after(error: GatewayError) -> float | None:
    """Seconds that the provider wants to be left alone, where it said so."""
    wait = error.headers.get("retry-after")
    return float(wait) if wait else None
