"""What every page of the dashboard is given to work with."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any, Final, TypeVar

from sanic import Request

from api.door import Door
from api.facts import Table
from api.gateway import Gateway
from api.importing import Import
from webui.choice import Choice
from webui.held import Held
from webui.locale import SPOKEN, Locale, choose
from webui.session import Session, Sessions

T = TypeVar("T")
log = logging.getLogger("morello.dashboard")
LANGUAGE: Final = Choice("language", SPOKEN)


class House:
    """The rooms below the dashboard. `login_command` is what to type in a terminal for a new link.

    `environment` holds the variables in which keys of providers are usually kept, and no others.
    """

    def __init__(
        self, gateway: Gateway, door: Door, sessions: Sessions, login_command: str, environment: Mapping[str, str]
    ) -> None:
        self.gateway, self.door, self.sessions, self.login_command = gateway, door, sessions, login_command
        self.environment = environment
        self.imports, self.tables = Held[Import](), Held[Table]()
        self._clients: dict[bytes, str] = {}
        self._begun: set[asyncio.Task[Any]] = set()

    def client_of(self, session: Session) -> str | None:
        """Which client `session` looks at, if it chose one."""
        return self._clients.get(session.digest)

    def show_client(self, session: Session, client: str) -> None:
        """Let `session` look at `client`. Of sessions that are over nothing is kept."""
        alive = {row.digest for row in self.sessions.all()}
        others = {digest: chosen for digest, chosen in self._clients.items() if digest in alive}
        self._clients = {**others, session.digest: client}

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
    return choose(request.headers.get("accept-language", ""), LANGUAGE.of(request))
