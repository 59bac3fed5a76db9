"""The program as its owner starts it: a process, its commands, its terminal."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent
SECONDS = 30.0  # a start takes under one; a machine that does much else is given more


def environment(**more: str) -> dict[str, str]:
    """The environment of a program under test: this checkout, no screen, nothing of the owner's."""
    dropped = (
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "MORELLO_HOME",
        "MORELLO_DASHBOARD_PORT",
        "BROWSER",
        "PYTHONDONTWRITEBYTECODE",
    )
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "PYTHONUNBUFFERED": "1", **more}


def morello(*words: str, home: Path, given: str = "", **more: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "webui", *words, "--home", str(home)],
        env=environment(**more),
        input=given,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def free_port() -> int:
    """A port that nobody holds now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Program:
    """`morello` running on a home of its own, on ports of its own."""

    def __init__(
        self,
        home: Path,
        *options: str,
        port: int | None = None,
        module: str = "webui",
        words: Sequence[str] | None = None,
        home_option: bool = True,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        if port is not None:
            assert morello("port", str(port), home=home).returncode == 0
        if words is None:
            words = ["--no-browser", "--dashboard-port", "0"] if module == "webui" else []
        place = ["--home", str(home)] if home_option else []
        command = [sys.executable, "-m", module, *words, *place]
        self.process = subprocess.Popen(
            [*command, *options],
            env=environment(**(more or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = ""

    def ready(self) -> "Program":
        """Wait until it has said how to log in (or, served alone, where it is)."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.said += line
            if line.startswith(("Log in:", "API: http")):
                return self
        raise AssertionError(f"It ended: {self.said} {self.process.stderr and self.process.stderr.read()}")

    @property
    def dashboard(self) -> str:
        """The URL of its dashboard."""
        found = re.search(r"^Dashboard: (\S+)$", self.said, re.MULTILINE)
        assert found
        return found[1]

    @property
    def login(self) -> str:
        """The link it printed."""
        found = re.search(r"^Log in: +(\S+)$", self.said, re.MULTILINE)
        assert found
        return found[1]

    def do(self, *words: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a command against it."""
        return morello(*words, home=self.home, given=given)

    def status(self) -> dict[str, Any]:
        """What `morello status --json` says."""
        status: dict[str, Any] = json.loads(self.do("status", "--json").stdout)
        return status

    def ask(self, path: str = "/v1/models", **more: Any) -> httpx.Response:
        """A request to its API with its key."""
        key = self.do("key", "show").stdout.strip()
        return httpx.get(self.status()["address"] + path, headers={"x-api-key": key}, timeout=10, **more)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, float]:
        """Send a signal: the exit code, what it had said on standard error, and the seconds it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, errors, time.monotonic() - began

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
