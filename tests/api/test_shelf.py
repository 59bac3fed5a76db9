"""Stored responses on the disk: there where the owner wants them, sealed, and gone when they should be."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw, structs

from api import stored
from api.gateway import Gateway
from api.home import Home
from api.settings import NAMES, typed
from api.store import responses as statements
from api.stored import KEPT_SECONDS, Responses, StoredResponse, identity
from api.vault import Vault
from tests.conftest import Api, api_over

CANARY = "canary-4f1c"
ECHO = {"model": "morello:echo", "input": CANARY}


@pytest.fixture
async def keeping(gateway: Gateway) -> Gateway:
    """A gateway whose owner wants responses on the disk."""
    await gateway.choices.change(keep_responses=True)
    return gateway


@asynccontextmanager
async def opened(home: Home, cache: Path) -> AsyncIterator[Gateway]:
    async with Gateway.open(home, cache) as gateway:
        yield gateway


def response(gateway: Gateway, id: str = "resp_1", **fields: Any) -> StoredResponse:
    owner = identity(gateway.keys.main())
    body, item = Raw(b'{"id":"%b"}' % id.encode()), Raw(b'{"type":"message","content":"%b"}' % CANARY.encode())
    made = StoredResponse(id, owner, body, (item, item), (item,), "far@1", gateway.responses.now)
    return structs.replace(made, **fields)


def on_disk(gateway: Gateway) -> list[str]:
    """The ids of what the database holds."""
    return [row.id for row in gateway.store.load(lambda db: statements.load(db, 0.0))]


def bytes_of(gateway: Gateway) -> bytes:
    """Everything the database's files hold, its write-ahead log among them."""
    return b"".join(path.read_bytes() for path in gateway.home.glob("morello.db*"))


async def kept(gateway: Gateway, *ids: str) -> None:
    """Have responses on the disk."""
    for id in ids:
        gateway.responses.keep(response(gateway, id))
    await gateway.responses.settle()
    assert on_disk(gateway) == [*ids]


def full(gateway: Gateway, is_full: bool = True) -> None:
    """A disk that takes no responses any more, or takes them again."""
    trigger = "CREATE TRIGGER full BEFORE INSERT ON responses BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
    gateway.store.load(lambda db: db.exec_driver_sql(trigger if is_full else "DROP TRIGGER full") and None)


# Off


async def test_without_the_owners_wish_never_a_byte_is_on_the_disk(api: Api) -> None:
    async with api.client() as client:
        id = (await client.post("/v1/responses", json=ECHO)).json()["id"]
        assert (await client.get(f"/v1/responses/{id}")).status_code == 200
    await api.gateway.responses.settle()
    await api.rows()
    assert on_disk(api.gateway) == []
    assert CANARY.encode() not in bytes_of(api.gateway)
    assert id.encode() not in bytes_of(api.gateway)


def test_the_choice_is_named_as_the_statements_know_it() -> None:
    name, wanted = statements.WANTED
    assert name in NAMES
    assert typed(name, wanted) is True


# On


async def test_a_response_outlives_the_process(home: Home, cache: Path) -> None:
    async with opened(home, cache) as gateway:
        await gateway.choices.change(keep_responses=True)
        stored = response(gateway)
        gateway.responses.keep(stored)
    async with opened(home, cache) as gateway:
        assert gateway.responses.find("resp_1", stored.owner) == stored


async def test_a_conversation_goes_on_after_a_restart(home: Home, cache: Path) -> None:
    async with opened(home, cache) as gateway, api_over(gateway) as api:
        await gateway.choices.change(keep_responses=True)
        await api.listener.open(0)
        async with api.client() as client:
            first = (await client.post("/v1/responses", json=ECHO)).json()
    async with opened(home, cache) as gateway, api_over(gateway) as api:
        await api.listener.open(0)
        async with api.client() as client:
            assert (await client.get(f"/v1/responses/{first['id']}")).json() == first
            again = {"model": "morello:echo", "input": "And?", "previous_response_id": first["id"]}
            second = (await client.post("/v1/responses", json=again)).json()
            items = (await client.get(f"/v1/responses/{second['id']}/input_items")).json()["data"]
    assert len(items) == 3


async def test_what_is_on_the_disk_is_sealed(keeping: Gateway) -> None:
    await kept(keeping, "resp_1")
    assert CANARY.encode() not in bytes_of(keeping)


async def test_a_response_cannot_be_moved_to_the_place_of_another(home: Home, cache: Path) -> None:
    async with opened(home, cache) as gateway:
        await gateway.choices.change(keep_responses=True)
        await kept(gateway, "resp_1")
        await gateway.store.write(lambda db: db.exec_driver_sql("UPDATE responses SET id = 'resp_2'"))
    async with opened(home, cache) as gateway:
        assert len(gateway.responses) == 0
        await gateway.responses.settle()
        assert on_disk(gateway) == []


async def test_the_caller_does_not_wait_for_the_disk(keeping: Gateway) -> None:
    keeping.responses.keep(response(keeping))
    assert keeping.responses.find("resp_1", identity(keeping.keys.main()))
    assert on_disk(keeping) == []
    await keeping.responses.settle()
    assert on_disk(keeping) == ["resp_1"]


async def test_a_response_kept_twice_is_there_once(keeping: Gateway) -> None:
    await kept(keeping, "resp_1")
    await kept(keeping, "resp_1")


# Gone


async def test_a_deleted_response_is_gone_from_the_disk_when_the_caller_is_told(keeping: Gateway) -> None:
    async with api_over(keeping) as api:
        await api.listener.open(0)
        async with api.client() as client:
            id = (await client.post("/v1/responses", json=ECHO)).json()["id"]
            await keeping.responses.settle()
            assert on_disk(keeping) == [id]
            assert (await client.delete(f"/v1/responses/{id}")).status_code == 200
            assert on_disk(keeping) == []
            assert id.encode() not in bytes_of(keeping)


async def test_a_response_deleted_before_it_was_written_is_not_written(keeping: Gateway) -> None:
    keeping.responses.keep(response(keeping))
    keeping.responses.forget("resp_1", identity(keeping.keys.main()))
    await keeping.responses.settle()
    assert on_disk(keeping) == []


async def test_switching_off_erases_everything_at_once(keeping: Gateway) -> None:
    await kept(keeping, "resp_1", "resp_2")
    await keeping.choices.change(keep_responses=False)
    assert on_disk(keeping) == []
    assert b"resp_1" not in bytes_of(keeping)
    assert keeping.responses.find("resp_1", identity(keeping.keys.main()))  # in memory, as ever


async def test_what_was_about_to_be_written_is_not_when_the_owner_says_no(keeping: Gateway) -> None:
    changing = asyncio.create_task(keeping.choices.change(keep_responses=False))
    await asyncio.sleep(0)
    keeping.responses.keep(response(keeping))  # the change is under way, and the setting still in force
    await changing
    await keeping.responses.settle()
    assert on_disk(keeping) == []


async def test_any_other_choice_leaves_them(keeping: Gateway) -> None:
    await kept(keeping, "resp_1")
    await keeping.choices.change(drain=2.0)
    assert on_disk(keeping) == ["resp_1"]


async def test_a_new_key_erases_what_the_old_one_asked(keeping: Gateway) -> None:
    await kept(keeping, "resp_1")
    async with api_over(keeping) as api:
        await api.door.regenerate()
    assert on_disk(keeping) == []
    assert len(keeping.responses) == 0
    assert b"resp_1" not in bytes_of(keeping)


async def test_what_another_key_asked_is_erased_at_the_start(home: Home, cache: Path) -> None:
    async with opened(home, cache) as gateway:
        await gateway.choices.change(keep_responses=True)
        await kept(gateway, "resp_1")
        await gateway.keys.regenerate()
    async with opened(home, cache) as gateway:
        await gateway.responses.settle()
        assert (len(gateway.responses), on_disk(gateway)) == (0, [])


async def test_what_another_vault_sealed_is_erased_at_the_start(home: Home, cache: Path) -> None:
    async with opened(home, cache) as gateway:
        await gateway.choices.change(keep_responses=True)
        await kept(gateway, "resp_1")
    (home.path / "master.key").unlink()
    Vault.open(home.path)
    async with opened(home, cache) as gateway:
        await gateway.responses.settle()
        assert (len(gateway.responses), on_disk(gateway)) == (0, [])


async def test_what_is_too_old_is_erased_at_the_start(home: Home, cache: Path) -> None:
    async with opened(home, cache) as gateway:
        await gateway.choices.change(keep_responses=True)
        await kept(gateway, "resp_1", "resp_2")
        early = gateway.responses.now - KEPT_SECONDS - 1
        await gateway.store.write(
            lambda db: db.exec_driver_sql("UPDATE responses SET at = ? WHERE id = 'resp_1'", (early,))
        )
    async with opened(home, cache) as gateway:
        assert on_disk(gateway) == ["resp_2"]
        assert b"resp_1" not in bytes_of(gateway)


async def test_an_hour_that_was_made_longer_on_the_disk_is_an_hour(home: Home, cache: Path) -> None:
    async with opened(home, cache) as gateway:
        await gateway.choices.change(keep_responses=True)
        shelf = gateway.responses._shelf
        assert shelf
        shelf.put(response(gateway, at=gateway.responses.now - KEPT_SECONDS - 1))
        await shelf.settle()
        await gateway.store.write(lambda db: db.exec_driver_sql("UPDATE responses SET at = at + 3600"))
    async with opened(home, cache) as gateway:
        await gateway.responses.settle()
        assert (len(gateway.responses), on_disk(gateway)) == (0, [])


async def test_looking_into_a_home_that_another_holds_changes_nothing(home: Home, cache: Path) -> None:
    async with opened(home, cache) as gateway:
        await gateway.choices.change(keep_responses=True)
        await kept(gateway, "resp_1")
        async with Gateway.open(home, cache, read_only=True) as other:
            assert len(other.responses) == 0
        assert on_disk(gateway) == ["resp_1"]


# Disks that are full


async def test_a_full_disk_fails_no_answer_and_is_said_once(keeping: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    full(keeping)
    async with api_over(keeping) as api:
        await api.listener.open(0)
        with caplog.at_level(logging.ERROR, "morello.stored"):
            async with api.client() as client:
                for _ in range(3):
                    id = (await client.post("/v1/responses", json=ECHO)).json()["id"]
                    await keeping.responses.settle()
                    assert (await client.get(f"/v1/responses/{id}")).status_code == 200
    said = [record.getMessage() for record in caplog.records if record.name == "morello.stored"]
    assert len(said) == 1
    assert "disk is full" in said[0]
    assert "in memory only" in said[0]


async def test_a_disk_with_room_again_takes_what_comes(keeping: Gateway) -> None:
    full(keeping)
    keeping.responses.keep(response(keeping, "resp_1"))
    await keeping.responses.settle()
    full(keeping, is_full=False)
    await kept(keeping, "resp_2")


async def test_what_could_not_be_erased_is_erased_later(keeping: Gateway) -> None:
    await kept(keeping, "resp_1")
    trigger = "CREATE TRIGGER stuck BEFORE DELETE ON responses BEGIN SELECT RAISE(ABORT, 'no'); END"
    await keeping.store.write(lambda db: db.exec_driver_sql(trigger))
    keeping.responses.forget("resp_1", identity(keeping.keys.main()))
    await keeping.responses.settle()
    await keeping.store.write(lambda db: db.exec_driver_sql("DROP TRIGGER stuck"))
    assert on_disk(keeping) == ["resp_1"]
    await keeping.responses.close()
    assert on_disk(keeping) == []


async def test_rows_that_cannot_be_read_do_not_keep_morello_from_starting(
    home: Home, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(home, cache) as gateway:
        await gateway.choices.change(keep_responses=True)
        await kept(gateway, "resp_1")
    with sqlite3.connect(home.path / "morello.db") as db:
        db.execute("CREATE TRIGGER stuck BEFORE DELETE ON responses BEGIN SELECT RAISE(ABORT, 'no'); END")
        db.execute("UPDATE responses SET at = 0")
    db.close()
    async with opened(home, cache) as gateway:
        assert len(gateway.responses) == 0
    assert "could not be read from the disk" in caplog.text


# By the clock


async def test_what_is_too_old_goes_though_nobody_asks(keeping: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "SWEEP_SECONDS", 0.01)
    now = 1000.0
    kept = Responses(keeping.responses._shelf, lambda: now)
    await kept.open(b"owner")
    try:
        kept.keep(response(keeping, at=now))
        await kept.settle()
        assert on_disk(keeping) == ["resp_1"]
        now += KEPT_SECONDS
        async with asyncio.timeout(20):
            while len(kept) or on_disk(keeping):
                await asyncio.sleep(0.01)
    finally:
        await kept.close()
