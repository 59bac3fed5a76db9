"""Static files: what never changes under its address may be kept for ever."""

from typing import Final

from sanic import HTTPResponse, Request
from sanic.exceptions import NotFound

from webui.house import House
from webui.render import files

FOR_EVER: Final = "public, max-age=31536000, immutable"


async def serve(request: Request, name: str, house: House) -> HTTPResponse:
    """A static file. Only the address that carries its version may be cached."""
    file = files().get(name)
    if file is None:
        raise NotFound(name)
    headers = {"cache-control": FOR_EVER} if request.args.get("v") == file.version else {}
    return HTTPResponse(file.content, headers=headers, content_type=file.kind)
