"""Errors as Ollama tells them: one sentence."""

import msgspec

from api.dialects.ollama.shapes import OllamaError
from api.errors import GatewayError


def write_error(error: GatewayError, request_id: str) -> bytes:
    """An error's body. The request id travels in the header alone in this dialect."""
    return msgspec.json.encode(OllamaError(str(error)))


def error_frame(error: GatewayError, request_id: str) -> bytes:
    """The last line of a stream that failed: no line with `done` follows it."""
    return write_error(error, request_id) + b"\n"
