"""Figures of the whole fleet for `/metrics`: counted by one leader, never by terminal or client."""

from dataclasses import dataclass

from foundation import queries
from foundation.database import Connection

sql = queries.load("telemetry", "gauges.sql")


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts by (sector, province code[, state]), by reason, and lag in seconds by follower."""

    terminals: dict[tuple[str, int, str], int]
    online: dict[tuple[str, int], int]
    quarantine: dict[str, int]
    lag_seconds: dict[str, float]


async def count(conn: Connection) -> Figures:
    """All figures, in one look over the registry and what is known of presence."""
    terminals = await conn.execute(sql.count_terminals)
    counted = {(r["sector"], r["province"], r["state"]): r["terminals"] async for r in terminals}
    online = await conn.execute(sql.count_online)
    heard = {(r["sector"], r["province"]): r["terminals"] async for r in online}
    refused = await conn.execute(sql.count_quarantine_rows)
    items = {r["reason"]: r["items"] async for r in refused}
    lags = await conn.execute(sql.measure_lag)
    return Figures(counted, heard, items, {r["follower"]: r["seconds"] async for r in lags})
