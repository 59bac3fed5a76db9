"""OpenAI Responses: the dialect of Codex and of OpenAI's newer SDK calls."""

from typing import Final

from api.dialects import sse
from api.dialects.openai_responses.answering import Writer, write_reply
from api.dialects.openai_responses.ear import Ear, is_whole
from api.dialects.openai_responses.erring import error_frame, error_in, write_error
from api.dialects.openai_responses.hearing import Reader, read_reply
from api.dialects.openai_responses.naming import NAME as NAME
from api.dialects.openai_responses.reading import read_request
from api.dialects.openai_responses.responding import response_id
from api.dialects.openai_responses.shapes import ErrorReply, ResponseObject, ResponsesRequest
from api.dialects.openai_responses.writing import write_request
from api.dialects.sse import MEDIA_TYPE

# A comment: every client's parser passes over it, Codex's too.
HEARTBEAT: Final = sse.comment(b"still here")
SAYS: Final = "input"
CALLED: Final[dict[str, str]] = {
    "cache_key": "prompt_cache_key",
    "format": "text.format",
    "max_tokens": "max_output_tokens",
    "messages": "input",
    "parallel_tools": "parallel_tool_calls",
    "thinking": "reasoning",
    "verbosity": "text.verbosity",
}

__all__ = [
    "CALLED",
    "HEARTBEAT",
    "MEDIA_TYPE",
    "NAME",
    "SAYS",
    "Ear",
    "ErrorReply",
    "Reader",
    "ResponseObject",
    "ResponsesRequest",
    "Writer",
    "error_frame",
    "error_in",
    "is_whole",
    "read_reply",
    "read_request",
    "response_id",
    "write_error",
    "write_reply",
    "write_request",
]
