"""Pictures: the official SDK on one side, a provider of which each byte is checked on the other."""

import asyncio
import base64
import hashlib
import json
import random
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError

from tests.conftest import Api
from tests.fakes import Behaviour, FarEnd, Received, answers, far_end, says
from tests.raw import ask_raw

KEY = "sk-far-0123456789"
PNG = b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(100_000) + b"\r\n--\r\n"
JPEG = b"\xff\xd8\xff\xe0" + random.Random(2).randbytes(80_000)
MASK = b"\x89PNG\r\n\x1a\n" + random.Random(3).randbytes(5_000)
FLASH = "far:gemini-3.1-flash-image"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


DRAWN = json.dumps(
    {
        "created": 1700000000,
        "data": [{"b64_json": b64(PNG)}],
        "usage": {"input_tokens": 9, "output_tokens": 1290, "total_tokens": 1299},
    },
    indent=1,
).encode()
USAGE = {
    "promptTokenCount": 263,
    "candidatesTokenCount": 1290,
    "totalTokenCount": 1553,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 5}, {"modality": "IMAGE", "tokenCount": 258}],
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
}
GENERATED = json.dumps(
    {
        "candidates": [
            {
                "content": {"parts": [{"inlineData": {"mimeType": "image/jpeg", "data": b64(JPEG)}}]},
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": USAGE,
    }
).encode()
PREDICTED = json.dumps(
    {"predictions": [{"bytesBase64Encoded": b64(PNG), "mimeType": "image/png", "prompt": "A fluffy cat"}] * 2}
).encode()


@asynccontextmanager
async def provided(api: Api, behaviour: Behaviour, dialect: str = "openai_chat") -> AsyncIterator[FarEnd]:
    base = "/v1beta" if dialect == "gemini" else "/v1"
    async with far_end(behaviour) as far:
        await api.gateway.providers.add("far", dialect, far.url + base, KEY)
        yield far


@pytest.fixture
async def client(api: Api) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{api.url}/v1", api_key=api.key, max_retries=0) as client:
        yield client


def digest(data: bytes | str | None) -> str:
    """The hash of a picture, or of one in base64: a failure prints no picture."""
    assert data is not None
    return hashlib.sha256(base64.b64decode(data) if isinstance(data, str) else data).hexdigest()


def parts_of(received: Received) -> list[tuple[Any, str | None, str, Any]]:
    """The parts of a form, read by somebody else's parser: name, file name, media type, and hash or text."""
    head = f"content-type: {received.headers['content-type']}\r\n\r\n".encode()
    parts: Any = message_from_bytes(head + received.body).get_payload()
    return [_part(part) for part in parts]


def _part(part: Message) -> tuple[Any, str | None, str, Any]:
    data: Any = part.get_payload(decode=True)
    name, file = part.get_param("name", header="content-disposition"), part.get_filename()
    return name, file, part.get_content_type(), digest(data) if file else data


def pictures_of(received: Received) -> list[tuple[str, str]]:
    """The pictures that Gemini was sent: media type and hash."""
    parts = json.loads(received.body)["contents"][0]["parts"]
    blobs = [part["inlineData"] for part in parts if "inlineData" in part]
    return [(blob["mimeType"], digest(blob["data"])) for blob in blobs]


class TestOpenai:
    async def test_every_byte_but_the_model_s_name_passes(self, api: Api) -> None:
        body = b'{ "model" : "far:gpt-image-2",\n"new_field":[1.0,2e3], "prompt":"\\u00e9" }'
        async with provided(api, answers(200, DRAWN)) as far, api.client() as client:
            answer = await client.post(
                "/v1/images/generations", content=body, headers={"content-type": "application/json"}
            )

        assert far.last.path == "/v1/images/generations"
        assert far.last.body == body.replace(b"far:gpt", b"gpt")
        assert digest(answer.content) == digest(DRAWN)
        assert [(row.tokens_in, row.tokens_out, row.served) for row in await api.rows()] == [(9, 1290, "gpt-image-2")]

    async def test_a_picture_is_drawn(self, api: Api, client: AsyncOpenAI) -> None:
        async with provided(api, answers(200, DRAWN)) as far:
            drawn = await client.images.generate(model="far:m", prompt="A cat", size="1024x1024", style="vivid")

        assert json.loads(far.last.body) == {"model": "m", "prompt": "A cat", "size": "1024x1024", "style": "vivid"}
        assert drawn.data
        assert digest(drawn.data[0].b64_json) == digest(PNG)

    async def test_unfinished_pictures_stream(self, api: Api, client: AsyncOpenAI) -> None:
        usage = {"input_tokens": 9, "output_tokens": 90, "total_tokens": 99}
        events: list[dict[str, Any]] = [
            {"type": "image_generation.partial_image", "partial_image_index": 0, "b64_json": b64(MASK)},
            {"type": "image_generation.completed", "b64_json": b64(PNG), "usage": usage},
        ]
        frames = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
        async with provided(api, says(*frames)):
            stream = await client.images.generate(model="far:m", prompt="A cat", stream=True, partial_images=1)
            got = [event async for event in stream]

        assert [event.type for event in got] == [event["type"] for event in events]
        assert [digest(event.b64_json) for event in got] == [digest(MASK), digest(PNG)]
        assert [(row.streamed, row.tokens_out) for row in await api.rows()] == [(True, 90)]

    async def test_one_picture_and_a_mask_arrive_as_they_were_sent(self, api: Api, client: AsyncOpenAI) -> None:
        async with provided(api, answers(200, DRAWN)) as far:
            drawn = await client.images.edit(
                model="far:m", image=("cat.png", PNG), mask=("mask.png", MASK), prompt="A hat", n=2
            )

        assert far.last.path == "/v1/images/edits"
        assert sorted(parts_of(far.last), key=str) == sorted(
            [
                ("prompt", None, "text/plain", b"A hat"),
                ("model", None, "text/plain", b"m"),
                ("n", None, "text/plain", b"2"),
                ("image", "cat.png", "image/png", digest(PNG)),
                ("mask", "mask.png", "image/png", digest(MASK)),
            ],
            key=str,
        )
        assert drawn.data
        assert digest(drawn.data[0].b64_json) == digest(PNG)

    async def test_several_pictures_keep_their_order(self, api: Api, client: AsyncOpenAI) -> None:
        async with provided(api, answers(200, DRAWN)) as far:
            await client.images.edit(model="far:m", image=[("a.png", PNG), ("b.jpg", JPEG)], prompt="Both")

        files = [part for part in parts_of(far.last) if part[1]]
        assert files == [
            ("image[]", "a.png", "image/png", digest(PNG)),
            ("image[]", "b.jpg", "image/jpeg", digest(JPEG)),
        ]

    async def test_an_edit_in_json_passes_too(self, api: Api) -> None:
        body = json.dumps({"model": "far:m", "prompt": "A hat", "images": [{"file_id": "file-1"}]}).encode()
        async with provided(api, answers(200, DRAWN)) as far, api.client() as client:
            answer = await client.post("/v1/images/edits", content=body, headers={"content-type": "application/json"})

        assert answer.status_code == 200
        assert (far.last.path, far.last.body) == ("/v1/images/edits", body.replace(b"far:m", b"m"))

    async def test_a_picture_is_varied(self, api: Api, client: AsyncOpenAI) -> None:
        async with provided(api, answers(200, DRAWN)) as far:
            with pytest.deprecated_call():
                varied = await client.images.create_variation(model="far:m", image=("cat.png", PNG), size="512x512")

        assert far.last.path == "/v1/images/variations"
        assert ("image", "cat.png", "image/png", digest(PNG)) in parts_of(far.last)
        assert varied.data
        assert digest(varied.data[0].b64_json) == digest(PNG)

    async def test_pictures_that_pass_are_never_in_memory(self, api: Api) -> None:
        size, block = 30 * 1024**2, bytes(256 * 1024)
        came = 0

        async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal came
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            left = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            while left:
                piece = len(await reader.read(min(left, len(block))))
                came, left = came + piece, left - piece
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(swallow, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        await api.gateway.providers.add("far", "openai_chat", f"http://127.0.0.1:{port}/v1", KEY)
        before = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nfar:m\r\n--b\r\n'
        before += b'content-disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        length = len(before) + size + len(b"\r\n--b--\r\n")
        reader, writer = await asyncio.open_connection("127.0.0.1", api.listener.port)
        lines = ["POST /v1/images/edits HTTP/1.1", "host: 127.0.0.1", f"authorization: Bearer {api.key}"]
        lines += ["content-type: multipart/form-data; boundary=b", f"content-length: {length}", "\r\n"]
        writer.write("\r\n".join(lines).encode() + before)
        tracemalloc.start()
        try:
            for _ in range(size // len(block)):
                writer.write(block)
                await writer.drain()
            writer.write(b"\r\n--b--\r\n")
            answer = await reader.readuntil(b"{}")
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            writer.close()
            server.close()

        assert answer.startswith(b"HTTP/1.1 200 ")
        assert came > size
        assert most < 10 * 1024**2


class TestGemini:
    async def test_a_picture_is_drawn(self, api: Api, client: AsyncOpenAI) -> None:
        async with provided(api, answers(200, GENERATED), "gemini") as far:
            raw = await client.images.with_raw_response.generate(
                model=FLASH, prompt="A cat", size="1536x1024", quality="high", user="me"
            )
            drawn = raw.parse()

        assert far.last.path == "/v1beta/models/gemini-3.1-flash-image:generateContent"
        assert far.last.headers["x-goog-api-key"] == KEY
        assert json.loads(far.last.body) == {
            "contents": [{"role": "user", "parts": [{"text": "A cat"}]}],
            "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": "3:2"}},
        }
        assert raw.headers["x-morello-dropped"] == "quality,user"
        assert drawn.data
        assert digest(drawn.data[0].b64_json) == digest(JPEG)
        assert drawn.output_format == "jpeg"
        assert drawn.usage
        assert (drawn.usage.input_tokens, drawn.usage.total_tokens) == (263, 1553)
        assert (drawn.usage.input_tokens_details.image_tokens, drawn.usage.input_tokens_details.text_tokens) == (258, 5)
        assert [(row.tokens_in, row.tokens_out, row.status) for row in await api.rows()] == [(263, 1290, 200)]

    async def test_pictures_are_changed(self, api: Api, client: AsyncOpenAI) -> None:
        async with provided(api, answers(200, GENERATED), "gemini") as far:
            raw = await client.images.with_raw_response.edit(
                model=FLASH, image=[PNG, JPEG], mask=MASK, prompt="Both", size="2048x2048"
            )
            drawn = raw.parse()

        assert pictures_of(far.last) == [("image/png", digest(PNG)), ("image/jpeg", digest(JPEG))]
        assert json.loads(far.last.body)["generationConfig"]["imageConfig"] == {"aspectRatio": "1:1", "imageSize": "2K"}
        assert raw.headers["x-morello-dropped"] == "mask"
        assert drawn.data
        assert digest(drawn.data[0].b64_json) == digest(JPEG)

    async def test_a_picture_in_json_is_changed(self, api: Api, client: AsyncOpenAI) -> None:
        named = [{"image_url": f"data:image/png;base64,{b64(PNG)}"}]
        async with provided(api, answers(200, GENERATED), "gemini") as far:
            await client.post(
                "/images/edits", body={"model": FLASH, "prompt": "A hat", "images": named}, cast_to=object
            )
        assert pictures_of(far.last) == [("image/png", digest(PNG))]

    async def test_a_stream_is_the_finished_picture_alone(self, api: Api, client: AsyncOpenAI) -> None:
        async with provided(api, answers(200, GENERATED), "gemini"):
            stream = await client.images.generate(model=FLASH, prompt="A cat", stream=True)
            drawn = [event async for event in stream]
            edited = await client.images.edit(model=FLASH, prompt="A cat", image=PNG, stream=True)
            changed = [event async for event in edited]

        assert [event.type for event in drawn] == ["image_generation.completed"]
        assert [event.type for event in changed] == ["image_edit.completed"]
        assert digest(drawn[0].b64_json) == digest(changed[0].b64_json) == digest(JPEG)

    async def test_imagen_is_asked_in_its_own_way(self, api: Api, client: AsyncOpenAI) -> None:
        async with provided(api, answers(200, PREDICTED), "gemini") as far:
            drawn = await client.images.generate(model="far:imagen-4.0-generate-001", prompt="A cat", n=2)

        assert far.last.path == "/v1beta/models/imagen-4.0-generate-001:predict"
        assert json.loads(far.last.body) == {
            "instances": [{"prompt": "A cat"}],
            "parameters": {"sampleCount": 2, "includeRaiReason": True},
        }
        assert drawn.data
        assert [digest(picture.b64_json) for picture in drawn.data] == [digest(PNG)] * 2
        assert drawn.data[0].revised_prompt == "A fluffy cat"

    async def test_a_blocked_prompt_is_refused_in_the_provider_s_words(self, api: Api, client: AsyncOpenAI) -> None:
        blocked = b'{"promptFeedback":{"blockReason":"SAFETY","blockReasonMessage":"Its own words"}}'
        async with provided(api, answers(200, blocked), "gemini"):
            with pytest.raises(BadRequestError, match="Its own words") as caught:
                await client.images.generate(model=FLASH, prompt="A cat", stream=True)
        assert caught.value.code == "content_policy_violation"
        assert [(row.status, row.error) for row in await api.rows()] == [(400, "content_policy_violation")]

    @pytest.mark.parametrize(
        ("asked", "words"),
        [({"n": 2}, "one picture at a time"), ({"size": "large"}, "WIDTHxHEIGHT"), ({"prompt": " "}, "prompt")],
    )
    async def test_what_cannot_be_said_is_refused(
        self, api: Api, client: AsyncOpenAI, asked: dict[str, Any], words: str
    ) -> None:
        async with provided(api, answers(200, GENERATED), "gemini") as far:
            with pytest.raises(BadRequestError, match=words):
                await client.images.generate(**{"model": FLASH, "prompt": "A cat", **asked})
        assert far.received == []

    async def test_a_strict_caller_is_refused_where_something_gets_lost(self, api: Api, client: AsyncOpenAI) -> None:
        async with provided(api, answers(200, GENERATED), "gemini") as far:
            with pytest.raises(BadRequestError, match="mask"):
                await client.images.edit(
                    model=FLASH, image=PNG, mask=MASK, prompt="A hat", extra_headers={"x-morello-strict": "1"}
                )
        assert far.received == []

    async def test_variations_are_asked_of_who_has_them(self, api: Api, client: AsyncOpenAI) -> None:
        await api.gateway.providers.add("other", "openai_chat", "http://127.0.0.1:9/v1", KEY)
        async with provided(api, answers(200, GENERATED), "gemini") as far:
            with pytest.deprecated_call(), pytest.raises(BadRequestError, match="“other”") as caught:
                await client.images.create_variation(model=FLASH, image=PNG)
        assert caught.value.code == "unsupported_by_provider"
        assert far.received == []


class TestNonsense:
    async def test_the_test_models_draw_nothing_and_say_who_does(self, api: Api, client: AsyncOpenAI) -> None:
        async with provided(api, answers(200, GENERATED), "gemini"):
            with pytest.raises(BadRequestError, match="“far”"):
                await client.images.generate(model="morello:echo", prompt="A cat")

    @pytest.mark.parametrize(
        ("path", "kind", "status"),
        [
            ("edits", "text/plain", 415),
            ("edits", "multipart/form-data", 400),
            ("edits", "application/json", 400),
            ("variations", "application/json", 415),
            ("variations", "multipart/form-data; boundary=b", 400),
            ("generations", "multipart/form-data; boundary=b", 415),
        ],
    )
    async def test_a_body_of_another_kind_is_refused_in_words(
        self, api: Api, path: str, kind: str, status: int
    ) -> None:
        async with provided(api, answers(200, DRAWN)) as far, api.client() as client:
            answer = await client.post(f"/v1/images/{path}", content=b"{nonsense", headers={"content-type": kind})
        assert (answer.status_code, far.received) == (status, [])
        assert answer.json()["error"]["message"]

    async def test_an_edit_without_a_body_is_answered_at_once(self, api: Api) -> None:
        lines = ["POST /v1/images/edits HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {api.key}", "\r\n"]
        assert (await ask_raw(api, "\r\n".join(lines))).status == 400

    async def test_an_edit_in_json_is_bounded_though_a_form_is_larger(self, api: Api) -> None:
        lines = ["POST /v1/images/edits HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {api.key}"]
        lines += ["Content-Type: application/json", "Content-Length: 40000000", "\r\n"]
        body = b" " * 33 * 1024**2
        assert (await ask_raw(api, "\r\n".join(lines).encode() + body)).status == 413
