"""Links and sessions, by a clock that the test turns."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.errors import StoreFailed
from api.store import Store
from webui import browsers
from webui.session import Session, Sessions, name_of

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
def sessions(store: Store, clock: Clock, quick_hashes: None) -> Sessions:
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


async def signed_in_with(sessions: Sessions, agent: str) -> str:
    return await sessions.sign_in(token_of(sessions.new_link("http://127.0.0.1:23300")), agent) or ""


async def test_it_is_known_what_a_session_was_opened_with_and_by_which_browser(sessions, store, clock):
    await sessions.password.set("correct horse")
    await signed_in_with(sessions, "Firefox/140.0")
    clock.pass_(1)
    assert await sessions.sign_in_by_password("wrong horse", "curl/8.5") is None
    assert await sessions.sign_in_by_password("correct horse", "Chrome/150.0")
    for known in (sessions, open_sessions(store, clock)):
        assert [(row.how, row.agent) for row in known.all()] == [
            ("password", "Chrome/150.0"),
            ("link", "Firefox/140.0"),
        ]


async def test_a_strange_browser_name_is_cut_and_kept_without_a_crash(sessions, store):
    await signed_in_with(sessions, "\udcff\x00\x1b[31m" + "x" * 100_000)
    assert [row.agent for row in rows(store)] == ["[31m" + "x" * 196]


async def test_one_session_is_ended_by_its_name_and_the_others_go_on(sessions):
    mine, theirs = await signed_in(sessions), await signed_in(sessions)
    name = name_of(next(row for row in sessions.all() if row.digest == Session(theirs).digest))
    assert await sessions.end(name, but=Session(mine))
    assert not await sessions.end(name, but=Session(mine))
    assert await sessions.find([theirs]) is None
    assert await sessions.find([mine])


@pytest.mark.parametrize("name", ["", "0" * 16, "nonsense"])
async def test_a_name_that_nobody_has_ends_nothing(sessions, name):
    mine, theirs = await signed_in(sessions), await signed_in(sessions)
    assert not await sessions.end(name, but=Session(mine))
    assert await sessions.find([theirs])


async def test_nobody_ends_their_own_session_by_its_name(sessions):
    mine = await signed_in(sessions)
    assert not await sessions.end(name_of(sessions.all()[0]), but=Session(mine))
    assert await sessions.find([mine])


async def test_every_other_session_is_ended_for_good(sessions, store, clock):
    mine, *theirs = [await signed_in(sessions) for _ in range(4)]
    assert await sessions.end_others(but=Session(mine)) == 3
    for known in (sessions, open_sessions(store, clock)):
        assert await known.find(theirs) is None
        assert await known.find([mine])


async def test_a_session_that_ran_out_is_not_in_the_list(sessions, clock):
    await signed_in(sessions)
    clock.pass_(12 * HOUR)
    assert sessions.all() == []


async def test_the_first_password_ends_no_session_and_every_other_ends_all_but_the_one_that_set_it(sessions):
    mine, theirs = await signed_in(sessions), await signed_in(sessions)
    assert await sessions.set_password("correct horse", by=Session(mine)) == 0
    assert await sessions.find([theirs])
    assert await sessions.set_password("battery staple", by=Session(mine)) == 1
    assert await sessions.find([theirs]) is None
    assert await sessions.find([mine])
    assert await sessions.set_password("from the command", by=None) == 1
    assert await sessions.find([mine]) is None


async def test_who_signs_in_while_every_session_is_ended_is_ended_too(sessions, store, clock, monkeypatch):
    writing, go_on = asyncio.Event(), asyncio.Event()
    write = store.write

    async def slowly(work):
        writing.set()
        await go_on.wait()
        return await write(work)

    monkeypatch.setattr(store, "write", slowly)
    entering = asyncio.create_task(signed_in(sessions))
    await writing.wait()
    ending = asyncio.create_task(sessions.end_others(but=None))
    await asyncio.sleep(0)
    go_on.set()
    identity, _ = await asyncio.gather(entering, ending)
    for known in (sessions, open_sessions(store, clock)):
        assert await known.find([identity]) is None


LINUX = "Mozilla/5.0 (X11; Linux x86_64"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
ANDROID = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "named"),
    [
        (f"{LINUX}; rv:140.0) Gecko/20100101 Firefox/140.0", ("Firefox", "Linux")),
        (f"{LINUX}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36", ("Chrome", "Linux")),
        (f"{WINDOWS} Chrome/150.0.0.0 Safari/537.36 Edg/150.0.0.0", ("Edge", "Windows")),
        (f"{WINDOWS} Chrome/150.0.0.0 Safari/537.36 OPR/120.0.0.0", ("Opera", "Windows")),
        (f"{MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15", ("Safari", "macOS")),
        (f"{PHONE} Version/18.5 Mobile/15E148 Safari/604.1", ("Safari", "iPhone")),
        (f"{PHONE} CriOS/150.0.0.0 Mobile/15E148 Safari/604.1", ("Chrome", "iPhone")),
        (f"{ANDROID} Chrome/150.0.0.0 Mobile Safari/537.36", ("Chrome", "Android")),
        (f"{ANDROID} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36", ("Samsung Internet", "Android")),
        ("curl/8.5.0", ("curl", None)),
        ("<script>alert(1)</script>", (None, None)),
        ("", (None, None)),
    ],
)
def test_a_browser_is_named_in_words(agent, named):
    assert (browsers.browser(agent), browsers.system(agent)) == named


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


async def test_a_full_disk_locks_nobody_out(sessions, store, clock, monkeypatch, caplog):
    before = await signed_in(sessions)

    async def full(work):
        raise StoreFailed("The database could not be used: %(why)s.", why="database or disk is full")

    monkeypatch.setattr(store, "write", full)
    clock.pass_(HOUR)
    assert await sessions.find([before])
    assert await sessions.find([await signed_in(sessions)])
    assert "database or disk is full" in caplog.text
