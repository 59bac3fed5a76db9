"""What the owner chose."""

from contextlib import asynccontextmanager

import msgspec
import pytest

from api.settings import HIGHEST_PORT, LOWEST_PORT, Choices, Settings
from api.store import Store, settings


@asynccontextmanager
async def opened(home):
    store = Store.open(home.path)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(home):
    async with opened(home) as store:
        yield store


async def test_a_new_home_has_the_defaults(store):
    assert Choices(store).now == Settings(port=23333, api_wanted=True, drain=0.0)


async def test_a_change_is_in_force_at_once_and_there_after_reopening(home):
    async with opened(home) as store:
        choices = Choices(store)
        changed = await choices.change(port=2000, api_wanted=False)
        assert choices.now == changed == Settings(port=2000, api_wanted=False, drain=0.0)
    async with opened(home) as store:
        assert Choices(store).now == changed


async def test_a_later_change_leaves_the_earlier_ones(store):
    choices = Choices(store)
    await choices.change(port=2000)
    await choices.change(drain=2.5)
    assert Choices(store).now == Settings(port=2000, drain=2.5)


async def test_only_what_was_chosen_is_kept(store):
    await Choices(store).change(port=2000)
    assert store.load(settings.load) == {"port": "2000"}


@pytest.mark.parametrize(
    "values",
    [
        {"port": LOWEST_PORT - 1},
        {"port": HIGHEST_PORT + 1},
        {"port": "2000"},
        {"port": 2000.5},
        {"port": True},
        {"drain": -1},
        {"drain": 61},
        {"drain": float("nan")},
        {"api_wanted": "no"},
        {"port": 2000, "drain": -1},
    ],
)
async def test_what_is_not_possible_is_refused_and_changes_nothing(store, values):
    choices = Choices(store)
    with pytest.raises(msgspec.ValidationError):
        await choices.change(**values)
    assert choices.now == Settings()
    assert store.load(settings.load) == {}


@pytest.mark.parametrize("port", [LOWEST_PORT, HIGHEST_PORT])
async def test_the_ends_of_the_range_are_possible(store, port):
    assert (await Choices(store).change(port=port)).port == port


async def test_a_choice_of_another_version_is_left_alone(store):
    await store.write(lambda db: settings.save(db, {"of_next_year": "1", "port": "2000"}))
    choices = Choices(store)
    assert choices.now.port == 2000
    await choices.change(port=3000)
    assert store.load(settings.load) == {"of_next_year": "1", "port": "3000"}


async def test_a_change_the_disk_refuses_is_not_in_force(store):
    choices = Choices(store)
    await store.write(lambda db: db.exec_driver_sql("DROP TABLE settings"))
    with pytest.raises(Exception, match="no such table"):
        await choices.change(port=2000)
    assert choices.now == Settings()
