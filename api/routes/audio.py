"""Speech from text, and text from speech."""

from sanic import Blueprint, HTTPResponse, Request

from api.endpoints import Endpoint
from api.routes.endpoints import ask, send_on

routes = Blueprint("audio")


@routes.post("/v1/audio/speech")
async def speech(request: Request) -> HTTPResponse | None:
    return await ask(request, Endpoint.SPEECH)


@routes.post("/v1/audio/transcriptions", stream=True)
async def transcriptions(request: Request) -> HTTPResponse | None:
    return await send_on(request, Endpoint.TRANSCRIPTIONS)
