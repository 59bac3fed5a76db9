"""Links and sessions, by a clock that the test turns."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.store import Store
from webui.session import Session, Sessions

DAY = 86400.0
HOUR = 3600.0


class Clock:
    """The time of day, and the time since the computer was started."""

    def __init__(self) -> None:
        self.day, self.up = 1_800_000_000.0, 5_000.0

    def pass_(self, seconds: float) -> None:
        self.day += seconds
        self.up += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store.open(tmp_path)
    yield store
    await store.close()


def open_sessions(store: Store, clock: Clock) -> Sessions:
    return Sessions(store, 23300, now=lambda: clock.day, monotonic=lambda: clock.up)


@pytest.fixture
def sessions(store: Store, clock: Clock) -> Sessions:
    return open_sessions(store, clock)


async def signed_in(sessions: Sessions) -> str:
    identity = await sessions.sign_in(token_of(sessions.new_link("http://127.0.0.1:23300")))
    assert identity
    return identity


def token_of(link: str) -> str:
    return link.partition("/login?token=")[2]


async def test_a_link_is_good_once(sessions):
    token = token_of(sessions.new_link("http://127.0.0.1:23300"))
    assert await sessions.sign_in(token)
    assert await sessions.sign_in(token) is None


async def test_a_link_is_good_for_ten_minutes(sessions, clock):
    token = token_of(sessions.new_link("http://127.0.0.1:23300"))
    clock.pass_(600)
    assert await sessions.sign_in(token) is None


async def test_the_life_of_a_link_does_not_depend_on_the_time_of_day(sessions, clock):
    token = token_of(sessions.new_link("http://127.0.0.1:23300"))
    clock.day += 365 * DAY
    assert await sessions.sign_in(token)


async def test_a_token_nobody_was_given_opens_nothing(sessions):
    sessions.new_link("http://127.0.0.1:23300")
    assert await sessions.sign_in("") is None
    assert await sessions.sign_in("x" * 43) is None


async def test_links_and_sessions_have_256_bits_and_are_never_the_same(sessions):
    tokens = {token_of(sessions.new_link("http://127.0.0.1:23300")) for _ in range(50)}
    identities = {await sessions.sign_in(token) for token in tokens}
    assert {len(secret or "") for secret in tokens | identities} == {43}
    assert len(tokens | identities) == 100


async def test_a_session_ends_after_twelve_idle_hours(sessions, clock):
    identity = await signed_in(sessions)
    clock.pass_(12 * HOUR - 1)
    assert await sessions.find([identity])
    clock.pass_(12 * HOUR)
    assert await sessions.find([identity]) is None


async def test_a_session_ends_after_seven_days_of_use(sessions, clock):
    identity = await signed_in(sessions)
    for _ in range(14):
        assert await sessions.find([identity])
        clock.pass_(11.9 * HOUR)
    assert await sessions.find([identity])
    clock.pass_(2 * HOUR)
    assert await sessions.find([identity]) is None


async def test_a_clock_set_back_does_not_lengthen_a_session(sessions, clock):
    identity = await signed_in(sessions)
    clock.day -= 299
    assert await sessions.find([identity])
    clock.day -= 2
    assert await sessions.find([identity]) is None


async def test_a_session_survives_a_restart_of_the_program(sessions, store, clock):
    identity = await signed_in(sessions)
    reopened = open_sessions(store, clock)
    found = await reopened.find([identity])
    assert found is not None
    assert found.csrf == Session(identity).csrf


async def test_a_link_does_not_survive_a_restart_of_the_program(sessions, store, clock):
    token = token_of(sessions.new_link("http://127.0.0.1:23300"))
    assert await open_sessions(store, clock).sign_in(token) is None


async def test_use_is_noted_once_a_minute(sessions, store, clock):
    identity = await signed_in(sessions)
    clock.pass_(59)
    await sessions.find([identity])
    assert [row.seen for row in rows(store)] == [clock.day - 59]
    clock.pass_(1)
    await sessions.find([identity])
    assert [row.seen for row in rows(store)] == [clock.day]


async def test_old_sessions_are_forgotten_when_somebody_signs_in(sessions, store, clock):
    await signed_in(sessions)
    clock.pass_(8 * DAY)
    await signed_in(sessions)
    assert len(rows(store)) == 1


async def test_signing_out_ends_the_session_for_good(sessions, store, clock):
    identity = await signed_in(sessions)
    await sessions.sign_out(Session(identity))
    assert await sessions.find([identity]) is None
    assert await open_sessions(store, clock).find([identity]) is None


async def test_only_digests_are_kept(sessions, store):
    identity = await signed_in(sessions)
    assert [row.digest for row in rows(store)] == [Session(identity).digest]
    kept = b"".join(file.read_bytes() for file in store.path.parent.iterdir())
    assert identity.encode() not in kept


async def test_one_good_cookie_among_several_is_enough(sessions):
    identity = await signed_in(sessions)
    assert await sessions.find(["planted by another port", identity])


async def test_a_strange_cookie_is_wrong_and_not_a_crash(sessions):
    assert await sessions.find(["\udcff\udc00"]) is None


async def test_a_token_belongs_to_one_session(sessions):
    mine, theirs = Session(await signed_in(sessions)), Session(await signed_in(sessions))
    assert mine.owns(mine.csrf)
    assert not mine.owns(theirs.csrf)
    assert not mine.owns("")
    assert not mine.owns("\udcff")


def test_the_cookie_opens_this_host_alone_and_no_script_reads_it(sessions):
    name, *attributes = sessions.set_cookie("id").split("; ")
    assert name == "morello_23300=id"
    assert attributes == ["Path=/", "Max-Age=604800", "HttpOnly", "SameSite=Strict"]


def rows(store: Store):
    from api.store import sessions as statements

    return store.load(statements.load)
