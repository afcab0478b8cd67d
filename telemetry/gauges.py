"""Figures of the whole fleet for `/metrics`: counted by one leader, never by terminal or client."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from foundation import queries
from foundation.database import Connection
from registry.scope import Scope
from telemetry import supervision, tally
from telemetry.model import DataState
from telemetry.supervision_model import Counts, RollUpBy

_SCOPE = Scope.system("gauges")

sql = queries.load("telemetry", "gauges.sql")


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts by (sector, province code[, state or severity]), by reason; seconds by follower."""

    terminals: dict[tuple[str, int, str], int]
    online: dict[tuple[str, int], int]
    alarms: dict[tuple[str, int, str], int]
    quarantine: dict[str, int]
    lag_seconds: dict[str, float]


async def count(conn: Connection) -> Figures:
    """All figures: what the roll call has added up, and what lies in quarantine and feed."""
    counted: Counter[tuple[str, int, str]] = Counter()
    heard: Counter[tuple[str, int]] = Counter()
    for part in (await tally.fleet(conn, _SCOPE)).parts:
        counted[part.sector, part.province_code, part.state.value] += part.terminals
        if part.state.counts_in_rates and part.data is DataState.ONLINE:
            heard[part.sector, part.province_code] += part.terminals
    refused = await conn.execute(sql.count_quarantine_rows)
    items = {r["reason"]: r["items"] async for r in refused}
    found = await conn.execute(sql.count_alarms)
    alarms = {(r["sector"], r["province"], r["severity"]): r["alarms"] async for r in found}
    lags = await conn.execute(sql.measure_lag)
    return Figures(counted, heard, alarms, items, {r["follower"]: r["seconds"] async for r in lags})


async def supervise(conn: Connection) -> Mapping[str, Counts]:
    """What supervision sees now, by the code of a province, or of the headquarters."""
    rolled = await supervision.roll_up(conn, _SCOPE, RollUpBy.REGION)
    return {row.key: row.counts for row in rolled.rows if row.key is not None}


async def count_customers(conn: Connection) -> Mapping[tuple[str, str, str], int]:
    """Customers by (`industry` or `tier`, its code, verified, due or unverified)."""
    cursor = await conn.execute(sql.count_customers)
    return {(row["by"], row["key"], row["file"]): row["customers"] async for row in cursor}
