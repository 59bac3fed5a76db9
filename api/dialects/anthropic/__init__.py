"""Anthropic Messages: the dialect of Claude's own SDKs and of Claude Code."""

import msgspec

from api.dialects.anthropic.answering import Writer, write_reply
from api.dialects.anthropic.ear import Ear
from api.dialects.anthropic.erring import error_frame, error_in, write_error
from api.dialects.anthropic.hearing import Reader, read_count_reply, read_reply
from api.dialects.anthropic.reading import read_count, read_request
from api.dialects.anthropic.shapes import (
    AnthropicErrorReply,
    AnthropicReply,
    CountTokensRequest,
    MessagesRequest,
    TokenCount,
)
from api.dialects.anthropic.words import CALLED, DEFAULT_VERSION, HEARTBEAT, NAME, SAYS
from api.dialects.anthropic.writing import write_count_request, write_request
from api.dialects.sse import MEDIA_TYPE


def write_count(tokens: int) -> bytes:
    """The answer of count_tokens."""
    return msgspec.json.encode(TokenCount(tokens))


__all__ = [
    "CALLED",
    "DEFAULT_VERSION",
    "HEARTBEAT",
    "MEDIA_TYPE",
    "NAME",
    "SAYS",
    "AnthropicErrorReply",
    "AnthropicReply",
    "CountTokensRequest",
    "Ear",
    "MessagesRequest",
    "Reader",
    "TokenCount",
    "Writer",
    "error_frame",
    "error_in",
    "read_count",
    "read_count_reply",
    "read_reply",
    "read_request",
    "write_count",
    "write_count_request",
    "write_error",
    "write_reply",
    "write_request",
]
