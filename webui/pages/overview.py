"""The overview: is it on, what is the address, what is the key; then the numbers, the proof, the way in."""

from sanic import HTTPResponse, Request

from webui.house import House
from webui.view import Told, page


async def show(request: Request, house: House) -> HTTPResponse:
    """The page."""
    return whole(request, house, Told(asks=request.args.get("ask")))


def whole(request: Request, house: House, told: Told, status: int = 200) -> HTTPResponse:
    """The whole page, with something said on it."""
    return page(request, house, "overview", told, status)
