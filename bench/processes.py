"""The programs of a run: started, kept to their core, read, ended."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

import psutil

from bench.load import Void

CHECKOUT: Final = Path(__file__).parent.parent
START_SECONDS: Final = 20.0
ENOUGH: Final = 2000  # characters of what a program said before it died
Cores = frozenset[int]  # empty where a process cannot be kept to a core


def share_cores() -> tuple[Cores, Cores]:
    """The cores of the gateway, and those of the far end and the load."""
    if not hasattr(os, "sched_setaffinity"):
        return frozenset(), frozenset()
    mine = sorted(os.sched_getaffinity(0))
    return frozenset(mine[:1]), frozenset(mine[1:] or mine)


def keep_to(cores: Cores, pid: int = 0) -> None:
    """Keep a process (0: this one) to `cores`, where the system can."""
    if cores:
        os.sched_setaffinity(pid, cores)


class Program:
    """One running program. Its errors go to a file that is shown only if it dies."""

    def __init__(self, command: list[str], cores: Cores, output: int | None = subprocess.DEVNULL) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `end`)
        self.name = " ".join(command[:3])
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=output, stderr=self._errors
        )
        keep_to(cores, self._process.pid)
        self._system = psutil.Process(self._process.pid)

    def line(self) -> str:
        """The next line it prints, for one started with a pipe."""
        assert self._process.stdout is not None
        told = self._process.stdout.readline().decode().strip()
        if not told:
            self._process.wait()
            self.must_live()
        return told

    def wait_until(self, ready: Callable[[], bool]) -> float:
        """Wait until it is `ready`; the seconds since it was started."""
        while not ready():
            self.must_live()
            if time.perf_counter() - self.began > START_SECONDS:
                raise Void(f"{self.name} did not serve within {START_SECONDS:.0f} s.")
            time.sleep(0.001)
        return time.perf_counter() - self.began

    def must_live(self) -> None:
        """Raise `Void` if it has ended."""
        if self._process.poll() is not None:
            self._errors.seek(0)
            words = self._errors.read().decode(errors="replace").strip()[-ENOUGH:]
            raise Void(f"{self.name} ended with {self._process.returncode}: {words or 'it said nothing.'}")

    def cpu(self) -> float:
        """The CPU seconds it has used, all its threads together."""
        times = self._system.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> int:
        """The bytes of it that are in memory now."""
        return int(self._system.memory_info().rss)

    def end(self) -> None:
        """End it, in its own way if it has one."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._errors.close()


def start_far_end(cores: Cores) -> tuple[Program, int]:
    """Our own far end, and its port."""
    program = Program([sys.executable, "-m", "bench.farend"], cores, subprocess.PIPE)
    return program, int(program.line())
