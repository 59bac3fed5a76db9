"""Speech from text, and text from speech."""

from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, Struct, UnsetType
from sanic import Blueprint, HTTPResponse, Request

from api.dialects import openai_chat
from api.endpoints import Endpoint
from api.routes.documenting import documented
from api.routes.endpoints import ask, send_on

routes = Blueprint("audio")

Model = Annotated[str, Meta(description="provider:model", examples=["openai:gpt-4o-transcribe"])]
PASSES: Final = (
    "Every field is passed on; a provider without this endpoint is not asked, and the error says who has it."
)
ERROR: Final[dict[str, Any]] = {"error": openai_chat.ErrorReply}


class SpeechRequest(Struct):
    """A text to be spoken."""

    model: Annotated[str, Meta(description="provider:model", examples=["openai:gpt-4o-mini-tts"])]
    input: Annotated[str, Meta(description="What is said", examples=["Hello"])]
    voice: Annotated[Any, Meta(description="A voice of the provider: its name, or an object with its id")] = UNSET
    instructions: Annotated[str, Meta(description="How it is said")] | UnsetType = UNSET
    response_format: Annotated[str, Meta(description="mp3, opus, aac, flac, wav, pcm")] | UnsetType = UNSET
    speed: float | UnsetType = UNSET
    stream_format: Annotated[str, Meta(description="audio, or sse for events")] | UnsetType = UNSET


class TranslationRequest(Struct):
    """Speech of any language, to be written down in English."""

    file: Annotated[bytes, Meta(description="The audio, with its name: mp3, wav, ogg, m4a, webm, flac, ...")]
    model: Model
    prompt: Annotated[str, Meta(description="Words that may occur, or what was said before")] | UnsetType = UNSET
    response_format: Annotated[str, Meta(description="json, text, srt, verbose_json, vtt")] | UnsetType = UNSET
    temperature: float | UnsetType = UNSET


class TranscriptionRequest(TranslationRequest):
    """Speech to be written down as it is. Lists are sent as OpenAI's clients send them: `include[]`, once for each."""

    language: Annotated[str, Meta(description="The language that is spoken", examples=["en"])] | UnsetType = UNSET
    stream: Annotated[bool, Meta(description="Answer in events")] | UnsetType = UNSET


class Transcript(Struct):
    """What was said. `verbose_json` and `diarized_json` hold more."""

    text: str


SPOKEN: Final = {"model": "openai:gpt-4o-mini-tts", "input": "Hello", "voice": "alloy"}
HEARD: Final = {"file": "hello.mp3", "model": "openai:gpt-4o-transcribe"}
TEXT: Final = {"text": "Hello"}


@routes.post("/v1/audio/speech")
@documented(
    "Speak",
    f"Says a text: the audio comes as it is made, or in events with `stream_format` `sse`. {PASSES}",
    body=SpeechRequest,
    example=SPOKEN,
    binary="audio/*",
    streams=True,
    **ERROR,
)
async def speech(request: Request) -> HTTPResponse | None:
    return await ask(request, Endpoint.SPEECH)


@routes.post("/v1/audio/transcriptions", stream=True)
@documented(
    "Transcribe",
    "Writes down what is said in a file of up to 512 MiB: as JSON, as text or subtitles (`response_format`), or in "
    f"events with `stream`. {PASSES}",
    body=TranscriptionRequest,
    upload=True,
    example=HEARD,
    reply=Transcript,
    binary="text/*",
    answer=TEXT,
    streams=True,
    **ERROR,
)
async def transcriptions(request: Request) -> HTTPResponse | None:
    return await send_on(request, Endpoint.TRANSCRIPTIONS)


@routes.post("/v1/audio/translations", stream=True)
@documented(
    "Translate speech",
    f"The same in English, whatever is spoken. {PASSES}",
    body=TranslationRequest,
    upload=True,
    example=HEARD,
    reply=Transcript,
    binary="text/*",
    answer=TEXT,
    **ERROR,
)
async def translations(request: Request) -> HTTPResponse | None:
    return await send_on(request, Endpoint.TRANSLATIONS)
