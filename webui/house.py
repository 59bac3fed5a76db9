"""What every page of the dashboard is given to work with."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from sanic import Request

from api.door import Door
from api.gateway import Gateway
from webui.locale import Locale, choose
from webui.session import Sessions

T = TypeVar("T")


class House:
    """The rooms below the dashboard. `login_command` is what to type in a terminal for a new link."""

    def __init__(self, gateway: Gateway, door: Door, sessions: Sessions, login_command: str) -> None:
        self.gateway, self.door, self.sessions, self.login_command = gateway, door, sessions, login_command
        self._begun: set[asyncio.Task[Any]] = set()

    async def to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` wholly, also when whoever asked for it hangs up: half a stop would be no state at all."""
        task = asyncio.create_task(work)
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)
        return await asyncio.shield(task)


def language(request: Request) -> Locale:
    """The language the reader's browser asks for."""
    return choose(request.headers.get("accept-language", ""))
