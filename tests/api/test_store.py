"""The database: one file, the owner's alone, left untouched where it cannot be understood."""

import asyncio
import sqlite3
import stat
import threading
from contextlib import closing

import pytest

from api.errors import CannotRun, DataTooNew
from api.store import Store, keys, providers, schema, sessions, settings
from tests.conftest import opened_store


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "instance.lock"}


async def test_what_was_written_is_there_after_reopening(home):
    async with opened_store(home) as store:
        await store.write(lambda db: settings.save(db, {"port": "2000"}))
    async with opened_store(home) as store:
        assert store.load(settings.load) == {"port": "2000"}


async def test_what_was_written_survives_a_process_that_never_closes(home, store):
    await store.write(lambda db: settings.save(db, {"port": "2000"}))
    with sqlite3.connect(f"file:{home.path}/morello.db?mode=ro", uri=True) as other:
        assert other.execute("SELECT value FROM settings").fetchall() == [("2000",)]
    other.close()


async def test_every_file_is_the_owners_alone(home, store):
    await store.write(lambda db: settings.save(db, {"port": "2000"}))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.path.glob("morello.db*")}
    assert modes == {"morello.db": 0o600, "morello.db-wal": 0o600, "morello.db-shm": 0o600}


async def test_closing_folds_everything_into_one_file(home):
    async with opened_store(home) as store:
        await store.write(lambda db: settings.save(db, {"port": "2000"}))
    assert list(files(home.path)) == ["morello.db"]


async def test_all_work_is_done_in_one_thread_that_is_not_the_loops(store):
    threads = {await store.write(lambda db: threading.get_ident()) for _ in range(5)}
    threads |= {await store.record(lambda db: threading.get_ident())}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_work_that_fails_leaves_nothing_behind(store):
    def half(db):
        settings.save(db, {"port": "2000"})
        raise LookupError("half way")

    with pytest.raises(LookupError):
        await store.write(half)
    assert store.load(settings.load) == {}
    await store.write(lambda db: settings.save(db, {"port": "3000"}))
    assert store.load(settings.load) == {"port": "3000"}


async def test_what_the_database_says_of_a_failure_tells_no_values(store):
    with pytest.raises(Exception, match="no such table") as failed:
        await store.write(lambda db: db.exec_driver_sql("INSERT INTO nowhere VALUES (?)", ("sk-very-secret",)))
    assert "very-secret" not in str(failed.value)


async def test_what_was_erased_is_erased_though_the_log_cannot_be_folded(store, caplog):
    def no_folding(action, name, *_):
        return action == sqlite3.SQLITE_PRAGMA and name == "wal_checkpoint"

    await store.write(lambda db: settings.save(db, {"port": "2000"}))
    await store.write(lambda db: db.connection.driver_connection.set_authorizer(no_folding))
    await store.erase(lambda db: db.exec_driver_sql("DELETE FROM settings"))
    assert store.load(settings.load) == {}
    assert "could not be folded" in caplog.text


async def test_a_reader_who_keeps_what_was_erased_in_the_log_is_noted(store, caplog):
    await store.write(lambda db: settings.save(db, {"port": "2000"}))
    await store.write(lambda db: db.connection.driver_connection.execute("PRAGMA busy_timeout=0"))
    with closing(sqlite3.connect(store.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM settings").fetchall()
        await store.erase(lambda db: db.exec_driver_sql("DELETE FROM settings"))
    assert store.load(settings.load) == {}
    assert "another program reads" in caplog.text


async def test_a_caller_that_goes_away_does_not_undo_the_change(store):
    begun, go_on = threading.Event(), threading.Event()

    def slow(db):
        begun.set()
        go_on.wait(10)
        settings.save(db, {"port": "2000"})

    writing = asyncio.create_task(store.write(slow))
    await asyncio.to_thread(begun.wait, 10)
    writing.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await store.write(settings.load) == {"port": "2000"}


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("busy_timeout", 5000),
        ("foreign_keys", 1),
        ("secure_delete", 1),
        ("trusted_schema", 0),
        ("query_only", 0),
    ],
)
async def test_what_the_owner_changes_is_written_with_care(store, pragma, value):
    assert await store.write(lambda db: db.exec_driver_sql(f"PRAGMA {pragma}").scalar()) == value


async def test_the_call_table_is_written_with_less_care(store):
    assert await store.record(lambda db: db.exec_driver_sql("PRAGMA synchronous").scalar()) == 1


async def test_a_reader_beside_a_running_program_reads_and_cannot_write(home, store):
    await store.write(lambda db: settings.save(db, {"port": "2000"}))
    async with opened_store(home, read_only=True) as reader:
        assert reader.load(settings.load) == {"port": "2000"}
        with pytest.raises(Exception, match="readonly"):
            await reader.write(lambda db: settings.save(db, {"port": "3000"}))
        await store.write(lambda db: settings.save(db, {"port": "4000"}))
        assert reader.load(settings.load) == {"port": "4000"}


async def test_data_of_a_newer_program_is_refused_and_left_untouched(home):
    newer = str(schema.VERSION + 1)
    async with opened_store(home) as store:
        await store.write(lambda db: db.execute(schema.meta.update().values(value=newer)))
    before = files(home.path)
    with pytest.raises(DataTooNew, match=f"its format is {newer}.*nothing was changed") as refused:
        Store.open(home.path)
    assert refused.value.exit_code == 4
    assert files(home.path) == before


# As the first version made them: CREATE statements as it wrote them, never to be changed.
VERSION_1 = """
CREATE TABLE meta (name VARCHAR(64) NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name));
CREATE TABLE settings (name VARCHAR(64) NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name));
CREATE TABLE keys (id INTEGER NOT NULL, name VARCHAR(64) NOT NULL, secret BLOB NOT NULL, created FLOAT NOT NULL,
    PRIMARY KEY (id), UNIQUE (name));
CREATE TABLE providers (id VARCHAR(32) NOT NULL, name VARCHAR(128) NOT NULL, dialect VARCHAR(32) NOT NULL,
    base_url TEXT NOT NULL, secret BLOB, enabled BOOLEAN NOT NULL, created FLOAT NOT NULL, PRIMARY KEY (id));
CREATE TABLE catalog (provider VARCHAR(32) NOT NULL, models TEXT NOT NULL, fetched FLOAT NOT NULL,
    PRIMARY KEY (provider));
CREATE TABLE sessions (digest BLOB NOT NULL, created FLOAT NOT NULL, seen FLOAT NOT NULL, PRIMARY KEY (digest));
CREATE TABLE calls (id INTEGER NOT NULL, at FLOAT NOT NULL, request_id VARCHAR(40) NOT NULL,
    route VARCHAR(64) NOT NULL, dialect VARCHAR(32) NOT NULL, asked TEXT, provider VARCHAR(32), served TEXT,
    status INTEGER NOT NULL, error VARCHAR(64), streamed BOOLEAN NOT NULL, tokens_in INTEGER, tokens_out INTEGER,
    first_token_ms FLOAT, total_ms FLOAT NOT NULL, bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL,
    PRIMARY KEY (id));
CREATE INDEX ix_calls_at ON calls (at);
INSERT INTO meta VALUES ('schema', '1');
INSERT INTO settings VALUES ('port', '2000');
INSERT INTO providers VALUES ('one', 'One', 'openai_chat', 'https://one.example/v1', NULL, 1, 7.0);
INSERT INTO sessions VALUES (x'0102', 5.0, 6.0);
"""


def version(db):
    return db.scalar(schema.meta.select().with_only_columns(schema.meta.c.value))


def shape(db):
    """Every table with its columns, as the database itself tells."""
    tables = db.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").scalars().all()
    return {table: [tuple(row) for row in db.exec_driver_sql(f"PRAGMA table_info({table})")] for table in tables}


def write_version_1(home):
    with sqlite3.connect(home.path / "morello.db") as old:
        old.executescript(VERSION_1)
    old.close()


async def test_data_of_the_first_version_is_brought_up_to_this_one(home):
    write_version_1(home)
    async with opened_store(home) as store:
        assert store.load(version) == "4"
        assert store.load(settings.load) == {"port": "2000"}
        one = providers.ProviderRow("one", "One", "openai_chat", "https://one.example/v1", True, 7.0, "{}")
        assert store.load(providers.load) == [one]
        assert store.load(sessions.load) == [sessions.SessionRow(b"\x01\x02", 5.0, 6.0, "", "link")]


async def test_data_that_was_brought_up_looks_like_new_data(home, tmp_path):
    write_version_1(home)
    async with opened_store(home) as old:
        shape_of_old = old.load(shape)
    new = Store.open(tmp_path)
    shape_of_new = new.load(shape)
    await new.close()
    assert shape_of_old == shape_of_new


async def test_data_is_brought_up_wholly_or_not_at_all(home, monkeypatch):
    write_version_1(home)
    monkeypatch.setitem(schema.UPGRADES, 1, (*schema.UPGRADES[1], "ALTER TABLE nowhere ADD COLUMN x"))
    with pytest.raises(CannotRun, match=r"cannot be used: no such table: nowhere\."):
        Store.open(home.path)
    monkeypatch.undo()
    async with opened_store(home) as store:
        assert store.load(version) == "4"
        assert [row.how for row in store.load(sessions.load)] == ["link"]


async def test_data_of_this_version_is_not_written_to_by_looking_at_it(home):
    async with opened_store(home):
        pass
    before = files(home.path)
    async with opened_store(home):
        pass
    assert files(home.path) == before


async def test_the_formats_number_is_kept(home, store):
    assert store.load(version) == "4"


@pytest.mark.parametrize("garbage", [b"garbage" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
async def test_a_file_that_is_no_database_is_refused_in_words_and_kept(home, garbage):
    path = home.path / "morello.db"
    path.write_bytes(garbage)
    with pytest.raises(CannotRun, match=r"morello\.db cannot be used: .*Restore a copy"):
        Store.open(home.path)
    assert path.read_bytes() == garbage


async def test_a_database_that_others_can_read_is_refused(home):
    async with opened_store(home):
        pass
    (home.path / "morello.db").chmod(0o644)
    with pytest.raises(CannotRun, match="chmod go-rwx"):
        Store.open(home.path)


async def test_a_database_that_is_a_link_is_refused(home, tmp_path):
    async with opened_store(home):
        pass
    (home.path / "morello.db").rename(tmp_path / "elsewhere.db")
    (home.path / "morello.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(CannotRun, match="is a link"):
        Store.open(home.path)


@pytest.mark.parametrize("name", ["what? #1", "100%20", "a%41b", "ünï", "a b", "x=1&mode=memory"])
async def test_a_home_may_have_any_name(tmp_path, name):
    home = tmp_path / name
    home.mkdir(mode=0o700)
    store = Store.open(home)
    await store.write(lambda db: settings.save(db, {"port": "2000"}))
    await store.close()
    assert list(files(home)) == ["morello.db"]
    assert [path.name for path in tmp_path.iterdir()] == [name]


async def test_a_key_that_is_saved_again_takes_the_others_place(store):
    await store.write(lambda db: keys.save(db, b"one", 1.0))
    await store.write(lambda db: keys.save(db, b"two", 2.0))
    assert store.load(keys.load) == b"two"
    assert await store.write(lambda db: db.exec_driver_sql("SELECT count(*) FROM keys").scalar()) == 1


async def test_many_writers_at_once_all_arrive(store):
    await asyncio.gather(*(store.write(lambda db, n=n: settings.save(db, {f"s{n}": "1"})) for n in range(50)))
    assert len(store.load(settings.load)) == 50
