"""A terminal's readings as they were stored, one row each with all it carried, newest first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from foundation.database import Connection
from registry import keyset
from registry.model import Page
from registry.scope import Right, Scope
from telemetry.model import Value
from telemetry.sight import Profiles, find_seen, last_month, profiles_in_window

_QUERY = """select {columns} from {view}
where terminal_id = %(terminal_id)s and time >= %(start)s and time < %(end)s
    and (%(before)s::timestamptz is null or time {before} %(before)s)
order by time desc limit %(rows)s"""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one row holds: the values that were there, by metric, and how long they took to come."""

    profile: str
    time: datetime
    delay_seconds: int
    values: Mapping[str, Value]


async def list_readings(
    conn: Connection,
    scope: Scope,
    terminal_code: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Reading]:
    """Rows of a terminal, newest first; of the last 31 days unless `start` says otherwise."""
    scope.require(Right.TELEMETRY_READ)
    terminal_id = await find_seen(conn, scope, terminal_code)
    start, end = last_month(start, end)
    before, last_profile = _place(after)
    asked = {"terminal_id": terminal_id, "start": start, "end": end, "before": before}
    asked["rows"] = keyset.rows_asked_for(limit)
    profiles = await profiles_in_window(conn, terminal_id, start, end)
    found: list[Reading] = []
    for code in profiles:
        # Of one moment the profiles come by name, so what has a later one is still to come.
        query = _query(profiles, code, or_then=last_profile is not None and code > last_profile)
        async for row in await conn.execute(query, asked):
            values = {name: row[name] for name in profiles[code] if row[name] is not None}
            found.append(Reading(code, row["time"], row["delay_seconds"], values))
    found.sort(key=lambda reading: reading.profile)
    found.sort(key=lambda reading: reading.time, reverse=True)
    return keyset.page(found, limit, item=lambda reading: reading, key=_key)


def _query(profiles: Profiles, code: str, *, or_then: bool) -> sql.Composed:
    columns = map(sql.Identifier, ("time", "delay_seconds", *profiles[code]))
    return sql.SQL(_QUERY).format(
        columns=sql.SQL(", ").join(columns),
        view=sql.Identifier("visible", code),
        before=sql.SQL("<=" if or_then else "<"),
    )


def _key(last: Reading) -> str:
    return f"{keyset.of_instant(last.time)}.{last.profile}"


def _place(after: str | None) -> tuple[datetime | None, str | None]:
    """The moment that a cursor names, and the profile of the last row there."""
    if after is None:
        return None, None
    moment, _, profile = after.partition(".")
    return keyset.instant(moment), profile
