"""Errors in the words of OpenAI Responses, and a provider's errors out of them."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from api.dialects import sse
from api.dialects.dialect import Told
from api.dialects.openai_responses.shapes import ErrorDetail, ErrorReply, Item
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
# What a response's error may be called. Codex tells by these whether asking again makes sense.
_CODES: Final = frozenset(
    {
        *(
            "server_error",
            "rate_limit_exceeded",
            "invalid_prompt",
            "context_length_exceeded",
            "insufficient_quota",
        ),
        *(
            "server_is_overloaded",
            "bio_policy",
            "image_content_policy_violation",
        ),
    }
)
_BY_STATUS: Final = {400: "invalid_prompt", 413: "invalid_prompt", 422: "invalid_prompt", 429: "rate_limit_exceeded"}


def fault(words: str, kind: str, status: int) -> Item:
    """Why a response failed, as it stands in the response."""
    code = kind if kind in _CODES else _BY_STATUS.get(status, "server_error")
    return {"code": code, "message": words, "type": kind}


def write_error(error: GatewayError, request_id: str) -> bytes:
    """An error's body. The request id travels in the header alone in this dialect."""
    return msgspec.json.encode(ErrorReply(_detail(error)))


def error_frame(error: GatewayError, request_id: str) -> bytes:
    """The last frame of a stream of passing bytes that failed.

    Said twice: at the top as the dialect has it, and under `error`, where the SDK of OpenAI looks for what it raises.
    Its number cannot be known: nobody counted along.
    """
    detail = _detail(error)
    told = {"code": detail.code, "message": detail.message, "param": detail.param, "sequence_number": 0}
    return sse.frame(msgspec.json.encode({"type": "error", **told, "error": detail}), b"error")


def _detail(error: GatewayError) -> ErrorDetail:
    kind = _TYPES.get(error.status, "server_error")
    if isinstance(error, UpstreamRefused) and error.type:
        kind = error.type
    return ErrorDetail(str(error), kind, error.param, error.kind)


class _Detail(Struct):
    message: str | None = None
    type: Any = None
    code: Any = None


class _Failure(Struct):
    error: _Detail | str | None = None


_FAILURE: Final = msgspec.json.Decoder(_Failure)


def error_in(body: bytes) -> Told | None:
    """A provider's error. None if the body is not an error of this dialect."""
    try:
        failure = _FAILURE.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    match failure.error:
        case str(words) if words:
            return Told(words)
        case _Detail(message=str(words), type=kind, code=code) if words:
            return Told(words, kind if isinstance(kind, str) else None, code if isinstance(code, str) else None)
        case _:
            return None
