"""Merging looks each staged row up by its key, whatever the planner believes of the table."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from registry.model import DeviceProfile
from telemetry.model import at
from telemetry.tables import Table
from tests.conftest import Database
from tests.telemetry.ground import METER, NOON_US, define, rows_of, store, writing

STAGED = 2000
STALE = [(1, NOON_US - 3_600_000_000 + k, {"a": 1.0}) for k in range(STAGED)]
FRESH = [(1 + k % 5, NOON_US + k, {"a": 1.0}) for k in range(STAGED)]
BOUNDS = {"first": at(NOON_US), "last": at(NOON_US + STAGED)}


@pytest.fixture
async def meter(database: Database) -> DeviceProfile:
    """A profile whose table has grown since its statistics: they know nothing of the last rows."""
    defined = await define(database, METER)
    async with writing(database) as writer:
        await store(writer, rows_of(defined, STALE))
        with psycopg.connect(database.superuser, autocommit=True) as conn:
            conn.execute("analyze telemetry.meter")
        await store(writer, rows_of(defined, FRESH))
    return defined


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's node and all below it."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def looked_at(conn: psycopg.Connection[Any], query: str, given: dict[str, Any]) -> float:
    """How many rows a statement handles in all, those included that it looks at in vain."""
    found = conn.execute(f"explain (analyze, format json, timing off) {query}".encode(), given)
    row = found.fetchone()
    assert row is not None
    explained = row[0] if isinstance(row[0], list) else json.loads(row[0])
    total: float = sum(
        node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Join Filter", 0))
        for node in nodes(explained[0]["Plan"])
    )
    return total


async def test_what_is_merged_is_not_held_against_each_other(
    database: Database, meter: DeviceProfile
) -> None:
    """Two thousand staged rows of which all are there cost thousands of look-ups, not millions."""
    table, metrics = Table(meter), ["a", "b"]
    with psycopg.connect(database.superuser) as conn:
        conn.execute(table.stage().encode())
        conn.execute(
            f"insert into {table.staging} (k, time, terminal_id, delay_seconds, a, b)"
            " select row_number() over () - 1, time, terminal_id, delay_seconds, a, 2"
            " from telemetry.meter where time between %(first)s and %(last)s".encode(),
            BOUNDS,
        )
        compared = looked_at(conn, table.compare_staged(metrics), BOUNDS)
        given = BOUNDS | {"ks": list(range(STAGED))}
        extended = looked_at(conn, table.extend_stored(metrics), given)

    assert compared < 20 * STAGED
    assert extended < 20 * STAGED
