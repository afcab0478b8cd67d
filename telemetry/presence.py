"""Who is there: of each terminal whether data comes and whether it has a session, and since when.

Read through `visible.*`, as its owner of now may know it. `watch` keeps it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Unpack

from foundation import queries
from foundation.database import Connection
from registry import keyset, terminal_lists
from registry.model import Page, Terminal, TerminalState
from registry.scope import Right, Scope
from registry.terminal_lists import Filters
from telemetry.model import (
    Clock,
    PauseNow,
    Presence,
    PresenceChange,
    SessionState,
    at,
)
from telemetry.sight import find_seen, last_month, unix_us

sql = queries.load("telemetry", "presence.sql")


class Heard(StrEnum):
    """What a list of terminals may be narrowed to; `absent` is silent or never heard."""

    ONLINE = "online"
    SILENT = "silent"
    NEVER = "never"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Attended:
    """A terminal and what is known of its presence."""

    terminal: Terminal
    presence: Presence


async def clock(conn: Connection, scope: Scope) -> Clock:
    """Until when everything here is known."""
    scope.require(Right.TELEMETRY_READ)
    row = await (await conn.execute(sql.read_clock)).fetchone()
    assert row is not None
    return Clock(**row)


async def of(conn: Connection, scope: Scope, terminal_ids: Sequence[int]) -> dict[int, Presence]:
    """What is known of these terminals; one of which nothing is known is there all the same."""
    scope.require(Right.TELEMETRY_READ)
    cursor = await conn.execute(sql.list_presence, {"terminal_ids": list(terminal_ids)})
    known = {row.pop("terminal_id"): _presence(row) async for row in cursor}
    return {terminal_id: known.get(terminal_id, Presence()) for terminal_id in terminal_ids}


async def list_pauses(conn: Connection, scope: Scope, terminal_id: int) -> list[PauseNow]:
    """The pauses of its profile that a terminal is in, the last begun first; mostly none."""
    scope.require(Right.TELEMETRY_READ)
    cursor = await conn.execute(sql.list_pauses, {"terminal_id": terminal_id})
    return [PauseNow(**row) async for row in cursor]


async def list_heard(conn: Connection, terminal_ids: Sequence[int]) -> list[int]:
    """Those of these terminals of which anything ever came, as far as it is followed."""
    cursor = await conn.execute(sql.list_heard, {"ids": list(terminal_ids)})
    return [row["terminal_id"] async for row in cursor]


def presence_asked(data: Heard | None, session: SessionState | None) -> dict[str, str]:
    """The two filters as `telemetry.presence_conditions` takes them."""
    asked = {"data": data, "session": session}
    return {name: value.value for name, value in asked.items() if value is not None}


async def list_terminals(
    conn: Connection,
    scope: Scope,
    *,
    data: Heard | None = None,
    session: SessionState | None = None,
    after: str | None = None,
    limit: int = 50,
    **filters: Unpack[Filters],
) -> Page[Attended]:
    """One page of the terminals in scope, each with its presence; as `terminal_lists.list_page`.

    By `data` it is of those that were called so last, a moment ago, and are so still.
    """
    scope.require(Right.TELEMETRY_READ)
    page = await terminal_lists.list_page(
        conn,
        scope,
        after=after,
        limit=limit,
        query=sql.list_terminals,
        more=presence_asked(data, session) | _called_states(filters.get("state")),
        by_region=data is not None,
        **filters,
    )
    known = await of(conn, scope, [terminal.id for terminal in page.items])
    return Page([Attended(t, known[t.id]) for t in page.items], page.next_key)


async def list_longest_silent(conn: Connection, scope: Scope, limit: int = 10) -> list[Attended]:
    """The terminals in service that have been silent longest, the longest first."""
    scope.require(Right.TELEMETRY_READ)
    rows = await (await conn.execute(sql.list_longest_silent, {"rows": limit})).fetchall()
    ids = [row["terminal_id"] for row in rows]
    found = {t.id: t for t in await terminal_lists.list_these(conn, scope, ids)}
    known = await of(conn, scope, ids)
    return [Attended(found[number], known[number]) for number in ids if number in found]


async def list_changes(
    conn: Connection,
    scope: Scope,
    terminal_code: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[PresenceChange]:
    """When a terminal's facts changed, newest first; of the last 31 days unless `start` says."""
    scope.require(Right.TELEMETRY_READ)
    terminal_id = await find_seen(conn, scope, terminal_code)
    start, end = last_month(start, end)
    given: dict[str, Any] = {"terminal_id": terminal_id, "start": start, "end": end}
    given |= {"after_time": None, "after_fact": None, "rows": keyset.rows_asked_for(limit)}
    if after is not None:
        us, _, given["after_fact"] = after.partition(".")
        if not (us.isascii() and us.isdigit() and len(us) < 17):
            raise keyset.CursorInvalid
        given["after_time"] = at(int(us))
    rows = await (await conn.execute(sql.list_changes, given)).fetchall()
    changes = [PresenceChange(**row) for row in rows]
    return keyset.page(changes, limit, lambda c: c, lambda c: f"{unix_us(c.time)}.{c.fact}")


def _called_states(asked: TerminalState | None) -> dict[str, list[str]]:
    """The states of which the roll call is walked."""
    return {"states": [state.value for state in ([asked] if asked else TerminalState)]}


def _presence(row: dict[str, Any]) -> Presence:
    up = row.pop("session_up")
    told = SessionState.ONLINE if up else SessionState.OFFLINE
    return Presence(**row, session=SessionState.UNKNOWN if up is None else told)
