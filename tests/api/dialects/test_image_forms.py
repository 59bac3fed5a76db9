"""Pictures asked for in OpenAI's form, asked of Google in its own, and what comes back."""

import base64
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.conversation import Inline, Link, Stored, Usage
from api.dialects.images import canvas, gemini, openai
from api.dialects.images.asked import Drawn, ImageRequest
from api.errors import InvalidRequest, TooLarge, UpstreamRefused
from api.uploads import Upload
from tests.uploading import receive

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
JPEG = b"\xff\xd8\xff\xe0" + bytes(40)
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(40)
NEWEST, PRO, OLDER, LITE = (
    "gemini-3.1-flash-image",
    "gemini-3-pro-image",
    "gemini-2.5-flash-image",
    "gemini-3.1-flash-lite-image",
)
IMAGEN = "imagen-4.0-generate-001"


def asked(**fields: Any) -> ImageRequest:
    """A question in JSON, read."""
    return openai.read_request(json.dumps({"model": "g:m", "prompt": "A cat", **fields}).encode(), "g:m")


def told(request: ImageRequest, model: str = PRO) -> Any:
    """How Google is asked."""
    return json.loads(gemini.write_request(request, model).body)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def data_url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{b64(data)}"


def generated(*parts: dict[str, Any], **candidate: Any) -> bytes:
    """An answer of Google's generateContent."""
    return json.dumps({"candidates": [{"content": {"parts": list(parts)}, **candidate}]}).encode()


def blob(data: bytes, kind: str = "image/png", **more: Any) -> dict[str, Any]:
    return {"inlineData": {"mimeType": kind, "data": b64(data)}, **more}


@asynccontextmanager
async def form(folder: Any, files: Any, **fields: str) -> AsyncIterator[Upload]:
    """A form with files as it lies on the disk."""
    sent = httpx.Request("POST", "http://x", data={"model": "g:m", "prompt": "A cat", **fields}, files=files)
    blocks = iter([sent.read(), None])

    async def read() -> bytes | None:
        return next(blocks)

    upload = await receive(read, sent.headers["content-type"], folder)
    try:
        yield upload
    finally:
        upload.close()


class TestAsked:
    def test_every_field_is_read(self):
        request = asked(
            n=1,
            size="1024x1024",
            quality="high",
            background="opaque",
            output_format="webp",
            response_format="url",
            stream=True,
            user="me",
            style="vivid",
            moderation=None,
        )

        assert request == ImageRequest(
            "g:m",
            "A cat",
            (),
            None,
            1,
            "1024x1024",
            "high",
            "opaque",
            "webp",
            True,
            True,
            "me",
            {"style": "vivid"},
        )

    def test_pictures_in_json_are_data_links_or_files_of_the_provider(self):
        named = [{"image_url": data_url(PNG)}, {"image_url": "https://x.test/a.png"}, {"file_id": "file-1"}]

        request = asked(images=named, mask={"file_id": "file-2"})

        assert request.images == (Inline("image/png", b64(PNG)), Link("https://x.test/a.png"), Stored("file-1"))
        assert request.mask == Stored("file-2")

    @pytest.mark.parametrize(("data", "kind"), [(PNG, "image/png"), (JPEG, "image/jpeg"), (WEBP, "image/webp")])
    def test_a_picture_is_what_it_begins_as_whatever_was_declared(self, data, kind):
        request = asked(images=[{"image_url": data_url(data, "image/gif")}])
        assert request.images == (Inline(kind, b64(data)),)

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"prompt": ""}, "prompt"),
            ({"prompt": "  "}, "prompt"),
            ({"prompt": None}, "prompt"),
            ({"n": 0}, "n"),
            ({"n": "two"}, "n"),
            ({"stream": "yes"}, "stream"),
            ({"images": []}, "images"),
            ({"images": [{}]}, "images[0].image_url"),
            ({"images": [{"image_url": "ftp://x"}]}, "images[0].image_url"),
            ({"images": [{"image_url": "data:image/png;base64,!!!!"}]}, "images[0].image_url"),
            ({"images": [{"image_url": data_url(b"text", "text/plain")}]}, "images[0].image_url"),
            ({"images": ["x"]}, "images[0]"),
        ],
    )
    def test_what_is_wrong_is_named(self, fields, field):
        with pytest.raises(InvalidRequest) as caught:
            asked(**fields)
        assert caught.value.param == field

    def test_a_picture_in_json_has_the_same_bound_as_one_in_a_form(self, monkeypatch):
        monkeypatch.setattr(openai, "LARGEST", 1024**2)
        asked(images=[{"image_url": data_url(PNG.ljust(1024**2))}])
        with pytest.raises(TooLarge, match="1 MiB"):
            asked(images=[{"image_url": data_url(PNG.ljust(1024**2 + 1))}])

    @given(st.binary(max_size=300))
    def test_nonsense_is_refused_in_words(self, body):
        with pytest.raises(InvalidRequest):
            openai.read_request(b"{" + body, "g:m")

    def test_a_number_that_nothing_can_hold_is_refused_in_words(self):
        with pytest.raises(InvalidRequest, match="Number out of range"):
            openai.read_request(b'{"model":"g:m","prompt":"A cat","else":1e999}', "g:m")


class TestForms:
    async def test_a_form_says_the_same_as_json(self, tmp_path):
        files = {"image": ("a.png", PNG), "mask": ("m.png", PNG)}
        async with form(tmp_path, files, n="1", size="1024x1024", stream="true", style="vivid") as upload:
            request = await openai.read(upload)

        in_json = asked(
            n=1,
            size="1024x1024",
            stream=True,
            style="vivid",
            images=[{"image_url": data_url(PNG)}],
            mask={"image_url": data_url(PNG)},
        )
        assert request == in_json

    @pytest.mark.parametrize("names", [("image[]", "image[]"), ("image[0]", "image[1]"), ("image", "image")])
    async def test_several_pictures_keep_their_order(self, tmp_path, names):
        files = [(name, ("x", data)) for name, data in zip(names, (PNG, JPEG), strict=True)]
        async with form(tmp_path, files) as upload:
            request = await openai.read(upload)
        assert request.images == (Inline("image/png", b64(PNG)), Inline("image/jpeg", b64(JPEG)))

    async def test_a_kind_that_is_not_known_is_believed_if_it_is_declared(self, tmp_path):
        async with form(tmp_path, {"image": ("a.jxl", b"\xff\x0aunknown", "image/jxl")}) as upload:
            request = await openai.read(upload)
        assert request.images == (Inline("image/jxl", b64(b"\xff\x0aunknown")),)

    async def test_another_file_is_named_as_lost(self, tmp_path):
        async with form(tmp_path, {"image": ("a", PNG), "markup": ("b.png", PNG)}) as upload:
            request = await openai.read(upload)
        assert gemini.write_request(request, PRO).dropped == ("markup",)

    @pytest.mark.parametrize(
        ("files", "fields", "field"),
        [
            ({"mask": ("m", PNG)}, {}, "image"),
            ({"image": ("a.txt", b"words")}, {}, "image"),
            ({"image": ("a", PNG)}, {"n": "two"}, "n"),
            ({"image": ("a", PNG)}, {"n": "0"}, "n"),
            ({"image": ("a", PNG)}, {"prompt": ""}, "prompt"),
            ({"image": ("a", PNG)}, {"stream": "perhaps"}, "stream"),
            ([("image[]", ("a", PNG))] * 17, {}, "image"),
        ],
    )
    async def test_what_is_wrong_is_named(self, tmp_path, files, fields, field):
        async with form(tmp_path, files, **fields) as upload:
            with pytest.raises(InvalidRequest) as caught:
                await openai.read(upload)
        assert caught.value.param == field

    @pytest.mark.parametrize(("sizes", "words"), [((21,), "20 MiB"), ((14, 14, 14), "40 MiB")])
    async def test_more_than_can_be_held_is_refused(self, tmp_path, sizes, words):
        # A part of that size without the bytes: what is refused is never read.
        parts: list[Any] = [SimpleNamespace(name="image[]", filename="a", size=size * 1024**2) for size in sizes]
        async with form(tmp_path, {"image": ("a", PNG)}) as upload:
            fields = [part for part in upload.parts if part.filename is None]
            upload.parts = (*fields, *parts)
            with pytest.raises(TooLarge, match=words):
                await openai.read(upload)


class TestGeneratingWithGemini:
    def test_words_alone_are_all_that_is_said(self):
        body = told(asked())
        assert body == {
            "contents": [{"role": "user", "parts": [{"text": "A cat"}]}],
            "generationConfig": {"responseModalities": ["IMAGE"]},
        }

    def test_pictures_follow_the_words(self):
        request = asked(images=[{"image_url": data_url(PNG)}, {"image_url": "https://x.test/a.png"}])
        [content] = told(request)["contents"]
        assert content["parts"] == [
            {"text": "A cat"},
            {"inlineData": {"mimeType": "image/png", "data": b64(PNG)}},
            {"fileData": {"fileUri": "https://x.test/a.png"}},
        ]

    @pytest.mark.parametrize(
        ("model", "size", "config", "loss"),
        [
            (PRO, "auto", None, None),
            (PRO, "1024x1024", {"aspectRatio": "1:1"}, None),
            (PRO, "1536x1024", {"aspectRatio": "3:2"}, None),
            (PRO, "1024X1536", {"aspectRatio": "2:3"}, None),
            (PRO, "1792x1024", {"aspectRatio": "16:9"}, "renamed"),
            (PRO, "2048x2048", {"aspectRatio": "1:1", "imageSize": "2K"}, None),
            (PRO, "1920x1080", {"aspectRatio": "16:9", "imageSize": "2K"}, None),
            (PRO, "3840x2160", {"aspectRatio": "16:9", "imageSize": "4K"}, None),
            (PRO, "512x512", {"aspectRatio": "1:1"}, "renamed"),
            (PRO, "4096x1024", {"aspectRatio": "21:9", "imageSize": "2K"}, "dropped"),
            (NEWEST, "512x512", {"aspectRatio": "1:1", "imageSize": "512"}, None),
            (NEWEST, "4096x1024", {"aspectRatio": "4:1", "imageSize": "2K"}, None),
            (OLDER, "2048x2048", {"aspectRatio": "1:1"}, "renamed"),
            (f"models/{OLDER}", "2048x2048", {"aspectRatio": "1:1"}, "renamed"),
            (LITE, "2048x2048", {"aspectRatio": "1:1"}, "renamed"),
        ],
    )
    def test_a_size_is_said_as_the_model_knows_it(self, model, size, config, loss):
        written = gemini.write_request(asked(size=size), model)

        assert json.loads(written.body)["generationConfig"].get("imageConfig") == config
        assert (written.renamed, written.dropped) == (
            ("size",) if loss == "renamed" else (),
            ("size",) if loss == "dropped" else (),
        )

    @given(st.integers(1, 99999), st.integers(1, 99999))
    def test_the_shape_is_the_nearest_there_is(self, width, height):
        known = canvas.canvas_of(PRO)
        fitted = canvas.fit(f"{width}x{height}", known)

        def away(ratio: str) -> float:
            across, down = map(int, ratio.split(":"))
            return abs(math.log((width / height) / (across / down)))

        assert away(fitted.ratio) <= min(map(away, known.ratios)) + 1e-9

    @pytest.mark.parametrize("size", ["large", "1024", "0x0", "1024x", "-1x5", "1e3x5", "1\u0661x1", "100000x1"])
    def test_a_size_that_is_none_is_refused(self, size):
        with pytest.raises(InvalidRequest, match="WIDTHxHEIGHT"):
            told(asked(size=size))

    def test_what_cannot_be_said_is_named(self):
        request = asked(
            quality="high",
            background="transparent",
            output_format="webp",
            response_format="url",
            style="vivid",
            moderation="low",
            user="me",
            partial_images=2,
            seed=3,
            images=[{"image_url": data_url(PNG)}],
            mask={"image_url": data_url(PNG)},
        )

        names = "background mask moderation output_format partial_images quality response_format seed style user"
        assert gemini.write_request(request, PRO).dropped == tuple(names.split())

    def test_wishes_for_nothing_are_not_named(self):
        request = asked(
            quality="auto",
            background="auto",
            moderation="auto",
            response_format="b64_json",
            partial_images=0,
            n=1,
            user=None,
            safety_identifier="me",
        )
        assert gemini.write_request(request, PRO).dropped == ()

    def test_two_pictures_at_once_are_refused(self):
        with pytest.raises(InvalidRequest, match="one picture at a time") as caught:
            told(asked(n=2))
        assert caught.value.param == "n"

    def test_a_file_of_another_provider_is_refused(self):
        with pytest.raises(InvalidRequest, match="another provider"):
            told(asked(images=[{"file_id": "file-1"}]))

    @pytest.mark.parametrize(
        ("model", "path"),
        [
            (PRO, f"/models/{PRO}:generateContent"),
            (f"models/{PRO}", f"/models/{PRO}:generateContent"),
            ("a b/c", "/models/a%20b%2Fc:generateContent"),
            (IMAGEN, f"/models/{IMAGEN}:predict"),
        ],
    )
    def test_the_model_decides_where_it_is_asked(self, model, path):
        assert gemini.path(model) == path

    @pytest.mark.parametrize("model", ["", "..", "models/.", "\ud800"])
    def test_a_name_that_no_path_holds_is_refused(self, model):
        with pytest.raises(InvalidRequest):
            gemini.path(model)


class TestGeneratingWithImagen:
    def test_one_is_asked_for_where_nothing_was_said_because_google_would_draw_four(self):
        assert told(asked(), IMAGEN) == {
            "instances": [{"prompt": "A cat"}],
            "parameters": {"sampleCount": 1, "includeRaiReason": True},
        }

    @pytest.mark.parametrize(
        ("model", "size", "config", "loss"),
        [
            (IMAGEN, "1024x1024", {"aspectRatio": "1:1"}, ()),
            (IMAGEN, "2048x2048", {"aspectRatio": "1:1", "sampleImageSize": "2K"}, ()),
            (IMAGEN, "1536x1024", {"aspectRatio": "4:3"}, ("size",)),
            ("imagen-4.0-fast-generate-001", "2048x2048", {"aspectRatio": "1:1"}, ("size",)),
        ],
    )
    def test_a_number_and_a_size_are_said(self, model, size, config, loss):
        written = gemini.write_request(asked(n=3, size=size), model)
        assert json.loads(written.body)["parameters"] == {"sampleCount": 3, "includeRaiReason": True, **config}
        assert written.renamed == loss

    def test_pictures_to_start_from_are_refused(self):
        with pytest.raises(InvalidRequest, match="words alone"):
            told(asked(images=[{"image_url": data_url(PNG)}]), IMAGEN)


class TestDrawn:
    def test_pictures_and_tokens_are_heard(self):
        usage = {
            "promptTokenCount": 263,
            "candidatesTokenCount": 1290,
            "thoughtsTokenCount": 10,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 5}, {"modality": "IMAGE", "tokenCount": 258}],
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
        }
        body = json.dumps(json.loads(generated(blob(JPEG, "image/jpeg"))) | {"usageMetadata": usage}).encode()

        heard = gemini.read_reply(body)

        expected = Usage(263, 1300, reasoning=10)
        assert heard == Drawn((Inline("image/jpeg", b64(JPEG)),), (), expected, 258, 1290)

    def test_a_draft_the_model_thought_with_is_not_the_picture(self):
        heard = gemini.read_reply(generated(blob(PNG, thought=True), {"text": "Here:"}, blob(JPEG, "image/jpeg")))
        assert heard.images == (Inline("image/jpeg", b64(JPEG)),)

    def test_imagen_s_pictures_come_with_the_words_it_drew(self):
        predictions = [
            {"bytesBase64Encoded": b64(PNG), "mimeType": "image/png", "prompt": "A fluffy cat"},
            {"raiFilteredReason": "no"},
            {"bytesBase64Encoded": b64(PNG), "mimeType": "image/png"},
        ]
        heard = gemini.read_reply(json.dumps({"predictions": predictions}).encode())
        assert heard == Drawn((Inline("image/png", b64(PNG)),) * 2, ("A fluffy cat", None))

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b'{"promptFeedback":{"blockReason":"SAFETY"}}', "SAFETY"),
            (b'{"promptFeedback":{"blockReason":"OTHER","blockReasonMessage":"Its own words"}}', "Its own words"),
            (generated(finishReason="IMAGE_SAFETY"), "IMAGE_SAFETY"),
            (generated(finishReason="PROHIBITED_CONTENT", finishMessage="Its own words"), "Its own words"),
            (generated({"text": "Its own words"}, finishReason="IMAGE_RECITATION"), "Its own words"),
            (b'{"predictions":[{"raiFilteredReason":"Its own words"}]}', "Its own words"),
            (b'{"predictions":[]}', "filtered"),
        ],
    )
    def test_what_must_not_be_drawn_is_an_error_in_the_provider_s_words(self, body, words):
        with pytest.raises(UpstreamRefused, match=words) as caught:
            gemini.read_reply(body)
        assert (caught.value.status, caught.value.kind) == (400, "content_policy_violation")

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (generated(finishReason="NO_IMAGE"), "NO_IMAGE"),
            (generated({"text": "What cat?"}, finishReason="STOP"), "What cat?"),
            (b'{"candidates":[]}', "no reason given"),
        ],
    )
    def test_an_answer_without_a_picture_is_an_error_too(self, body, words):
        with pytest.raises(UpstreamRefused) as caught:
            gemini.read_reply(body)
        assert words in str(caught.value)
        assert (caught.value.status, caught.value.kind) == (400, "no_image")

    @given(st.binary(max_size=200) | st.sampled_from([b"{}", b"[]", b"null", b'{"candidates":3}']))
    def test_what_is_no_answer_is_none(self, body):
        with pytest.raises(ValueError, match="no reply of this form"):
            gemini.read_reply(body)

    def test_an_odd_count_is_no_count(self):
        body = json.loads(generated(blob(PNG))) | {"usageMetadata": [1]}
        assert gemini.read_reply(json.dumps(body).encode()).usage is None


REPLY = Drawn((Inline("image/png", b64(PNG)),), (), Usage(10, 1300), 4, 1290)
USAGE = {
    "input_tokens": 10,
    "output_tokens": 1300,
    "total_tokens": 1310,
    "input_tokens_details": {"text_tokens": 6, "image_tokens": 4},
    "output_tokens_details": {"text_tokens": 10, "image_tokens": 1290},
}


class TestTold:
    def test_a_whole_answer_is_as_openai_s(self):
        body = json.loads(openai.write_reply(REPLY, asked()))

        assert body.pop("created") > 1_700_000_000
        assert body == {"data": [{"b64_json": b64(PNG)}], "output_format": "png", "usage": USAGE}

    def test_words_that_were_drawn_instead_are_told_and_nothing_that_nobody_said(self):
        reply = Drawn((Inline("image/png", "AA"), Inline("image/jpeg", "AB")), ("A fluffy cat", None))

        body = json.loads(openai.write_reply(reply, asked()))

        assert body.keys() == {"created", "data"}
        assert body["data"] == [{"b64_json": "AA", "revised_prompt": "A fluffy cat"}, {"b64_json": "AB"}]

    @pytest.mark.parametrize(("images", "kind"), [(None, "image_generation.completed"), (True, "image_edit.completed")])
    def test_a_stream_is_the_event_of_the_finished_picture(self, images, kind):
        more = {"images": [{"image_url": data_url(PNG)}]} if images else {}
        request = asked(stream=True, size="1024x1024", **more)

        event, data, *end = openai.write_reply(REPLY, request).split(b"\n")

        assert openai.media_type(request).startswith("text/event-stream")
        assert (event, end) == (f"event: {kind}".encode(), [b"", b""])
        body = json.loads(data.removeprefix(b"data: "))
        assert body.pop("created_at") > 1_700_000_000
        assert body == {
            "type": kind,
            "b64_json": b64(PNG),
            "size": "1024x1024",
            "quality": "auto",
            "background": "auto",
            "output_format": "png",
            "usage": USAGE,
        }
