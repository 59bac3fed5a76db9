"""The dashboard, running for real: its own listener on a free port, over a real gateway and a real API."""

import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sanic import Sanic

from api import ports
from api.door import address
from api.listener import Listener, Running
from tests.conftest import Api
from webui import app as dashboard_app
from webui.session import Session, Sessions

LOGIN_COMMAND = "morello login-url --home '/a home'"
_numbers = itertools.count()


@dataclass
class Dashboard:
    """The dashboard over `api`."""

    api: Api
    sessions: Sessions
    app: Sanic[Any, Any]
    listener: Listener
    port: int
    identity: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        return address(self.port)

    @property
    def csrf(self) -> str:
        return Session(self.identity).csrf

    def link(self) -> str:
        return self.sessions.new_link(self.url)

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A browser's window that is signed in; its headers are those of a page of ours, unless told otherwise."""
        ours = {"origin": self.url, "accept": "text/html", "x-csrf-token": self.csrf}
        cookies = {self.sessions.cookie: self.identity}
        return httpx.AsyncClient(
            base_url=self.url, headers={**ours, **_dashes(headers)}, cookies=cookies, timeout=20
        )

    def stranger(self, **headers: str) -> httpx.AsyncClient:
        """A browser's window that is not signed in."""
        return httpx.AsyncClient(base_url=self.url, headers={"accept": "text/html", **_dashes(headers)}, timeout=20)


def _dashes(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def free_port() -> int:
    """A port that nobody has just now."""
    with ports.bind(0) as free:
        port: int = free.getsockname()[1]
        return port


@asynccontextmanager
async def dashboard_over(api: Api) -> AsyncIterator[Dashboard]:
    port = free_port()
    sessions = Sessions(api.gateway.store, port)
    app = dashboard_app.build(
        api.gateway,
        api.door,
        sessions,
        document=api.app.ctx.document,
        login_command=LOGIN_COMMAND,
        name=f"dashboard-{next(_numbers)}",
    )
    listener = Listener(app)
    try:
        assert isinstance(await listener.open(port), Running)
        api.gateway.dashboard = address(port)
        yield Dashboard(api, sessions, app, listener, port)
    finally:
        await listener.close()
        Sanic.unregister_app(app)


@pytest.fixture
async def dashboard(closed_api: Api) -> AsyncIterator[Dashboard]:
    """The dashboard with somebody signed in; the API is stopped, on a free port of its own."""
    await closed_api.door.move(free_port())
    async with dashboard_over(closed_api) as dashboard:
        token = dashboard.link().partition("token=")[2]
        dashboard.identity = await dashboard.sessions.sign_in(token) or ""
        yield dashboard


@pytest.fixture
async def taken_port(dashboard: Dashboard) -> AsyncIterator[int]:
    """The API's port, held by another program (this one, as the system sees it)."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", dashboard.api.door.port))
        holder.listen()
        yield dashboard.api.door.port
