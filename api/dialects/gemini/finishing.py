"""Why an answer ended, in Google's words and in ours."""

from typing import Final

from api.conversation import Finish, Finished

UNSAID: Final = "FINISH_REASON_UNSPECIFIED"
REASONS: Final = {
    "STOP": Finish.STOP,
    "MAX_TOKENS": Finish.LENGTH,
    "SAFETY": Finish.REFUSAL,
    "RECITATION": Finish.REFUSAL,
    "BLOCKLIST": Finish.REFUSAL,
    "PROHIBITED_CONTENT": Finish.REFUSAL,
    "SPII": Finish.REFUSAL,
    "IMAGE_SAFETY": Finish.REFUSAL,
    "IMAGE_PROHIBITED_CONTENT": Finish.REFUSAL,
    "IMAGE_RECITATION": Finish.REFUSAL,
    "MODEL_ARMOR": Finish.REFUSAL,
    "JAILBREAK": Finish.REFUSAL,
    "CONTINUATION": Finish.PAUSE,
    "LANGUAGE": Finish.OTHER,
    "OTHER": Finish.OTHER,
    "MALFORMED_FUNCTION_CALL": Finish.OTHER,
    "MALFORMED_RESPONSE": Finish.OTHER,
    "UNEXPECTED_TOOL_CALL": Finish.OTHER,
    "TOO_MANY_TOOL_CALLS": Finish.OTHER,
    "MISSING_THOUGHT_SIGNATURE": Finish.OTHER,
    "NO_IMAGE": Finish.OTHER,
    "IMAGE_OTHER": Finish.OTHER,
    "ESCALATION": Finish.OTHER,
}
# TOOL_CALLS: Google says STOP and leaves it to the parts to say that tools were called.
_WORDS: Final = {
    Finish.STOP: "STOP",
    Finish.TOOL_CALLS: "STOP",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.CONTEXT: "MAX_TOKENS",
    Finish.REFUSAL: "SAFETY",
    Finish.PAUSE: "OTHER",
    Finish.OTHER: "OTHER",
}


def read_finish(word: str | None, called: bool, choice: int) -> Finished:
    """The end of a choice; `called`: it called tools."""
    reason = REASONS.get(word or "STOP", Finish.OTHER)
    if called and (reason is Finish.STOP or word not in REASONS):
        reason = Finish.TOOL_CALLS
    return Finished(reason, word, choice=choice)


def write_finish(finished: Finished) -> str:
    """Google's word for it: the provider's own where it is one of Google's."""
    raw = finished.raw or ""
    return raw if REASONS.get(raw) is finished.reason else _WORDS[finished.reason]
