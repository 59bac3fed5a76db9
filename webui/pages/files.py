"""Static files: what never changes under its address may be kept for ever."""

import gzip
from functools import cache
from typing import Final

from sanic import HTTPResponse, Request
from sanic.exceptions import NotFound

from webui.house import House
from webui.render import File, files

FOR_EVER: Final = "public, max-age=31536000, immutable"


async def serve(request: Request, name: str, house: House) -> HTTPResponse:
    """A static file. Only the address that carries its version may be cached."""
    file = files().get(name)
    if file is None:
        raise NotFound(name)
    headers = {"cache-control": FOR_EVER} if request.args.get("v") == file.version else {}
    headers["vary"] = "accept-encoding"
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return HTTPResponse(file.content, headers=headers, content_type=file.kind)
    headers["content-encoding"] = "gzip"
    return HTTPResponse(_zipped(file), headers=headers, content_type=file.kind)


@cache
def _zipped(file: File) -> bytes:
    return gzip.compress(file.content, mtime=0)
