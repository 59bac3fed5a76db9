"""The door: a Sanic app is built once, its server is opened and closed at will.

The port is bound before anything else happens, so a taken one is known while nothing has changed yet. Stop
means stop: whoever still listens is told so in their own dialect, then the connections are gone. What is shown
is the observed state, never the wished one.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct
from sanic import Sanic
from sanic.server import AsyncioServer

from api import ports
from api.calls import Calls
from api.connection import Connection
from api.errors import ApiStopped, OwnerError, PortTaken

FAREWELL_SECONDS: Final = 0.5  # for the error event of a cut stream to leave; a slow reader is aborted after it


class Stopped(Struct, frozen=True):
    """`since` is in seconds since 1970; `by_owner` is False before the first start."""

    since: float
    by_owner: bool = False
    name: str = "stopped"


class Starting(Struct, frozen=True):
    port: int
    name: str = "starting"


class Running(Struct, frozen=True):
    port: int
    since: float
    name: str = "running"


class Stopping(Struct, frozen=True):
    """`until`: when streams that are left are cut, in seconds since 1970."""

    port: int
    until: float
    name: str = "stopping"


class Failed(Struct, frozen=True):
    port: int
    reason: OwnerError
    since: float
    name: str = "failed"


State = Stopped | Starting | Running | Stopping | Failed


class Listener:
    """One app's door on 127.0.0.1. `changed` is called after every change of state."""

    def __init__(self, app: Sanic[Any, Any], changed: Callable[[], None] = lambda: None) -> None:
        self._app, self._changed = app, changed
        self.calls: Calls = app.ctx.calls
        self._server: AsyncioServer | None = None
        self._socket: socket.socket | None = None
        self._turn = asyncio.Lock()
        self._hurry = asyncio.Event()
        self._started = False
        self.state: State = Stopped(time.time())

    @property
    def is_open(self) -> bool:
        """Whether callers are let in."""
        return isinstance(self.state, Running)

    @property
    def port(self) -> int | None:
        """The port it listens on, if it does."""
        return self.state.port if isinstance(self.state, Running) else None

    async def open(self, port: int) -> State:
        """Let callers in on `port` (0 picks one). A taken port becomes `Failed`, it does not raise."""
        async with self._turn:
            if not self.is_open:
                self._become(Starting(port))
                try:
                    self._socket = ports.bind(port)
                    await self._serve(self._socket)
                except OwnerError as error:
                    reason = await ports.explain(port) if isinstance(error, PortTaken) else error
                    self._become(Failed(port, reason, time.time()))
                else:
                    self._become(Running(self._socket.getsockname()[1], time.time()))
            return self.state

    async def close(self, drain: float = 0.0) -> int:
        """Let nobody in any more, give streams `drain` seconds, then cut. Returns how many streams were cut."""
        if isinstance(self.state, Stopping) and drain == 0.0:
            self._hurry.set()
        async with self._turn:
            cut = 0
            if isinstance(self.state, Running):
                self._become(Stopping(self.state.port, time.time() + drain))
                cut = await self._close(drain)
                self._become(Stopped(time.time(), by_owner=True))
            return cut

    async def restart(self) -> State:
        """Keep the listening socket and cut every connection."""
        async with self._turn:
            if isinstance(self.state, Running):
                port = self.state.port
                self._become(Starting(port))
                await self._cut("Morello was restarted by its owner. Send the request again.")
                self._become(Running(port, time.time()))
            return self.state

    def forget_failure(self) -> None:
        """Turn `Failed` into `Stopped`: what it spoke of has been changed."""
        if isinstance(self.state, Failed):
            self._become(Stopped(self.state.since))

    async def _serve(self, door: socket.socket) -> None:
        server = await self._app.create_server(
            sock=door,
            protocol=Connection,
            backlog=ports.BACKLOG,
            return_asyncio_server=True,
            asyncio_server_kwargs={"start_serving": False},
        )
        assert server is not None
        if not self._started:  # once per app, whatever the number of servers: SANIC finalises only once
            await server.startup()
            await server.before_start()
            await server.after_start()
            self._started = True
        await server.start_serving()
        self._server = server

    async def _close(self, drain: float) -> int:
        assert self._server is not None and self._server.server is not None
        self._server.server.close()
        self._hurry.clear()
        await self._drain(drain)
        cut = await self._cut("Morello was stopped by its owner. Start it again to go on.")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._server.server.wait_closed()
        self._server = None
        return cut

    async def _drain(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while len(self.calls) and time.monotonic() < ends and not self._hurry.is_set():
            self._close_idle()
            await asyncio.sleep(0.02)

    async def _cut(self, sentence: str) -> int:
        self._close_idle()
        cut = self.calls.cut(ApiStopped(sentence))
        await self.calls.finished(FAREWELL_SECONDS)
        for connection in self._connections():
            connection.abort()  # type: ignore[no-untyped-call]
        # A handler's last words come after its connection is gone: the row of its call is written there.
        await self.calls.finished(FAREWELL_SECONDS)
        return cut

    def _close_idle(self) -> None:
        for connection in self._connections():
            if not connection.close_if_idle() and connection.http:
                connection.http.keep_alive = False

    def _connections(self) -> list[Connection]:
        return list(self._server.connections) if self._server else []

    def _become(self, state: State) -> None:
        self.state = state
        self._changed()
