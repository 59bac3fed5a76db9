"""One SQLite file, one thread that writes to it.

SQLite before 3.51.3 can corrupt a WAL database when two connections write and checkpoint at the same instant,
so a single thread owns every write and every checkpoint; readers are `query_only`. What the owner changes is
committed with `synchronous=FULL` and survives a power cut; the call table is committed with NORMAL, which
survives the death of the process and costs a hundredth. No statement of ours is outside `store/`, so that
another database is another URL.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, insert, inspect, select, update
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.pool import StaticPool

from api.errors import CannotRun, DataTooNew, StoreFailed
from api.home import refuse_others
from api.store import schema
from api.times import step

T = TypeVar("T")
log = logging.getLogger("morello.store")
BUSY_MS = 5000  # another program may hold the file for a moment: a backup, a curious owner


class Store:
    """The database of one home. Reads and writes are functions over a connection, run in the store's thread."""

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._control = _engine(path, "FULL", read_only)
        self._usage = _engine(path, "NORMAL", read_only)

    @classmethod
    def open(cls, home: Path, read_only: bool = False) -> "Store":
        """Open `morello.db` in `home`, made if it is new. Blocks; called once, before anything is served.

        `read_only` looks at the database of a program that is running.
        """
        path = home / "morello.db"
        if path.exists():
            refuse_others(path)
        store = cls(path, read_only)
        try:
            if not read_only:
                store._thread.submit(store._prepare).result()
        except BaseException:
            store._thread.submit(store._dispose).result()
            store._thread.shutdown()
            raise
        return store

    def load(self, work: Callable[[Connection], T]) -> T:
        """Run `work` now and wait for it: for the start, when nobody is being served yet."""
        return self._thread.submit(_within, self._control, work).result()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction of the owner's kind: on the disk when this returns."""
        return await self._run(self._control, work)

    async def erase(self, work: Callable[[Connection], T]) -> T:
        """The same for work that replaces a secret: nothing of the old one stays in the write-ahead log."""
        done = await self._run(self._control, work)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._fold)
        return done

    async def record(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction of the call table's kind: a power cut may lose the last ones."""
        return await self._run(self._usage, work)

    async def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._dispose)
        self._thread.shutdown()

    async def _run(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        # Shielded: a caller that hangs up must not leave us ignorant of whether a change was committed.
        return await asyncio.shield(loop.run_in_executor(self._thread, _within, engine, work))

    def _prepare(self) -> None:
        try:
            with self._control.begin() as db:
                self._refuse_newer(db)
                version = self._version(db)
                schema.metadata.create_all(db)
                if version is None:
                    db.execute(insert(schema.meta).values(name="schema", value=str(schema.VERSION)))
                elif version < schema.VERSION:
                    self._upgrade(db, version)
        except DatabaseError as error:
            raise CannotRun(
                f"The database {self.path} cannot be used: {error.orig}. Restore a copy, or move it away to start "
                "with an empty one."
            ) from error

    def _refuse_newer(self, db: Connection) -> None:
        version = self._version(db)
        if version is not None and version > schema.VERSION:
            raise DataTooNew(
                f"The data in {self.path} was written by a newer Morello (its format is {version}, this program "
                f"knows {schema.VERSION}). Use the newer program; nothing was changed."
            )

    def _upgrade(self, db: Connection, version: int) -> None:
        for older in range(version, schema.VERSION):
            for statement in schema.UPGRADES[older]:
                db.exec_driver_sql(statement)
        db.execute(update(schema.meta).where(schema.meta.c.name == "schema").values(value=str(schema.VERSION)))

    def _version(self, db: Connection) -> int | None:
        if not inspect(db).has_table(schema.meta.name):
            return None
        version = db.scalar(select(schema.meta.c.value).where(schema.meta.c.name == "schema"))
        return None if version is None else int(version)

    def _fold(self) -> None:
        connection = self._control.raw_connection()
        try:
            busy, *_ = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            why = "another program reads the database" if busy else ""
        except sqlite3.Error as error:
            why = str(error)
        finally:
            connection.close()
        if why:  # The change itself is on the disk: whoever asked for it must not be told otherwise.
            log.error(
                "the write-ahead log could not be folded: %s. What was erased stays in it until Morello ends.", why
            )

    def _dispose(self) -> None:
        self._usage.dispose()
        self._control.dispose()


def _within(engine: Engine, work: Callable[[Connection], T]) -> T:
    try:
        with engine.begin() as db:
            return work(db)
    except DBAPIError as error:
        raise StoreFailed("The database could not be used: %(why)s.", why=str(error.orig)) from error


def _engine(path: Path, synchronous: str, read_only: bool) -> Engine:
    # One connection each, used from the store's thread alone.
    engine = create_engine(
        URL.create("sqlite", database=str(path)),  # a path may hold ? and %
        hide_parameters=True,
        poolclass=StaticPool,
        connect_args={"check_same_thread": False, "timeout": BUSY_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own transaction handling commits before DDL; ours below does not.
        connection.isolation_level = None
        connection.create_function("step", 1, lambda ms: None if ms is None else step(ms), deterministic=True)
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            f"busy_timeout={BUSY_MS}",
            "foreign_keys=ON",
            "secure_delete=ON",
            "trusted_schema=OFF",
            f"query_only={int(read_only)}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begun(db: Connection) -> None:
        db.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
