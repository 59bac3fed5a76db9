"""Texts and pictures judged: whether they hold what must not be said or shown."""

from typing import Annotated, Any

from msgspec import Meta, Struct
from sanic import Blueprint, HTTPResponse, Request

from api.dialects import openai_chat
from api.endpoints import Endpoint
from api.routes.documenting import documented
from api.routes.endpoints import ask

routes = Blueprint("moderations")


class ModerationRequest(Struct, omit_defaults=True, kw_only=True):
    """What is to be judged. Every other field goes to the provider as it comes."""

    input: Annotated[
        str | list[Any],
        Meta(
            description="A text, several texts, or parts: {type: text, text} and {type: image_url, image_url: {url}}",
            examples=["I will find you."],
        ),
    ]
    model: Annotated[
        str | None,
        Meta(
            description="provider:model. Without it: the provider that `x-morello-provider` names, or the only one "
            "that has moderations",
            examples=["openai:omni-moderation-latest"],
        ),
    ] = None


class Moderated(Struct, omit_defaults=True, kw_only=True):
    """What was found in one input."""

    flagged: Annotated[bool, Meta(description="Whether anything was found")]
    categories: Annotated[dict[str, Any], Meta(description="Of each kind of harm, whether it was found")]
    category_scores: Annotated[dict[str, Any], Meta(description="How sure that is, from 0 to 1")]
    category_applied_input_types: Annotated[
        dict[str, Any] | None, Meta(description="In which kinds of input it was looked for")
    ] = None


class Moderation(Struct):
    """The answer, one result for each input."""

    id: str
    model: str
    results: list[Moderated]


@routes.post("/v1/moderations")
@documented(
    "Moderations",
    "Judges texts and pictures by the rules of the provider that is asked. Everything passes as it is.",
    body=ModerationRequest,
    reply=Moderation,
    error=openai_chat.ErrorReply,
    example={"model": "openai:omni-moderation-latest", "input": "I will find you."},
    answer={
        "id": "modr-1",
        "model": "omni-moderation-latest",
        "results": [
            {
                "flagged": True,
                "categories": {"harassment/threatening": True, "violence": False},
                "category_scores": {"harassment/threatening": 0.71, "violence": 0.2},
                "category_applied_input_types": {"harassment/threatening": ["text"], "violence": ["text"]},
            }
        ],
    },
)
async def moderations(request: Request) -> HTTPResponse | None:
    return await ask(request, Endpoint.MODERATIONS)
