"""The database in a backup of Cherry Studio 2: its providers, and where its API server listened."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import msgspec

from api.errors import SaidInWords
from api.importing.archive import Archive
from api.importing.cherry_providers import TheirKey, TheirProvider
from api.importing.drafts import ImportRefused, Left, shown

PLACES: Final = ("Data/cherrystudio.sqlite", "cherrystudio.sqlite", "backup.sqlite")
MAGIC: Final = b"SQLite format 3\x00"
JOURNAL: Final = slice(18, 20)  # of the file's head: 2 says that a second file belongs to it, which backups leave out
NO_JOURNAL: Final = b"\x01\x01"
MOST_STEPS: Final = 50_000_000  # of SQLite's machine: a file may hold a view that never ends
PORT: Final = "feature.api_gateway.port"
# Its names for what a provider speaks, the one it is asked in first by default.
KINDS: Final = {
    "openai-chat-completions": "openai",
    "openai-responses": "openai-response",
    "anthropic-messages": "anthropic",
    "google-generate-content": "gemini",
    "ollama-chat": "ollama",
}
SIGNED: Final = {"iam-gcp": "vertexai", "iam-aws": "aws-bedrock", "api-key-aws": "aws-bedrock"}


def find(archive: Archive) -> bytes | None:
    """The database's file, if the archive has one."""
    return next((archive.read(name) for name in PLACES if name in archive), None)


def providers(database: bytes) -> list[TheirProvider | Left]:
    """Every provider in it."""
    with _opened(database) as db:
        counts = _counts(db)
        return [_provider(dict(row), counts) for row in db.execute("SELECT * FROM user_provider LIMIT 1000")]


def port(database: bytes) -> int | None:
    """Where its API server listened, if it ever had a key."""
    try:
        with _opened(database) as db:
            row = db.execute("SELECT value FROM preference WHERE key = ?", (PORT,)).fetchone()
        value = msgspec.json.decode(row[0]) if row else None
    except (ImportRefused, sqlite3.Error, msgspec.DecodeError, TypeError):
        return None
    return value if isinstance(value, int) else None


@contextmanager
def _opened(database: bytes) -> Iterator[sqlite3.Connection]:
    """The database, in memory and for reading. `ImportRefused` if it is not one of Cherry Studio's."""
    if not database.startswith(MAGIC):
        raise _foreign()
    image = bytearray(database)
    image[JOURNAL] = NO_JOURNAL
    with closing(sqlite3.connect(":memory:")) as db:
        db.row_factory = sqlite3.Row
        db.set_progress_handler(lambda: 1, MOST_STEPS)
        try:
            db.deserialize(bytes(image))
            db.execute("PRAGMA trusted_schema = OFF")
            kind = db.execute("SELECT type FROM sqlite_master WHERE name = 'user_provider'").fetchone()
            if kind is None or kind[0] != "table":
                raise _foreign()
            yield db
        except (sqlite3.Error, OverflowError, MemoryError) as error:
            raise _foreign() from error


def _foreign() -> ImportRefused:
    return ImportRefused("The database in the backup is damaged, or not one of Cherry Studio 2. Make a new backup.")


def _counts(db: sqlite3.Connection) -> dict[str, int]:
    try:
        return dict(db.execute("SELECT provider_id, count(*) FROM user_model GROUP BY provider_id").fetchall())
    except sqlite3.Error:
        return {}


def _provider(row: dict[str, Any], counts: dict[str, int]) -> TheirProvider | Left:
    id = str(row.get("provider_id") or "")
    try:
        kind, host = _reached(row)
        return TheirProvider(
            id=id,
            type=SIGNED.get(_json(row, "auth_config", {}).get("type", ""), kind),
            name=row.get("name"),
            apiHost=host,
            models=[None] * counts.get(id, 0),
            enabled=bool(row.get("is_enabled")),
            isSystem=bool(row.get("preset_provider_id")),
            authType=_json(row, "auth_config", {}).get("type"),
            keys=msgspec.convert(_json(row, "api_keys", []), list[TheirKey]),
        )
    except (msgspec.DecodeError, AttributeError, TypeError) as error:
        why = SaidInWords("Its entry is not as Cherry Studio writes it: %(why)s.", why=shown(error))
        return Left(shown(row.get("name") or id), why)


def _reached(row: dict[str, Any]) -> tuple[str, str | None]:
    """What it speaks and where, in the one of its dialects that it is asked in first."""
    places = {kind: config.get("baseUrl") for kind, config in _json(row, "endpoint_configs", {}).items()}
    places = places or _json(row, "base_urls", {})
    first = str(row.get("default_chat_endpoint") or "")
    for kind in (first, *KINDS):
        if kind in KINDS and places.get(kind):
            return KINDS[kind], str(places[kind])
    return KINDS.get(first, "openai"), None


def _json(row: dict[str, Any], name: str, otherwise: Any) -> Any:
    text = row.get(name)
    return otherwise if text is None else msgspec.json.decode(text) or otherwise
