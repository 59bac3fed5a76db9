"""What makes two requests the same conversation, so that both go to the same key and the provider's cache is warm."""

from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import Raw

# Where callers say it themselves: OpenAI's, Anthropic's (Claude Code puts its session there), and what some send.
NAMED: Final = ("prompt_cache_key", "session_id", "conversation", "metadata")
GIVEN: Final = ("system", "instructions", "systemInstruction", "system_instruction")  # before anything is said
SAID: Final = ("messages", "input", "contents")
LONGEST: Final = 64 * 1024
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])
_TURNS: Final = msgspec.json.Decoder(list[Raw])
_SYSTEM: Final = (b'"system"', b'"developer"')


def conversation_of(body: bytes) -> bytes | None:
    """A mark that stays the same as a conversation grows; None where nothing tells."""
    try:
        fields = _FIELDS.decode(body)
        said = b"".join(bytes(fields[name]) for name in NAMED if name in fields) or _beginning(fields)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return blake2b(said, digest_size=16).digest() if said else None


def _beginning(fields: dict[str, Raw]) -> bytes:
    """What is given beforehand, and the first that was said."""
    given = b"".join(bytes(fields[name])[:LONGEST] for name in GIVEN if name in fields)
    for name in SAID:
        if raw := bytes(fields.get(name, b"")):
            return given + _first(raw)
    return given


def _first(raw: bytes) -> bytes:
    if not raw.startswith(b"["):
        return raw[:LONGEST]
    turns = [bytes(turn)[:LONGEST] for turn in _TURNS.decode(raw)[:3]]
    own = next((at for at, turn in enumerate(turns) if not any(role in turn[:200] for role in _SYSTEM)), 0)
    return b"".join(turns[: own + 1])
