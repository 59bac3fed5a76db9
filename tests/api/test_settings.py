"""What the owner chose."""

import asyncio

import msgspec
import pytest

from api.errors import OwnerError
from api.settings import HIGHEST_PORT, LOWEST_PORT, NAMES, Choices, Settings, typed
from api.store import settings
from tests.conftest import opened_store


async def test_a_new_home_has_the_defaults(store):
    assert Choices(store).now == Settings(port=23333, api_wanted=True, drain=0.0)


async def test_a_change_is_in_force_at_once_and_there_after_reopening(home):
    async with opened_store(home) as store:
        choices = Choices(store)
        changed = await choices.change(port=2000, api_wanted=False)
        assert choices.now == changed == Settings(port=2000, api_wanted=False, drain=0.0)
    async with opened_store(home) as store:
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


async def test_two_changes_at_once_are_both_in_force(store):
    choices = Choices(store)
    await asyncio.gather(choices.change(port=2000), choices.change(drain=2.5))
    assert choices.now == Choices(store).now == Settings(port=2000, drain=2.5)


async def test_a_change_the_disk_refuses_is_not_in_force(store):
    choices = Choices(store)
    await store.write(lambda db: db.exec_driver_sql("DROP TABLE settings"))
    with pytest.raises(Exception, match="no such table"):
        await choices.change(port=2000)
    assert choices.now == Settings()


# As a person types them


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("drain", "5", 5.0),
        ("drain", "0.5", 0.5),
        ("drain", " 60 ", 60.0),
        ("api_wanted", "false", False),
        ("first_run_done", "true", True),
        ("api_wanted", "1", True),
        ("port", "2000", 2000),
    ],
)
def test_a_typed_value_is_read_by_its_kind(name, text, value):
    read = typed(name, text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "possible"),
    [
        ("drain", "61", "a number from 0 to 60"),
        ("drain", "-1", "a number from 0 to 60"),
        ("drain", "soon", "a number from 0 to 60"),
        ("drain", "NaN", "a number from 0 to 60"),
        ("drain", "1e999", "a number from 0 to 60"),
        ("drain", "[]", "a number from 0 to 60"),
        ("drain", "", "a number from 0 to 60"),
        ("api_wanted", "yes", "true or false"),
        ("api_wanted", "[" * 30, "true or false"),
        ("api_wanted", "null", "true or false"),
        ("port", "80", "a whole number from 1000 to 65535"),
        ("port", "2000.5", "a whole number from 1000 to 65535"),
    ],
)
def test_a_typed_value_that_is_not_possible_is_refused_with_what_is(name, text, possible):
    with pytest.raises(OwnerError) as refused:
        typed(name, text)
    assert str(refused.value) == f"“{text}” cannot be the value of {name}, which is {possible}."


def test_an_endless_value_makes_no_endless_sentence():
    with pytest.raises(OwnerError) as refused:
        typed("drain", "x" * 10_000)
    assert len(str(refused.value)) < 150


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_can_be_typed_as_it_is_printed(name):
    default = getattr(Settings(), name)
    printed = default if isinstance(default, str) else msgspec.json.encode(default).decode()
    assert typed(name, printed) == default


def test_an_unknown_setting_is_refused_with_those_there_are():
    with pytest.raises(OwnerError, match=r"There is no setting “colour”\. There are: port, .*drain"):
        typed("colour", "red")
