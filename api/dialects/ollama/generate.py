"""Ollama's other shape: one prompt in, one text out. The same dialect, so it has the same name."""

from typing import Final

from api.dialects.ollama.answering import GenerateWriter as Writer
from api.dialects.ollama.answering import write_generate_reply as write_reply
from api.dialects.ollama.asking import read_generate as read_request
from api.dialects.ollama.erring import error_frame, write_error
from api.dialects.ollama.names import CALLED as _CALLED
from api.dialects.ollama.names import HEARTBEAT, MEDIA_TYPE, NAME

SAYS: Final = ""  # no list: what is said is a prompt
CALLED: Final[dict[str, str]] = {**_CALLED, "messages": "prompt"}

__all__ = [
    "CALLED",
    "HEARTBEAT",
    "MEDIA_TYPE",
    "NAME",
    "SAYS",
    "Writer",
    "error_frame",
    "read_request",
    "write_error",
    "write_reply",
]
