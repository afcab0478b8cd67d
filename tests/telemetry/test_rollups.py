"""Roll-ups against raw readings: live, late, merged, older than the follower, and forgotten."""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.composite import CompositeInfo, register_composite

from foundation.database import Connection
from registry import profiles
from registry.model import DeviceProfile, Metric, MetricType
from telemetry import retention, rollups
from telemetry.model import Value, at
from tests.conftest import Database
from tests.telemetry.ground import (
    EVERY_KIND,
    NOON_US,
    SYSTEM,
    Reading,
    connected,
    define,
    execute,
    metric,
    profile,
    read,
    read_table,
    rows_of,
    store,
    writing,
)
from tests.telemetry.rolling import roll_up

NOW = at(NOON_US)
_HOUR_US = 3_600_000_000
_SPAN_US = {"hourly": _HOUR_US, "daily": 24 * _HOUR_US}


@pytest.fixture
async def every_kind(database: Database) -> DeviceProfile:
    """A profile with a metric of every kind."""
    return await define(database, EVERY_KIND)


def drawn(dice: random.Random, days: float = 3) -> list[Reading]:
    """Readings of the days before NOW, as they are stored, each without one metric or another."""
    readings: list[Reading] = []
    for _ in range(200):
        said: Mapping[str, Value] = {
            "voltage": round(dice.uniform(-1000, 1000), 3),
            "energy": dice.randrange(-(10**6), 10**6),
            "count": dice.randrange(-(2**62), 2**62),
            "open": dice.random() < 0.5,
            "note": dice.choice(("ok", "höher", "")),
        }
        time = NOON_US - int(dice.random() * days * 24 * _HOUR_US)
        kept = {name: value for name, value in said.items() if dice.random() < 0.7}
        readings.append((dice.randrange(1, 4), time, kept))
    return readings


def modelled(defined: DeviceProfile, readings: Sequence[Reading], span_us: int) -> dict[Any, Any]:
    """What a bucket of each terminal shows, by terminal and beginning, told plainly."""
    buckets: dict[tuple[int, datetime], list[tuple[datetime, Mapping[str, Value]]]] = {}
    for terminal, time, said in sorted(readings, key=lambda r: (r[0], r[1])):
        bucket = (terminal, at(time // span_us * span_us))
        buckets.setdefault(bucket, []).append((at(time), said))
    shown = {}
    for bucket, listed in buckets.items():
        row: dict[str, Any] = {"#readings": len(listed)}
        for m in defined.metrics:
            scale = 1 if m.decimals is None else 10**m.decimals
            values: list[tuple[datetime, Any]] = [
                (t, s[m.name] if scale == 1 else float(s[m.name]) / scale)
                for t, s in listed
                if m.name in s
            ]
            row[m.name] = _parts(m, values) if values else None
        shown[bucket] = row
    return shown


def _parts(of: Metric, values: Sequence[tuple[datetime, Any]]) -> tuple[Any, ...]:
    """What a bucket says of a metric."""
    only = [value for _, value in values]
    (first_at, first), (last_at, last) = values[0], values[-1]
    sums: tuple[Any, ...] = ()
    if of.type is MetricType.BOOLEAN:
        sums = (sum(only),)
    elif of.type is not MetricType.TEXT:
        total = sum(only)
        sums = (pytest.approx(total) if isinstance(total, float) else total, min(only), max(only))
    return (len(only), *sums, first, first_at, last, last_at)


def read_composites(database: Database, statement: str) -> list[dict[str, Any]]:
    """Rows of a query, values of several parts as tuples."""
    with psycopg.connect(database.superuser, row_factory=dict_row) as conn:
        for kind in MetricType:
            info = CompositeInfo.fetch(conn, f"rolled.of_{kind}")
            assert info is not None
            register_composite(info, conn)
        return conn.execute(statement.encode()).fetchall()


def rolled(database: Database, grain: str) -> dict[Any, Any]:
    """What stands in the roll-ups."""
    rows = read_composites(database, f"select * from telemetry.every_kind_{grain}")
    return {(row.pop("terminal_id"), row.pop("time")): row for row in rows}


def assert_rolled(database: Database, defined: DeviceProfile) -> None:
    """Hours and days are what a plain model makes of what is stored."""
    readings = read_table(database, defined)
    for grain, span_us in _SPAN_US.items():
        found = rolled(database, grain)
        expected = modelled(defined, readings, span_us)
        assert found.keys() == expected.keys()
        for bucket, row in expected.items():
            assert found[bucket] == row, bucket


async def test_hours_and_days_are_what_raw_readings_say(
    database: Database, every_kind: DeviceProfile
) -> None:
    """As they come, and again when more comes late, in hours of which some are there."""
    dice = random.Random(1)
    async with writing(database) as writer:
        for _ in range(3):
            await store(writer, rows_of(every_kind, drawn(dice)), [True] * 200)
            await roll_up(database, NOW)
            assert_rolled(database, every_kind)


async def test_a_merged_reading_and_a_new_metric_are_in_the_bucket(
    database: Database, every_kind: DeviceProfile
) -> None:
    """What a reading gains later is counted; of a hidden metric nothing is shown, and all kept."""
    async with writing(database) as writer:
        await store(writer, rows_of(every_kind, [(1, NOON_US, {"voltage": 1.5})]))
        await roll_up(database, NOW)
        async with connected(database.api) as conn:
            more = await profiles.add_metric(conn, SYSTEM, "every_kind", metric("late", "bigint"))
        said = {"voltage": 1.5, "late": 2**62, "energy": 250}
        await store(writer, rows_of(more, [(1, NOON_US, said), (1, NOON_US + 1, {"late": 2**62})]))
    [hour] = rolled(database, "hourly").values()
    assert hour["late"] is None
    await roll_up(database, NOW)
    assert_rolled(database, more)
    [hour] = rolled(database, "hourly").values()
    assert (hour["late"].sum, hour["energy"].sum) == (2**63, 2.5)
    async with connected(database.api) as conn:
        await profiles.hide_metric(conn, SYSTEM, "every_kind", "late")
    assert "late" not in next(iter(rolled(database, "daily").values()))
    assert read(database, "select (late).count from rolled.every_kind_daily") == [{"count": 2}]


async def test_what_was_there_before_is_rolled_up_in_pieces(
    database: Database, every_kind: DeviceProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readings that no batch tells of, in several chunks, of some terminals at a time."""
    monkeypatch.setattr("telemetry.rollups.PIECE_ROWS", 20)
    async with writing(database) as writer:
        await store(writer, rows_of(every_kind, drawn(random.Random(2), days=30)), [True] * 200)
    execute(database, "truncate telemetry.batch; update telemetry.bridge set last_n = 0")
    reached = []
    async with connected(database.jobs) as conn:
        await rollups.catch_up(conn, NOW)
    while True:
        async with connected(database.jobs) as conn:
            if not await rollups.fill_in(conn):
                break
        reached += read(
            database,
            "select nullif(nullif(complete_from, 'infinity'), '-infinity') at, after_terminal"
            " from telemetry.rollup",
        )
    assert_rolled(database, every_kind)
    assert len(reached) > 12
    assert len({row["at"] for row in reached}) > 4
    async with connected(database.jobs) as conn:
        assert (await rollups.measure(conn)).incomplete == 0


async def test_what_the_feed_has_forgotten_is_rolled_up_anew(
    database: Database, every_kind: DeviceProfile
) -> None:
    """Batches that are gone before they were followed leave no hole, whether others came or not."""
    dice = random.Random(3)
    async with writing(database) as writer:
        await store(writer, rows_of(every_kind, drawn(dice)), [True] * 200)
        await roll_up(database, NOW)
        for forgotten in ("n = 2", "true"):
            for _ in range(2):
                await store(writer, rows_of(every_kind, drawn(dice)), [True] * 200)
            execute(database, f"delete from telemetry.batch where {forgotten}")
            async with connected(database.jobs) as conn:
                await rollups.catch_up(conn, NOW)
                assert (await rollups.measure(conn)).incomplete == 1
            await roll_up(database, NOW)
            assert_rolled(database, every_kind)
    async with connected(database.jobs) as conn:
        await rollups.catch_up(conn, NOW)
        assert (await rollups.measure(conn)).incomplete == 0


async def test_who_dies_between_two_steps_loses_no_bucket(
    database: Database, every_kind: DeviceProfile
) -> None:
    """Each step that was not committed is done by the next one, and two never do the same."""
    async with writing(database) as writer:
        await store(writer, rows_of(every_kind, drawn(random.Random(4))), [True] * 200)
    for step in ("catch_up", "fill_in", "hours", "days"):
        with pytest.raises(RuntimeError, match="died"):
            await _begin(database, step)
        async with connected(database.jobs) as conn:
            assert await _step(conn, step)
        if step != "days":
            await _all_of(database, step)
    await roll_up(database, NOW)
    assert_rolled(database, every_kind)


async def _begin(database: Database, step: str) -> None:
    async with connected(database.jobs) as conn, connected(database.jobs) as other:
        assert await _step(conn, step)
        assert not await _step(other, step)
        raise RuntimeError("died")


async def _step(conn: Connection, step: str) -> bool:
    if step == "catch_up":
        return await rollups.catch_up(conn, NOW) > 0
    if step == "fill_in":
        return await rollups.fill_in(conn)
    days = step == "days"
    return await rollups.roll(conn, NOW + timedelta(days=3 if days else 2), daily=days) > 0


async def _all_of(database: Database, step: str) -> None:
    more = True
    while more:
        async with connected(database.jobs) as conn:
            more = await _step(conn, step)


async def test_an_hour_is_rolled_up_some_time_after_its_end(
    database: Database, every_kind: DeviceProfile
) -> None:
    """Once for all that came in it; a late reading waits for its like."""
    async with connected(database.jobs) as conn:
        await rollups.catch_up(conn, NOW)
    begin_us = NOON_US // _HOUR_US * _HOUR_US
    end = at(begin_us + _HOUR_US)
    async with writing(database) as writer:
        for k in range(3):
            await store(writer, rows_of(every_kind, [(1, begin_us + k, {"voltage": 1.0})]))
            async with connected(database.jobs) as conn:
                assert await rollups.catch_up(conn, NOW) == 1
        for late, before, after in (
            (False, end + timedelta(seconds=119), end + timedelta(seconds=120)),
            (True, end + timedelta(seconds=359), end + timedelta(seconds=360)),
        ):
            if late:
                await store(writer, rows_of(every_kind, [(1, begin_us + 9, {"voltage": 2.0})]))
                async with connected(database.jobs) as conn:
                    await rollups.catch_up(conn, end + timedelta(seconds=300))
            async with connected(database.jobs) as conn:
                assert await rollups.roll(conn, before, daily=False) == 0
                assert await rollups.roll(conn, after, daily=False) == 1
    [hour] = rolled(database, "hourly").values()
    assert (hour["#readings"], hour["voltage"].max) == (4, 2.0)


async def test_numbers_that_cannot_be_added_stop_nothing(
    database: Database, every_kind: DeviceProfile
) -> None:
    """The sum of a bucket whose sum would overflow is absent; all else of it is there."""
    said = [(1, NOON_US + k, {"voltage": 1.7e308}) for k in range(3)]
    async with writing(database) as writer:
        await store(writer, rows_of(every_kind, said))
    await roll_up(database, NOW)
    for grain in _SPAN_US:
        [bucket] = rolled(database, grain).values()
        assert bucket["voltage"][:4] == (3, None, 1.7e308, 1.7e308)


async def test_the_most_metrics_there_may_be_fit_into_a_bucket(database: Database) -> None:
    """Two hundred metrics in one reading."""
    wide = await define(database, profile("wide", *(metric(f"m{k}") for k in range(200))))
    async with writing(database) as writer:
        await store(writer, rows_of(wide, [(1, NOON_US, {f"m{k}": k + 0.5 for k in range(200)})]))
    await roll_up(database, NOW)
    [row] = read(database, "select (m7).max, (m199).last from telemetry.wide_daily")
    assert row == {"max": 7.5, "last": 199.5}


async def test_raw_readings_are_forgotten_only_where_roll_ups_stand_for_them(
    database: Database, every_kind: DeviceProfile
) -> None:
    """No chunk goes in which something is due, unseen or not rolled up; what went stays rolled."""
    dice = random.Random(6)
    late = NOON_US - 10 * 24 * _HOUR_US

    async def forget(before: datetime) -> int:
        async with connected(database.jobs) as conn:
            return await retention.forget_raw(conn, every_kind, before)

    async with writing(database) as writer:
        await store(writer, rows_of(every_kind, drawn(dice, days=30)), [True] * 200)
        assert await forget(NOW) == 0
        await roll_up(database, NOW)
        chunks = len(read(database, "select show_chunks('telemetry.every_kind')"))
        await store(writer, rows_of(every_kind, [(1, late, {"voltage": 1.0})]))
        unseen = await forget(NOW)
        assert 0 < unseen < chunks - 1
        async with connected(database.jobs) as conn:
            assert await rollups.catch_up(conn, NOW) == 1
        assert await forget(NOW) == 0
        await roll_up(database, NOW)
        kept = {grain: rolled(database, grain) for grain in _SPAN_US}
        assert await forget(NOW) > 0
    assert len(read(database, "select show_chunks('telemetry.every_kind')")) == 1
    async with connected(database.jobs) as conn:
        await rollups.begin_anew(conn, every_kind)
    await roll_up(database, NOW)
    assert {grain: rolled(database, grain) for grain in _SPAN_US} == kept
