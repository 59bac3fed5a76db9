"""Everything below the doors, opened and closed together."""

import asyncio
import functools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import structs

from api.activity import Activity
from api.checking import Checking
from api.errors import Unprepared
from api.facts import keeping
from api.facts.table import Table
from api.health import Health
from api.home import Home
from api.keys import Keyring
from api.lacks import Lacks
from api.lessons import Lessons
from api.limits import LimitBook
from api.memory import Memory
from api.network import Network
from api.news import News
from api.providers import discovery, local
from api.providers.circuit import Circuits
from api.providers.discovery import Found
from api.providers.provider import LOCAL, Check, Provider, Secret
from api.providers.registry import Providers
from api.receipts import Receipts
from api.redact import Redactor
from api.settings import Choices, Settings
from api.shelf import Shelf
from api.store import Store
from api.store.attempts import AttemptRow
from api.store.calls import CallRow
from api.stored import Responses, identity
from api.upstream.client import Upstream
from api.upstream.h1 import H1Transport
from api.usage import Ledger
from api.vault import Vault


class Gateway:
    """The rooms of one home. `dashboard` is the URL of the owner's page, set by whoever opens one."""

    def __init__(self, home: Path, cache: Path, read_only: bool = False) -> None:
        self.home = home
        self.dashboard: str | None = None
        self.news = News()
        self.vault = Vault.open(home)
        self.store = Store.open(home, read_only)
        self.choices = Choices(self.store)
        self.keys = Keyring(self.store, self.vault)
        self.redact = Redactor(self._secrets)
        self.limits = LimitBook(self.store)
        self.network = Network(self.choices, self.vault, lambda: self.upstream.renew())
        lines = H1Transport(trust=self.network.trust)
        self.upstream = Upstream(lines, self.redact, self.limits.of, self.network.proxy_of)
        own = Path(self.settings.local_model) if self.settings.local_model else None
        self.local = local.LocalModel(cache, own, lines=lines, told=self.news.tell)
        self._choosing = asyncio.Lock()
        self.providers = Providers(
            *(self.store, self.vault, self.upstream.list_models, self.news.tell, self.local.fault()),
            own_ports=lambda: self.own_ports,
            let_go=self._let_go,
            local_model=self.local.model,
        )
        self.table = functools.cache(lambda: keeping.load(home))
        self.providers.table = self.table
        self.circuits = Circuits(self.news.tell)
        self.memory, self.lessons, self.lacks = Memory(), Lessons(), Lacks()
        self.checking = Checking(self.upstream, self.providers, self.lacks, self.reach)
        self.receipts = Receipts(self.redact)
        self.responses = Responses(Shelf(self.store, self.vault, lambda: self.settings.keep_responses))
        self.activity = Activity(self.store)
        self.health = Health(self.store)
        self.ledger = Ledger(self.store, self.news, self._written, self.redact)

    @classmethod
    @asynccontextmanager
    async def open(cls, home: Home, cache: Path, read_only: bool = False) -> "AsyncIterator[Gateway]":
        """Open a home that was prepared and locked; `cache` is where the built-in model's file is kept.

        `read_only` looks into a home that another program holds.
        """
        gateway = cls(home.path, cache, read_only)
        gateway.ledger.open()
        try:
            if not read_only:
                await gateway.responses.open(identity(gateway.keys.main()))
            yield gateway
        finally:
            await gateway.close()

    async def close(self) -> None:
        """Write what is left and let go of everything."""
        await self.providers.close()
        await self.limits.close()
        await self.local.close()
        await self.upstream.close()
        await self.ledger.close()
        await self.responses.close()
        await self.store.close()

    @property
    def settings(self) -> Settings:
        """What the owner chose, as in force now."""
        return self.choices.now

    @property
    def own_ports(self) -> frozenset[int]:
        """Where Morello itself answers: a provider there would be Morello asking itself."""
        dashboard = urlsplit(self.dashboard or "").port
        return frozenset(port for port in (self.settings.port, dashboard) if port)

    async def look_around(self, environment: Mapping[str, str]) -> tuple[Found, ...]:
        """What could be added with one click: servers on this computer and keys in `environment`."""
        return await discovery.look_around(self.upstream.list_models, environment, self.own_ports)

    async def check(self, provider: Provider) -> Check:
        """Test a provider, kept or not yet: what it says to its key, and its models."""
        return await self.checking.check(provider)

    async def reach(self, provider: Provider) -> Provider:
        """`provider` as it can be asked now: the built-in one is started first, and lives where it found a port."""
        if provider.id != LOCAL:
            return provider
        try:
            endpoint = await self.local.endpoint()
        except local.LocalModelFailed as error:
            raise Unprepared(error.words, **error.given) from error
        return structs.replace(provider, base_url=f"{endpoint.base_url}/v1", key=Secret(endpoint.key))

    async def serve_file(self, path: str) -> None:
        """Have the built-in provider serve the owner's own file, or its own model again where `path` is empty.

        `OwnerError` says why the file cannot be served. What is being answered by the other one is cut.
        """
        async with self._choosing:
            own = await asyncio.to_thread(local.chosen, path)
            if (kept := str(own or "")) == self.settings.local_model:
                return
            await self.choices.change(local_model=kept)
            self.local.serve(own)
            self.providers.serve_locally(self.local.fault(), self.local.model)

    async def use_table(self, table: Table) -> None:
        """Have another table of facts in force, now and after a restart."""
        await asyncio.to_thread(keeping.keep, self.home, table)
        self.table.cache_clear()
        self.providers.forget_facts()
        self.news.tell()

    def _written(self, rows: list[CallRow], tries: list[AttemptRow]) -> None:
        self.activity.add(rows)
        self.health.add(rows, tries)

    def _let_go(self, provider: str) -> None:
        """Nothing that was built for a provider is used any more; of one that is no more nothing is kept."""
        self.upstream.forget(provider)
        if self.providers.find(provider) is None:
            self.limits.forget(provider)

    def _secrets(self) -> Iterator[str]:
        yield self.keys.main()
        yield from self.providers.secrets()
        yield from self.network.secrets(*self.providers.all())
        yield from self.checking.trying
