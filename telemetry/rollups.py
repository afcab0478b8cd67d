"""Roll-ups by hour and day, kept from raw readings for good: what was touched is computed anew.

Follows the feed as `rollups` and notes which hours of which terminals readings came into. Some time
after an hour is over, or after a late reading, it is rolled up from all its raw readings, and its
UTC day from its hours. What was there before that, or was forgotten by the feed before it was
followed, is rolled up chunk by chunk, the newest first. Each function is one short transaction of
the caller's that does nothing while another one is about it, and keeps how far it has come.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from foundation import queries
from foundation.database import Connection
from foundation.logs import get_logger
from registry import profiles
from registry.model import DeviceProfile
from registry.scope import Scope
from telemetry import batches
from telemetry.batches import Batch
from telemetry.rollup_tables import Rolled

log = get_logger(__name__)
sql = queries.load("telemetry", "rollups.sql")

FOLLOWER = "rollups"
MOST_BATCHES = 20
"""Of each bridge, in one transaction."""
MOST_BUCKETS = 2000
"""Rolled up in one transaction."""
PIECE_ROWS = 100_000
"""Raw readings of some terminals in a chunk, and the rest of the last one's, in one transaction."""
SETTLE_SECONDS = 120
"""After the end of an hour or day, as what was measured in it takes some time to come."""
LATE_SECONDS = 60
"""After a late reading, as it seldom comes alone."""

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_HOUR_US = 3_600_000_000
_LAST_TERMINAL = 2**31 - 1
_SCOPE = Scope.system("rollups")


@dataclass(frozen=True, slots=True)
class Lag:
    """Since when, in seconds, an hour or a day has been due; and profiles that are not done yet."""

    hourly: float
    daily: float
    incomplete: int


async def catch_up(conn: Connection, now: datetime) -> int:
    """Note what the feed's next batches touched; returns how many came."""
    if not await _alone(conn):
        return 0
    await conn.execute(sql.adopt_profiles)
    await _notice_gaps(conn)
    followed = await batches.follow(conn, FOLLOWER, MOST_BATCHES, columns_of=[])
    for profile_id in {batch.profile_id for batch in followed if batch.has_readings}:
        mine = [batch for batch in followed if batch.profile_id == profile_id]
        await conn.execute(
            sql.note_touched,
            {
                "profile_id": profile_id,
                **_touched(mine),
                "now": now,
                "late_seconds": LATE_SECONDS,
                "settle_seconds": SETTLE_SECONDS,
            },
        )
    if followed:
        await batches.advance(conn, FOLLOWER, followed)
    return len(followed)


def _touched(followed: Sequence[Batch]) -> dict[str, list[int]]:
    """Each terminal and hour that these batches have a row of, once."""
    terminals = np.concatenate([batch.terminal_ids for batch in followed]).astype(np.int64)
    hours = np.concatenate([batch.times_us for batch in followed]) // _HOUR_US
    pairs = np.unique((terminals << 32) | (hours + 2**31))
    return {
        "terminal_ids": (pairs >> 32).tolist(),
        "hours": ((pairs & 0xFFFFFFFF) - 2**31).tolist(),
    }


async def _notice_gaps(conn: Connection) -> None:
    """Where the feed has forgotten what was not followed, nobody knows what that touched."""
    cursor = await conn.execute(sql.list_forgotten, {"follower": FOLLOWER})
    forgotten = {row["bridge"]: row["n"] async for row in cursor}
    if forgotten:
        log.warning("the feed has forgotten what was not rolled up", bridges=sorted(forgotten))
        await begin_anew(conn, None)
        await batches.skip_to(conn, FOLLOWER, forgotten)


async def begin_anew(conn: Connection, profile: DeviceProfile | None) -> None:
    """Let all that there is raw be rolled up again, of one profile or of every one."""
    await conn.execute(sql.begin_anew, {"profile_id": None if profile is None else profile.id})


async def roll(conn: Connection, now: datetime, *, daily: bool) -> int:
    """Roll up hours, or days, of one profile that are due; returns how many were."""
    if not await _alone(conn):
        return 0
    due = {"daily": daily, "now": now, "rows": MOST_BUCKETS}
    first = await (await conn.execute(sql.find_due, due)).fetchone()
    if first is None:
        return 0
    due["profile_id"] = first["profile_id"]
    taken = await (await conn.execute(sql.take_due, due)).fetchall()
    times = [row["time"] for row in taken]
    buckets = {
        "terminal_ids": [row["terminal_id"] for row in taken],
        "times": times,
        "start": min(times),
        "end": max(times) + (DAY if daily else HOUR),
    }
    rolled = Rolled(await profiles.find(conn, _SCOPE, first["code"]))
    await conn.execute(rolled.touched(daily=daily), buckets)
    if not daily:
        settled = {"now": now, "late_seconds": LATE_SECONDS, "settle_seconds": SETTLE_SECONDS}
        await conn.execute(sql.note_days, due | buckets | settled)
    return len(taken)


async def fill_in(conn: Connection) -> bool:
    """Roll up one more piece of what was there before the feed was followed; False: all is done."""
    if not await _alone(conn):
        return False
    next_ = await (await conn.execute(sql.find_unrolled)).fetchone()
    if next_ is None:
        return False
    done = {"profile_id": next_["profile_id"], "complete_from": None, "after": None}
    if next_["start"] is not None:
        rolled = Rolled(await profiles.find(conn, _SCOPE, next_["code"]))
        piece = {name: next_[name] for name in ("start", "end", "after")} | {"rows": PIECE_ROWS}
        place = await (await conn.execute(rolled.place(), piece)).fetchone()
        piece["upto"] = _LAST_TERMINAL if place is None else place["terminal_id"]
        await conn.execute(rolled.piece(daily=False), piece)
        # Days that the chunk cuts are whole when the chunk before it is done.
        first, last = (_day_of(next_[name]) for name in ("start", "end"))
        days = {"start": first, "end": last + DAY * (last < next_["end"])}
        await conn.execute(rolled.piece(daily=True), piece | days)
        done |= {"complete_from": next_["start"]}
        if place is not None:
            done |= {"complete_from": next_["end"], "after": place["terminal_id"]}
    await conn.execute(sql.note_rolled, done)
    return True


def _day_of(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


async def measure(conn: Connection) -> Lag:
    """How far behind the roll-ups are."""
    row = await (await conn.execute(sql.measure_rollups)).fetchone()
    assert row is not None
    return Lag(row["hourly"] or 0.0, row["daily"] or 0.0, row["incomplete"])


async def _alone(conn: Connection) -> bool:
    row = await (await conn.execute(sql.lead)).fetchone()
    return row is not None and bool(row["alone"])
