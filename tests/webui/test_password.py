"""The dashboard's password: what may be one, how it is kept, how often it may be guessed; the command for it."""

import asyncio
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher

from api.store import Store
from api.store import settings as kept_settings
from tests.program import SECONDS, Program, environment, free_port, morello
from webui.password import ATTEMPTS, Attempts, Password, PasswordRefused, TooManyAttempts

RIGHT = "correct horse"


class Clock:
    """The time, and how long was slept."""

    def __init__(self) -> None:
        self.now, self.slept = 5_000.0, list[float]()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store.open(tmp_path)
    yield store
    await store.close()


@pytest.fixture
def password(store: Store, clock: Clock, quick_hashes: None) -> Password:
    return opened(store, clock)


def opened(store: Store, clock: Clock) -> Password:
    return Password(store, monotonic=lambda: clock.now, sleep=clock.sleep)


def test_ten_attempts_may_be_taken_in_a_minute():
    attempts = Attempts()
    assert [attempts.take(100.0 + second) for second in range(10)] == [100.0 + second for second in range(10)]
    assert attempts.take(110.0) == 160.0
    assert attempts.take(159.9) == 160.0


def test_an_attempt_that_was_refused_takes_none_and_the_limit_frees_itself():
    attempts = Attempts()
    for _ in range(10):
        attempts.take(100.0)
    for _ in range(1000):
        attempts.take(159.0)
    assert attempts.take(160.0) == 160.0


def test_an_attempt_that_is_given_back_may_be_taken_again():
    attempts = Attempts()
    for _ in range(100):
        attempts.give_back(attempts.take(100.0))
    assert attempts.take(100.0) == 100.0


async def test_the_password_opens_and_nothing_else_does(password):
    await password.set(RIGHT)
    assert await password.check(RIGHT)
    for wrong in ("", "correct hors", "correct horse ", "Correct horse", "x" * 100_000, "\udcff\x00"):
        assert not await password.check(wrong)


async def test_without_a_password_nothing_opens(password):
    assert not password.is_set
    assert not await password.check("")
    assert not await password.check(RIGHT)


async def test_it_survives_a_restart_of_the_program(password, store, clock):
    await password.set(RIGHT)
    reopened = opened(store, clock)
    assert reopened.is_set
    assert await reopened.check(RIGHT)


async def test_it_is_kept_as_argon2id_with_the_parameters_of_rfc_9106_and_in_no_other_way(store):
    password = Password(store)
    await password.set(RIGHT)
    kept = store.load(kept_settings.load)
    assert list(kept) == ["dashboard_password"]
    assert kept["dashboard_password"].startswith('"$argon2id$v=19$m=65536,t=3,p=4$')
    files = b"".join(file.read_bytes() for file in store.path.parent.iterdir())
    assert RIGHT.encode() not in files
    assert await password.check(RIGHT)


async def test_nothing_of_it_stays_once_it_is_cleared(password, store, clock):
    await password.set(RIGHT)
    hashed = store.load(kept_settings.load)["dashboard_password"].strip('"')
    await password.clear()
    assert not password.is_set
    assert not opened(store, clock).is_set
    files = b"".join(file.read_bytes() for file in store.path.parent.iterdir())
    assert hashed.encode() not in files


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("", "Use at least 8 characters."),
        ("seven77", "Use at least 8 characters."),
        ("x" * 1025, "That is too long. Use at most 1024 bytes."),
        ("長" * 342, "That is too long. Use at most 1024 bytes."),
    ],
)
async def test_what_cannot_be_a_password_is_refused_in_words(password, new, said):
    with pytest.raises(PasswordRefused) as refused:
        await password.set(new)
    assert (refused.value.field, str(refused.value)) == ("new", said)
    assert not password.is_set


@pytest.mark.parametrize("new", ["eight888", "x" * 1024, "長" * 341, "長短長短長短長短", "  spaces  "])
async def test_what_is_long_enough_and_no_longer_is_one(password, new):
    await password.set(new)
    assert await password.check(new)


async def test_the_same_letters_from_another_keyboard_are_the_same_password(password):
    await password.set("caf\u00e9 fran\u00e7ais")
    assert await password.check("cafe\u0301 franc\u0327ais")


async def test_a_wrong_one_is_answered_a_moment_later_and_a_right_one_at_once(password, clock):
    await password.set(RIGHT)
    assert await password.check(RIGHT)
    assert clock.slept == []
    for _ in range(ATTEMPTS):
        await password.check("wrong")
    assert len(set(clock.slept)) > 1
    assert all(0 <= seconds <= 0.15 for seconds in clock.slept)


async def test_the_eleventh_wrong_one_of_a_minute_is_refused_without_being_hashed(password, clock, monkeypatch):
    await password.set(RIGHT)
    for _ in range(10):
        assert not await password.check("wrong")
    monkeypatch.setattr(password, "_hasher", None)
    clock.now += 12.5
    with pytest.raises(TooManyAttempts, match=r"Try again in 48 s, or use a new link\.") as refused:
        await password.check(RIGHT)
    assert (refused.value.status, refused.value.seconds) == (429, 48)


async def test_a_minute_later_it_may_be_tried_again(password, clock):
    await password.set(RIGHT)
    for _ in range(10):
        await password.check("wrong")
    clock.now += 60
    assert await password.check(RIGHT)


async def test_the_right_one_is_never_too_often(password):
    await password.set(RIGHT)
    for _ in range(2 * ATTEMPTS):
        assert await password.check(RIGHT)


async def test_attempts_are_hashed_one_at_a_time_also_when_those_who_asked_are_gone(password, monkeypatch):
    await password.set(RIGHT)
    now, most, go_on = 0, 0, threading.Event()

    def verify(kept: str, typed: bytes) -> bool:
        nonlocal now, most
        now += 1
        most = max(most, now)
        go_on.wait(10)
        now -= 1
        return False

    monkeypatch.setattr(password, "_verify", verify)
    attempts = [asyncio.create_task(password.check("wrong")) for _ in range(8)]
    await asyncio.sleep(0.05)
    for attempt in attempts[::2]:
        attempt.cancel()
    go_on.set()
    await asyncio.gather(*attempts, return_exceptions=True)
    assert most == 1


async def test_a_password_that_was_changed_while_it_was_tried_opens_nothing(password, monkeypatch):
    await password.set(RIGHT)
    tried, go_on = threading.Event(), threading.Event()
    verify = password._verify

    def slowly(kept: str, typed: bytes) -> bool:
        tried.set()
        go_on.wait(10)
        return verify(kept, typed)

    monkeypatch.setattr(password, "_verify", slowly)
    trying = asyncio.create_task(password.check(RIGHT))
    await asyncio.to_thread(tried.wait, 10)
    await password.clear()
    go_on.set()
    assert await trying is False


async def test_a_hash_with_older_parameters_is_made_anew_when_it_is_known(password, store, monkeypatch):
    await password.set(RIGHT)
    before = store.load(kept_settings.load)
    monkeypatch.setattr(password, "_hasher", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert not await password.check("wrong")
    assert store.load(kept_settings.load) == before
    assert await password.check(RIGHT)
    assert "m=16,t=2,p=1" in store.load(kept_settings.load)["dashboard_password"]
    assert await password.check(RIGHT)


async def test_a_hash_that_is_damaged_opens_nothing(store, clock, quick_hashes):
    await store.write(lambda db: kept_settings.save(db, {"dashboard_password": '"$argon2id$v=19$m=8"'}))
    assert not await opened(store, clock).check(RIGHT)


class TestCommand:
    def test_it_is_set_and_cleared_without_a_running_process(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        done = morello("password", "set", "--stdin", home=home, given=f"{RIGHT}\n")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "Password set.\n")
        assert '"$argon2id$' in kept(home)
        cleared = morello("password", "clear", home=home)
        assert (cleared.returncode, cleared.stderr) == (0, "Password removed.\n")
        assert kept(home) == ""

    def test_what_cannot_be_one_is_refused_in_words(self, tmp_path: Path) -> None:
        refused = morello("password", "set", "--stdin", home=tmp_path / "home", given="short\n")
        assert (refused.returncode, refused.stderr) == (1, "Use at least 8 characters.\n")

    def test_without_a_terminal_it_says_how_else(self, tmp_path: Path) -> None:
        refused = morello("password", "set", home=tmp_path / "home", given=f"{RIGHT}\n")
        assert refused.returncode == 1
        assert refused.stderr == "There is no terminal to type a password into. Give it as one line with --stdin.\n"

    def test_it_is_typed_twice_into_a_terminal_that_shows_nothing_of_it(self, tmp_path: Path) -> None:
        code, shown = typed(tmp_path / "home", RIGHT, RIGHT)
        assert (code, RIGHT in shown) == (0, False)
        assert "New password: " in shown
        assert "Password set." in shown
        assert '"$argon2id$' in kept(tmp_path / "home")

    def test_what_is_not_typed_the_same_twice_changes_nothing(self, tmp_path: Path) -> None:
        code, shown = typed(tmp_path / "home", RIGHT, "another one")
        assert (code, "The two are not the same. Nothing was changed." in shown) == (1, True)

    def test_in_a_running_process_it_opens_the_dashboard_at_once_and_ends_what_the_old_one_opened(
        self, tmp_path: Path
    ) -> None:
        with Program(tmp_path / "home", port=free_port()) as program:
            program.ready()
            with httpx.Client(base_url=program.dashboard, headers={"accept": "text/html"}, timeout=SECONDS) as browser:
                assert signing_in(browser, RIGHT) == 401
                assert program.do("password", "set", "--stdin", given=f"{RIGHT}\n").stderr == "Password set.\n"
                assert signing_in(browser, RIGHT) == 303
                assert browser.get("/settings").status_code == 200
                changed = program.do("password", "set", "--stdin", given="another one\n")
                assert changed.stderr == "Password set. One browser was signed out.\n"
                assert browser.get("/settings").status_code == 401
                assert signing_in(browser, "another one") == 303
                assert program.do("password", "clear").returncode == 0
                assert browser.get("/settings").status_code == 200
                assert signing_in(browser, "another one") == 401


def signing_in(browser: httpx.Client, password: str) -> int:
    return browser.post("/login", data={"password": password}, headers={"origin": str(browser.base_url)}).status_code


def kept(home: Path) -> str:
    """What the settings table of a home that nobody has open says of the password."""
    store = Store.open(home)
    try:
        return store.load(kept_settings.load).get("dashboard_password", "")
    finally:
        asyncio.run(store.close())


def typed(home: Path, *lines: str) -> tuple[int, str]:
    """Run `password set` at a terminal and type `lines`: the exit code, and what the terminal showed."""
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-m", "webui", "password", "set", "--home", str(home)],
        env=environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown, ends = "", time.monotonic() + SECONDS
    for asked, line in zip(("New password: ", "Again: "), lines, strict=True):
        while not shown.endswith(asked):
            assert time.monotonic() < ends, shown
            shown += os.read(ours, 1000).decode()
        os.write(ours, f"{line}\n".encode())
    shown += rest(ours)
    os.close(ours)
    return program.wait(SECONDS), shown


def rest(terminal: int) -> str:
    """What is still said, until the other side hangs up."""
    shown = b""
    try:
        while more := os.read(terminal, 1000):
            shown += more
    except OSError:
        pass  # how Linux tells that nobody holds the other side
    return shown.decode()
