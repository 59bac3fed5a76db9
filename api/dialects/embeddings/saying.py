"""What the forms share on the way to a provider: what a question leaves over, and what no provider of a form takes."""

from collections.abc import Container
from typing import Any, Final

import msgspec
from msgspec import Raw

from api.conversation import Carried
from api.dialects.decoding import decode
from api.dialects.embeddings.asked import EmbeddingRequest
from api.errors import InvalidRequest

_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])
_ANYTHING: Final = msgspec.json.Decoder(Any)
_OPTIONAL: Final = ("dimensions", "purpose", "truncate", "user")


def extra_of(body: bytes, known: Container[str]) -> Carried:
    """The fields of a body that its form does not know; one that is null was not said."""
    raws = {name: bytes(raw) for name, raw in decode(_FIELDS, body).items() if name not in known}
    return {name: decode(_ANYTHING, raw) for name, raw in raws.items() if raw != b"null"}


def unsaid(request: EmbeddingRequest, fields: Container[str], extra: Container[str] = ()) -> tuple[str, ...]:
    """What was asked and is not among the `fields` and the `extra` that can be said, in the caller's words."""
    asked = [name for name in _OPTIONAL if getattr(request, name) is not None]
    lost = {called(request, name) for name in asked if name not in fields}
    return tuple(sorted(lost | {name for name in request.extra if name not in extra}))


def called(request: EmbeddingRequest, name: str) -> str:
    """A field of the vocabulary as the caller calls it."""
    return request.called.get(name, name)


def texts_of(request: EmbeddingRequest, who: str, most: int | None = None) -> list[str]:
    """The inputs where only texts can be said, and at most `most` of them at once."""
    name = called(request, "inputs")
    texts = [text for text in request.inputs if isinstance(text, str)]
    if len(texts) < len(request.inputs):
        raise InvalidRequest(f"{who} takes no tokens for embeddings, only texts. Send the texts themselves.", name)
    if most is not None and len(texts) > most:
        raise InvalidRequest(
            f"{who} takes at most {most} texts in one request, and this one has {len(texts)}. "
            "Send them in several requests.",
            name,
        )
    return texts


def required(inputs: tuple[Any, ...], name: str) -> None:
    """Raise `InvalidRequest` where there is nothing to turn into a vector."""
    if not inputs:
        raise InvalidRequest(f"“{name}” is empty. Send a text, or a list with at least one.", name)
