"""Google Gemini: the dialect of gemini-cli and of Google's own SDKs."""

from typing import Final

from api.dialects.gemini.answering import HEARTBEAT, Writer, write_reply
from api.dialects.gemini.asking import NAME, read_request
from api.dialects.gemini.counts import read_count, read_count_reply, write_count, write_count_request
from api.dialects.gemini.ear import Ear
from api.dialects.gemini.erring import error_frame, error_in, write_error
from api.dialects.gemini.hearing import Reader, read_reply
from api.dialects.gemini.shapes import (
    CountTokensRequest,
    CountTokensResponse,
    GenerateContentRequest,
    GenerateContentResponse,
    StatusReply,
)
from api.dialects.gemini.writing import write_request
from api.dialects.sse import MEDIA_TYPE

SAYS: Final = "contents"
CALLED: Final[dict[str, str]] = {
    "max_tokens": "generationConfig.maxOutputTokens",
    "temperature": "generationConfig.temperature",
    "top_p": "generationConfig.topP",
    "top_k": "generationConfig.topK",
    "stop": "generationConfig.stopSequences",
    "seed": "generationConfig.seed",
    "presence_penalty": "generationConfig.presencePenalty",
    "frequency_penalty": "generationConfig.frequencyPenalty",
    "n": "generationConfig.candidateCount",
    "logprobs": "generationConfig.responseLogprobs",
    "top_logprobs": "generationConfig.logprobs",
    "thinking": "generationConfig.thinkingConfig",
    "format": "generationConfig.responseJsonSchema",
    "tool_choice": "toolConfig.functionCallingConfig",
    "metadata": "labels",
    "service_tier": "serviceTier",
    "messages": "contents",
}

__all__ = [
    "CALLED",
    "HEARTBEAT",
    "MEDIA_TYPE",
    "NAME",
    "SAYS",
    "CountTokensRequest",
    "CountTokensResponse",
    "Ear",
    "GenerateContentRequest",
    "GenerateContentResponse",
    "Reader",
    "StatusReply",
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
