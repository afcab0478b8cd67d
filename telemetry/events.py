"""Events into their table: each once, and one that PostgreSQL refuses does not stop the rest."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from foundation import queries
from foundation.database import ROW_FAULTS, Connection
from telemetry.model import Event, at

sql = queries.load("telemetry")


@dataclass(slots=True)
class Recorded:
    """What became of each of some events, by its index; one in neither was there already."""

    new: set[int] = field(default_factory=set)
    refused: dict[int, str] = field(default_factory=dict)
    """What PostgreSQL says of an event that it can never take."""


async def record(conn: Connection, events: Sequence[Event]) -> Recorded:
    """Keep events, in the caller's transaction."""
    first: dict[tuple[object, ...], int] = {}
    for k, event in enumerate(events):
        first.setdefault((event.terminal_id, at(event.time_us), event.code, event.digest), k)
    recorded = Recorded()
    await _place(conn, events, first, list(first.values()), recorded)
    return recorded


async def _place(
    conn: Connection,
    events: Sequence[Event],
    first: dict[tuple[object, ...], int],
    picked: list[int],
    recorded: Recorded,
) -> None:
    """Insert the picked ones; by halves where a row is at fault, to find it."""
    try:
        async with conn.transaction():
            cursor = await conn.execute(sql.insert_events, _columns([events[k] for k in picked]))
            rows = await cursor.fetchall()
        recorded.new.update(
            first[row["terminal_id"], row["time"], row["code"], row["digest"]] for row in rows
        )
    except psycopg.Error as error:
        if error.sqlstate not in ROW_FAULTS:
            raise
        if len(picked) > 1:
            middle = len(picked) // 2
            await _place(conn, events, first, picked[:middle], recorded)
            await _place(conn, events, first, picked[middle:], recorded)
        else:
            recorded.refused[picked[0]] = error.diag.message_primary or str(error)


def _columns(events: Sequence[Event]) -> dict[str, list[object]]:
    return {
        "times": [at(e.time_us) for e in events],
        "terminal_ids": [e.terminal_id for e in events],
        "delays": [e.delay_seconds for e in events],
        "codes": [e.code for e in events],
        "severities": [e.severity for e in events],
        "texts": [e.text for e in events],
        "data": [e.data for e in events],
        "digests": [e.digest for e in events],
    }
