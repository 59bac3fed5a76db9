"""The folder where everything lives: owner only, one program at a time."""

import os
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.errors import AnotherInstance, CannotRun
from api.home import Home, Occupant

HOLD = """
import os, sys
from pathlib import Path
from api.home import Home, Occupant
home = Home(Path(sys.argv[1]))
home.prepare()
home.lock()
home.tell(Occupant(os.getpid(), dashboard="http://127.0.0.1:1"))
print("held", flush=True)
sys.stdin.read()
"""
CHECKOUT = Path(__file__).parents[2]


@contextmanager
def another_program(path):
    """A process that holds the home at `path` until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def refusal(path):
    with pytest.raises(AnotherInstance) as refused:
        Home(path).lock()
    return refused.value


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_home_is_the_owners_alone_with_all_that_leads_to_it(tmp_path):
    Home(tmp_path / "a" / "b" / "home").prepare()
    assert mode(tmp_path / "a" / "b" / "home") == 0o700
    assert mode(tmp_path / "a") == mode(tmp_path / "a" / "b") == 0o700


def test_preparing_sets_the_umask_before_the_first_file(tmp_path):
    os.umask(0o022)
    Home(tmp_path / "home").prepare()
    (tmp_path / "home" / "file").touch()
    assert mode(tmp_path / "home" / "file") == 0o600


def test_a_home_that_is_there_is_left_as_it_is(home):
    (home.path / "file").write_text("mine")
    Home(home.path).prepare()
    assert (home.path / "file").read_text() == "mine"


@pytest.mark.parametrize("rights", [0o750, 0o705, 0o711, 0o777])
def test_a_home_that_others_can_open_is_refused_with_the_way_to_close_it(tmp_path, rights):
    tmp_path.chmod(rights)
    with pytest.raises(CannotRun, match="chmod go-rwx"):
        Home(tmp_path).prepare()
    assert mode(tmp_path) == rights


def test_a_home_of_another_user_is_refused(home, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(CannotRun, match="belongs to another user"):
        Home(home.path).prepare()


def test_a_home_that_is_a_file_is_refused_in_words(tmp_path):
    (tmp_path / "home").touch()
    with pytest.raises(CannotRun, match=r"cannot be made.*--home"):
        Home(tmp_path / "home").prepare()


def test_a_home_may_be_a_link_to_a_folder(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "home").symlink_to(tmp_path / "real")
    home = Home(tmp_path / "home")
    home.prepare()
    home.lock()
    home.release()
    assert (tmp_path / "real" / "instance.lock").exists()


def test_a_second_one_is_refused(home):
    refused = refusal(home.path)
    assert refused.exit_code == 2
    assert str(refused).endswith(".")


def test_the_refusal_names_the_pid_and_the_address(home):
    home.tell(Occupant(os.getpid(), dashboard="http://127.0.0.1:23300", api="http://127.0.0.1:23333"))
    assert f"pid {os.getpid()} at http://127.0.0.1:23300" in str(refusal(home.path))


def test_where_there_is_no_dashboard_the_refusal_names_the_api(home):
    home.tell(Occupant(7, api="http://127.0.0.1:23333"))
    assert "pid 7 at http://127.0.0.1:23333" in str(refusal(home.path))


def test_what_is_told_later_replaces_what_was_told(home):
    home.tell(Occupant(7, dashboard="http://127.0.0.1:11111"))
    home.tell(Occupant(7))
    assert home.occupant() == Occupant(7)
    assert Home(home.path).occupant() == Occupant(7)


def test_one_that_is_just_starting_is_not_mistaken_for_the_one_before(home):
    home.tell(Occupant(7, dashboard="http://127.0.0.1:11111"))
    home.release()
    home.lock()
    assert "starting" in str(refusal(home.path))
    assert Home(home.path).occupant() == Occupant(0)


def test_nobody_occupies_a_home_that_was_given_back(home):
    home.tell(Occupant(7))
    home.release()
    assert Home(home.path).occupant() is None


def test_nobody_occupies_a_home_that_was_never_made(tmp_path):
    assert Home(tmp_path / "nowhere").occupant() is None
    assert not (tmp_path / "nowhere").exists()


def test_looking_who_is_there_takes_nothing(home):
    home.release()
    assert Home(home.path).occupant() is None
    home.lock()
    assert home.occupant() == Occupant(0)


def test_giving_back_twice_does_no_harm(home):
    home.release()
    home.release()


def test_a_home_that_was_given_back_can_be_taken(home):
    home.release()
    other = Home(home.path)
    other.lock()
    other.release()


def test_the_lock_file_is_the_owners_alone(home):
    assert mode(home.path / "instance.lock") == 0o600


def test_another_program_is_named_and_its_death_frees_the_home(tmp_path):
    path = tmp_path / "home"
    with another_program(path) as process:
        assert f"pid {process.pid} at http://127.0.0.1:1" in str(refusal(path))
        assert Home(path).occupant() == Occupant(process.pid, dashboard="http://127.0.0.1:1")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert Home(path).occupant() is None
        survivor = Home(path)
        survivor.lock()
        survivor.release()
