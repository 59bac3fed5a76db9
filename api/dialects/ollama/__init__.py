"""Ollama's API: a caller's dialect only, for providers that are Ollama are asked in OpenAI's."""

from api.dialects.ollama.answering import Chat, Generate, Writer, write_loaded, write_reply
from api.dialects.ollama.asking import Head
from api.dialects.ollama.asking import read_chat as read_request
from api.dialects.ollama.erring import error_frame, write_error
from api.dialects.ollama.names import CALLED, HEARTBEAT, MEDIA_TYPE, NAME, SAYS
from api.dialects.ollama.shapes import (
    OllamaChatReply,
    OllamaChatRequest,
    OllamaError,
    OllamaGenerateReply,
    OllamaGenerateRequest,
)

__all__ = [
    "CALLED",
    "HEARTBEAT",
    "MEDIA_TYPE",
    "NAME",
    "SAYS",
    "Chat",
    "Generate",
    "Head",
    "OllamaChatReply",
    "OllamaChatRequest",
    "OllamaError",
    "OllamaGenerateReply",
    "OllamaGenerateRequest",
    "Writer",
    "error_frame",
    "read_request",
    "write_error",
    "write_loaded",
    "write_reply",
]
