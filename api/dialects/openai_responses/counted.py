"""What was counted: tokens and their likelihoods, out of the words of this dialect."""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from api.conversation import Logprob, Usage


class _Read(Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Thought(Struct):
    reasoning_tokens: int | None = None


class Counted(Struct):
    """The tokens of a response, as far as they were counted."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Read | None = None
    output_tokens_details: _Thought | None = None

    def usage(self) -> Usage:
        """The same in the vocabulary."""
        read, thought = self.input_tokens_details or _Read(), self.output_tokens_details or _Thought()
        return Usage(
            self.input_tokens or 0,
            self.output_tokens or 0,
            read.cached_tokens or 0,
            read.cache_write_tokens or 0,
            thought.reasoning_tokens or 0,
        )


class _Token(Struct):
    token: str = ""
    logprob: float = 0.0
    bytes: tuple[int, ...] | None = None
    top_logprobs: tuple["_Token", ...] | None = None


_TOKENS: Final = msgspec.json.Decoder(tuple[_Token, ...] | None)


def read_usage(counted: Any) -> Usage | None:
    """The tokens; None where nobody counted. An odd count is no count."""
    try:
        return msgspec.convert(counted, Counted).usage() if counted else None
    except msgspec.ValidationError:
        return None


def read_logprobs(raw: Raw | bytes) -> tuple[Logprob, ...]:
    """The likelihoods of a piece of text."""
    try:
        return tuple(map(_logprob, _TOKENS.decode(raw) or ()))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ()


def _logprob(token: _Token) -> Logprob:
    return Logprob(token.token, token.logprob, token.bytes, tuple(map(_logprob, token.top_logprobs or ())))
