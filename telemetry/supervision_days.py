"""What each day leaves behind: taken once, soon after the midnight that ends it, and kept a while.

A day on which nobody was there to take it in time is absent. Our own process takes everybody's.
"""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from foundation import queries
from foundation.database import Connection

sql = queries.load("telemetry", "supervision.sql")

LATEST = timedelta(hours=6)
"""After its end a day is taken no more: the figures would be the next day's."""
MONTHS_KEPT = 120
_AT_ONCE = 31


async def count_bindings(conn: Connection) -> None:
    """Count everybody's SIMs in use and their bindings anew."""
    await conn.execute(sql.patience)
    await conn.execute(sql.count_bindings)


async def take(conn: Connection, now: datetime, zone: ZoneInfo) -> bool:
    """Take the day of `zone` that ended last, unless it was taken or it is too late."""
    local = now.astimezone(zone)
    ended_at = datetime.combine(local.date(), time.min, zone)
    day = {"day": local.date() - timedelta(days=1), "ended_at": ended_at}
    if now - ended_at > LATEST:
        return False
    begun = await conn.execute(sql.begin_day, day)
    if not begun.rowcount:
        return False
    await count_bindings(conn)
    for statement in (sql.end_changed_clients, sql.note_clients, sql.take_sums):
        await conn.execute(statement, day)
    return True


async def forget(conn: Connection, now: datetime, days: int) -> int:
    """Forget days older than so many, except each month's last for MONTHS_KEPT months."""
    before = now.date() - timedelta(days=days)
    wanted = {"before": before, "months": MONTHS_KEPT, "rows": _AT_ONCE}
    outlived = await (await conn.execute(sql.list_outlived, wanted)).fetchall()
    for row in outlived:
        await conn.execute(sql.forget_day, row)
    if outlived:
        await conn.execute(sql.forget_clients)
    return len(outlived)
