"""How many there are: exact up to ten thousand, beyond that from sums that the roll call keeps."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Unpack

from psycopg.types.json import Jsonb

from foundation import queries
from foundation.database import Connection
from registry import terminal_lists
from registry.model import TerminalState
from registry.scope import Right, Scope
from registry.terminal_lists import Filters
from telemetry.model import DataState, SessionState
from telemetry.presence import Heard, presence_asked

sql = queries.load("telemetry", "tally.sql")

MOST_EXACT = 10_000
_DRAWN = 300_000
# What the sums are kept by; for all else lots are drawn.
_KEPT = {"everything", "region_low", "region_high", "group_clients", "group_client", "low", "high",
         "state", "profile_ids", "data"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Count:
    """How many; `exact`, or within ten per cent."""

    number: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """How many terminals of a sector in a province are in a state, and of what data."""

    sector: str
    province_code: int
    state: TerminalState
    data: DataState
    terminals: int


@dataclass(frozen=True, slots=True)
class Fleet:
    """All that a scope sees, added up; `as_of` None is counted just now."""

    parts: tuple[Part, ...]
    as_of: datetime | None


async def fleet(conn: Connection, scope: Scope) -> Fleet:
    """The fleet in scope by sector, province, state and data: counted, or, where large, summed."""
    scope.require(Right.TELEMETRY_READ)
    clock = await (await conn.execute(sql.read_clock)).fetchone()
    assert clock is not None
    if clock["complete"]:
        summed = await _parts(conn, scope, sql.sum_tally)
        if sum(part.terminals for part in summed) > MOST_EXACT:
            return Fleet(summed, clock["as_of"])
    return Fleet(await _parts(conn, scope, sql.sum_fleet), None)


async def count(
    conn: Connection,
    scope: Scope,
    *,
    data: Heard | None = None,
    session: SessionState | None = None,
    **filters: Unpack[Filters],
) -> Count:
    """How many terminals a list with these filters has."""
    scope.require(Right.TELEMETRY_READ)
    asked = await terminal_lists.conditions(conn, scope, **filters)
    asked |= presence_asked(data, session)
    given: dict[str, Any] = {"wanted": Jsonb(asked), "most": MOST_EXACT + 1}
    exactly = await _number(conn, sql.count_terminals, given)
    if exactly <= MOST_EXACT:
        return Count(exactly)
    clock = await (await conn.execute(sql.read_clock)).fetchone()
    if clock is not None and clock["complete"] and asked.keys() <= _KEPT:
        one = asked.get("group_client")
        kept = dict.fromkeys(("low", "high", "state", "profile_ids", "data")) | asked
        about = await _number(conn, sql.count_tally, kept | {"clients": one and [one]})
    else:
        given = {"wanted": Jsonb(asked), "drawn": _DRAWN}
        about = await _number(conn, sql.estimate_terminals, given)
    return Count(max(about, exactly), exact=False)


async def _parts(conn: Connection, scope: Scope, query: str) -> tuple[Part, ...]:
    cursor = await conn.execute(query, scope.parameters())
    return tuple(
        [
            Part(**row | {"state": TerminalState(row["state"]), "data": DataState(row["data"])})
            async for row in cursor
        ]
    )


async def _number(conn: Connection, query: str, given: dict[str, Any]) -> int:
    row = await (await conn.execute(query, given)).fetchone()
    assert row is not None
    return int(row["terminals"])
