"""The program and its commands, as processes: what they print, what they exit with, what survives."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.program import ROOT, Program, environment, free_port, morello

KEY = re.compile(r"cs-sk-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


class TestStartToEnd:
    def test_it_prints_both_addresses_and_a_login_link_and_serves(self, home: Path) -> None:
        port = free_port()
        with Program(home, port=port) as program:
            program.ready()
            assert f"API:       http://127.0.0.1:{port}/v1" in program.said
            assert program.login.startswith(f"{program.dashboard}/login?token=")
            assert program.ask().status_code == 200
            status = program.status()
            assert status["state"] == "running"
            assert status["address"] == f"http://127.0.0.1:{port}"
            assert (status["port"], status["reason"]) == (port, None)
            assert (status["pid"], status["dashboard"]) == (program.process.pid, program.dashboard)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_well_and_soon_also_with_a_stream_open(self, home: Path, number: int) -> None:
        with Program(home, port=free_port()) as program:
            program.ready()
            stream, begun = reading(program)
            assert begun.wait(10)
            code, errors, seconds = program.end(number)
            stream.join(5)
            assert (code, errors) == (0, "")
            assert seconds < 3
        assert not (home / "control.sock").exists()

    def test_everything_it_wrote_is_its_owners_alone(self, home: Path) -> None:
        with Program(home, port=free_port()) as program:
            program.ready()
            assert program.ask().status_code == 200
            files = [home, *home.rglob("*")]
            open_to_others = [file for file in files if stat.S_IMODE(file.lstat().st_mode) & 0o077]
            assert open_to_others == []
            assert {"master.key", "morello.db", "control.sock", "logs"} <= {file.name for file in files}

    def test_after_a_kill_it_starts_again_with_the_same_key_and_wish(self, home: Path) -> None:
        port = free_port()
        with Program(home, port=port) as program:
            program.ready()
            key = program.do("key", "show").stdout
            stream, begun = reading(program)
            assert begun.wait(10)
            program.process.kill()
            program.process.wait()
            stream.join(5)
        with Program(home) as program:
            program.ready()
            assert program.do("key", "show").stdout == key
            assert program.status()["state"] == "running"
            assert program.ask().status_code == 200

    def test_a_wish_to_be_stopped_survives_and_no_start_changes_no_wish(self, home: Path) -> None:
        with Program(home, "--no-start", port=free_port()) as program:
            program.ready()
            assert "stopped. Start it in the dashboard, or with:" in program.said
            assert program.status()["state"] == "stopped"
            program.end()
        with Program(home) as program:
            assert program.ready().status()["state"] == "running"
            assert program.do("stop").returncode == 0
            program.end()
        with Program(home) as program:
            assert program.ready().status()["state"] == "stopped"

    def test_a_taken_port_leaves_the_dashboard_alive_and_is_explained(self, home: Path) -> None:
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            with Program(home, port=port) as program:
                program.ready()
                assert httpx.get(program.dashboard).status_code == 401
                status = program.status()
                assert status["state"] == "failed"
                refused = program.do("start")
                assert (refused.returncode, refused.stdout) == (1, "")
                for text in (str(port), "EADDRINUSE", f"pid {os.getpid()}"):
                    assert text in refused.stderr
                    assert text in status["reason"]
                holder.close()
                assert program.do("start").returncode == 0
                assert program.ask().status_code == 200


class TestExitCodes:
    def test_a_second_instance_exits_2_and_names_the_first(self, home: Path) -> None:
        with Program(home, port=free_port()) as program:
            program.ready()
            second = morello("serve", "--no-browser", "--dashboard-port", "0", home=home)
            assert second.returncode == 2
            assert f"pid {program.process.pid}" in second.stderr
            assert program.dashboard in second.stderr
            assert program.ask().status_code == 200

    def test_a_taken_dashboard_port_exits_3(self, home: Path) -> None:
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = str(holder.getsockname()[1])
            ended = morello("serve", "--no-browser", "--no-start", "--dashboard-port", port, home=home)
        assert ended.returncode == 3
        assert port in ended.stderr
        assert "--dashboard-port" in ended.stderr

    def test_newer_data_exits_4(self, home: Path) -> None:
        import sqlite3

        assert morello("port", home=home).returncode == 0
        with sqlite3.connect(home / "morello.db") as db:
            db.execute("UPDATE meta SET value = '999'")
        db.close()
        ended = morello("serve", "--no-browser", home=home)
        assert ended.returncode == 4
        assert "newer Morello" in ended.stderr

    @pytest.mark.parametrize(
        "words",
        [["nonsense"], ["key"], ["status", "--nope"], ["--dashboard-port", "x"], ["providers", "add", "x"]],
    )
    def test_wrong_usage_exits_64(self, home: Path, words: list[str]) -> None:
        ended = morello(*words, home=home)
        assert (ended.returncode, ended.stdout) == (64, "")
        assert "usage:" in ended.stderr

    def test_an_open_home_is_refused_with_the_command_that_closes_it(self, home: Path) -> None:
        home.mkdir(mode=0o755)
        home.chmod(0o755)
        ended = morello("port", home=home)
        assert ended.returncode == 1
        assert "chmod go-rwx" in ended.stderr


class TestCommands:
    def test_without_a_process_status_is_stopped_and_exits_0(self, home: Path) -> None:
        for _ in range(2):
            got = morello("status", "--json", home=home)
            status = json.loads(got.stdout)
            assert got.returncode == 0
            assert (status["state"], status["pid"], status["dashboard"]) == ("stopped", None, None)
            assert not home.exists() or status["port"] == 23333
            morello("port", home=home)

    @pytest.mark.parametrize("words", [["start"], ["stop"], ["restart"], ["login-url"]])
    def test_without_a_process_these_exit_1_and_name_the_command(self, home: Path, words: list[str]) -> None:
        got = morello(*words, home=home)
        assert (got.returncode, got.stdout) == (1, "")
        assert f"{sys.executable} -m webui --home {home}" in got.stderr

    def test_the_key_is_printed_alone_and_stays_until_regenerated(self, home: Path) -> None:
        first, second = morello("key", "show", home=home), morello("key", "show", home=home)
        assert KEY.fullmatch(first.stdout)
        assert first.stderr == ""
        assert first.stdout == second.stdout
        new = morello("key", "regenerate", home=home)
        assert KEY.fullmatch(new.stdout)
        assert morello("key", "show", home=home).stdout == new.stdout != first.stdout

    def test_the_key_and_port_do_not_change_while_running(self, home: Path) -> None:
        port = free_port()
        with Program(home, port=port) as program:
            program.ready()
            key = program.do("key", "show").stdout
            for words in (["key", "regenerate"], ["port", "5000"]):
                refused = program.do(*words)
                assert (refused.returncode, refused.stdout) == (1, "")
                assert "while the API is not running" in refused.stderr
            assert program.do("key", "show").stdout == key
            assert program.do("port").stdout == f"{port}\n"
            assert program.do("stop").returncode == 0
            assert program.do("key", "regenerate").stdout != key
            assert program.do("start").returncode == 0
            assert program.ask().status_code == 200

    def test_start_stop_restart_return_when_it_is_so(self, home: Path) -> None:
        with Program(home, port=free_port()) as program:
            program.ready()
            for words, state in (
                ("stop", "stopped"),
                ("stop", "stopped"),
                ("restart", "running"),
                ("start", "running"),
            ):
                done = program.do(words)
                assert (done.returncode, done.stdout) == (0, "")
                assert program.status()["state"] == state

    def test_the_dashboards_port_is_refused_for_the_api(self, home: Path) -> None:
        with Program(home, "--no-start") as program:
            program.ready()
            refused = program.do("port", program.dashboard.rpartition(":")[2])
            assert refused.returncode == 1
            assert "dashboard's own" in refused.stderr

    @pytest.mark.parametrize("port", ["999", "65536", "x", ""])
    def test_a_port_that_is_none_is_refused(self, home: Path, port: str) -> None:
        refused = morello("port", port, home=home)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "from 1000 to 65535" in refused.stderr

    def test_a_login_url_opens_the_dashboard_once(self, home: Path) -> None:
        with Program(home, "--no-start") as program:
            program.ready()
            link = program.do("login-url").stdout.strip()
            with httpx.Client() as browser:
                assert browser.get(link).status_code == 303
                assert browser.get(program.dashboard).status_code == 200
            assert httpx.get(link).status_code == 401

    @pytest.mark.parametrize("alive", [True, False])
    def test_providers_are_added_listed_and_removed(self, home: Path, alive: bool) -> None:
        program = Program(home, port=free_port()).ready() if alive else None
        try:
            base = ["--base-url", "https://api.example/v1", "--dialect", "openai_chat"]
            secret = {"FAR_KEY": "sk-secret-of-the-test"}
            assert (
                morello("providers", "add", "one", *base, "--key-env", "FAR_KEY", home=home, **secret).returncode == 0
            )
            assert morello("providers", "add", "two", *base, "--key-stdin", home=home, given="sk-two\n").returncode == 0
            claude = ["--base-url", "https://claude.example", "--dialect", "anthropic", "--no-key"]
            added = morello("providers", "add", "three", *claude, home=home)
            assert "https://claude.example/v1/messages" in added.stderr
            rows = json.loads(morello("providers", "list", "--json", home=home).stdout)
            assert [(row["id"], row["has_key"]) for row in rows] == [
                ("one", True),
                ("two", True),
                ("three", False),
            ]
            assert "sk-" not in json.dumps(rows)
            models = json.loads(morello("models", "--json", home=home).stdout) if alive else []
            assert not alive or "morello:echo" in [model["id"] for model in models]
            assert morello("providers", "remove", "two", home=home).returncode == 0
            assert len(json.loads(morello("providers", "list", "--json", home=home).stdout)) == 2
        finally:
            if program:
                program.__exit__()

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (
                ["Bad", "--dialect", "openai_chat", "--base-url", "https://x", "--no-key"],
                "cannot be a provider's id",
            ),
            (["v1", "--dialect", "openai_chat", "--base-url", "https://x", "--no-key"], "Morello's own"),
            (["a", "--dialect", "klingon", "--base-url", "https://x", "--no-key"], "is not a dialect"),
            (
                ["a", "--dialect", "openai_chat", "--base-url", "http://api.example", "--no-key"],
                "Write https://",
            ),
            (
                ["a", "--dialect", "openai_chat", "--base-url", "https://x", "--key-env", "NOT_SET"],
                "is not set",
            ),
        ],
    )
    def test_a_provider_that_cannot_be_is_refused_in_words(self, home: Path, words: list[str], sentence: str) -> None:
        refused = morello("providers", "add", *words, home=home)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert sentence in refused.stderr

    def test_the_log_holds_no_secret_and_no_words_of_a_conversation(self, home: Path) -> None:
        with Program(home, "--log-level", "debug", port=free_port()) as program:
            program.ready()
            key = program.do("key", "show").stdout.strip()
            body = {"model": "morello:echo", "messages": [{"role": "user", "content": "private words"}]}
            address = program.status()["address"]
            assert httpx.post(f"{address}/v1/messages", json=body, headers={"x-api-key": key}).status_code == 200
            httpx.get(f"{address}/v1/models?key={key}")
            program.end()
        log = (home / "logs" / "morello.log").read_text()
        assert key not in log
        assert "private words" not in log


class TestAlone:
    def test_python_m_api_serves_without_dashboard_or_socket(self, home: Path) -> None:
        port = free_port()
        with Program(home, "--port", str(port), module="api") as program:
            program.ready()
            assert program.ask().status_code == 200
            assert not (home / "control.sock").exists()
            status = program.status()
            assert (status["state"], status["pid"], status["dashboard"]) == (
                "running",
                program.process.pid,
                None,
            )
            second = morello("serve", "--no-browser", home=home)
            assert second.returncode == 2
            assert f"pid {program.process.pid}" in second.stderr
            assert program.do("key", "regenerate").returncode == 2
            assert program.end()[0] == 0

    def test_a_home_with_a_long_path_has_its_socket_elsewhere(self, tmp_path: Path) -> None:
        home = tmp_path / ("long" * 30)
        with Program(home, "--no-start") as program:
            program.ready()
            assert program.status()["state"] == "stopped"
            assert not (home / "control.sock").exists()


def test_help_names_every_command() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "webui", "--help"],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for command in (
        "serve",
        "status",
        "start",
        "stop",
        "restart",
        "login-url",
        "key",
        "port",
        "providers",
        "models",
    ):
        assert command in told.stdout


def reading(program: Program) -> tuple[threading.Thread, threading.Event]:
    """A stream that somebody reads until it ends, and an event for its first bytes."""
    key, address = program.do("key", "show").stdout.strip(), program.status()["address"]
    body = {"model": "morello:slow", "stream": True, "messages": [{"role": "user", "content": "word " * 300}]}
    begun = threading.Event()

    def read() -> None:
        try:
            with httpx.stream(
                "POST", f"{address}/v1/chat/completions", json=body, headers={"x-api-key": key}, timeout=60
            ) as got:
                for _ in got.iter_raw():
                    begun.set()
        except httpx.HTTPError:
            pass

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread, begun


class TestBrowser:
    @pytest.fixture
    def opener(self, tmp_path: Path) -> Path:
        """A stand-in for the system's opener: it writes down what it was given."""
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in ("xdg-open", "open"):
            script = folder / name
            script.write_text(f'#!/bin/sh\nprintf "%s" "$1" > "{tmp_path}/opened"\n')
            script.chmod(0o755)
        return folder

    @pytest.mark.skipif(sys.platform == "darwin", reason="a Mac always has a screen")
    @pytest.mark.parametrize(
        ("screen", "opens"), [({"DISPLAY": ":9"}, True), ({"WAYLAND_DISPLAY": "w"}, True), ({}, False)]
    )
    def test_the_login_link_is_opened_where_there_is_a_screen(
        self, home: Path, opener: Path, screen: dict[str, str], opens: bool
    ) -> None:
        path = f"{opener}:{os.environ['PATH']}"
        words = ["serve", "--no-start", "--dashboard-port", "0"]
        with Program(home, module="webui", words=words, more={"PATH": path, **screen}) as program:
            program.ready()
            assert program.status()["state"] == "stopped"
            if opens:
                until(lambda: (opener.parent / "opened").exists() and (opener.parent / "opened").read_text() != "")
                assert (opener.parent / "opened").read_text() == program.login
            else:
                assert not (opener.parent / "opened").exists()

    def test_the_environment_names_home_and_dashboard_port(self, tmp_path: Path) -> None:
        port = str(free_port())
        more = {"MORELLO_HOME": str(tmp_path / "named"), "MORELLO_DASHBOARD_PORT": port}
        with Program(
            tmp_path / "named", words=["serve", "--no-browser", "--no-start"], home_option=False, more=more
        ) as program:
            program.ready()
            assert program.dashboard.endswith(f":{port}")
            assert (tmp_path / "named" / "morello.db").exists()


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something to come true."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)
