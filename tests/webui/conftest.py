"""The dashboard, running for real: its own listener on a free port, over a real gateway and a real API."""

import asyncio
import itertools
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from playwright.async_api import Browser, BrowserContext, Page
from sanic import Sanic

from api import ports
from api.gateway import Gateway
from api.home import Home
from api.listener import Listener, Running, State, Stopped
from api.loopback import address
from tests.browser import Gallery, Watch, chromium
from tests.conftest import Api, api_over
from webui import app as dashboard_app
from webui import password
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
        """A browser's window that is signed in; its headers are of a page of ours, unless told otherwise."""
        ours = {"origin": self.url, "accept": "text/html", "x-csrf-token": self.csrf}
        cookies = {self.sessions.cookie: self.identity}
        return httpx.AsyncClient(base_url=self.url, headers={**ours, **_dashes(headers)}, cookies=cookies, timeout=20)

    def stranger(self, **headers: str) -> httpx.AsyncClient:
        """A browser's window that is not signed in."""
        return httpx.AsyncClient(base_url=self.url, headers={"accept": "text/html", **_dashes(headers)}, timeout=20)


def _dashes(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def free_port() -> int:
    """A port that nobody has just now."""
    with ports.bind(0) as free:
        port: int = free.getsockname()[1]
        return port


@asynccontextmanager
async def dashboard_over(api: Api, environment: Mapping[str, str] | None = None) -> AsyncIterator[Dashboard]:
    port = free_port()
    sessions = Sessions(api.gateway.store, port)
    app = dashboard_app.build(
        api.gateway,
        api.door,
        sessions,
        document=api.app.ctx.document,
        login_command=LOGIN_COMMAND,
        environment=environment,
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
    await closed_api.gateway.choices.change(first_run_done=True)
    async with dashboard_over(closed_api) as dashboard:
        token = dashboard.link().partition("token=")[2]
        dashboard.identity = await dashboard.sessions.sign_in(token) or ""
        yield dashboard


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed as they are kept, but in no time."""
    monkeypatch.setattr(password, "PasswordHasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
async def taken_port(dashboard: Dashboard) -> AsyncIterator[int]:
    """The API's port, held by another program (this one, as the system sees it)."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", dashboard.api.door.port))
        holder.listen()
        yield dashboard.api.door.port


# The browser's tests and the servers they look at live in one event loop, which lasts as long as the browser.


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@dataclass
class Site:
    """The dashboard and a browser that is about to look at it."""

    dashboard: Dashboard
    context: BrowserContext
    watch: Watch
    gallery: Gallery

    @property
    def api(self) -> Api:
        return self.dashboard.api

    def show(self, state: State) -> None:
        """Have the page show `state`, whatever the truth is."""
        self.api.listener.state = state
        self.api.gateway.news.tell()

    def end_show(self) -> None:
        """Back to the truth."""
        listener = self.api.listener
        if isinstance(listener.state, Running) != (listener._server is not None):
            listener.state = Stopped(time.time())

    async def open(self, context: BrowserContext | None = None) -> Page:
        """A tab on the overview, signed in by a link."""
        page = await (context or self.context).new_page()
        await page.goto(self.dashboard.link())
        await page.wait_for_url(f"{self.dashboard.url}/")
        return page

    async def tab(self) -> Page:
        """One more tab of who is signed in already."""
        page = await self.context.new_page()
        await page.goto(self.dashboard.url)
        return page


@pytest_asyncio.fixture(loop_scope="session")
async def site(browser: Browser, home: Home, cache: Path) -> AsyncIterator[Site]:
    async with Gateway.open(home, cache) as gateway, api_over(gateway) as api:
        await api.door.move(free_port())
        await gateway.choices.change(first_run_done=True)
        async with dashboard_over(api) as dashboard:
            context = await browser.new_context(viewport={"width": 1360, "height": 900}, locale="en-GB")
            context.set_default_timeout(15_000)
            await context.grant_permissions(["clipboard-read", "clipboard-write"], origin=dashboard.url)
            watch = Watch(context, dashboard.url, "data:", "blob:")
            site = Site(dashboard, context, watch, Gallery())
            try:
                yield site
            finally:
                await context.close()
                site.end_show()
    assert watch.complaints == []
    assert watch.elsewhere == []
