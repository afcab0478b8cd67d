"""The newest values of many terminals: which ones first, then their values, some at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Unpack

from psycopg.rows import tuple_row

from foundation import queries
from foundation.database import Connection
from registry import keyset, terminal_lists
from registry.model import MetricType, Page
from registry.scope import Right, Scope
from registry.terminal_lists import Filters
from telemetry.errors import LimitInvalid, MetricUnknown
from telemetry.model import LatestValue
from telemetry.reader import typed
from telemetry.sight import EVER

sql = queries.load("telemetry", "latest_lists.sql")

MOST_TERMINALS = 10_000

_EVER = {"start": EVER[0], "end": EVER[1]}
_TYPES = {kind.value: kind for kind in MetricType}


@dataclass(frozen=True, slots=True)
class LatestValues:
    """The newest value of each metric of a terminal, by its name; none of one never heard."""

    terminal: str
    items: Sequence[LatestValue]


async def list_terminals(
    conn: Connection,
    scope: Scope,
    *,
    after: str | None = None,
    limit: int = 50,
    **filters: Unpack[Filters],
) -> Page[tuple[str, int]]:
    """Code and id of a page of terminals, up to MOST_TERMINALS; as `terminal_lists.list_page`."""
    scope.require(Right.TELEMETRY_READ)
    if not 1 <= limit <= MOST_TERMINALS:
        raise LimitInvalid(f"A page has 1 to {MOST_TERMINALS} terminals.", field="limit")
    found: list[tuple[str, int]] = []
    while True:
        rows = min(limit - len(found), keyset.MOST_ROWS)
        page = await terminal_lists.list_page(conn, scope, after=after, limit=rows, **filters)
        found += [(terminal.code, terminal.id) for terminal in page.items]
        after = page.next_key
        if after is None or len(found) >= limit:
            return Page(found, after)


async def check_metrics(conn: Connection, scope: Scope, names: Sequence[str]) -> None:
    """MetricUnknown for one that no profile shows."""
    scope.require(Right.TELEMETRY_READ)
    row = await (await conn.execute(sql.list_unknown_metrics, {"names": list(names)})).fetchone()
    if row is not None:
        raise MetricUnknown(f"No profile has a metric {row['name'][:80]}.", field="metric")


async def of(
    conn: Connection,
    scope: Scope,
    terminals: Sequence[tuple[str, int]],
    metrics: Sequence[str] = (),
) -> list[LatestValues]:
    """The newest values of terminals that were found in scope, in their order; perhaps of some
    metrics only."""
    scope.require(Right.TELEMETRY_READ)
    values: Mapping[int, list[LatestValue]] = {number: [] for _, number in terminals}
    asked = {"ids": list(values), "metrics": list(metrics) or None, **_EVER}
    async with conn.cursor(row_factory=tuple_row) as cursor:  # forty thousand rows are no rarity
        await cursor.execute(sql.list_latest_of_many, asked)
        for terminal_id, metric, time, number, text, kind in await cursor.fetchall():
            value = LatestValue(metric, time, typed(_TYPES[kind], number, text))
            values[terminal_id].append(value)
    return [LatestValues(code, values[number]) for code, number in terminals]
