"""Morello under measurement: a home of its own, with key check and call table on as for any owner."""

import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from api.gateway import Gateway
from api.home import Home
from bench.load import Void
from bench.messages import TOKENS_IN, TOKENS_OUT
from bench.probe import free_port, is_healthy
from bench.processes import Cores, Program

Words = Sequence[str]  # a module and its options

WHOLE: Final = ("webui", "serve", "--no-browser", "--dashboard-port", "0")
ALONE: Final = ("api",)
WRITTEN_SECONDS: Final = 10.0  # for the last rows to reach the disk
# A row counts if it says what happened: the provider's own count of tokens included.
GOOD_ROWS: Final = "SELECT count(*) FROM calls WHERE status = 200 AND tokens_in = ? AND tokens_out = ?"


async def furnish(home: Path, canned: int, paced: int) -> tuple[str, int]:
    """Make a home with the far end's two ports as its providers; its key and its API port."""
    house, port = Home(home), free_port()
    house.prepare()
    house.lock()
    try:
        async with Gateway.open(house, home / "cache") as gateway:
            await gateway.choices.change(port=port)
            for name, far in (("canned", canned), ("paced", paced)):
                await gateway.providers.add(name, "openai_chat", f"http://127.0.0.1:{far}/v1", None)
            return gateway.keys.main(), port
    finally:
        house.release()


class Morello:
    """A running Morello. `started` is the seconds from its birth to the first 200 on `/health`."""

    def __init__(self, words: Words, home: Path, port: int, cores: Cores) -> None:
        self.home, self.port = home, port
        self.program = Program([sys.executable, "-m", *words, "--home", os.fspath(home)], cores)
        try:
            self.started = self.program.wait_until(lambda: is_healthy(port))
        except BaseException:
            self.program.end()
            raise

    def settle(self, sent: int) -> None:
        """Wait until the call table holds one good row for each request ever sent; otherwise raise `Void`."""
        waited_from = time.monotonic()
        while (rows := self.rows()) != sent:
            if time.monotonic() - waited_from > WRITTEN_SECONDS:
                raise Void(f"{sent} requests were sent, and the call table holds {rows} of them.")
            time.sleep(0.1)

    def rows(self) -> int:
        """How many answered calls, with the tokens as the far end counted them, the call table holds."""
        with closing(sqlite3.connect(f"file:{self.home / 'morello.db'}?mode=ro", uri=True)) as db:
            count: int = db.execute(GOOD_ROWS, (TOKENS_IN, TOKENS_OUT)).fetchone()[0]
            return count


@contextmanager
def running(words: Words, home: Path, port: int, cores: Cores) -> Iterator[Morello]:
    """Morello while it runs, as `words` start it."""
    morello = Morello(words, home, port, cores)
    try:
        yield morello
    finally:
        morello.program.end()
