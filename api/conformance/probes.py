"""The questions of a conformance run, and what an answer to each must hold. Nothing is sent from here.

They are asked as a caller of OpenAI's dialect asks: so they also say what gets lost on the way through Morello.
"""

import base64
import json
import struct
import zlib
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from api.dialects import sse
from api.errors import marked
from api.facts import Capability

SIDE: Final = 64  # pixels: some models take no smaller picture

Verdict = str | None  # the sentence that says what is missing


class Probe(Struct, frozen=True):
    """One question. `judge` says what is missing in the body that came back; None if nothing is.

    `capability` is what a model has that gives what is asked for.
    """

    name: str
    body: dict[str, Any]
    judge: Callable[[bytes], Verdict]
    capability: Capability | None = None
    embeds: bool = False

    @property
    def streams(self) -> bool:
        """Whether the answer is to come as a stream."""
        return bool(self.body.get("stream"))


def _says(text: str | list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **more}


def _message(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)["choices"][0]["message"]
    except (msgspec.DecodeError, LookupError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(body: bytes) -> str:
    content = _message(body).get("content")
    return content if isinstance(content, str) else ""


def _answers(body: bytes) -> Verdict:
    return None if _text(body).strip() else marked("It answered without words.")


def _streams(body: bytes) -> Verdict:
    reader = sse.Reader()
    frames = [frame.data for frame in reader.feed(body)]
    if not frames or frames[-1] != b"[DONE]":
        return marked("The stream broke off.")
    return None if any(map(_has_words, frames)) else marked("It answered without words.")


def _has_words(frame: bytes) -> bool:
    try:
        return bool(msgspec.json.decode(frame)["choices"][0]["delta"].get("content"))
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
        return False


def _calls(body: bytes) -> Verdict:
    try:
        call = _message(body)["tool_calls"][0]["function"]
        arguments = json.loads(call["arguments"])
    except (LookupError, TypeError, ValueError):
        return marked("It did not call the tool.")
    right = call.get("name") == "get_weather" and isinstance(arguments, dict) and "city" in arguments
    return None if right else marked("It called the tool with other arguments than its schema has.")


def _sees(body: bytes) -> Verdict:
    said = _text(body).lower()
    return None if "red" in said or "紅" in said or "红" in said else marked("It did not see what is in the picture.")


def _thinks(body: bytes) -> Verdict:
    message = _message(body)
    try:
        spent = msgspec.json.decode(body)["usage"]["completion_tokens_details"]["reasoning_tokens"]
    except (msgspec.DecodeError, LookupError, TypeError):
        spent = 0
    thought = message.get("reasoning_content") or message.get("reasoning") or spent
    return None if thought else marked("It answered without thinking first.")


def _embeds(body: bytes) -> Verdict:
    try:
        vector = msgspec.json.decode(body)["data"][0]["embedding"]
    except (msgspec.DecodeError, LookupError, TypeError):
        vector = None
    numbers = isinstance(vector, list) and vector and all(isinstance(one, int | float) for one in vector)
    return None if numbers else marked("It answered without a vector.")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _red_square() -> str:
    """A picture that is red all over, as a data URL (PNG, third edition, 5 and 11)."""
    rows = (b"\0" + b"\xe0\x10\x10" * SIDE) * SIDE
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    parts: Iterable[bytes] = (
        b"\x89PNG\r\n\x1a\n",
        _chunk(b"IHDR", head),
        _chunk(b"IDAT", zlib.compress(rows)),
        _chunk(b"IEND", b""),
    )
    return f"data:image/png;base64,{base64.b64encode(b''.join(parts)).decode()}"


_WEATHER: Final = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city, now",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PROBES: Final = (
    Probe("chat", _says("Answer with the word pong."), _answers),
    Probe("stream", _says("Answer with the word pong.", stream=True), _streams),
    Probe(
        "tools",
        _says("What is the weather in Hong Kong? Call get_weather.", tools=[_WEATHER]),
        _calls,
        Capability.TOOLS,
    ),
    Probe(
        "vision",
        _says(
            [
                {"type": "text", "text": "Which colour fills this picture? Answer with one English word."},
                {"type": "image_url", "image_url": {"url": _red_square()}},
            ]
        ),
        _sees,
        Capability.VISION,
    ),
    Probe(
        "reasoning",
        _says("How many times does the letter r stand in strawberry?", reasoning_effort="low"),
        _thinks,
        Capability.REASONING,
    ),
    Probe("embeddings", {"input": "pong"}, _embeds, Capability.EMBEDDINGS, embeds=True),
)
