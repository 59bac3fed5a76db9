"""A process that serves: where its data lives, how it is told to end, how it speaks to its terminal."""

import asyncio
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

from api.errors import CannotRun

UNPRIVILEGED_FILES: Final = 65_536  # more than any listener here will ask for


def default_home(environment: Mapping[str, str]) -> Path:
    """`MORELLO_HOME`, else the platform's folder for a program's data."""
    if chosen := environment.get("MORELLO_HOME"):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "morello"
    return Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "morello"


def default_cache(environment: Mapping[str, str]) -> Path:
    """The platform's folder for what can be made again."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "morello"
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "morello"


def run(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run `main` in an event loop (uvloop where there is one) and return its exit code, or that of its error."""
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(main())
    except CannotRun as error:
        print(error, file=sys.stderr)
        return error.exit_code


def told_to_end() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set; the second signal ends the process on the spot."""
    ends = asyncio.Event()

    def end() -> None:
        if ends.is_set():
            os._exit(0)
        ends.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    return ends


def settle_memory() -> None:
    """What is there after the start stays: the collector need not walk through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def raise_file_limit() -> None:
    """Allow as many open files as the system lets us: a stream is two of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = UNPRIVILEGED_FILES if hard == resource.RLIM_INFINITY else min(hard, UNPRIVILEGED_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
