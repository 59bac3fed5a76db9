"""Errors in the dialect's shape: written to callers, found in what providers answer."""

from typing import Any, Final

import msgspec

from api.dialects import sse
from api.dialects.dialect import Told
from api.dialects.openai_chat.shapes import ErrorDetail, ErrorReply
from api.errors import GatewayError, UpstreamRefused

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    413: "request_too_large",
    415: "invalid_request_error",
    421: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}


class _ProviderErrorDetail(msgspec.Struct):
    message: str = ""
    type: str | None = None
    code: str | int | float | None = None


class _ProviderError(msgspec.Struct):
    error: _ProviderErrorDetail | str


_PROVIDER_ERROR: Final = msgspec.json.Decoder(_ProviderError)


def write_error(error: GatewayError, request_id: str) -> bytes:
    """An error's body. The request id travels in the header alone in this dialect."""
    kind = _TYPES.get(error.status, "server_error")
    if isinstance(error, UpstreamRefused) and error.type:
        kind = error.type
    return msgspec.json.encode(ErrorReply(ErrorDetail(str(error), kind, error.param, error.kind)))


def error_frame(error: GatewayError, request_id: str) -> bytes:
    """The last frame of a stream that failed: no `[DONE]` follows it."""
    return sse.frame(write_error(error, request_id))


def error_in(body: bytes) -> Told | None:
    """A provider's error. None if the body is not an error of this dialect."""
    try:
        detail = _PROVIDER_ERROR.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(detail, str):
        return Told(detail) if detail else None
    code = detail.code if isinstance(detail.code, str) else None
    return Told(detail.message, detail.type, code) if detail.message else None


def words_of(error: Any) -> tuple[str, str | None]:
    """The words and the kind of an error that came in the middle of a stream."""
    if not isinstance(error, dict):
        return (str(error) if isinstance(error, str) else "The provider failed and did not say why."), None
    words = next((str(error[name]) for name in ("message", "detail", "error") if _is_said(error.get(name))), "")
    kind = next((str(error[name]) for name in ("type", "code", "status") if _is_said(error.get(name))), None)
    return words or "The provider failed and did not say why.", kind


def _is_said(value: Any) -> bool:
    return bool(value) and isinstance(value, str | int) and not isinstance(value, bool)
