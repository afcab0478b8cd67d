"""What is known of roll-ups and of what an asker sees, before a series by step is read."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from foundation import queries
from foundation.database import Connection
from telemetry.resolution import Ground, Plan, Span, plan
from telemetry.sampling import Sampling

sql = queries.load("telemetry", "grounds.sql")

_HOUR_SECONDS = 3600


class Cut(NamedTuple):
    """Within a window a terminal begins or ceases to be the asker's to see."""

    terminal_id: int
    at: datetime


def may_be_rolled(sampling: Sampling) -> bool:
    """Whether steps are whole hours; others are read raw."""
    return sampling.step_seconds is not None and sampling.step_seconds % _HOUR_SECONDS == 0


async def cuts(conn: Connection, terminal_ids: Sequence[int], window: Span) -> list[Cut]:
    """Where what is seen of these terminals begins or ends within a window."""
    given = {"ids": list(terminal_ids), "start": window[0], "end": window[1]}
    return [Cut(**row) async for row in await conn.execute(sql.list_cuts, given)]


async def plan_for(
    conn: Connection,
    profile_code: str,
    terminal_ids: Sequence[int],
    window: Span,
    sampling: Sampling,
    cut_at: Sequence[datetime],
) -> Plan:
    """How a series by step of these terminals is read, of whom what is seen is cut there."""
    if not may_be_rolled(sampling):
        return Plan([window])
    given = {
        "profile": profile_code,
        "ids": list(terminal_ids),
        "start": window[0],
        "end": window[1],
    }
    row = await (await conn.execute(sql.find_ground, given)).fetchone()
    if row is None:
        return Plan([window])
    history = row.pop("history_from")
    seen = cut_at if history is None else [*cut_at, history]
    return plan(window, sampling.edges(*window), seen, Ground(**row))
