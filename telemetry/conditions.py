"""Events of what begins and ends in readings, kept from the feed in the order of device time.

Follows `telemetry.batch` as `conditions`. A reading that comes late changes what lies between its
neighbours, so that of each touched stretch of a terminal's time, from the reading before to the one
after, the events are made anew: those that are there and should not be go. Made twice, they are the
same, by whatever process.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from psycopg.sql import SQL, Composed, Identifier

from foundation import queries
from foundation.database import Connection
from registry.conditions import RESTORED, Condition, changes
from telemetry import batches
from telemetry.batches import Batch
from telemetry.model import Event, at

sql = queries.load("telemetry", "conditions.sql")

FOLLOWER = "conditions"
MOST_BATCHES = 50
_BEFORE_DAYS = 31  # how far back the reading before may lie: the accepted clock

# Of each touched stretch: the reading before (-1), those within (0) and the one after (1).
_STRETCH = SQL(
    """
    select s.terminal_id, p.time, p.delay_seconds, p.{metric}::{kind} as value, p.place
    from unnest(%(ids)s::int4[], %(begins)s::timestamptz[], %(ends)s::timestamptz[])
        s(terminal_id, begins, ends)
    cross join lateral (
        (select t.time, t.delay_seconds, t.{metric}, -1 as place from {table} t
            where t.terminal_id = s.terminal_id and t.time < s.begins
                and t.time > s.begins - make_interval(days => %(days)s) and t.{metric} is not null
            order by t.time desc limit 1)
        union all
        (select t.time, t.delay_seconds, t.{metric}, 0 from {table} t
            where t.terminal_id = s.terminal_id and t.time between s.begins and s.ends
                and t.{metric} is not null)
        union all
        (select t.time, t.delay_seconds, t.{metric}, 1 from {table} t
            where t.terminal_id = s.terminal_id and t.time > s.ends
                and t.time < s.ends + make_interval(days => %(days)s) and t.{metric} is not null
            order by t.time limit 1)) p
    order by s.terminal_id, p.time
    """
)


@dataclass(frozen=True, slots=True)
class _Watched:
    """A metric with conditions, in the table of its profile."""

    table: str
    metric: str
    kind: str
    conditions: tuple[Condition, ...]

    @property
    def codes(self) -> list[str]:
        """Every code that its changes may have."""
        return [c.code + end for c in self.conditions for end in ("", RESTORED)]

    def query(self) -> Composed:
        """Names come from the registry, never from a caller."""
        return _STRETCH.format(
            metric=Identifier(self.metric),
            kind=SQL("int4" if self.kind == "boolean" else "int8"),
            table=Identifier("telemetry", self.table),
        )


async def catch_up(conn: Connection) -> int:
    """Take over the feed's next batches in the caller's transaction; returns how many came."""
    watched = await _watched(conn)
    followed = await batches.follow(conn, FOLLOWER, MOST_BATCHES, columns_of=list(watched))
    if not followed:
        return 0
    by_profile: dict[int, list[Batch]] = defaultdict(list)
    for batch in followed:
        if batch.profile_id in watched:
            by_profile[batch.profile_id].append(batch)
    for profile_id, parts in by_profile.items():
        for metric in watched[profile_id]:
            await _renew(conn, metric, parts)
    await batches.advance(conn, FOLLOWER, followed)
    return len(followed)


async def _watched(conn: Connection) -> dict[int, list[_Watched]]:
    """By profile, its metrics with conditions: a few, in any deployment."""
    found: dict[int, list[_Watched]] = defaultdict(list)
    async for row in await conn.execute(sql.list_conditions):
        conditions = tuple(Condition(**written) for written in row["conditions"])
        found[row["profile_id"]].append(
            _Watched(row["profile"], row["metric"], row["type"], conditions)
        )
    return found


async def _renew(conn: Connection, watched: _Watched, parts: Iterable[Batch]) -> None:
    """Make the events of the stretches of time that these batches touched what they should be."""
    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    for batch in parts:
        column = batch.columns.get(watched.metric)
        if column is None:
            continue
        ids, times = batch.terminal_ids[column.present], batch.times_us[column.present]
        for terminal_id in np.unique(ids).tolist():
            own = times[ids == terminal_id]
            first, last = int(own.min()), int(own.max())
            begins[terminal_id] = min(first, begins.get(terminal_id, first))
            ends[terminal_id] = max(last, ends.get(terminal_id, last))
    if not begins:
        return
    cursor = await conn.execute(
        watched.query(),
        {
            "ids": list(begins),
            "begins": [at(us) for us in begins.values()],
            "ends": [at(ends[terminal_id]) for terminal_id in begins],
            "days": _BEFORE_DAYS,
        },
    )
    await _replace(conn, watched, await cursor.fetchall())


async def _replace(conn: Connection, watched: _Watched, rows: Sequence[dict[str, Any]]) -> None:
    """Delete what is told of these stretches and does not hold, and tell what does."""
    wanted: dict[tuple[int, datetime, str, int], Event] = {}
    stretches: dict[int, tuple[datetime, datetime]] = {}
    before: dict[int, int] = {}
    for row in rows:
        terminal_id, time, value = row["terminal_id"], row["time"], row["value"]
        if row["place"] >= 0:
            begin, _ = stretches.get(terminal_id, (time, time))
            stretches[terminal_id] = begin, time
            for event in _events(watched, row, before.get(terminal_id, 0)):
                wanted[terminal_id, time, event.code, event.digest] = event
        before[terminal_id] = value
    cursor = await conn.execute(
        sql.find_told,
        {
            "ids": list(stretches),
            "begins": [begin for begin, _ in stretches.values()],
            "ends": [end for _, end in stretches.values()],
            "codes": watched.codes,
            "metric": watched.metric,
        },
    )
    told = {
        (row["terminal_id"], row["time"], row["code"], row["digest"])
        for row in await cursor.fetchall()
    }
    for terminal_id, time, code, digest in told - wanted.keys():
        key = {"terminal_id": terminal_id, "time": time, "code": code, "digest": digest}
        await conn.execute(sql.untell, key)
    new = [event for key, event in wanted.items() if key not in told]
    if new:
        await conn.execute(
            sql.tell,
            {
                "times": [at(event.time_us) for event in new],
                "terminal_ids": [event.terminal_id for event in new],
                "delays": [event.delay_seconds for event in new],
                "codes": [event.code for event in new],
                "severities": [event.severity for event in new],
                "data": [event.data for event in new],
                "digests": [event.digest for event in new],
            },
        )
        await batches.publish(conn, batches.OF_CONDITIONS, batches.events_row(new))


def _events(watched: _Watched, row: dict[str, Any], before: int) -> list[Event]:
    time_us = round(row["time"].timestamp() * 1_000_000)
    received_us = time_us + row["delay_seconds"] * 1_000_000
    return [
        Event(
            row["terminal_id"],
            time_us,
            received_us,
            code,
            severity,
            None,
            json.dumps({"metric": watched.metric, "bit": condition.bit}),
        )
        for code, severity, condition in changes(watched.conditions, before, row["value"])
    ]
