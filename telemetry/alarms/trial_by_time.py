"""What a rule that is judged by time would have raised at a terminal, from what is stored.

As if the platform had listened all the time. What is known of a terminal from before a window
counts, as it does for a rule that is enabled.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from psycopg import sql as statement

from foundation import queries
from foundation.database import Connection
from registry.scope import Right, Scope
from telemetry.alarms.absence import SECOND_US, Absent, ByTime
from telemetry.sight import unix_us
from telemetry.watch import LATE_SECONDS

sql = queries.load("telemetry", "alarms/trial.sql")

# When readings came by our clock, without those that were late; and the last before the window.
_CAME = """select (extract(epoch from time) * 1000000)::int8 + delay_seconds * 1000000::int8 as us
from {view} where terminal_id = %(id)s and time < {until} and time >= {since}
    and delay_seconds <= %(late)s and {present}
order by time {order} limit %(rows)s"""


@dataclass(frozen=True, slots=True)
class Spell:
    """From when to when an alarm is open (Unix us); still at the end where `over_us` is None."""

    raised_us: int
    over_us: int | None


@dataclass(frozen=True, slots=True)
class Tried:
    """The alarms of a terminal, and how much was looked at."""

    spells: Sequence[Spell]
    looked_at: int


async def tried(
    conn: Connection,
    scope: Scope,
    watched: ByTime,
    for_seconds: int,
    profile: str | None,
    asked: Mapping[str, Any],
) -> Tried:
    """Hold a rule against a terminal (`id`), found in scope, in a window; up to so many `rows`."""
    scope.require(Right.TELEMETRY_READ)
    for_us = for_seconds * SECOND_US
    if isinstance(watched, Absent):
        assert profile is not None
        return await _absent(conn, watched, for_us, profile, asked)
    rows = await conn.execute(sql.list_changes, {**asked, "fact": watched.of.value})
    changes = [(row["us"], row["present"]) async for row in rows]
    end_us = _end_us([us for us, _ in changes], asked)
    back_us = watched.back_seconds * SECOND_US
    return Tried(silences(changes, for_us, back_us, end_us), len(changes))


def silences(
    changes: Iterable[tuple[int, bool]], for_us: int, back_us: int, end_us: int
) -> list[Spell]:
    """The alarms of one fact of presence, from when it changed (Unix us) and to what."""
    found: list[Spell] = []
    gone_us: int | None = None
    back_at_us: int | None = None
    raised_us: int | None = None
    for us, present in [*changes, (end_us, None)]:
        if gone_us is not None and raised_us is None and us > gone_us + for_us:
            raised_us = gone_us + for_us
        if raised_us is not None and back_at_us is not None and us > back_at_us + back_us:
            found.append(Spell(raised_us, back_at_us))
            raised_us = None
        if present is not None:
            gone_us, back_at_us = (None, us) if present else (us, None)
    return found if raised_us is None else [*found, Spell(raised_us, None)]


def absences(came: Sequence[int], waits: Sequence[int], end_us: int) -> list[Spell]:
    """The alarms of what came at these times (Unix us), and was waited for so long after each."""
    return [
        Spell(us + longest, next_us if next_us != end_us else None)
        for (us, next_us), longest in zip(pairwise([*came, end_us]), waits, strict=True)
        if next_us > us + longest
    ]


async def _absent(
    conn: Connection, watched: Absent, for_us: int, profile: str, asked: Mapping[str, Any]
) -> Tried:
    row = await (await conn.execute(sql.find_patience, asked)).fetchone()
    assert row is not None
    patience_us = watched.patience_us(row["interval_seconds"])
    usual = row["silent_after_seconds"] if watched.metric is None else patience_us // SECOND_US
    came = await _came(conn, watched, profile, {**asked, "late": max(usual, LATE_SECONDS)})
    end_us = _end_us(came, asked)
    waits = [patience_us + for_us] * len(came)
    missed = [
        (k, us + waits[k])
        for k, (us, next_us) in enumerate(pairwise([*came, end_us]))
        if next_us > us + waits[k]
    ]
    given = {"id": asked["id"], "moments_us": [due for _, due in missed]}
    longer = {row["us"]: row["times"] async for row in await conn.execute(sql.list_longer, given)}
    for k, due in missed:
        waits[k] = round(patience_us * max(longer.get(due, 1.0), 1.0)) + for_us
    return Tried(absences(came, waits, end_us), len(came))


def _end_us(times: Sequence[int], asked: Mapping[str, Any]) -> int:
    """Up to when something is known: where there is more than was to be looked at, no further."""
    return times[-1] if len(times) >= asked["rows"] else unix_us(asked["end"])


async def _came(
    conn: Connection, watched: Absent, profile: str, asked: Mapping[str, Any]
) -> list[int]:
    """When a terminal told what is watched for, by our clock: the last before, and all within."""
    told: statement.Composable = statement.SQL("true")
    if watched.metric is not None:
        told = statement.SQL("{} is not null").format(statement.Identifier(watched.metric))
    parts: dict[str, statement.Composable] = {
        "view": statement.Identifier("visible", profile),
        "present": told,
    }
    start, end = statement.Placeholder("start"), statement.Placeholder("end")
    longest = statement.SQL("{} - interval '31 days'").format(start)
    within = statement.SQL(_CAME).format(
        since=start, until=end, order=statement.SQL("asc"), **parts
    )
    before = statement.SQL(_CAME).format(
        since=longest, until=start, order=statement.SQL("desc"), **parts
    )
    found: list[int] = []
    for query, rows in ((before, 1), (within, asked["rows"])):
        cursor = await conn.execute(query, {**asked, "rows": rows})
        found += [row["us"] async for row in cursor]
    end_us = unix_us(asked["end"])
    return sorted(us for us in found if us < end_us)
