"""Texts to vectors."""

from sanic import Blueprint, HTTPResponse, Request

from api.dialects.embeddings import openai
from api.endpoints import Endpoint
from api.routes.endpoints import ask

routes = Blueprint("embeddings")


@routes.post("/v1/embeddings")
async def embeddings(request: Request) -> HTTPResponse | None:
    return await ask(request, Endpoint.EMBEDDINGS, openai)
