"""OpenAI Chat Completions: the dialect most programs speak."""

from api.dialects.openai_chat.answering import Writer, write_reply
from api.dialects.openai_chat.asking import read_request
from api.dialects.openai_chat.ear import Ear
from api.dialects.openai_chat.erring import error_frame, error_in, write_error
from api.dialects.openai_chat.hearing import Reader, read_reply
from api.dialects.openai_chat.names import CALLED, DONE, HEARTBEAT, NAME, SAYS
from api.dialects.openai_chat.shapes import ChatCompletion, ChatCompletionRequest, ErrorDetail, ErrorReply
from api.dialects.openai_chat.writing import write_request
from api.dialects.sse import MEDIA_TYPE

__all__ = [
    "CALLED",
    "DONE",
    "HEARTBEAT",
    "MEDIA_TYPE",
    "NAME",
    "SAYS",
    "ChatCompletion",
    "ChatCompletionRequest",
    "Ear",
    "ErrorDetail",
    "ErrorReply",
    "Reader",
    "Writer",
    "error_frame",
    "error_in",
    "read_reply",
    "read_request",
    "write_error",
    "write_reply",
    "write_request",
]
