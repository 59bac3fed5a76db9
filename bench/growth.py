"""python -m bench.growth: what many providers and many models cost, beside few, in one run.

The homes are made here, with keys and lists of models as if they had been fetched; nobody is called.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx

from api.gateway import Gateway
from api.home import Home
from api.providers.provider import Model
from bench.gateway import WHOLE, Words, running
from bench.probe import free_port
from bench.processes import CHECKOUT

FEW, MANY = 2, 200
MODELS: Final = 5000
TIMES: Final = 15
STARTS: Final = 5


async def furnish(path: Path, providers: int, models: int) -> tuple[str, int, int]:
    """A home with so many providers, and so many models among them; its key, its API's port, its dashboard's."""
    home, port = Home(path), free_port()
    home.prepare()
    home.lock()
    try:
        async with Gateway.open(home, path / "cache") as gateway:
            await gateway.choices.change(port=port, first_run_done=True)
            each = max(1, models // providers)
            for number in range(providers):
                row = await gateway.providers.add(
                    f"p{number}", "openai_chat", f"https://p{number}.invalid/v1", f"sk-{number:032d}"
                )
                names = (f"gpt-{place % 9}-turbo-{place}" for place in range(each))
                await gateway.providers.catalog.learn(row, (Model(name, context=128_000) for name in names))
            return gateway.keys.main(), port, free_port()
    finally:
        home.release()


def median_ms(ask: Callable[[], httpx.Response]) -> tuple[float, int]:
    """The median time of one answer after the first, and how many bytes it has."""
    size, took = len(ask().raise_for_status().content), list[float]()
    for _ in range(TIMES):
        began = time.perf_counter()
        ask().raise_for_status()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took), size


def measure(path: Path, key: str, port: int, dashboard: int) -> None:
    """Start it, time its answers, and print a line each."""
    words: Words = (*WHOLE[:-1], str(dashboard))
    starts = list[float]()
    for _ in range(STARTS):
        with running(words, path, port, frozenset()) as morello:
            starts.append(morello.started)
    print(f"  start to the first 200          {statistics.median(starts):8.3f} s")
    with running(words, path, port, frozenset()) as morello, httpx.Client(timeout=30) as caller:
        said = {"authorization": f"Bearer {key}"}
        api, pages = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{dashboard}"
        caller.get(_link(path), follow_redirects=True).raise_for_status()
        for name, address in (
            ("GET /v1/models", f"{api}/v1/models"),
            ("one of them", f"{api}/v1/models/p1:gpt-1-turbo-1"),
            ("dashboard: Models", f"{pages}/models"),
            ("dashboard: Models, a search", f"{pages}/models?find=turbo-49"),
            ("dashboard: Models, sorted", f"{pages}/models?sort=today"),
            ("dashboard: Providers", f"{pages}/providers"),
        ):
            took, size = median_ms(partial(caller.get, address, headers=said))
            print(f"  {name:<31} {took:8.1f} ms   {size:9,} bytes")
        print(f"  resident memory                 {morello.program.memory() / 2**20:8.1f} MiB")


def _link(home: Path) -> str:
    command = [sys.executable, "-m", "webui", "login-url", "--home", str(home)]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=CHECKOUT).stdout.strip()


def main() -> None:
    """Print both homes."""
    for providers, models in ((FEW, FEW), (FEW, MODELS), (MANY, MODELS)):
        with TemporaryDirectory(prefix="morello-growth-") as folder:
            path = Path(folder) / "home"
            key, port, dashboard = asyncio.run(furnish(path, providers, models))
            print(f"{providers} providers, {models} models")
            measure(path, key, port, dashboard)


if __name__ == "__main__":
    main()
