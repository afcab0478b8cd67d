"""PostgreSQL: pools, transactions that carry a scope, and the only place that knows SQLSTATEs."""

import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from foundation.errors import (
    Invalid,
    MusterError,
    NotFound,
    NotPermitted,
    Refused,
    TookTooLong,
    Unavailable,
)

Connection = AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]

# A row's own fault: the value can never be stored as it stands. Everything else is ours.
ROW_FAULTS = frozenset(
    {"22003", "22007", "22008", "22021", "22P02", "22P05", "23502", "23514"},
)
# A key that is there already, or a compressed chunk that takes no plain COPY: merge instead.
MERGE_STATES = frozenset({"23505", "53400"})

STATEMENT_TIMEOUT_SECONDS = 30

_refusals: dict[str, type[MusterError]] = {}


def register_refusals(refusals: Mapping[str, type[MusterError]]) -> None:
    """Say which error a broken constraint means; constraints are named as the rule they keep."""
    _refusals.update(refusals)


async def configure(
    conn: AsyncConnection[Any], statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS
) -> None:
    """What every connection of ours starts with: UTC, and no wait without an end."""
    await conn.set_autocommit(True)
    await conn.execute(
        "select set_config('timezone', 'UTC', false),"
        " set_config('statement_timeout', %s, false),"
        " set_config('lock_timeout', '5s', false),"
        " set_config('idle_in_transaction_session_timeout', '60s', false)",
        (f"{statement_timeout_seconds * 1000:.0f}ms",),
    )
    await conn.set_autocommit(False)


def application(name: str) -> str:
    """What a process calls its connections: which process they are of is seen in the database.

    PostgreSQL keeps 63 bytes; of a long name of a host the end tells more.
    """
    return f"muster {name} {socket.gethostname()[-32:]}:{os.getpid()}"


async def open_pool(
    dsn: str,
    *,
    name: str,
    min_size: int = 1,
    max_size: int = 8,
    statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS,
    wait: bool = True,
) -> Pool:
    """A pool of connections as dict rows; waits, if so told, ten seconds for its first one."""
    pool: Pool = AsyncConnectionPool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        timeout=10,
        max_lifetime=1800,
        name=name,
        configure=partial(configure, statement_timeout_seconds=statement_timeout_seconds),
        check=AsyncConnectionPool.check_connection,
        kwargs={"row_factory": dict_row, "application_name": application(name), **KEEPALIVES},
        open=False,
    )
    with translated():
        await pool.open(wait=wait, timeout=10)
    return pool


# A network that swallows packets must not hold a process: half a minute, then a new connection.
KEEPALIVES: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


@asynccontextmanager
async def transaction(
    pool: Pool, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Connection]:
    """One transaction in which `settings` (a scope) hold and after which they are gone."""
    with translated():
        async with pool.connection() as conn, conn.transaction():
            if settings:
                await apply_settings(conn, settings)
            yield conn


@asynccontextmanager
async def attempt(conn: Connection) -> AsyncIterator[None]:
    """What is refused within is undone, and the transaction goes on after it."""
    with translated():
        async with conn.transaction():
            yield


async def apply_settings(conn: Connection, settings: Mapping[str, str]) -> None:
    """Make `settings` hold until the current transaction ends."""
    names, values = list(settings), list(settings.values())
    await conn.execute(
        "select set_config(name, value, true) from unnest(%s::text[], %s::text[]) s(name, value)",
        (names, values),
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turn what PostgreSQL refuses into errors of ours: by constraint first, then by SQLSTATE."""
    try:
        yield
    except psycopg.Error as error:
        raise meaning(error) from error
    except PoolTimeout as error:
        raise Unavailable("The database does not answer.") from error


def meaning(error: psycopg.Error) -> MusterError:
    """The error of ours that a PostgreSQL error stands for."""
    named = _refusals.get(error.diag.constraint_name or "")
    if named is not None:
        # What our trigger says in particular; PostgreSQL's own details repeat values.
        told = error.diag.message_detail if error.diag.table_name is None else None
        return named(told) if told else named()
    state = error.sqlstate or ""
    if not state and isinstance(error, psycopg.DataError):  # refused before it was sent: a NUL
        return Invalid("A text holds a character that cannot be stored.")
    if state == "P0002":
        return NotFound(error.diag.message_primary)
    if state == "42501":
        return NotPermitted()
    if state.startswith("22"):
        return Invalid("A value is none of its kind, or beyond what can be stored.")
    if state == "P0001":
        return Invalid(error.diag.message_primary)
    if state.startswith("23"):
        return (Invalid if state in {"23514", "23502"} else Refused)(_rule(error))
    if state == "57014":
        return TookTooLong()
    if state in {"55P03", "40001", "40P01"}:
        return Unavailable("The database was too busy to finish this in time.")
    if state.startswith(("08", "57P", "53")) or isinstance(error, psycopg.OperationalError):
        return Unavailable("The database does not answer.")
    return MusterError(f"The database refused a statement (SQLSTATE {state}).")


def _rule(error: psycopg.Error) -> str | None:
    """The rule that is broken: what our trigger says, or the words that a constraint is named by.

    Never PostgreSQL's own sentence, which tells of tables and repeats values.
    """
    if error.diag.table_name is None:
        return error.diag.message_primary
    if error.diag.constraint_name is None:
        return "A value that must be given is missing."
    return f"This breaks the rule: {error.diag.constraint_name.replace('_', ' ')}."
