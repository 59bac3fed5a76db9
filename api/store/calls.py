"""Statements for the call table: one row a call, written in batches."""

from operator import itemgetter

from msgspec import Struct, structs
from sqlalchemy import Connection, insert, select

from api.store.schema import calls


class CallRow(Struct, frozen=True):
    """What is known of one finished call. `at` is in seconds since 1970; tokens are None if none were reported."""

    at: float
    request_id: str
    route: str
    dialect: str
    asked: str | None
    provider: str | None
    served: str | None
    status: int
    error: str | None
    streamed: bool
    tokens_in: int | None
    tokens_out: int | None
    first_token_ms: float | None
    total_ms: float
    bytes_in: int
    bytes_out: int


def add(db: Connection, rows: list[CallRow]) -> None:
    """Keep a batch of finished calls."""
    # Compiled by SQLAlchemy, executed past it: what it does to each row costs more than all else we do to a call.
    statement = insert(calls).values(dict.fromkeys(CallRow.__struct_fields__)).compile(dialect=db.dialect)
    assert statement.positiontup is not None
    order = itemgetter(*(CallRow.__struct_fields__.index(name) for name in statement.positiontup))
    db.exec_driver_sql(str(statement), [order(structs.astuple(row)) for row in rows])


def latest(db: Connection, count: int) -> list[CallRow]:
    """The last `count` calls, newest first."""
    columns = [calls.c[name] for name in CallRow.__struct_fields__]
    return [CallRow(*row) for row in db.execute(select(*columns).order_by(calls.c.id.desc()).limit(count))]
