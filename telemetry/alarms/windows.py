"""Maintenance windows: from when until when alarms of some terminals are quiet, and why.

Alarms that begin in one are kept and quiet; what is still wrong when it is over is told then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from foundation import queries
from foundation.database import Connection
from foundation.errors import Invalid, NotFound, Refused
from registry import keyset
from registry.model import Page, RegionCode
from registry.scope import Right, Scope
from telemetry.alarms import targets

sql = queries.load("telemetry", "alarms/windows.sql")

LONGEST = timedelta(days=366)
_NEWEST = 2**31 - 1


class WindowNotFound(NotFound):
    """There is no such maintenance window in the scope."""

    code = "maintenance_window_not_found"


class WindowOver(Refused):
    """The maintenance window is over."""

    code = "maintenance_window_over"
    remedy = "Make another one."


class WindowInvalid(Invalid):
    """A maintenance window that cannot be."""

    code = "maintenance_window_invalid"
    remedy = f"It ends after it begins, in time to come, and lasts {LONGEST.days} days at most."


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """Of terminals of a client and those below it, or of a region; as a rule's, of some only."""

    id: int
    version: int
    why: str
    group_client: str | None
    region: int | None
    collection: int | None
    terminal: str | None
    begins_at: datetime
    ends_at: datetime
    made_by: str
    made_at: datetime


async def plan(
    conn: Connection,
    scope: Scope,
    *,
    why: str,
    ends_at: datetime,
    begins_at: datetime | None = None,
    group_client: str | None = None,
    region: RegionCode | None = None,
    collection: int | None = None,
    terminal: str | None = None,
) -> MaintenanceWindow:
    """A window from `begins_at`, or now; of whom as `rules.define` says."""
    scope.require(Right.RULES_CHANGE)
    now = datetime.now(UTC)
    begins_at = begins_at or now
    if ends_at <= max(begins_at, now) or ends_at > begins_at + LONGEST:
        raise WindowInvalid(field="ends_at")
    given: dict[str, Any] = {
        "why": why,
        "begins_at": begins_at,
        "ends_at": ends_at,
        "by": scope.actor,
        **await targets.find(
            conn,
            scope,
            group_client=group_client,
            region=region,
            collection=collection,
            terminal=terminal,
        ),
    }
    row = await (await conn.execute(sql.insert_window, given)).fetchone()
    assert row is not None
    return await find(conn, scope, row["id"])


async def find(conn: Connection, scope: Scope, number: int) -> MaintenanceWindow:
    """The window of that number; WindowNotFound when there is none in scope."""
    scope.require(Right.RULES_READ)
    rows = await _read(conn, scope, id=number)
    if not rows:
        raise WindowNotFound(f"There is no maintenance window {number}.")
    return MaintenanceWindow(**rows[0])


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    is_open: bool | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[MaintenanceWindow]:
    """One page of the windows in scope, the last made first; open ones are not over yet."""
    scope.require(Right.RULES_READ)
    before = _NEWEST if after is None else keyset.number(after)
    rows = await _read(conn, scope, open=is_open, before=before, rows=keyset.rows_asked_for(limit))
    return keyset.page(rows, limit, lambda row: MaintenanceWindow(**row), lambda r: str(r["id"]))


async def change(
    conn: Connection,
    scope: Scope,
    number: int,
    *,
    ends_at: datetime | None = None,
    why: str | None = None,
) -> MaintenanceWindow:
    """Let a window that is not over end at another time, at once for a time that is past."""
    scope.require(Right.RULES_CHANGE)
    await conn.execute(sql.hold_window, {"id": number})
    found = await find(conn, scope, number)
    now = datetime.now(UTC)
    if found.ends_at <= now:
        raise WindowOver
    ends_at = found.ends_at if ends_at is None else max(ends_at, now)
    if ends_at > found.begins_at + LONGEST:
        raise WindowInvalid(field="ends_at")
    asked = {"id": number, "why": why or found.why, "ends_at": ends_at}
    await conn.execute(sql.change_window, scope.parameters() | asked)
    return await find(conn, scope, number)


async def _read(conn: Connection, scope: Scope, **wanted: Any) -> Sequence[dict[str, Any]]:
    asked = scope.parameters() | {"id": None, "open": None, "before": _NEWEST, "rows": 1} | wanted
    return await (await conn.execute(sql.list_windows, asked)).fetchall()
