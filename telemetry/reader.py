"""What was measured, for people and programs: read through `visible.*`, cut by ownership.

Every verb wants a transaction that carries the scope (`scope.settings()`); without it there are no
rows. What the scope does not see is `TerminalNotFound`, as what does not exist.
"""

from datetime import datetime
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import keyset
from registry.model import MetricType, Page
from registry.scope import Right, Scope
from telemetry.errors import LimitInvalid, QuarantineItemNotFound
from telemetry.model import (
    LatestValue,
    QuarantineItem,
    Reason,
    Search,
    StoredEvent,
    Storm,
    Value,
    at,
)
from telemetry.series import series
from telemetry.sight import (
    EVER,
    find_seen,
    last_month,
    profiles_in_window,
    unix_us,
)

__all__ = [
    "count_quarantine",
    "find_quarantined",
    "latest",
    "list_events",
    "list_quarantine",
    "list_storms",
    "searched",
    "series",
]

sql = queries.load("telemetry", "reader.sql")

MOST_ITEMS = 1000
MOST_COUNTED = 10_000

_CARD_NUMBERS = frozenset({"iccid", "imsi", "msisdn", "eid"})
_STORM_DAYS = 31


async def latest(conn: Connection, scope: Scope, terminal_code: str) -> list[LatestValue]:
    """The newest value of each metric that is not hidden, by the metric's name."""
    scope.require(Right.TELEMETRY_READ)
    terminal_id = await find_seen(conn, scope, terminal_code)
    types = {
        name: kind
        for metrics in (await profiles_in_window(conn, terminal_id, *EVER)).values()
        for name, kind in metrics.items()
    }
    cursor = await conn.execute(sql.list_latest, {"terminal_id": terminal_id})
    return [
        LatestValue(
            row["metric"], row["time"], typed(types[row["metric"]], row["number"], row["text"])
        )
        async for row in cursor
        if row["metric"] in types
    ]


def typed(kind: MetricType, number: float | None, text: str | None) -> Value:
    """A newest value as its metric has it; bigints beyond what a double holds are kept as text."""
    if kind is MetricType.BIGINT and text is not None:
        return int(text)
    if number is None:
        return text or ""
    if kind is MetricType.BOOLEAN:
        return bool(number)
    return int(number) if kind is MetricType.BIGINT else number


async def list_events(
    conn: Connection,
    scope: Scope,
    terminal_code: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    code: str | None = None,
    severity: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[StoredEvent]:
    """Events of a terminal, newest first; of the last 31 days unless `start` says otherwise.

    Narrowed to codes that begin with `code`, and to a severity (ITU-T X.733).
    """
    scope.require(Right.TELEMETRY_READ)
    terminal_id = await find_seen(conn, scope, terminal_code)
    start, end = last_month(start, end)
    after_us, after_digest = _pair(after) if after is not None else (None, None)
    cursor = await conn.execute(
        sql.list_events,
        {
            "terminal_id": terminal_id,
            "start": start,
            "end": end,
            "code": code or None,
            "severity": severity or None,
            "after_time": None if after_us is None else at(after_us),
            "after_digest": after_digest,
            "rows": _rows_asked_for(limit),
        },
    )
    rows = await cursor.fetchall()
    digests = [row.pop("digest") for row in rows]
    if Right.SIMS_READ not in scope.rights:
        rows = [row | {"data": without_cards(row["data"])} for row in rows]
    events = [StoredEvent(**row) for row in rows[:limit]]
    more = len(rows) > limit
    key = f"{unix_us(events[-1].time)}.{digests[limit - 1]}" if more else None
    return Page(events, key)


def without_cards(data: dict[str, Any] | None) -> dict[str, Any] | None:
    """What an event carries, without the numbers of the SIM that a hello has."""
    return data and {name: value for name, value in data.items() if name not in _CARD_NUMBERS}


async def list_quarantine(
    conn: Connection,
    scope: Scope,
    search: Search = Search(),
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[QuarantineItem]:
    """Refused messages in scope, newest first."""
    scope.require(Right.QUARANTINE_READ)
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise keyset.CursorInvalid
    wanted = await searched(conn, scope, search)
    wanted |= {"after": None if after is None else int(after), "rows": _rows_asked_for(limit)}
    rows = await (await conn.execute(sql.list_quarantine, wanted)).fetchall()
    items = [_item(row) for row in rows[:limit]]
    return Page(items, str(items[-1].id) if len(rows) > limit else None)


async def searched(conn: Connection, scope: Scope, search: Search) -> dict[str, Any]:
    """A search as parameters of a query; TerminalNotFound if its terminal is not to be seen."""
    scope.require(Right.QUARANTINE_READ)
    terminal_id = None
    if search.terminal is not None:
        terminal_id = await find_seen(conn, scope, search.terminal)
    return keyset.prefix_range(search.topic) | {
        "terminal_id": terminal_id,
        "reason": search.reason,
        "start": search.start,
        "end": search.end,
        "resolved": search.resolved,
    }


async def list_storms(
    conn: Connection,
    scope: Scope,
    *,
    terminal_code: str | None = None,
    reason: Reason | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Storm]:
    """Storms in scope of the last 31 days, the one that went on last first."""
    scope.require(Right.QUARANTINE_READ)
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < 17):
        raise keyset.CursorInvalid
    terminal_id = None if terminal_code is None else await find_seen(conn, scope, terminal_code)
    cursor = await conn.execute(
        sql.list_faults,
        {
            "terminal_id": terminal_id,
            "reason": reason,
            "after": None if after is None else at(int(after)),
            "days": _STORM_DAYS,
            "rows": _rows_asked_for(limit),
        },
    )
    rows = await cursor.fetchall()
    for row in rows:
        del row["terminal_id"]
    storms = [Storm(**row | {"reason": Reason(row["reason"])}) for row in rows[:limit]]
    return Page(storms, str(unix_us(storms[-1].last_at)) if len(rows) > limit else None)


async def find_quarantined(conn: Connection, scope: Scope, item_id: int) -> QuarantineItem:
    """One refused message."""
    scope.require(Right.QUARANTINE_READ)
    cursor = await conn.execute(sql.find_quarantined, {"id": item_id})
    row = await cursor.fetchone()
    if row is None:
        raise QuarantineItemNotFound
    return _item(row)


async def count_quarantine(conn: Connection, scope: Scope) -> dict[Reason, int]:
    """How many items there are of each reason that has any; MOST_COUNTED means at least so many."""
    scope.require(Right.QUARANTINE_READ)
    cursor = await conn.execute(
        sql.count_quarantine, {"reasons": [r.value for r in Reason], "most": MOST_COUNTED}
    )
    return {Reason(row["reason"]): row["items"] async for row in cursor if row["items"]}


def _item(row: dict[str, object]) -> QuarantineItem:
    return QuarantineItem(**(row | {"reason": Reason(str(row["reason"]))}))  # type: ignore[arg-type]


def _rows_asked_for(limit: int) -> int:
    if not 1 <= limit <= MOST_ITEMS:
        raise LimitInvalid(field="limit")
    return limit + 1


def _pair(key: str) -> tuple[int, int]:
    first, _, second = key.partition(".")
    try:
        at(int(first))
        return int(first), int(second)
    except (ValueError, OverflowError):
        raise keyset.CursorInvalid from None
