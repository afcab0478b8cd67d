"""What a scope sees of a terminal: whether anything, which profiles it had, and in which window."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from foundation import queries
from foundation.database import Connection
from registry.errors import TerminalNotFound
from registry.model import MetricType
from registry.scope import Right, Scope
from telemetry.errors import TimesInvalid, WindowTooLong

sql = queries.load("telemetry", "reader.sql")

EVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))

LONGEST_WINDOW = timedelta(days=3660)

Profiles = Mapping[str, Mapping[str, MetricType]]
"""Metrics that are shown, by name, of profiles by code."""


async def find_seen(conn: Connection, scope: Scope, terminal_code: str) -> int:
    """The id of a terminal of which the scope sees any moment, past or present."""
    cursor = await conn.execute(
        sql.find_seen_terminal, scope.parameters() | {"code": terminal_code}
    )
    row = await cursor.fetchone()
    if row is None:
        raise TerminalNotFound(f"There is no terminal {terminal_code}.")
    return int(row["terminal_id"])


async def history_from(conn: Connection, scope: Scope) -> datetime | None:
    """From when on the scope sees what was measured; None is ever.

    Only people of a client are held to how far back their tier lets them see.
    """
    if scope.everything or Right.CLIENT_FILES_READ in scope.rights:
        return None
    row = await (await conn.execute(sql.find_history)).fetchone()
    return row["history_from"] if row else None


async def profiles_in_window(
    conn: Connection, terminal_id: int, start: datetime, end: datetime
) -> Profiles:
    """The profiles that a seen terminal had in a window, in order, with the metrics they show."""
    cursor = await conn.execute(
        sql.list_profiles_in_window, {"terminal_id": terminal_id, "start": start, "end": end}
    )
    profiles: dict[str, dict[str, MetricType]] = {}
    async for row in cursor:
        metrics = profiles.setdefault(row["code"], {})
        if row["name"] is not None:
            metrics[row["name"]] = MetricType(row["type"])
    return profiles


def last_month(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    """The window of a list, checked: of 31 days up to a clock ahead, as far as nothing is said."""
    until = end or datetime.now(UTC) + timedelta(days=1)
    since = start or until - timedelta(days=31)
    check_window(since, until)
    return since, until


def check_window(start: datetime, end: datetime) -> None:
    """Refuse times without an offset, and a window that ends before it begins or never."""
    if start.tzinfo is None or end.tzinfo is None:
        raise TimesInvalid("A time needs an offset, such as 2026-09-21T14:13:20Z.", field="from")
    if start >= end:
        raise TimesInvalid("The window ends before it begins.", field="to")
    if end - start > LONGEST_WINDOW:
        raise WindowTooLong(field="from")


def unix_us(time: datetime) -> int:
    """An instant in Unix microseconds, exactly."""
    return (time - EVER[0]) // timedelta(microseconds=1)
