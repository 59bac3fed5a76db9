"""Speech and transcripts: the official SDK on one side, a provider of which each byte is checked on the other."""

import asyncio
import hashlib
import json
import random
from email import message_from_bytes
from email.message import Message

import pytest
from openai import APIConnectionError, APIStatusError, AsyncOpenAI, BadRequestError
from openai.types.audio import TranscriptionVerbose

from tests.conftest import Api
from tests.fakes import FarEnd, Received, Wire, answers, far_end

KEY = "sk-far-0123456789"
AUDIO = random.Random(4).randbytes(300_000) + b"\r\n--\r\n--b\r\n"
VERBOSE = b'{"task":"transcribe","language":"english","duration":1.5,"text":"Hello","segments":[],"words":[]}'
SUBTITLES = b"1\n00:00:00,000 --> 00:00:01,500\nHello\n"
EVENTS = (
    b'data: {"type":"transcript.text.delta","delta":"Hel"}\n\n',
    b'data: {"type":"transcript.text.delta","delta":"lo"}\n\n',
    b'data: {"type":"transcript.text.done","text":"Hello","usage":{"type":"tokens","input_tokens":14,'
    b'"output_tokens":3,"total_tokens":17,"input_token_details":{"text_tokens":0,"audio_tokens":14}}}\n\n',
    b"data: [DONE]\n\n",
)


async def provide(api: Api, far: FarEnd, id: str = "far", dialect: str = "openai_chat") -> None:
    await api.gateway.providers.add(id, dialect, far.url + "/v1", KEY)


def sdk(api: Api) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=api.url + "/v1", api_key=api.key, max_retries=0)


def read_form(received: Received) -> list[Message]:
    """The parts of a form, read by somebody else's parser."""
    head = f"content-type: {received.headers['content-type']}\r\n\r\n".encode()
    message = message_from_bytes(head + received.body)
    parts = message.get_payload()
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, Message)]


def fields_of(received: Received) -> list[tuple[object, bytes]]:
    return [
        (part.get_param("name", header="content-disposition"), part.get_payload(decode=True))  # type: ignore[misc]
        for part in read_form(received)
        if part.get_filename() is None
    ]


def same(one: bytes, other: bytes) -> bool:
    """Whether they are equal; a failure does not print them."""
    return hashlib.sha256(one).digest() == hashlib.sha256(other).digest()


def streams(*pieces: bytes, content_type: str):
    async def behave(_received: Received, wire: Wire) -> None:
        await wire.begin_stream(content_type=content_type)
        for piece in pieces:
            await wire.chunk(piece)
        await wire.end_stream()

    return behave


class TestSpeech:
    async def test_audio_comes_as_it_is_made(self, api: Api) -> None:
        pieces = [AUDIO[at : at + 50_000] for at in range(0, len(AUDIO), 50_000)]
        async with far_end(streams(*pieces, content_type="audio/mpeg")) as far, sdk(api) as client:
            await provide(api, far)
            spoken = client.audio.speech.with_streaming_response.create(
                model="far:tts", input="Hello", voice="alloy", response_format="mp3", speed=1.25, instructions="Softly"
            )
            async with spoken as response:
                audio = b"".join([block async for block in response.iter_bytes()])
        assert same(audio, AUDIO)
        assert response.headers["content-type"] == "audio/mpeg"
        assert (far.last.path, far.last.headers["authorization"]) == ("/v1/audio/speech", f"Bearer {KEY}")
        assert json.loads(far.last.body) == {
            "model": "tts",
            "input": "Hello",
            "voice": "alloy",
            "response_format": "mp3",
            "speed": 1.25,
            "instructions": "Softly",
        }
        assert [(row.served, row.status, row.bytes_out) for row in await api.rows()] == [("tts", 200, len(AUDIO))]

    async def test_the_first_sound_does_not_wait_for_the_last(self, api: Api) -> None:
        heard = asyncio.Event()

        async def speak(_received: Received, wire: Wire) -> None:
            await wire.begin_stream(content_type="audio/mpeg")
            await wire.chunk(b"first")
            await heard.wait()
            await wire.chunk(b"last")
            await wire.end_stream()

        async with far_end(speak) as far, sdk(api) as client:
            await provide(api, far)
            spoken = client.audio.speech.with_streaming_response.create(model="far:tts", input="Hello", voice="alloy")
            async with spoken as response:
                blocks = response.iter_bytes()
                assert await anext(blocks) == b"first"
                heard.set()
                assert [block async for block in blocks] == [b"last"]

    async def test_audio_that_comes_in_events_passes_and_its_tokens_are_counted(self, api: Api) -> None:
        events = (
            b'data: {"type":"speech.audio.delta","audio":"SGVsbG8="}\n\n',
            b'data: {"type":"speech.audio.done","usage":{"input_tokens":4,"output_tokens":9,"total_tokens":13}}\n\n',
        )
        async with far_end(streams(*events, content_type="text/event-stream")) as far, sdk(api) as client:
            await provide(api, far)
            spoken = await client.audio.speech.create(
                model="far:tts", input="Hello", voice={"id": "voice_1"}, stream_format="sse"
            )
            assert spoken.content == b"".join(events)
        assert json.loads(far.last.body)["voice"] == {"id": "voice_1"}
        assert [(row.tokens_in, row.tokens_out) for row in await api.rows()] == [(4, 9)]

    async def test_audio_that_breaks_off_is_no_whole_audio(self, api: Api) -> None:
        async def breaks(_received: Received, wire: Wire) -> None:
            await wire.begin_stream(content_type="audio/mpeg")
            await wire.chunk(b"half")
            wire.hang_up()

        async with far_end(breaks) as far, sdk(api) as client:
            await provide(api, far)
            with pytest.raises(APIConnectionError):
                await client.audio.speech.create(model="far:tts", input="Hello", voice="alloy")
        assert [(row.status, row.error) for row in await api.rows()] == [(502, "stream_broken")]


class TestTranscripts:
    async def test_every_field_reaches_the_provider_as_it_was_sent(self, api: Api) -> None:
        async with far_end(answers(200, VERBOSE)) as far, sdk(api) as client:
            await provide(api, far)
            transcript = await client.audio.transcriptions.create(
                file=("für “Élise”.mp3", AUDIO, "audio/mpeg"),
                model="far:whisper-1",
                chunking_strategy={"type": "server_vad", "threshold": 0.5},
                include=["logprobs"],
                known_speaker_names=["ada", "bob"],
                known_speaker_references=["data:audio/wav;base64," + "A" * 400_000],
                language="en",
                prompt="Grüße",
                response_format="verbose_json",
                temperature=0.2,
                timestamp_granularities=["word", "segment"],
            )
        assert isinstance(transcript, TranscriptionVerbose)
        assert transcript.text == "Hello"
        [file] = [part for part in read_form(far.last) if part.get_filename() is not None]
        audio = file.get_payload(decode=True)
        assert isinstance(audio, bytes)
        assert same(audio, AUDIO)
        assert file.get_content_type() == "audio/mpeg"
        assert 'filename="für “Élise”.mp3"'.encode() in far.last.body
        assert dict(fields_of(far.last))["model"] == b"whisper-1"
        assert {name for name, _ in fields_of(far.last)} == {
            "model",
            "chunking_strategy[type]",
            "chunking_strategy[threshold]",
            "include[]",
            "known_speaker_names[]",
            "known_speaker_references[]",
            "language",
            "prompt",
            "response_format",
            "temperature",
            "timestamp_granularities[]",
        }
        assert [value for name, value in fields_of(far.last) if name == "timestamp_granularities[]"] == [
            b"word",
            b"segment",
        ]

    async def test_a_transcript_may_come_in_events(self, api: Api) -> None:
        async with far_end(streams(*EVENTS, content_type="text/event-stream")) as far, sdk(api) as client:
            await provide(api, far)
            stream = await client.audio.transcriptions.create(
                file=("a.wav", b"RIFF"), model="far:gpt-4o-transcribe", stream=True
            )
            said = [event.delta async for event in stream if event.type == "transcript.text.delta"]
        assert said == ["Hel", "lo"]
        [row] = await api.rows()
        assert (row.streamed, row.tokens_in, row.tokens_out) == (True, 14, 3)

    @pytest.mark.parametrize("format", ["srt", "vtt", "text"])
    async def test_subtitles_are_text(self, api: Api, format: str) -> None:
        async with (
            far_end(answers(200, SUBTITLES, content_type="text/plain; charset=utf-8")) as far,
            sdk(api) as client,
        ):
            await provide(api, far)
            said = await client.audio.transcriptions.create(
                file=("a.wav", b"RIFF"),
                model="far:whisper-1",
                response_format=format,  # type: ignore[call-overload]
            )
        assert said == SUBTITLES.decode()

    async def test_text_that_its_provider_takes_for_a_page_is_text(self, api: Api) -> None:
        async with (
            far_end(answers(200, b" Hello\n", content_type="text/html; charset=utf-8")) as far,
            sdk(api) as client,
        ):
            await provide(api, far)
            said = await client.audio.transcriptions.with_raw_response.create(
                file=("a.wav", b"RIFF"), model="far:whisper-1", response_format="text"
            )
        assert (said.text, said.headers["content-type"]) == (" Hello\n", "text/plain; charset=utf-8")

    async def test_a_page_is_no_transcript(self, api: Api) -> None:
        page = b"\n<!DOCTYPE html><title>Welcome</title>"
        async with far_end(answers(200, page, content_type="text/html")) as far, sdk(api) as client:
            await provide(api, far)
            with pytest.raises(APIStatusError, match="web page"):
                await client.audio.transcriptions.create(file=("a.wav", b"RIFF"), model="far:whisper-1")

    async def test_a_translation_goes_to_its_own_place(self, api: Api) -> None:
        async with far_end(answers(200, b'{"text":"Hello"}')) as far, sdk(api) as client:
            await provide(api, far)
            with pytest.warns(DeprecationWarning, match="deprecated"):
                said = await client.audio.translations.create(file=("a.wav", b"RIFF"), model="far:whisper-1")
        assert (said.text, far.last.path) == ("Hello", "/v1/audio/translations")
        assert [row.route for row in await api.rows()] == ["v1/audio/translations"]

    async def test_a_provider_without_transcripts_says_so_in_words(self, api: Api) -> None:
        async with far_end() as far, far_end() as claude, sdk(api) as client:
            await provide(api, far)
            await provide(api, claude, "claude", "anthropic")
            with pytest.raises(BadRequestError, match="“claude” has no transcription"):
                await client.audio.transcriptions.create(file=("a.wav", b"RIFF"), model="claude:m")
        assert not claude.received
