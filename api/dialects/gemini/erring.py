"""Errors as Google tells them: a code, a message and a status of google.rpc."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from api.dialects import sse
from api.dialects.dialect import Told
from api.errors import GatewayError, UpstreamRefused

STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    421: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_KNOWN: Final = {*STATUSES.values(), "INTERNAL", "OUT_OF_RANGE", "ALREADY_EXISTS", "DATA_LOSS", "UNKNOWN"}
_REASON: Final = "type.googleapis.com/google.rpc.ErrorInfo"


class _Error(Struct):
    message: str
    status: str | None = None
    code: int | str | None = None
    details: Any = None


class _Holder(Struct):
    error: _Error


_HOLDER: Final = msgspec.json.Decoder(_Holder | list[_Holder])


def write_error(error: GatewayError, request_id: str) -> bytes:
    """An error's body. Its kind stands in the details, as Google's own reasons do."""
    told = {"code": error.status, "message": str(error), "status": _status(error)}
    about = {"source": error.source, "requestId": request_id, **({"field": error.param} if error.param else {})}
    reason = {"@type": _REASON, "reason": error.kind.upper(), "domain": "morello", "metadata": about}
    return msgspec.json.encode({"error": {**told, "details": [reason]}})


def _status(error: GatewayError) -> str:
    if isinstance(error, UpstreamRefused) and error.type in _KNOWN:
        return error.type
    return STATUSES.get(error.status, "INTERNAL" if error.status >= 500 else "INVALID_ARGUMENT")


def error_frame(error: GatewayError, request_id: str) -> bytes:
    """The last frame of a stream that failed."""
    return sse.frame(write_error(error, request_id))


def error_in(body: bytes) -> Told | None:
    """A provider's error, alone or in a list of one. None if the body is not an error of this dialect."""
    try:
        held = _HOLDER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(held, list):
        if not held:
            return None
        held = held[0]
    error = held.error
    return Told(error.message, error.status, _reason(error.details)) if error.message else None


def _reason(details: object) -> str | None:
    """The reason in an error's details: `API_KEY_INVALID` says more than its status."""
    for detail in details if isinstance(details, list) else ():
        reason = detail.get("reason") if isinstance(detail, dict) else None
        if isinstance(reason, str) and reason:
            return reason
    return None
