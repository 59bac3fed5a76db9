"""Where an image or a document lies: `data:` URLs read and written."""

import base64
import binascii
from typing import Final
from urllib.parse import unquote_to_bytes

from api.conversation import Inline, Link
from api.errors import InvalidRequest

PLAIN: Final = "text/plain"  # RFC 2397: what a data URL is that says nothing


def read_url(url: str) -> Inline | Link:
    """What a URL means: a `data:` URL is the thing itself, base64 as it came."""
    if url[:5].lower() != "data:":
        return Link(url)
    head, _, body = url.partition(",")
    kind, *parameters = head[5:].split(";")
    if "base64" in (parameter.strip().lower() for parameter in parameters):
        return Inline(kind or PLAIN, body)
    return Inline(kind or PLAIN, base64.b64encode(unquote_to_bytes(body)).decode())


def write_url(source: Inline | Link) -> str:
    """A source as a URL."""
    match source:
        case Inline(media_type, content):
            return f"data:{media_type};base64,{content}"
        case Link(url):
            return url


def asked_url(url: str, param: str = "messages") -> Inline | Link:
    """`read_url` of a caller's: `InvalidRequest` if nothing is in it."""
    source = read_url(url)
    if isinstance(source, Inline) and not source.data.strip():
        raise InvalidRequest("An image or a file is empty: nothing stands after “base64,”. Send its data.", param)
    return source


def as_text(source: Inline) -> str | None:
    """The text of a document that is plain text."""
    try:
        return base64.b64decode(source.data, validate=False).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
