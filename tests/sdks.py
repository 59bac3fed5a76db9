"""What the tests with the official SDKs share: four providers at one far end, and what they say."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from tests.conftest import Api
from tests.fakes import CALLS, FRAMES, WHOLE, WHOLE_CALLS, Behaviour, Called, FarEnd, Received, Wire, far_end, says

FARS: Final = tuple(FRAMES)
KEY: Final = "sk-far-0123456789"
WEATHER: Final = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ROME: Final = ("call_1", "weather", '{"city": "Rome"}')
OSLO: Final = ("call_2", "weather", '{"city": "Oslo"}')
NOTHING: Final = ("call_3", "now", "{}")
PNG: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
# How each dialect says a picture, once white space is gone.
PICTURES: Final = {
    "openai_chat": f'"image_url":{{"url":"data:image/png;base64,{PNG}"',
    "openai_responses": f'"image_url":"data:image/png;base64,{PNG}"',
    "anthropic": f'"source":{{"type":"base64","media_type":"image/png","data":"{PNG}"}}',
    "gemini": f'"inlineData":{{"mimeType":"image/png","data":"{PNG}"}}',
}
# Each provider's own words for the same refusals.
REFUSALS: Final = {
    "openai_chat": b'{"error":{"message":"its own words","type":"some_error","param":null,"code":null}}',
    "openai_responses": b'{"error":{"message":"its own words","type":"some_error","param":null,"code":null}}',
    "anthropic": b'{"type":"error","error":{"type":"some_error","message":"its own words"}}',
    "gemini": b'{"error":{"code":400,"message":"its own words","status":"SOME_ERROR"}}',
}


@asynccontextmanager
async def four_providers(api: Api) -> AsyncIterator[FarEnd]:
    """One far end that is a provider of each dialect, called by the dialect's name with dashes."""
    async with far_end() as far:
        for dialect in FARS:
            base = far.url + ("/v1beta" if dialect == "gemini" else "/v1")
            await api.gateway.providers.add(provider(dialect), dialect, base, KEY)
        yield far


def provider(dialect: str) -> str:
    """The id of the provider that speaks `dialect`."""
    return dialect.replace("_", "-")


def model(dialect: str) -> str:
    """A model of the provider that speaks `dialect`."""
    return f"{provider(dialect)}:m"


def tells(dialect: str, *words: str) -> Behaviour:
    """Say `words`, streamed to who wants a stream and whole to who does not."""
    whole = WHOLE[dialect].replace(b'"Hello"', json.dumps("".join(words)).encode())
    return _either(FRAMES[dialect](words), whole)


def calls_then_tells(dialect: str, *calls: Called, then: str = "It is sunny.") -> Behaviour:
    """Call tools until a result of theirs is told, then say `then`."""
    calling, telling = _either(CALLS[dialect](*calls), WHOLE_CALLS[dialect](*calls)), tells(dialect, then)

    async def behave(received: Received, wire: Wire) -> None:
        await (telling if b"sunny" in received.body else calling)(received, wire)

    return behave


def breaks_off(dialect: str) -> Behaviour:
    """Hang up in the middle of a stream."""

    async def behave(_received: Received, wire: Wire) -> None:
        await wire.begin_stream()
        for frame in FRAMES[dialect](["Hel", "lo", "!"])[:-3]:
            await wire.chunk(frame)
        wire.hang_up()

    return behave


def wants_stream(received: Received) -> bool:
    """Whether a provider was asked to stream."""
    body = received.body.replace(b" ", b"")
    return b'"stream":true' in body or ":streamGenerateContent" in received.path


def sent(far: FarEnd) -> Any:
    """The body that the provider was sent last."""
    return json.loads(far.last.body)


def squeezed(far: FarEnd) -> str:
    """The same as text without white space."""
    return json.dumps(sent(far), separators=(",", ":"))


def _either(frames: list[bytes], whole: bytes) -> Behaviour:
    streamed = says(*frames)

    async def behave(received: Received, wire: Wire) -> None:
        await (streamed(received, wire) if wants_stream(received) else wire.reply(200, whole))

    return behave
