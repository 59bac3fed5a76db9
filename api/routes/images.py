"""Pictures: from words, from other pictures, and variations of one."""

from typing import Any, Final

from sanic import Blueprint, HTTPResponse, Request

from api.dialects import openai_chat
from api.dialects.images import openai
from api.dialects.images.shapes import ImageEditForm, ImageGenerationRequest, ImagesReply, ImageVariationForm
from api.endpoints import Endpoint
from api.routes.conversing import require_json
from api.routes.documenting import documented
from api.routes.endpoints import ask, send_on
from api.uploads import KIND

routes = Blueprint("images")

GEMINI: Final = (
    "Gemini's models that draw are asked in their own way, one picture at a time; what cannot be said there is named "
    "in `x-morello-dropped`, or refused with 400 if `x-morello-strict: 1` was sent."
)
MODEL: Final = "google:gemini-3.1-flash-image"
ANSWER: Final[dict[str, Any]] = {
    "created": 1700000000,
    "data": [{"b64_json": "iVBORw0KGgo="}],
    "output_format": "png",
    "usage": {
        "input_tokens": 8,
        "output_tokens": 1290,
        "total_tokens": 1298,
        "input_tokens_details": {"text_tokens": 8, "image_tokens": 0},
    },
}


@routes.post("/v1/images/generations")
@documented(
    "Draw a picture",
    "Draws what the prompt says. With `stream: true` the pictures come as events, unfinished ones too where the "
    f"provider sends them. {GEMINI}",
    body=ImageGenerationRequest,
    reply=ImagesReply,
    error=openai_chat.ErrorReply,
    streams=True,
    example={"model": MODEL, "prompt": "A lighthouse in the fog", "size": "1536x1024"},
    answer=ANSWER,
)
async def generate_image(request: Request) -> HTTPResponse | None:
    return await ask(request, Endpoint.IMAGES, openai)


@routes.post("/v1/images/edits", stream=True)
@documented(
    "Change pictures",
    "Draws a picture from others and words. The pictures are files of a form, or stand in a JSON body as `images`, a "
    "list of `image_url` or `file_id`. Towards Gemini they may have 20 MiB each and 40 MiB in all, and there is no "
    f"mask. {GEMINI}",
    body=ImageEditForm,
    example={"image": "boat.png", "prompt": "Make it night", "model": MODEL},
    reply=ImagesReply,
    error=openai_chat.ErrorReply,
    streams=True,
    upload=True,
    answer=ANSWER,
)
async def edit_image(request: Request) -> HTTPResponse | None:
    if request.headers.get("content-type", "").lower().startswith(KIND):
        return await send_on(request, Endpoint.IMAGE_EDITS, openai)
    require_json(request)
    await _receive_whole(request)
    return await ask(request, Endpoint.IMAGE_EDITS, openai)


@routes.post("/v1/images/variations", stream=True)
@documented(
    "Vary a picture",
    "Draws variations of a picture, of providers that have OpenAI's endpoint for it.",
    body=ImageVariationForm,
    example={"image": "boat.png", "model": "openai:dall-e-2"},
    reply=ImagesReply,
    error=openai_chat.ErrorReply,
    upload=True,
    answer=ANSWER,
)
async def vary_image(request: Request) -> HTTPResponse | None:
    return await send_on(request, Endpoint.IMAGE_VARIATIONS)


async def _receive_whole(request: Request) -> None:
    """Take a body of JSON where a form may come: Sanic bounds no body that a handler takes as a stream."""
    stream: Any = request.stream
    stream.request_max_size = request.app.ctx.gateway.limits.largest
    if stream.request_body:  # Sanic would wait for one that does not come
        await request.receive_body()
