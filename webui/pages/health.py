"""That the dashboard is here, and where the API is."""

from sanic import HTTPResponse, Request
from sanic.response import json

from webui.house import House


async def health(request: Request, house: House) -> HTTPResponse:
    """For the docs page, for a container's check, and for whoever finds a port taken by us."""
    door = house.door
    told = {"dashboard": house.gateway.dashboard, "api": door.address, "state": door.state.name}
    return json({"name": "Morello", **told})
