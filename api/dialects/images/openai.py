"""Images as OpenAI asks and answers: in JSON, or in a form with the pictures as files."""

import base64
import re
import time
from typing import Any, Final

import msgspec

from api.conversation import Inline, Link, Source, Stored
from api.dialects import sse
from api.dialects.decoding import decode
from api.dialects.images.asked import Drawn, ImageRequest
from api.dialects.images.shapes import (
    ImageCompleted,
    ImageData,
    ImageGenerationRequest,
    ImageQuestion,
    ImageReference,
    ImagesReply,
    ImageUsage,
    TokenKinds,
)
from api.errors import InvalidRequest, TooLarge

NAME: Final = "openai"
LARGEST: Final = 20 * 1024**2  # bytes of one picture that is translated, and so held in memory
LARGEST_ALL: Final = 40 * 1024**2
MOST: Final = 16  # pictures, as OpenAI takes them
JSON: Final = "application/json"
_QUESTION: Final = msgspec.json.Decoder(ImageQuestion)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANYTHING: Final = msgspec.json.Decoder(Any)
_READ: Final = frozenset(ImageQuestion.__struct_fields__)
_IMAGE: Final = re.compile(r"image(\[\d*\])?")  # `image[]` of OpenAI's SDKs, `image[0]` of others
_DATA: Final = re.compile(r"data:(image/[\w.+-]+)?(?:;[\w.=+-]+)*;base64,", re.IGNORECASE)
# How a file of each kind begins: what callers declare is the ending of a name, or nothing.
_BEGINNINGS: Final = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"....ftyp(?:heic|heix|mif1)", re.DOTALL), "image/heic"),
    (re.compile(rb"....ftypavif", re.DOTALL), "image/avif"),
)


def path(model: str) -> None:
    """Nowhere of its own: generations and edits lie at different places, which the endpoint knows."""


def read_request(body: bytes, model: str) -> ImageRequest:
    """The caller's question; `InvalidRequest` names the field that is wrong."""
    asked = decode(_QUESTION, body)
    extra = {name: decode(_ANYTHING, bytes(raw)) for name, raw in decode(_FIELDS, body).items() if name not in _READ}
    if asked.images == []:
        raise InvalidRequest("“images” is empty. Name at least one picture.", "images")
    images = tuple(_referred(told, f"images[{at}].image_url") for at, told in enumerate(asked.images or ()))
    mask = _referred(asked.mask, "mask.image_url") if asked.mask else None
    return _request(asked, model, images, mask, extra)


async def read(upload: Any) -> ImageRequest:
    """The same for a form. Its pictures come into memory: `TooLarge` for more than a provider would take at once."""
    files = [part for part in upload.parts if part.filename is not None]
    pictures = [part for part in files if _IMAGE.fullmatch(part.name)]
    mask = next((part for part in files if part.name == "mask"), None)
    _require_some(len(pictures), sum(part.size for part in (*pictures, *filter(None, (mask,)))))
    asked, extra = _fields(upload.parts)
    extra |= {part.name: part.filename for part in files if part is not mask and part not in pictures}
    read_pictures = [await _picture(upload, part) for part in pictures]
    read_mask = await _picture(upload, mask) if mask else None
    return _request(asked, upload.model, tuple(read_pictures), read_mask, extra)


def media_type(request: ImageRequest) -> str:
    """In what `write_reply` answers."""
    return sse.MEDIA_TYPE if request.stream else JSON


def write_reply(reply: Drawn, request: ImageRequest) -> bytes:
    """The answer as the caller of `request` takes it: one object, or an event for each picture."""
    if request.stream:
        return b"".join(_event(picture, reply, request) for picture in reply.images)
    revised = reply.revised or (None,) * len(reply.images)
    data = [ImageData(picture.data, None, words) for picture, words in zip(reply.images, revised, strict=True)]
    kinds = {_format(picture) for picture in reply.images}
    kind = kinds.pop() if len(kinds) == 1 else None
    return msgspec.json.encode(ImagesReply(int(time.time()), data, output_format=kind, usage=_usage(reply)))


# Reading


def _request(
    asked: ImageGenerationRequest,
    model: str,
    images: tuple[Source, ...],
    mask: Source | None,
    extra: dict[str, Any],
) -> ImageRequest:
    if not asked.prompt.strip():
        raise InvalidRequest("“prompt” is empty. Say what to draw.", "prompt")
    return ImageRequest(
        model,
        asked.prompt,
        images,
        mask,
        asked.n,
        asked.size,
        asked.quality,
        asked.background,
        asked.output_format,
        asked.response_format == "url",
        bool(asked.stream),
        asked.user,
        {name: value for name, value in extra.items() if value is not None},
    )


def _referred(told: ImageReference, where: str) -> Source:
    """A picture that is named in JSON."""
    url = told.image_url
    if url is None:
        if told.file_id:
            return Stored(told.file_id)
        raise InvalidRequest("A picture needs an “image_url” or a “file_id”.", where)
    if url.startswith(("https://", "http://")):
        return Link(url)
    found = _DATA.match(url)
    if found is None:
        raise InvalidRequest("A picture must be an http(s) URL, or a data URL in base64.", where)
    data = url[found.end() :]
    _require_size(len(data) * 3 // 4 - data[-2:].count("="))
    return Inline(_kind(_beginning(data, where), found[1], where), data)


def _beginning(data: str, where: str) -> bytes:
    try:
        return base64.b64decode(data[:64], validate=True)
    except ValueError as error:
        raise InvalidRequest("The data of a picture is not base64.", where) from error


def _fields(parts: tuple[Any, ...]) -> tuple[ImageGenerationRequest, dict[str, Any]]:
    """The fields of a form that are no files: those that are read, and all others."""
    told = {part.name: part.value for part in parts if part.filename is None}
    known = {name: value for name, value in told.items() if name in ImageGenerationRequest.__struct_fields__}
    try:
        asked = msgspec.convert(known, ImageGenerationRequest, strict=False)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$.")
        field = place.rstrip("`") or "prompt"
        words = re.sub(r"`([^`]*)`", r"“\1”", what)
        raise InvalidRequest(f"{words}, in the field “{field}”." if place else f"{words}.", field) from error
    return asked, {name: value for name, value in told.items() if name not in known}


async def _picture(upload: Any, part: Any) -> Inline:
    data = await upload.read(part, LARGEST)
    return Inline(_kind(data[:64], part.media_type, part.name), base64.b64encode(data).decode("ascii"))


def _kind(beginning: bytes, declared: str | None, where: str) -> str:
    """The media type of a picture: as it begins, else as it was declared."""
    for looks, kind in _BEGINNINGS:
        if looks.match(beginning):
            return kind
    if declared and declared.startswith("image/"):
        return declared.partition(";")[0].strip()
    raise InvalidRequest(f"“{where[:40]}” is not a picture. Send PNG, JPEG or WebP.", where[:40])


def _require_some(count: int, size: int) -> None:
    if not count:
        raise InvalidRequest("“image” is missing. Send the picture as a file.", "image")
    if count > MOST:
        raise InvalidRequest(f"There are more than {MOST} pictures. Send fewer.", "image")
    if size > LARGEST_ALL:
        raise TooLarge(f"The pictures are larger than {LARGEST_ALL // 1024**2} MiB together. Send smaller ones.")


def _require_size(size: int) -> None:
    if size > LARGEST:
        raise TooLarge(f"A picture is larger than {LARGEST // 1024**2} MiB. Send a smaller one.")


# Answering


def _event(picture: Inline, reply: Drawn, request: ImageRequest) -> bytes:
    kind = "image_edit.completed" if request.images else "image_generation.completed"
    told = ImageCompleted(
        kind,
        picture.data,
        int(time.time()),
        request.size or "auto",
        "auto",
        "auto",
        _format(picture),
        _usage(reply),
    )
    return sse.frame(msgspec.json.encode(told), kind.encode())


def _format(picture: Inline) -> str:
    return picture.media_type.rpartition("/")[2]


def _usage(reply: Drawn) -> ImageUsage | None:
    usage = reply.usage
    if usage is None:
        return None
    came, went = usage.tokens_in, usage.tokens_out
    return ImageUsage(
        came,
        went,
        came + went,
        TokenKinds(max(0, came - reply.image_tokens_in), reply.image_tokens_in),
        TokenKinds(max(0, went - reply.image_tokens_out), reply.image_tokens_out),
    )
