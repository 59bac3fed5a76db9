"""The dialect's own words: its name, its seals, its reasons to stop."""

from typing import Final

from api.conversation import Finish
from api.dialects import sse

NAME: Final = "anthropic"
SAYS: Final = "messages"  # what the caller says stands under this word
CALLED: Final[dict[str, str]] = {
    "stop": "stop_sequences",
    "format": "output_config.format",
    "user": "metadata.user_id",
    "parallel_tools": "tool_choice.disable_parallel_tool_use",
}
HEARTBEAT: Final = sse.frame(b'{"type": "ping"}', b"ping")
DEFAULT_VERSION: Final = "2023-06-01"  # the oldest still served; sent where the caller names none
SIGNATURE: Final = "anthropic"
REDACTED: Final = "anthropic.redacted"
REASONS: Final[dict[str, Finish]] = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "tool_use": Finish.TOOL_CALLS,
    "refusal": Finish.REFUSAL,
    "pause_turn": Finish.PAUSE,
    "compaction": Finish.PAUSE,
    "model_context_window_exceeded": Finish.CONTEXT,
}
STOPS: Final[dict[Finish, str]] = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.TOOL_CALLS: "tool_use",
    Finish.REFUSAL: "refusal",
    Finish.PAUSE: "pause_turn",
    Finish.CONTEXT: "model_context_window_exceeded",
    Finish.OTHER: "end_turn",
}
CITATIONS: Final = frozenset(
    {
        *("char_location", "page_location", "content_block_location"),
        *("web_search_result_location", "search_result_location"),
    }
)
EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
