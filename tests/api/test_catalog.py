"""Model lists: fetched when first needed, kept, and never hidden by a failure."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from api.errors import UpstreamUnreachable
from api.providers import catalog as catalog_module
from api.providers.catalog import Catalog
from api.providers.provider import Model, Provider
from api.store import Store
from api.store import providers as statements

SMALL, LARGE = Model("small", 1_700_000_000, "Small"), Model("large")


def provider(name):
    return Provider(id=name, name=name, dialects=("openai_chat",), base_url=f"https://{name}.example/v1")


ONE, TWO = provider("one"), provider("two")


def keep_both(db):
    for kept in (ONE, TWO):
        row = statements.ProviderRow(kept.id, kept.name, kept.dialect, kept.base_url, True, 0.0)
        if row.id not in [there.id for there in statements.load(db)]:
            statements.add(db, row, ())


class FarList:
    """A provider's list: `models`, or the error in their place, after `answers` is set."""

    def __init__(self, *models):
        self.models, self.error = models, None
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked = 0

    async def __call__(self, provider):
        self.asked += 1
        await self.answers.wait()
        if self.error:
            raise self.error
        return self.models


@asynccontextmanager
async def opened(home, fetch, changed=lambda: None):
    store = Store.open(home.path)
    try:
        await store.write(keep_both)
        catalog = Catalog(store, fetch, changed)
        yield catalog
        await catalog.close()
    finally:
        await store.close()


@pytest.fixture
def far():
    return FarList(SMALL, LARGE)


@pytest.fixture
async def catalog(home, far):
    async with opened(home, far) as catalog:
        yield catalog


async def test_nothing_is_fetched_before_it_is_needed(catalog, far):
    assert catalog.of(ONE) == ()
    assert far.asked == 0


async def test_a_list_is_fetched_once_and_kept(catalog, far):
    await catalog.freshen([ONE])
    await catalog.freshen([ONE])
    assert catalog.of(ONE) == (SMALL, LARGE)
    assert far.asked == 1


async def test_callers_that_come_together_ask_once(catalog, far):
    await asyncio.gather(*(catalog.freshen([ONE]) for _ in range(5)))
    assert far.asked == 1


async def test_all_that_are_due_are_asked_at_once(catalog, far):
    far.answers.clear()
    waiting = asyncio.create_task(catalog.freshen([ONE, TWO]))
    await asyncio.sleep(0.02)
    assert far.asked == 2
    far.answers.set()
    await waiting
    assert catalog.of(TWO) == (SMALL, LARGE)


async def test_a_caller_waits_no_longer_than_told_and_the_list_comes_later(catalog, far):
    far.answers.clear()
    began = time.monotonic()
    await catalog.freshen([ONE], 0.05)
    assert time.monotonic() - began < 2
    assert catalog.of(ONE) == ()
    far.answers.set()
    await catalog.freshen([ONE])
    assert catalog.of(ONE) == (SMALL, LARGE)
    assert far.asked == 1


async def test_a_caller_waits_three_seconds_if_nothing_is_said():
    assert catalog_module.WAIT_SECONDS == 3
    assert catalog_module.FRESH_SECONDS == 3600


async def test_a_list_that_grew_old_is_fetched_again(catalog, far, monkeypatch):
    monkeypatch.setattr(catalog_module, "FRESH_SECONDS", 0.0)
    await catalog.freshen([ONE])
    far.models = (LARGE,)
    await catalog.freshen([ONE])
    assert catalog.of(ONE) == (LARGE,)


async def test_a_failed_fetch_hides_nothing_and_is_told(catalog, far, monkeypatch):
    monkeypatch.setattr(catalog_module, "FRESH_SECONDS", 0.0)
    await catalog.freshen([ONE])
    far.error = UpstreamUnreachable("Nobody is there.")
    await catalog.freshen([ONE])
    assert catalog.of(ONE) == (SMALL, LARGE)
    assert catalog.faults == {"one": UpstreamUnreachable("Nobody is there.")}


async def test_after_a_failed_fetch_it_waits_before_it_asks_again(catalog, far, monkeypatch):
    far.error = UpstreamUnreachable("Nobody is there.")
    await catalog.freshen([ONE])
    await catalog.freshen([ONE])
    assert far.asked == 1
    monkeypatch.setattr(catalog_module, "RETRY_SECONDS", 0.0)
    catalog._due["one"] = 0.0
    far.error = None
    await catalog.freshen([ONE])
    assert catalog.of(ONE) == (SMALL, LARGE)
    assert catalog.faults == {}


async def test_one_that_fails_does_not_keep_the_others(home):
    async def fetch(provider):
        if provider is ONE:
            raise UpstreamUnreachable("Nobody is there.")
        return (LARGE,)

    async with opened(home, fetch) as catalog:
        await catalog.freshen([ONE, TWO])
        assert catalog.of(TWO) == (LARGE,)


async def test_a_list_is_there_after_a_restart_and_still_fresh(home, far):
    async with opened(home, far) as catalog:
        await catalog.freshen([ONE])
    async with opened(home, far) as catalog:
        assert catalog.of(ONE) == (SMALL, LARGE)
        await catalog.freshen([ONE])
    assert far.asked == 1


async def test_a_list_that_grew_old_while_we_were_away_is_shown_and_fetched_again(home, far):
    async with opened(home, far) as catalog:
        row = statements.CatalogRow("one", '[{"id":"old"}]', time.time() - 7200)
        await catalog._store.write(lambda db: statements.save_catalog(db, row, ONE.base_url, ONE.dialect))
    async with opened(home, far) as catalog:
        assert catalog.of(ONE) == (Model("old"),)
        await catalog.freshen([ONE])
        assert catalog.of(ONE) == (SMALL, LARGE)


async def test_a_clock_that_was_ahead_makes_no_list_eternal(home, far):
    async with opened(home, far) as catalog:
        row = statements.CatalogRow("one", "[]", time.time() + 365 * 86400)
        await catalog._store.write(lambda db: statements.save_catalog(db, row, ONE.base_url, ONE.dialect))
    async with opened(home, far) as catalog:
        assert catalog._due["one"] <= time.monotonic() + catalog_module.FRESH_SECONDS


async def test_what_is_forgotten_is_gone_and_fetched_anew(catalog, far):
    await catalog.freshen([ONE])
    catalog.forget("one")
    assert catalog.of(ONE) == ()
    await catalog.freshen([ONE])
    assert catalog.of(ONE) == (SMALL, LARGE)


async def test_forgetting_ends_a_fetch_that_is_under_way(catalog, far):
    far.answers.clear()
    await catalog.freshen([ONE], 0.01)
    catalog.forget("one")
    far.answers.set()
    await asyncio.sleep(0.05)
    assert catalog.of(ONE) == ()


async def test_a_new_list_is_told(home, far):
    told = []
    async with opened(home, far, lambda: told.append(1)) as catalog:
        await catalog.freshen([ONE])
        assert told


async def test_closing_ends_what_is_under_way(home, far):
    far.answers.clear()
    async with opened(home, far) as catalog:
        await catalog.freshen([ONE, TWO], 0.01)
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_a_list_that_cannot_be_kept_is_shown_all_the_same(home, far):
    told = []
    async with opened(home, far, lambda: told.append(1)) as catalog:
        await catalog._store.write(lambda db: db.exec_driver_sql("DROP TABLE catalog"))
        await catalog.freshen([ONE])
        assert catalog.of(ONE) == (SMALL, LARGE)
        assert told


async def test_a_fetch_that_fails_in_an_unexpected_way_is_told_like_any_other(catalog, far):
    far.error = OverflowError("a bug of ours")
    await catalog.freshen([ONE])
    await catalog.freshen([ONE])
    assert far.asked == 1
    assert "one" in catalog.faults
