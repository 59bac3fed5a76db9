"""What travels in the benchmark: written by the load and the far end, checked by the load byte for byte."""

from typing import Final

import msgspec

PATH: Final = "/v1/chat/completions"
MODEL: Final = "bench-model"
TOKENS_IN: Final = 211
TOKENS_OUT: Final = 187
CHUNKS_A_SECOND: Final = 20
STAMP_DIGITS: Final = 20  # of CLOCK_MONOTONIC in nanoseconds, padded with zeros
HEAD_END: Final = b"\r\n\r\n"
DONE: Final = b"data: [DONE]\n\n"
STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
)
_WORDS: Final = "The benchmark says nothing new, and it says so at a length that is usual. "


def question(model: str, chunks: int = 0) -> bytes:
    """A request body of about 1 KB: for one whole answer, or for a stream of `chunks`."""
    limit: dict[str, object] = {"stream": True, "max_tokens": chunks} if chunks else {"max_tokens": 256}
    messages = [{"role": "system", "content": _WORDS * 4}, {"role": "user", "content": _WORDS * 7}]
    return msgspec.json.encode({"model": model, "messages": messages, "temperature": 0.7} | limit)


def request(port: int, key: str, body: bytes) -> bytes:
    """The whole request, as a client library would send it."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nuser-agent: bench\r\naccept: application/json\r\n"
        f"authorization: Bearer {key}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def answer() -> bytes:
    """The body of the whole answer: about 1 KB."""
    message = {"role": "assistant", "content": _WORDS * 9}
    usage = {
        "prompt_tokens": TOKENS_IN,
        "completion_tokens": TOKENS_OUT,
        "total_tokens": TOKENS_IN + TOKENS_OUT,
    }
    return msgspec.json.encode(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        }
    )


def chunk(text: str) -> bytes:
    """One frame of a stream."""
    return _frame([{"index": 0, "delta": {"content": text}, "finish_reason": None}])


def ending() -> bytes:
    """The frames after the last chunk: why it ended, what it cost, and that it is over."""
    finish = _frame([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    usage = {
        "prompt_tokens": TOKENS_IN,
        "completion_tokens": TOKENS_OUT,
        "total_tokens": TOKENS_IN + TOKENS_OUT,
    }
    return finish + _frame([], usage=usage) + DONE


def _frame(choices: list[dict[str, object]], **more: object) -> bytes:
    head = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": MODEL,
    }
    return b"data: %b\n\n" % msgspec.json.encode(head | {"choices": choices} | more)


BEFORE_STAMP, AFTER_STAMP = chunk("stamp").split(b"stamp")
STAMP_END: Final = len(BEFORE_STAMP) + STAMP_DIGITS
CHUNK_LENGTH: Final = STAMP_END + len(AFTER_STAMP)
