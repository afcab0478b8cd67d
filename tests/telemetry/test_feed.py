"""The feed of committed batches and the newest values kept from it."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.model import DeviceProfile
from telemetry import batches, latest
from telemetry.model import Event
from tests.conftest import Database
from tests.telemetry.ground import (
    EVERY_KIND,
    NOON_US,
    connected,
    define,
    execute,
    read,
    rows_of,
    store,
    writing,
)

_SECOND_US = 1_000_000


@pytest.fixture
async def every_kind(database: Database) -> DeviceProfile:
    """A profile with a metric of every kind."""
    return await define(database, EVERY_KIND)


async def _followed(database: Database, follower: str = "tester") -> list[Any]:
    """What a follower reads, as (bridge, n, [(terminal, time, values)])."""
    async with connected(database.jobs, None) as conn:
        found = await batches.follow(conn, follower)
        await batches.advance(conn, follower, found)
    return [
        (
            batch.bridge,
            batch.n,
            [
                (
                    terminal,
                    time,
                    {
                        name: column.numbers()[k].item()
                        if column.values.dtype.kind != "O"
                        else column.values[k]
                        for name, column in batch.columns.items()
                        if column.present[k]
                    },
                )
                for k, (terminal, time) in enumerate(
                    zip(batch.terminal_ids.tolist(), batch.times_us.tolist(), strict=True)
                )
            ],
        )
        for batch in found
    ]


async def test_the_feed_has_what_was_really_inserted(
    database: Database, every_kind: DeviceProfile
) -> None:
    """Duplicates and values that were there are not in it; what a row gained is."""
    async with writing(database) as writer:
        await store(writer, rows_of(every_kind, [(1, NOON_US, {"voltage": 230.5, "note": "é"})]))
        await store(writer, rows_of(every_kind, [(1, NOON_US, {"voltage": 230.5})]))
        await store(
            writer,
            rows_of(
                every_kind,
                [
                    (1, NOON_US, {"voltage": 7.0, "energy": 1234, "open": True}),
                    (2, NOON_US, {"count": 2**60, "current": 1.5}),
                ],
            ),
        )

    assert await _followed(database) == [
        ("bridge-1", 1, [(1, NOON_US, {"voltage": 230.5, "note": "é"})]),
        (
            "bridge-1",
            2,
            [
                (1, NOON_US, {"energy": 12.34, "open": 1}),
                (2, NOON_US, {"count": 2**60, "current": 1.5}),
            ],
        ),
    ]
    assert await _followed(database) == []


async def test_the_feed_has_events_that_were_really_inserted(
    database: Database, every_kind: DeviceProfile
) -> None:
    """Beside the readings, in order of arrival; `latest` takes no notice of them."""
    online = Event(2, NOON_US + 5, NOON_US + 9, "session", "indeterminate", None, None, True)
    opened = Event(1, NOON_US, NOON_US + 9, "open", "major", "Zone 3", '{"zone": 3}')
    async with writing(database) as writer:
        async with writer.transaction() as work:
            await work.store(rows_of(every_kind, [(1, NOON_US, {"voltage": 1.0})]))
            await work.record([opened])
        async with writer.transaction() as work:
            await work.record([online, opened])
    async with connected(database.jobs, None) as conn:
        found = await batches.follow(conn, "tester")

    assert [(b.n, b.profile_id) for b in found] == [(1, -1), (1, every_kind.id), (2, -1)]
    first, readings, second = found
    assert (readings.has_readings, first.has_readings) == (True, False)
    assert first.columns["text"].values.tolist() == ["Zone 3"]
    assert second.terminal_ids.tolist() == [2]
    assert second.received_us.tolist() == [NOON_US + 9]
    assert second.columns["code"].values.tolist() == ["session"]
    assert second.columns["session"].values.tolist() == [True]
    assert "session" not in first.columns
    assert await _keep(database) == 3
    assert [r["metric"] for r in read(database, "select metric from telemetry.latest")] == [
        "voltage"
    ]


async def test_a_follower_reads_every_bridge_from_where_it_was(
    database: Database, every_kind: DeviceProfile
) -> None:
    """Each bridge counts by itself; two followers do not disturb each other."""
    async with writing(database) as one, writing(database, "bridge-2") as two:
        await store(one, rows_of(every_kind, [(1, NOON_US, {"voltage": 1.0})]))
        await store(two, rows_of(every_kind, [(2, NOON_US, {"voltage": 2.0})]))
        await _followed(database)
        await store(one, rows_of(every_kind, [(1, NOON_US + 1, {"voltage": 3.0})]))

    assert [(bridge, n) for bridge, n, _ in await _followed(database)] == [("bridge-1", 2)]
    assert [(bridge, n) for bridge, n, _ in await _followed(database, "other")] == [
        ("bridge-1", 1),
        ("bridge-1", 2),
        ("bridge-2", 1),
    ]


async def test_a_feed_that_has_forgotten_goes_on_with_what_there_is(
    database: Database, every_kind: DeviceProfile
) -> None:
    """A follower that was away too long starts at the oldest batch that is kept."""
    async with writing(database) as writer:
        for k in range(4):
            await store(writer, rows_of(every_kind, [(1, NOON_US + k, {"voltage": 1.0})]))
    execute(database, "delete from telemetry.batch where n <= 2")

    assert [n for _, n, _ in await _followed(database)] == [3, 4]


async def test_the_feed_keeps_what_is_not_followed(
    database: Database, every_kind: DeviceProfile
) -> None:
    """Old chunks are dropped once every follower has read them, after a day in any case."""
    async with writing(database) as writer:
        for k in range(2):
            await store(writer, rows_of(every_kind, [(1, NOON_US + k, {"voltage": 1.0})]))
    await _followed(database)
    execute(database, "update telemetry.follower set n = 1")
    age = (
        "with old as (delete from telemetry.batch returning *) insert into telemetry.batch"
        " select bridge, n, now() - %s * interval '1 hour', profile_id, rows, terminal_ids,"
        " times_us, received_us, columns from old"
    )

    async def forgotten() -> list[int]:
        async with connected(database.jobs, None) as conn:
            await batches.forget(conn, older_than_seconds=3600)
        return [row["n"] for row in read(database, "select n from telemetry.batch order by n")]

    execute(database, age, 2)
    assert await forgotten() == [1, 2]
    execute(database, age, 30)
    assert await forgotten() == []


_STEPS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 8), st.sampled_from(["voltage", "note", "count"])),
    min_size=1,
    max_size=12,
)


@given(batched=st.lists(_STEPS, min_size=1, max_size=5), seed=st.randoms(use_true_random=False))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_no_order_of_batches_loses_or_repeats_anything(
    database: Database,
    every_kind: DeviceProfile,
    batched: list[list[tuple[int, int, str]]],
    seed: random.Random,
) -> None:
    """Followed in turns at random moments, and followed again, the newest value of each stands."""
    execute(database, "truncate telemetry.every_kind, telemetry.latest, telemetry.batch")
    execute(database, "truncate telemetry.follower, telemetry.bridge")
    newest: dict[tuple[int, str], tuple[int, float | str | int]] = {}
    async with writing(database) as one, writing(database, "bridge-2") as two:
        for step in batched:
            readings: dict[tuple[int, int], dict[str, Any]] = {}
            for terminal, second, metric in step:
                value: dict[str, Any] = {
                    "voltage": second + 0.5,
                    "note": f"t{second}",
                    "count": 2**60 + second,
                }
                time = NOON_US + second * _SECOND_US
                readings.setdefault((terminal, time), {})[metric] = value[metric]
                best = newest.get((terminal, metric), (0, 0))
                newest[terminal, metric] = max(best, (time, value[metric]), key=lambda b: b[0])
            await store(
                seed.choice([one, two]),
                rows_of(every_kind, [(i, time, said) for (i, time), said in readings.items()]),
            )
            if seed.random() < 0.5:
                await _keep(database)
            if seed.random() < 0.3:
                execute(database, "update telemetry.follower set n = greatest(n - 1, 0)")
        while await _keep(database):
            pass

    found = read(
        database,
        "select terminal_id, metric, (extract(epoch from time) * 1000000)::bigint as us, number,"
        " text from telemetry.latest",
    )
    kept = {
        (row["terminal_id"], row["metric"]): (
            row["us"],
            row["text"] if row["metric"] == "note" else int(row["text"] or 0) or row["number"],
        )
        for row in found
    }
    assert kept == newest


async def _keep(database: Database) -> int:
    async with connected(database.jobs, None) as conn:
        return await latest.catch_up(conn)
