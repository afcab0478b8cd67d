"""What a wide question would have to read, estimated before it is read; refused where too much.

Terminals times their window by the interval in which they are expected to speak. What the data
cannot hold is left out: times to come, and those before the profile's first chunk.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from foundation import queries
from foundation.database import Connection
from registry.scope import Right, Scope
from telemetry.errors import QueryTooCostly

sql = queries.load("telemetry", "cost.sql")

MOST_READINGS = 20_000_000
_LONG = timedelta(days=1)
_HOUR_SECONDS = 3600  # of which there is a roll-up


class Stretch(NamedTuple):
    """A time of one terminal of a profile (its code) that is to be read, perhaps by the hour."""

    profile: str
    since: datetime
    until: datetime
    rolled: bool = False


async def check(conn: Connection, scope: Scope, stretches: Sequence[Stretch]) -> None:
    """Refuse what would read more than about MOST_READINGS, and say what to narrow."""
    scope.require(Right.TELEMETRY_READ)
    if not stretches:
        return
    codes = sorted({stretch.profile for stretch in stretches})
    cursor = await conn.execute(sql.list_intervals, {"codes": codes})
    intervals = {row["code"]: row["interval"] async for row in cursor}
    now = datetime.now(UTC)
    if _estimated(stretches, intervals, {}, now) <= MOST_READINGS:
        return
    rows = await (await conn.execute(sql.list_depths, {"codes": codes})).fetchall()
    depths = dict.fromkeys(codes, now) | {row["code"]: row["since"] for row in rows}
    readings = _estimated(stretches, intervals, depths, now)
    if readings > MOST_READINGS:
        raise _too_costly(stretches, readings)


def _estimated(
    stretches: Sequence[Stretch],
    intervals: dict[str, int],
    depths: dict[str, datetime],
    now: datetime,
) -> int:
    readings = 0.0
    for profile, since, until, rolled in stretches:
        span = min(until, now) - max(since, depths.get(profile, since))
        every = max(intervals[profile], _HOUR_SECONDS) if rolled else intervals[profile]
        readings += max(span.total_seconds(), 0) / every
    return int(readings)


def _too_costly(stretches: Sequence[Stretch], readings: int) -> QueryTooCostly:
    terminals = len(stretches)
    longest = max(stretch.until - stretch.since for stretch in stretches)
    is_long = longest > _LONG or terminals == 1
    how = "a shorter time" if is_long else "fewer terminals"
    if is_long and terminals > 1:
        how += " or fewer terminals"
    return QueryTooCostly(
        f"This would read about {readings:,} readings, and at most {MOST_READINGS:,} are read.",
        field="from" if is_long else "terminals",
        remedy=f"Ask for {how}, or have all of it exported: POST /api/v1/telemetry/exports.",
    )
