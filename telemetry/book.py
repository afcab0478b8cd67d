"""The book of who serves clients: what there is to do and to see of them, in lists that page.

It is of the clients in the asker's scope, or of those in it that a person serves. How many
terminals are how is told by the roll call's sums, as of its time; the fleet is never counted.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import keyset
from registry.model import FileState, GroupClientId, Page, Standing, TerminalState, ValueGrade
from registry.scope import Right, Scope
from telemetry import completeness, tally

sql = queries.load("telemetry", "book.sql")

RIVALS_WINDOW = timedelta(days=31)
_PAIR = re.compile(r"(\d{1,18})\.(-?\d{1,19})", re.ASCII)


class FileWork(StrEnum):
    """What a client's file waits for."""

    SURVEY = "survey"
    FILE = "file"
    VERIFY = "verify"
    REVERIFY = "reverify"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileToKeep:
    """A client whose file waits for somebody since `file_since`."""

    code: str
    name: str
    file_state: FileState
    file_since: datetime
    standing: Standing
    value_grade: ValueGrade | None
    watched: bool

    @property
    def work(self) -> FileWork:
        """What is to be done next: a prospect is surveyed until it is one to keep on file."""
        if self.file_state is FileState.SURVEYED:
            prospect = self.standing is Standing.PROSPECT
            return FileWork.SURVEY if prospect else FileWork.FILE
        return FileWork.REVERIFY if self.file_state is FileState.DUE else FileWork.VERIFY


@dataclass(frozen=True, slots=True)
class Rival:
    """Another operator's SIM was heard in a terminal of a client's at `time`."""

    time: datetime
    terminal: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class SilentFleet:
    """How many of a client's terminals in service are silent."""

    code: str
    name: str
    in_service: int
    silent: int


@dataclass(frozen=True, slots=True)
class Usage:
    """A client's terminals by state, and messages with readings of the last seven days (UTC).

    `messages_before` are those of the seven days before: what the client grows by.
    """

    code: str
    name: str
    value_grade: ValueGrade | None
    states: Mapping[TerminalState, int]
    messages: int
    messages_before: int

    @property
    def terminals(self) -> int:
        """All that are not retired."""
        return sum(n for state, n in self.states.items() if state is not TerminalState.RETIRED)


Clients = tuple[GroupClientId, ...] | None
"""Whose book it is: None is all in scope."""


async def clients_of(conn: Connection, scope: Scope, person: str | None) -> Clients:
    """The clients in scope that a person serves now, with those below them; None for nobody's."""
    scope.require(Right.BOOK_READ)
    if person is None:
        return None
    cursor = await conn.execute(sql.find_book, scope.parameters() | {"person": person})
    row = await cursor.fetchone()
    assert row is not None
    return tuple(row["ids"])


async def as_of(conn: Connection, scope: Scope) -> datetime | None:
    """Until when the roll call's sums are known; None before the first one is complete."""
    scope.require(Right.BOOK_READ)
    row = await (await conn.execute(tally.sql.read_clock)).fetchone()
    return row["as_of"] if row and row["complete"] else None


async def list_files(
    conn: Connection,
    scope: Scope,
    clients: Clients = None,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[FileToKeep]:
    """One page of the clients whose file waits for somebody, the longest first."""
    scope.require(Right.BOOK_READ)
    time, number = _pair(after)
    rows = await _read(
        conn, sql.list_files, scope, clients, limit, after_time=_moment(time), after_id=number
    )
    return keyset.page(
        rows, limit, _file, lambda row: f"{keyset.of_instant(row['file_since'])}.{row['id']}"
    )


async def list_rivals(
    conn: Connection,
    scope: Scope,
    clients: Clients = None,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[Rival]:
    """One page of the rival SIMs that were heard in the last 31 days, newest first."""
    scope.require(Right.BOOK_READ)
    time, number = _pair(after)
    rows = await _read(
        conn,
        sql.list_rivals,
        scope,
        clients,
        limit,
        after_time=_moment(time),
        after_id=number,
        start=datetime.now(UTC) - RIVALS_WINDOW,
    )
    return keyset.page(
        rows,
        limit,
        lambda row: Rival(row["time"], row["terminal"], row["code"], row["name"]),
        lambda row: f"{keyset.of_instant(row['time'])}.{row['digest']}",
    )


async def list_silent(
    conn: Connection,
    scope: Scope,
    clients: Clients = None,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[SilentFleet]:
    """One page of the clients with silent terminals in service, those with most first."""
    scope.require(Right.BOOK_READ)
    silent, number = _pair(after)
    rows = await _read(
        conn,
        sql.list_silent,
        scope,
        clients,
        limit,
        after_silent=silent,
        after_id=number,
    )
    return keyset.page(
        rows,
        limit,
        lambda row: SilentFleet(row["code"], row["name"], row["in_service"], row["silent"]),
        lambda row: f"{row['silent']}.{row['id']}",
    )


async def list_usage(
    conn: Connection,
    scope: Scope,
    clients: Clients = None,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[Usage]:
    """One page of the customers by code, with what they have and send."""
    scope.require(Right.BOOK_READ)
    rows = await _read(
        conn, sql.list_usage, scope, clients, limit, after=after or "", today=completeness.today()
    )
    return keyset.page(rows, limit, _usage, lambda row: str(row["code"]))


def _pair(cursor: str | None) -> tuple[int | None, int | None]:
    """The two numbers that a cursor is of."""
    if cursor is None:
        return None, None
    found = _PAIR.fullmatch(cursor)
    if found is None or abs(int(found[2])) >= 2**63:
        raise keyset.CursorInvalid
    return keyset.number(found[1]), int(found[2])


def _moment(number: int | None) -> datetime | None:
    return None if number is None else keyset.instant(str(number))


async def _read(
    conn: Connection, query: str, scope: Scope, clients: Clients, limit: int, **wanted: Any
) -> list[dict[str, Any]]:
    chosen = None if clients is None else list(clients)
    given = scope.parameters() | wanted
    given |= {"clients": chosen, "rows": keyset.rows_asked_for(limit)}
    return await (await conn.execute(query, given)).fetchall()


def _file(row: dict[str, Any]) -> FileToKeep:
    return FileToKeep(
        code=row["code"],
        name=row["name"],
        file_state=FileState(row["file_state"]),
        file_since=row["file_since"],
        standing=Standing(row["standing"]),
        value_grade=_grade(row),
        watched=row["watched"],
    )


def _usage(row: dict[str, Any]) -> Usage:
    return Usage(
        row["code"],
        row["name"],
        _grade(row),
        {TerminalState(state): int(n) for state, n in sorted(row["states"].items())},
        row["messages"],
        row["messages_before"],
    )


def _grade(row: dict[str, Any]) -> ValueGrade | None:
    return ValueGrade(row["value_grade"]) if row["value_grade"] else None
