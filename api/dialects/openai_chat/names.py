"""What the dialect is called, and what it calls the things of the vocabulary."""

import re
from typing import Final

from api.conversation import Finish
from api.dialects import sse

NAME: Final = "openai_chat"
SAYS: Final = "messages"  # what the caller says stands under this word
HEARTBEAT: Final = sse.comment(b"still here")
TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")
LONGEST_NAME: Final = 64
DONE: Final = b"[DONE]"
CALLED: Final[dict[str, str]] = {
    "cache_key": "prompt_cache_key",
    "format": "response_format",
    "parallel_tools": "parallel_tool_calls",
    "thinking": "reasoning_effort",
}

FINISHES: Final = {
    "stop": Finish.STOP,
    "length": Finish.LENGTH,
    "tool_calls": Finish.TOOL_CALLS,
    "function_call": Finish.TOOL_CALLS,
    "content_filter": Finish.REFUSAL,
    # Words of servers that speak the dialect with an accent.
    "end_turn": Finish.STOP,
    "eos": Finish.STOP,
    "eos_token": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "tool_use": Finish.TOOL_CALLS,
    "refusal": Finish.REFUSAL,
    "sensitive": Finish.REFUSAL,
    "pause_turn": Finish.PAUSE,
    "model_length": Finish.CONTEXT,
    "model_context_window_exceeded": Finish.CONTEXT,
}
REASONS: Final = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.TOOL_CALLS: "tool_calls",
    Finish.REFUSAL: "content_filter",
    Finish.PAUSE: "stop",
    Finish.CONTEXT: "length",
    Finish.OTHER: "stop",
}
# How the dialect calls kinds of sound, and what they are elsewhere.
SOUNDS: Final = {"mp3": "audio/mpeg", "wav": "audio/wav", "pcm16": "audio/pcm"}
FORMATS: Final = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/pcm": "pcm16",
}
