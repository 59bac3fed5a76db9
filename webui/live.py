"""What changes while you watch: one stream of page parts, sent when something happened.

It lives as long as the page does, through Stop and Start of the API. A message is sent when the card looks
different, at most once a second; the first change after a calm is sent at once.
"""

import asyncio
import re
import time
from typing import Final

from sanic import Request
from sanic.response import BaseHTTPResponse

from api.news import News
from webui.house import House, language
from webui.pages.overview import Card, Told, card, shown
from webui.render import render

HEARTBEAT_SECONDS: Final = 15.0
HEARTBEAT: Final = ": still here\n\n"
LEAST_GAP: Final = 1.0
_LINE_END: Final = re.compile(r"\r\n|[\r\n]")
SETTLE: Final = 0.05  # a start passes through two states within milliseconds: only the second is worth a message


async def live(request: Request, house: House) -> None:
    """Follow the API until the page goes away or its session ends."""
    with request.app.ctx.calls.running():
        stream = await request.respond(content_type="text/event-stream; charset=utf-8")
        assert stream is not None
        await _follow(request, house, stream)
        await stream.eof()


async def _follow(request: Request, house: House, stream: BaseHTTPResponse) -> None:
    news, sessions = house.gateway.news, house.sessions
    heard, seen = news.count, card(house)
    changed = 0.0
    await stream.send(_message(request, seen))
    while sessions.knows(request.ctx.session):
        if not await _rings(news, heard):
            await stream.send(HEARTBEAT)
            continue
        await asyncio.sleep(max(SETTLE, changed + LEAST_GAP - time.monotonic()))
        heard, now = news.count, card(house)
        if now != seen:
            seen, changed = now, time.monotonic()
            await stream.send(_message(request, seen))


async def _rings(news: News, heard: int) -> bool:
    """Wait for news, but not longer than a heartbeat."""
    try:
        async with asyncio.timeout(HEARTBEAT_SECONDS):
            await news.after(heard)
    except TimeoutError:
        return False
    return True


def _message(request: Request, now: Card) -> str:
    return frame(render(language(request), "parts/live.html", **shown(request, now, Told())))


def frame(html: str) -> str:
    """One unnamed event; htmx swaps the parts that are in it."""
    # Not splitlines: U+2028 and its like end no line in an event stream.
    return "".join(f"data: {line}\n" for line in _LINE_END.split(html) if line.strip()) + "\n"
