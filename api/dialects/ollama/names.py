"""What the dialect is called, and what it calls the things of the vocabulary."""

from typing import Final

from api.conversation import Finish

NAME: Final = "ollama"
SAYS: Final = "messages"
MEDIA_TYPE: Final = "application/x-ndjson"
# Every line is parsed, an empty one too, and fails: a space before the next one means nothing in JSON.
HEARTBEAT: Final = b" "
CALLED: Final[dict[str, str]] = {
    "max_tokens": "options.num_predict",
    "temperature": "options.temperature",
    "top_p": "options.top_p",
    "top_k": "options.top_k",
    "stop": "options.stop",
    "seed": "options.seed",
    "presence_penalty": "options.presence_penalty",
    "frequency_penalty": "options.frequency_penalty",
    "thinking": "think",
}
# There are no other words: who reads them looks for `length` at most.
REASONS: Final = {Finish.LENGTH: "length", Finish.CONTEXT: "length"}
EFFORTS: Final = ("low", "medium", "high", "max")
