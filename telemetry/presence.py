"""Who is there: of each terminal whether data comes and whether it has a session, and since when.

Read through `visible.*`, as its owner of now may know it. `watch` keeps it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import keyset, terminals
from registry.model import GroupClientId, Page, RegionRange, Sector, Terminal, TerminalState
from registry.scope import Right, Scope
from telemetry.model import (
    Clock,
    Presence,
    PresenceChange,
    SessionState,
    Silence,
    at,
)
from telemetry.sight import check_window, find_seen, unix_us

sql = queries.load("telemetry", "presence.sql")

_CHANGES_WINDOW = timedelta(days=31)
_SOON = timedelta(days=1)


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


async def silence(conn: Connection, scope: Scope) -> list[Silence]:
    """Of the terminals in service, how many are silent or never spoke, by sector and province."""
    scope.require(Right.TELEMETRY_READ)
    cursor = await conn.execute(sql.count_presence)
    return [Silence(**row) async for row in cursor]


async def list_terminals(
    conn: Connection,
    scope: Scope,
    *,
    data: Heard | None = None,
    session: SessionState | None = None,
    sector: Sector | None = None,
    prefix: str | None = None,
    group_client: GroupClientId | None = None,
    region: RegionRange | None = None,
    state: TerminalState | None = None,
    profile: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Attended]:
    """One page of the terminals in scope, each with its presence.

    As `terminals.list_page`; narrowed to a `data`, `session` or `sector`, by code.
    """
    scope.require(Right.TELEMETRY_READ)
    if data is None and session is None and sector is None:
        page = await terminals.list_page(
            conn,
            scope,
            prefix=prefix,
            group_client=group_client,
            region=region,
            state=state,
            profile=profile,
            after=after,
            limit=limit,
        )
    else:
        wanted = scope.parameters() | keyset.prefix_range(prefix)
        wanted |= {"data": data, "session": session, "sector": sector}
        wanted |= {"group_client": group_client, "state": state, "profile": profile}
        wanted |= {"low": region and region.low, "high": region and region.high}
        wanted |= {"after": after or "", "rows": keyset.rows_asked_for(limit)}
        rows = await (await conn.execute(sql.list_terminals, wanted)).fetchall()
        ids = [row["id"] for row in rows[:limit]]
        next_key = rows[limit - 1]["code"] if len(rows) > limit else None
        page = Page(await terminals.list_these(conn, scope, ids), next_key)
    known = await of(conn, scope, [terminal.id for terminal in page.items])
    return Page([Attended(t, known[t.id]) for t in page.items], page.next_key)


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
    end = end or datetime.now(UTC) + _SOON
    start = start or end - _CHANGES_WINDOW
    check_window(start, end)
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


def _presence(row: dict[str, Any]) -> Presence:
    up = row.pop("session_up")
    told = SessionState.ONLINE if up else SessionState.OFFLINE
    return Presence(**row, session=SessionState.UNKNOWN if up is None else told)
