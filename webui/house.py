"""What every page of the dashboard is given to work with."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from sanic import Request

from api.door import Door
from api.gateway import Gateway
from webui.locale import Locale, choose
from webui.session import Sessions

T = TypeVar("T")
log = logging.getLogger("morello.dashboard")


class House:
    """The rooms below the dashboard. `login_command` is what to type in a terminal for a new link.

    `environment` holds the variables in which keys of providers are usually kept, and no others.
    """

    def __init__(
        self, gateway: Gateway, door: Door, sessions: Sessions, login_command: str, environment: Mapping[str, str]
    ) -> None:
        self.gateway, self.door, self.sessions, self.login_command = gateway, door, sessions, login_command
        self.environment = environment
        self.clients: dict[bytes, str] = {}  # which client each session looks at, by the session's digest
        self._begun: set[asyncio.Task[Any]] = set()

    async def to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` wholly, also when whoever asked for it hangs up: half a stop would be no state at all."""
        return await asyncio.shield(self._start(work))

    def begin(self, work: Coroutine[Any, Any, object]) -> None:
        """Do `work` while whoever asked goes on; what comes of it is seen when it is there."""
        self._start(work).add_done_callback(_note_failure)

    def _start(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.create_task(work)
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)
        return task


def _note_failure(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("what the dashboard began failed", exc_info=error)


def language(request: Request) -> Locale:
    """The language the reader chose on a page of ours, else the one their browser asks for."""
    # Another server on this machine may have set a cookie of the same name: one that names a language is enough.
    chosen = request.cookies.getlist(language_cookie(request)) or ()
    return choose(request.headers.get("accept-language", ""), chosen)


def language_cookie(request: Request) -> str:
    """The name of the cookie that keeps the choice: cookies ignore ports, so it carries the dashboard's."""
    return f"morello_language_{request.app.ctx.sessions.port}"
