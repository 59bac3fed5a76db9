"""What changes while you watch: one stream of page parts, sent when something happened.

It lives as long as the page does, through Stop and Start of the API. A message is sent when a part looks
different, at most once a second; the first change after a calm is sent at once. What changes without being told
is looked for: the counts of calls in progress each second, the minute when it is over.
"""

import asyncio
import re
import time
from typing import Any, Final

from sanic import Request
from sanic.response import BaseHTTPResponse

from webui.card import card
from webui.house import House
from webui.pages import conformance, first_run, models, overview, providers, server, settings
from webui.view import Part, fill

HEARTBEAT_SECONDS: Final = 15.0
HEARTBEAT: Final = ": still here\n\n"
LEAST_GAP: Final = 1.0
MINUTE: Final = 60.0
_LINE_END: Final = re.compile(r"\r\n|[\r\n]")
SETTLE: Final = 0.05  # a start passes through two states within milliseconds: only the second is worth a message

# On every page: the chip at the sidebar's foot, and the number of providers beside their room.
SHELL: Final = (
    Part("chip", lambda _request, house: card(house)),
    Part("count", lambda _request, house: len(house.gateway.providers.all())),
)
PAGES: Final[dict[str, tuple[Part, ...]]] = {
    "overview": (*SHELL, *server.PARTS, *overview.PARTS, *first_run.PARTS),
    "providers": (*SHELL, *providers.PARTS),
    "models": (*SHELL, *models.PARTS),
    "conformance": (*SHELL, *conformance.PARTS),
    "settings": (*SHELL, *settings.PARTS),
}


async def live(request: Request, house: House) -> None:
    """Follow what the page named `page` shows, until it goes away or its session ends."""
    with request.app.ctx.calls.running():
        stream = await request.respond(content_type="text/event-stream; charset=utf-8")
        assert stream is not None
        await _follow(request, house, stream, PAGES.get(request.args.get("page") or "", SHELL))
        await stream.eof()


async def _follow(request: Request, house: House, stream: BaseHTTPResponse, parts: tuple[Part, ...]) -> None:
    news, sessions = house.gateway.news, house.sessions
    heard, seen = news.count, _look(request, house, parts)
    sent, changed = time.monotonic(), 0.0
    await stream.send(_message(request, house, seen))
    while True:
        settle = SETTLE if await _rings(house, heard, _patience(house, sent)) else 0.0
        await asyncio.sleep(max(settle, changed + LEAST_GAP - time.monotonic()))
        if not sessions.knows(request.ctx.session):
            return
        heard, now = news.count, _look(request, house, parts)
        if different := {part: look for part, look in now.items() if look != seen[part]}:
            seen, sent = now, time.monotonic()
            changed = sent
            await stream.send(_message(request, house, different))
        elif time.monotonic() - sent >= HEARTBEAT_SECONDS:
            sent = time.monotonic()
            await stream.send(HEARTBEAT)


def _patience(house: House, sent: float) -> float:
    """How long nothing may happen before it is time to look, or to let a heart beat."""
    next_look = LEAST_GAP if len(house.door.calls) else MINUTE - time.time() % MINUTE
    return max(0.0, min(next_look, sent + HEARTBEAT_SECONDS - time.monotonic()))


def _look(request: Request, house: House, parts: tuple[Part, ...]) -> dict[Part, Any]:
    return {part: part.look(request, house) for part in parts}


async def _rings(house: House, heard: int, seconds: float) -> bool:
    """Wait for news, but not for ever."""
    try:
        async with asyncio.timeout(seconds):
            await house.gateway.news.after(heard)
    except TimeoutError:
        return False
    return True


def _message(request: Request, house: House, looks: dict[Part, Any]) -> str:
    values = {part.name: look for part, look in looks.items()}
    return frame(fill(request, house, "parts/live.html", parts=looks, **values))


def frame(html: str) -> str:
    """One unnamed event; htmx swaps the parts that are in it."""
    # Not splitlines: U+2028 and its like end no line in an event stream.
    return "".join(f"data: {line}\n" for line in _LINE_END.split(html)) + "\n"
