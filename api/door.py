"""What the owner does with the API: start, stop, restart, move it, change its key.

Each only where the rules allow it: port and key change while it is not running, and in no other state.
"""

import os
from typing import Final

from msgspec import Struct

from api import VERSION
from api.calls import Calls
from api.conformance import Conformance
from api.errors import PortRefused, RunningNow
from api.gateway import Gateway
from api.listener import Failed, Listener, Running, State, Stopping
from api.loopback import address
from api.settings import HIGHEST_PORT, LOWEST_PORT


class Status(Struct, frozen=True):
    """What can be said of the API in one line. `pid` is the process that serves; None if none does."""

    state: str
    address: str
    port: int
    reason: str | None
    dashboard: str | None
    pid: int | None
    version: str = VERSION


class Door:
    """The API's listener in the hands of its owner."""

    def __init__(self, gateway: Gateway, listener: Listener) -> None:
        self.gateway, self.listener = gateway, listener
        self.conformance = Conformance(gateway, lambda: self.calls)

    @property
    def state(self) -> State:
        """The observed state."""
        return self.listener.state

    @property
    def port(self) -> int:
        """Where the API listens, or will."""
        return self.listener.port or self.gateway.settings.port

    @property
    def calls(self) -> Calls:
        """The calls in progress."""
        return self.listener.calls

    @property
    def address(self) -> str:
        """The URL that clients are given, without /v1."""
        return address(self.port)

    async def start(self) -> State:
        """Open on the saved port. The wish is kept for the next start of the program if it came true."""
        state = await self.listener.open(self.gateway.settings.port)
        if isinstance(state, Running):
            await self.gateway.choices.change(api_wanted=True)
        return state

    async def stop(self, drain: float | None = None) -> int:
        """Close, after `drain` seconds (None: the owner's setting). Returns how many streams were cut."""
        if isinstance(self.state, Stopping):
            drain = 0.0  # asked a second time: they mean now
        cut = await self.listener.close(self.gateway.settings.drain if drain is None else drain)
        await self.gateway.choices.change(api_wanted=False)
        return cut

    async def restart(self) -> State:
        """Cut every connection and go on, or start if it is not running."""
        if self.listener.is_open:
            return await self.listener.restart()
        return await self.start()

    async def move(self, port: int) -> None:
        """Choose another port for the next start; `PortRefused` or `RunningNow` say why not."""
        if self._is_running:
            raise RunningNow("The port can only be changed while the API is not running. Stop it first.")
        if not LOWEST_PORT <= port <= HIGHEST_PORT:
            raise PortRefused(
                "%(port)d is not a port the API can have. Choose one from %(lowest)d to %(highest)d.",
                port=port,
                lowest=LOWEST_PORT,
                highest=HIGHEST_PORT,
            )
        if self.gateway.dashboard == address(port):
            raise PortRefused("Port %(port)d is the dashboard's own. Choose another one for the API.", port=port)
        await self.gateway.choices.change(port=port)
        self.listener.forget_failure()
        self.gateway.news.tell()

    async def regenerate(self) -> str:
        """Make a new key; the old one is dead at once."""
        if self._is_running:
            raise RunningNow(
                "The key can only be regenerated while the API is not running. Stop it first; the key is unchanged."
            )
        key = await self.gateway.keys.regenerate()
        await self.gateway.responses.clear()  # which nobody could come back to any more
        self.gateway.news.tell()
        return key

    def status(self) -> Status:
        """The state of things now."""
        reason = str(self.state.reason) if isinstance(self.state, Failed) else None
        return Status(self.state.name, self.address, self.port, reason, self.gateway.dashboard, os.getpid())

    @property
    def _is_running(self) -> bool:
        return self.state.name not in CHANGEABLE


CHANGEABLE: Final = frozenset(("stopped", "failed"))


def parse_port(text: str) -> int:
    """A port as a person types it; `PortRefused` with a sentence otherwise."""
    try:
        return int(text.strip(), 10) if text.strip().isascii() else _no_port(text)
    except ValueError:
        return _no_port(text)


def _no_port(text: str) -> int:
    raise PortRefused(
        "“%(typed)s” is not a port. Type a number from %(lowest)d to %(highest)d.",
        typed=text[:20],
        lowest=LOWEST_PORT,
        highest=HIGHEST_PORT,
    )
