"""Errors: ours in this dialect's shape, a provider's read from it."""

from typing import Final

import msgspec
from msgspec import Struct

from api.dialects import sse
from api.dialects.anthropic.shapes import AnthropicErrorDetail, AnthropicErrorReply
from api.dialects.dialect import Told
from api.errors import GatewayError, UpstreamRefused

TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    415: "invalid_request_error",
    421: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
TOO_LONG: Final = "prompt is too long"  # the words by which Claude Code knows that it has to shorten the talk


def write_error(error: GatewayError, request_id: str) -> bytes:
    """An error's body."""
    kind, words = TYPES.get(error.status, "api_error"), str(error)
    if isinstance(error, UpstreamRefused) and error.type:
        kind = error.type
    if error.kind == "context_length_exceeded":
        kind = "invalid_request_error"
        words = words if words.lower().startswith(TOO_LONG) else f"{TOO_LONG}: {words}"
    return msgspec.json.encode(AnthropicErrorReply("error", AnthropicErrorDetail(kind, words), request_id))


def error_frame(error: GatewayError, request_id: str) -> bytes:
    """The last frame of a stream that failed: no `message_stop` follows it."""
    return sse.frame(write_error(error, request_id), b"error")


def error_in(body: bytes) -> Told | None:
    """A provider's error. None if the body is not an error of this dialect."""
    try:
        detail = _ERROR.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return Told(detail.message, detail.type) if detail.message else None


class _Detail(Struct):
    message: str = ""
    type: str | None = None


class _Error(Struct):
    error: _Detail


_ERROR: Final = msgspec.json.Decoder(_Error)
