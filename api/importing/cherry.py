"""Cherry Studio's backups: up to format 5 a dump of its browser storage, from 7 on its database.

Between the two (format 6, the last of its version 1) the browser's own database files were copied; leveldb.py reads
the storage from those. The ids of its providers are kept, so that clients of its API server go on under the same
names of models: `silicon:Qwen/Qwen3-8B` stays what it is.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from api.errors import SaidInWords
from api.importing import cherry_database, leveldb
from api.importing.archive import Archive, decoded
from api.importing.cherry_providers import TheirProvider, drafted
from api.importing.drafts import Draft, Import, ImportRefused, Left, shown

SOURCE: Final = "Cherry Studio"
DUMP: Final = "data.json"
STORAGE: Final = "Local Storage/leveldb/"
KEPT: Final = "persist:cherry-studio"


class Dump(Struct):
    """A backup up to format 5. Chats and files, which it holds too, are not looked at."""

    localStorage: dict[str, Any]


class State(Struct):
    """What the storage holds under one name: JSON within JSON, one text for each part."""

    llm: str
    settings: str = "{}"


class Asked(Struct):
    """Its part about models."""

    providers: list[dict[str, Any]]


class Server(Struct):
    """Its own API server."""

    port: int | None = None
    apiKey: str | None = None


class Choices(Struct):
    """Its part about choices."""

    apiServer: Server | None = None


def read_archive(archive: Archive) -> Import:
    """A backup as it is made: a zip."""
    if DUMP in archive:
        return read_dump(archive.read(DUMP))
    if database := cherry_database.find(archive):
        return _import(cherry_database.providers(database), cherry_database.port(database))
    if files := archive.names(STORAGE):
        return read_state(leveldb.newest({name: archive.read(name) for name in files}, KEPT))
    raise ImportRefused(
        "The zip holds no data.json and no database of Cherry Studio. Choose a backup that Cherry Studio made."
    )


def read_dump(content: bytes) -> Import:
    """What data.json holds."""
    state = decoded(content, DUMP, Dump).localStorage.get(KEPT)
    return read_state(state if isinstance(state, str) else None)


def read_state(kept: str | None) -> Import:
    """What the browser's storage holds for Cherry Studio."""
    if kept is None:
        raise ImportRefused("The backup holds no settings of Cherry Studio: “%(name)s” is missing.", name=KEPT)
    state = decoded(kept, KEPT, State)
    asked = decoded(state.llm, "llm", Asked)
    try:
        server = msgspec.json.decode(state.settings, type=Choices).apiServer
    except (msgspec.DecodeError, RecursionError):
        server = None
    return _import(map(_typed, asked.providers), server.port if server and server.apiKey else None)


def _typed(row: dict[str, Any]) -> TheirProvider | Left:
    try:
        return msgspec.convert(row, TheirProvider)
    except msgspec.ValidationError as error:
        what = shown(row.get("name") or row.get("id") or "?")
        return Left(what, SaidInWords("Its entry is not as Cherry Studio writes it: %(why)s.", why=str(error)))


def _import(rows: Iterable[TheirProvider | Left], port: int | None) -> Import:
    found: list[Draft] = []
    left: list[Left] = []
    unused = 0
    for row in rows:
        if isinstance(row, Left):
            left.append(row)
        elif row.is_unused:
            unused += 1
        else:
            drafts, lost = drafted(row, {draft.id for draft in found})
            found += drafts
            left += lost
    return Import(source=SOURCE, found=tuple(found), left=(*left, *_unused(unused), *_server(port)))


def _unused(number: int) -> tuple[Left, ...]:
    if not number:
        return ()
    return (Left(SOURCE, SaidInWords("%(number)d of the providers it lists have no key there.", number=number)),)


def _server(port: int | None) -> tuple[Left, ...]:
    if not port:
        return ()
    why = SaidInWords(
        "Morello has a key of its own: give that one to your apps. Cherry Studio's server is at port %(port)d, "
        "which Morello can have once that one is stopped.",
        port=port,
    )
    return (Left("API Server", why),)
