"""Statements for the call table: one row a call, written in batches."""

from operator import itemgetter
from typing import Final

from msgspec import Struct, structs
from sqlalchemy import Connection, Integer, and_, case, cast, func, insert, not_, or_, select

from api.store.schema import attempts, calls

HALF_HOUR: Final = 1800  # seconds
CALLER_GONE: Final = 499  # nginx's number for a caller who hung up: nobody ever receives it


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

    @property
    def hung_up(self) -> bool:
        """Whether the caller did not wait for the end."""
        return self.status == CALLER_GONE

    @property
    def failed(self) -> bool:
        """Whether it went wrong: a caller who hung up is no failure."""
        return not self.hung_up and (self.status >= 400 or self.error is not None)


class MinuteRow(Struct, frozen=True):
    """What the call table knows of one minute, which is counted since 1970."""

    minute: int
    calls: int
    failures: int
    tokens_in: int
    tokens_out: int


class HalfRow(Struct, frozen=True):
    """Calls of one half hour, counted since 1970, that were answered alike: as `alias` where they were asked by one.

    `first` is the step of api.times in which their first token lies.
    """

    half: int
    provider: str
    served: str | None
    alias: str | None
    first: int | None
    calls: int


_COLUMNS: Final = [calls.c[name] for name in CallRow.__struct_fields__]
_FAILED: Final = and_(calls.c.status != CALLER_GONE, or_(calls.c.status >= 400, calls.c.error.is_not(None)))


def add(db: Connection, rows: list[CallRow]) -> None:
    """Keep a batch of finished calls."""
    # Compiled by SQLAlchemy, executed past it: what it does to each row costs more than all else we do to a call.
    statement = insert(calls).values(dict.fromkeys(CallRow.__struct_fields__)).compile(dialect=db.dialect)
    assert statement.positiontup is not None
    order = itemgetter(*(CallRow.__struct_fields__.index(name) for name in statement.positiontup))
    db.exec_driver_sql(str(statement), [order(structs.astuple(row)) for row in rows])


def latest(db: Connection, count: int) -> list[CallRow]:
    """The last `count` calls, newest first."""
    return [CallRow(*row) for row in db.execute(select(*_COLUMNS).order_by(calls.c.id.desc()).limit(count))]


def by_minute(db: Connection, since: float) -> list[MinuteRow]:
    """Every minute from `since` on, in which there were calls."""
    minute = cast(calls.c.at / 60, Integer)
    counted = select(
        minute,
        func.count(),
        func.count().filter(_FAILED),
        func.coalesce(func.sum(calls.c.tokens_in), 0),
        func.coalesce(func.sum(calls.c.tokens_out), 0),
    )
    return [MinuteRow(*row) for row in db.execute(counted.where(calls.c.at >= since).group_by(minute))]


def first_tokens(db: Connection, since: float) -> list[tuple[float, float]]:
    """When each call from `since` on began, and how many ms its first token took."""
    timed = select(calls.c.at, calls.c.first_token_ms)
    rows = db.execute(timed.where(calls.c.at >= since, calls.c.first_token_ms.is_not(None)))
    return [(at, took) for at, took in rows]


def by_half_hour(db: Connection, since: float) -> list[HalfRow]:
    """Every call from `since` on that was answered, counted by what it has in common with others.

    What was tried in vain before is in the time of a call: such a call is counted without it.
    """
    half, alias = cast(calls.c.at / HALF_HOUR, Integer), case((func.instr(calls.c.asked, ":") == 0, calls.c.asked))
    tried = select(attempts.c.request_id).where(attempts.c.at >= since)
    first = case((calls.c.request_id.not_in(tried), func.step(calls.c.first_token_ms)))
    same = (half, calls.c.provider, calls.c.served, alias, first)
    answered = and_(calls.c.provider.is_not(None), calls.c.status != CALLER_GONE, not_(_FAILED))
    found = select(*same, func.count()).where(calls.c.at >= since, answered).group_by(*same)
    return [HalfRow(*row) for row in db.execute(found)]
