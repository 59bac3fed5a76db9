"""What every room's tests share: a home in a temporary folder, a gateway over it, the API on a free port."""

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings
from sanic import Sanic

from api import app as api_app
from api.door import Door
from api.gateway import Gateway
from api.home import Home
from api.listener import Listener, Running
from api.store import Store

# Many apps live in one process here; Sanic then keeps what TouchUp rewrote, so that each can be touched up.
Sanic.test_mode = True
# A machine that does much else is slow, not wrong.
settings.register_profile("house", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
_numbers = itertools.count()


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """`Home.prepare` sets the process's umask, as it should: put it back for the next test."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@dataclass
class Api:
    """The API, running for real on a port of its own."""

    gateway: Gateway
    door: Door
    app: Sanic[Any, Any]

    @property
    def key(self) -> str:
        return self.gateway.keys.main()

    @property
    def url(self) -> str:
        return self.door.address

    @property
    def listener(self) -> Listener:
        return self.door.listener

    def client(self, key: str | None = "", **headers: str) -> httpx.AsyncClient:
        """A plain HTTP client with the key, or with another, or (None) with none."""
        token = self.key if key == "" else key
        authorization = {} if token is None else {"authorization": f"Bearer {token}"}
        # Nothing here speaks TLS; loading the world's certificates takes longer than most tests.
        return httpx.AsyncClient(base_url=self.url, headers={**authorization, **headers}, timeout=20, verify=False)

    async def rows(self) -> list[Any]:
        """The call table, oldest first, with everything that was waiting to be written."""
        from api.store import calls

        await self.gateway.ledger._flush()
        rows = await self.gateway.store.record(lambda db: calls.latest(db, 1000))
        return rows[::-1]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    home.prepare()
    home.lock()
    yield home
    home.release()


@asynccontextmanager
async def opened_store(home: Home, read_only: bool = False) -> AsyncIterator[Store]:
    store = Store.open(home.path, read_only)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(home: Home) -> AsyncIterator[Store]:
    async with opened_store(home) as store:
        yield store


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the built-in model's file is, once for all tests: it is 250 MB."""
    return tmp_path_factory.mktemp("morello") / "cache"


@pytest.fixture
async def gateway(home: Home, cache: Path) -> AsyncIterator[Gateway]:
    async with Gateway.open(home, cache) as gateway:
        yield gateway


@asynccontextmanager
async def api_over(gateway: Gateway) -> AsyncIterator[Api]:
    app = api_app.build(gateway, f"api-{next(_numbers)}")
    listener = Listener(app, gateway.news.tell)
    try:
        yield Api(gateway, Door(gateway, listener), app)
    finally:
        await listener.close()
        Sanic.unregister_app(app)


@pytest.fixture
async def closed_api(gateway: Gateway) -> AsyncIterator[Api]:
    """The API before anybody opened it."""
    async with api_over(gateway) as api:
        yield api


@pytest.fixture
async def api(closed_api: Api) -> Api:
    """The API, open on a free port."""
    state = await closed_api.listener.open(0)
    assert isinstance(state, Running)
    return closed_api
