"""The commands for providers, settings and the log, as a person types them."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from api.providers.presets import PRESETS
from api.settings import NAMES
from tests import tiny_model
from tests.fakes import CHAT_MODELS, answers, far_end
from tests.program import Program, environment, free_port, morello
from webui.log import follow, last_lines

KEY = "sk-the-key-of-a-command-0001"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(params=["running", "stored"])
def there(request: pytest.FixtureRequest, home: Path) -> Any:
    """A home whose Morello runs, and one that only has its data."""
    if request.param == "stored":
        yield home
        return
    with Program(home, "--no-start", port=free_port()) as program:
        program.ready()
        yield home


def add(home: Path, id: str, url: str = "https://api.example/v1", key: str = KEY) -> None:
    words = ["--dialect", "openai_chat", "--base-url", url, "--key-stdin"]
    assert morello("providers", "add", id, *words, home=home, given=f"{key}\n").returncode == 0


def listed(home: Path) -> dict[str, dict[str, Any]]:
    rows = json.loads(morello("providers", "list", "--json", home=home).stdout)
    return {row["id"]: row for row in rows}


class TestProviders:
    def test_presets_are_listed_without_a_home(self, home: Path) -> None:
        text = morello("providers", "presets", home=home)
        rows = json.loads(morello("providers", "presets", "--json", home=home).stdout)
        assert [row["id"] for row in rows] == [row.id for row in PRESETS]
        assert {"id", "name", "base_url", "dialect", "auth", "docs", "key_url"} <= set(rows[0])
        assert [line.split()[0] for line in text.stdout.splitlines()] == [row.id for row in PRESETS]
        assert not home.exists()

    def test_a_preset_gives_dialect_and_url_and_the_key_comes_as_always(self, home: Path) -> None:
        done = morello("providers", "add", "mine", "--preset", "anthropic", "--key-stdin", home=home, given=f"{KEY}\n")
        assert (done.returncode, done.stdout) == (0, "")
        assert "https://api.anthropic.com/v1/messages" in done.stderr
        row = listed(home)["mine"]
        assert (row["name"], row["dialect"], row["has_key"]) == ("Anthropic", "anthropic", True)

    def test_a_preset_gives_its_quirks_and_words_go_before_them(self, home: Path) -> None:
        words = ["--preset", "openai", "--quirk", "stream_options=false", "--quirk", "developer_role="]
        done = morello("providers", "add", "mine", *words, "--no-key", "--json", home=home)
        row = json.loads(done.stdout)
        assert row["dialect"] == "openai_chat+openai_responses"
        assert row["quirks"] == {"max_tokens_field": "max_completion_tokens", "stream_options": False}
        assert "  stream_options=false" in morello("providers", "list", home=home).stdout

    def test_a_quirk_is_changed_and_is_as_usual_again(self, there: Path) -> None:
        add(there, "one")
        morello("providers", "edit", "one", "--quirk", "streams=false", "--quirk", "schema_refused=a,b", home=there)
        assert listed(there)["one"]["quirks"] == {"streams": False, "schema_refused": ["a", "b"]}
        morello("providers", "edit", "one", "--quirk", "streams=", home=there)
        assert listed(there)["one"]["quirks"] == {"schema_refused": ["a", "b"]}

    @pytest.mark.parametrize("quirk", ["sings=true", "streams=maybe"])
    def test_a_quirk_that_cannot_be_is_refused_in_words(self, there: Path, quirk: str) -> None:
        add(there, "one")
        refused = morello("providers", "edit", "one", "--quirk", quirk, home=there)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert quirk.partition("=")[0] in refused.stderr

    def test_a_preset_of_this_computer_wants_no_key_and_words_go_before_a_preset(self, home: Path) -> None:
        url = "http://127.0.0.1:9999/v1"
        done = morello("providers", "add", "llama", "--preset", "ollama", "--base-url", url, "--json", home=home)
        row = json.loads(done.stdout)
        assert (row["base_url"], row["name"], row["has_key"]) == (url, "Ollama", False)

    @pytest.mark.parametrize(
        "words",
        [
            ["add", "x", "--no-key"],
            ["add", "x", "--no-key", "--dialect", "openai_chat"],
            ["add", "x", "--preset", "kimi"],
            ["add", "x", "--preset", "kimi", "--no-key", "--key-stdin"],
            ["edit", "x"],
            ["edit", "x", "--quirk", "streams"],
            ["edit"],
            ["enable"],
        ],
    )
    def test_what_is_missing_is_wrong_usage(self, home: Path, words: list[str]) -> None:
        ended = morello("providers", *words, home=home)
        assert (ended.returncode, ended.stdout) == (64, "")
        assert "usage:" in ended.stderr
        assert not home.exists()

    def test_an_unknown_preset_is_refused_with_the_command_that_lists_them(self, home: Path) -> None:
        refused = morello("providers", "add", "x", "--preset", "klingon", "--no-key", home=home)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "morello providers presets" in refused.stderr

    def test_one_is_changed_switched_off_and_on(self, there: Path) -> None:
        add(there, "one")
        edited = morello("providers", "edit", "one", "--name", "Uno", "--dialect", "anthropic", "--json", home=there)
        row = json.loads(edited.stdout)
        assert (row["name"], row["calls"], row["has_key"]) == ("Uno", "https://api.example/v1/messages", True)
        assert morello("providers", "disable", "one", home=there).stderr == "Switched off.\n"
        assert listed(there)["one"]["enabled"] is False
        assert morello("providers", "list", home=there).stdout.endswith("(off)\n")
        assert morello("providers", "enable", "one", home=there).stderr == "Switched on.\n"
        assert listed(there)["one"] == row

    def test_a_new_host_wants_the_key_again(self, there: Path) -> None:
        add(there, "one")
        move = ["providers", "edit", "one", "--base-url", "https://evil.example/v1"]
        refused = morello(*move, home=there)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "does not go to another host" in refused.stderr
        assert listed(there)["one"]["base_url"] == "https://api.example/v1"
        assert morello(*move, "--key-stdin", home=there, given="sk-another-key-0002\n").returncode == 0
        assert morello(*move, "--no-key", home=there).returncode == 0
        assert listed(there)["one"]["has_key"] is False

    @pytest.mark.parametrize("verb", ["edit", "enable", "disable", "test", "remove"])
    def test_nobody_is_named_in_a_sentence(self, home: Path, verb: str) -> None:
        more = ["--name", "x"] if verb == "edit" else []
        refused = morello("providers", verb, "nobody", *more, home=home)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == "There is no provider “nobody”.\n"

    async def test_a_test_says_what_was_found_and_exits_0(self, there: Path) -> None:
        async with far_end(answers(200, CHAT_MODELS)) as far:
            await asyncio.to_thread(add, there, "far", f"{far.url}/v1")
            done = await asyncio.to_thread(morello, "providers", "test", "far", home=there)
            check = await asyncio.to_thread(morello, "providers", "test", "far", "--json", home=there)
            assert far.last.headers["authorization"] == f"Bearer {KEY}"
        assert (done.returncode, done.stdout) == (0, "")
        assert "One model found." in done.stderr
        assert json.loads(check.stdout)["models"] == ["gpt-test"]

    async def test_a_failed_test_says_the_providers_own_words_and_exits_1(self, there: Path) -> None:
        async with far_end(answers(401, b'{"error":{"message":"No such key: ' + KEY.encode() + b'"}}')) as far:
            await asyncio.to_thread(add, there, "far", f"{far.url}/v1")
            failed = await asyncio.to_thread(morello, "providers", "test", "far", "--json", home=there)
        assert failed.returncode == 1
        assert json.loads(failed.stdout)["ok"] is False
        assert "No such key: [hidden]" in failed.stderr
        assert KEY not in failed.stdout + failed.stderr

    def test_ctrl_c_ends_a_command_without_a_traceback(self, home: Path) -> None:
        words = [sys.executable, "-X", "importtime", "-m", "webui", "providers", "add", "x", "--preset", "kimi"]
        with subprocess.Popen(
            [*words, "--key-stdin", "--home", str(home)],
            env=environment(), stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stderr
            next(line for line in process.stderr if "api.providers.presets" in line)  # it reads its input now
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
        assert (process.returncode, "Traceback" in errors) == (130, False)


class TestSettings:
    def test_all_are_printed_with_what_differs_from_the_default(self, there: Path) -> None:
        assert morello("settings", "drain", "2.5", home=there).stdout == "2.5\n"
        rows = {row["name"]: row for row in json.loads(morello("settings", "--json", home=there).stdout)}
        assert list(rows) == list(NAMES)
        assert rows["drain"] == {"name": "drain", "value": 2.5, "default": 0.0}
        lines = morello("settings", home=there).stdout.splitlines()
        assert [line.split() for line in lines if "drain" in line] == [["drain", "2.5", "(default", "0.0)"]]
        assert [line.split() for line in lines if "first" in line] == [["first_run_done", "false"]]

    def test_one_is_printed_alone(self, home: Path) -> None:
        assert morello("settings", "drain", home=home).stdout == "0.0\n"
        assert json.loads(morello("settings", "drain", "--json", home=home).stdout)["default"] == 0.0

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["colour"], "There is no setting “colour”"),
            (["colour", "red"], "There is no setting “colour”"),
            (["drain", "soon"], "a number from 0 to 60"),
            (["first_run_done", "perhaps"], "true or false"),
            (["port", "80"], "from 1000 to 65535"),
            (["port", "x"], "from 1000 to 65535"),
        ],
    )
    def test_what_cannot_be_is_refused_in_words(self, home: Path, words: list[str], sentence: str) -> None:
        refused = morello("settings", *words, home=home)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert sentence in refused.stderr

    def test_the_port_has_the_same_door_as_ever(self, home: Path) -> None:
        port = free_port()
        assert morello("settings", "port", str(port), home=home).stdout == f"{port}\n"
        with Program(home) as program:
            program.ready()
            refused = program.do("settings", "port", "5000")
            assert refused.returncode == 1
            assert "while the API is not running" in refused.stderr
            assert program.do("settings", "drain", "1").returncode == 0
            assert program.do("stop").returncode == 0
            own = program.do("settings", "port", program.dashboard.rpartition(":")[2])
            assert "dashboard's own" in own.stderr
            assert program.do("settings", "port", "5000").stdout == "5000\n"
            assert program.do("port").stdout == "5000\n"

    def test_stored_responses_are_kept_on_the_disk_and_not(self, there: Path) -> None:
        for value in ("true", "false"):
            assert morello("settings", "keep_responses", value, home=there).stdout == f"{value}\n"
            assert morello("settings", "keep_responses", home=there).stdout == f"{value}\n"

    @pytest.mark.skipif(not find_spec("xllamacpp"), reason="the extra morello[local] is not installed")
    def test_a_model_file_is_meant_from_where_the_command_was_typed(self, there: Path, tmp_path: Path) -> None:
        file = tiny_model.write(tmp_path / "tiny.gguf")
        typed = os.path.relpath(file)
        assert morello("settings", "local_model", typed, home=there).stdout == f"{Path(typed).absolute()}\n"
        assert "local:tiny\n" in morello("models", home=there).stdout
        refused = morello("settings", "local_model", __file__, home=there)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "does not begin with “GGUF”" in refused.stderr
        assert morello("settings", "local_model", "", home=there).stdout == ""
        assert "local:tiny\n" not in morello("models", home=there).stdout

    def test_settings_are_read_beside_a_program_without_a_socket(self, home: Path) -> None:
        with Program(home, "--port", str(free_port()), module="api") as program:
            program.ready()
            assert program.do("settings", "drain").stdout == "0.0\n"
            assert program.do("settings", "drain", "1").returncode == 2


def write(log: Path, *lines: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


@pytest.fixture
def log(home: Path) -> Path:
    log = home / "logs" / "morello.log"
    log.parent.mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    write(log, *(f"line {number}" for number in range(250)))
    return log


class TestLog:
    def test_without_a_log_it_says_where_one_would_be(self, home: Path) -> None:
        for words in (["logs"], ["logs", "-f"]):
            refused = morello(*words, home=home)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert str(home / "logs" / "morello.log") in refused.stderr

    @pytest.mark.parametrize(("words", "first"), [([], 150), (["-n", "3"], 247), (["-n", "1000"], 0)])
    def test_the_last_lines_are_printed(self, home: Path, log: Path, words: list[str], first: int) -> None:
        printed = morello("logs", *words, home=home)
        assert printed.returncode == 0
        assert printed.stdout.splitlines() == [f"line {number}" for number in range(first, 250)]

    @pytest.mark.parametrize("count", ["-1", "x", "1.5"])
    def test_a_count_that_is_none_is_wrong_usage(self, home: Path, count: str) -> None:
        assert morello("logs", f"-n{count}", home=home).returncode == 64

    def test_no_lines_are_none(self, log: Path) -> None:
        assert last_lines(log, 0) == []

    def test_what_was_moved_aside_is_counted_too(self, log: Path) -> None:
        log.rename(log.with_name("morello.log.1"))
        write(log, "new")
        assert last_lines(log, 2) == [b"line 249\n", b"new\n"]

    def test_following_goes_on_with_what_is_written_and_misses_nothing_when_the_file_is_full(self, log: Path) -> None:
        following = follow(log, 1)
        assert next(following) == b"line 249\n"
        write(log, "one", "two")
        assert next(following) == b"one\ntwo\n"
        write(log, "before the move")
        log.rename(log.with_name("morello.log.1"))
        write(log, "after the move")
        assert next(following) == b"before the move\n"
        assert next(following) == b"after the move\n"
        write(log, "and on")
        assert next(following) == b"and on\n"
        following.close()

    def test_following_ends_well_with_ctrl_c(self, home: Path, log: Path) -> None:
        words = [sys.executable, "-m", "webui", "logs", "-f", "-n", "2", "--home", str(home)]
        with subprocess.Popen(
            words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            assert list(itertools.islice(process.stdout, 2)) == ["line 248\n", "line 249\n"]
            write(log, "something happened")
            assert process.stdout.readline() == "something happened\n"
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")

    def test_a_reader_that_goes_away_ends_it(self, home: Path, log: Path) -> None:
        words = [sys.executable, "-m", "webui", "logs", "-f", "--home", str(home)]
        with subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            process.stdout.close()
            write(log, "nobody reads this")
            assert process.wait(30) == 1
            assert process.stderr
            assert process.stderr.read() == b""
