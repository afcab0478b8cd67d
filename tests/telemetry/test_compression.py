"""Old chunks compressed where the edition can: late rows, merges, roll-ups and drops as ever."""

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from foundation.database import Connection
from registry import profiles
from registry.model import DeviceProfile, ProfileId
from telemetry import retention
from telemetry.retention import Storage, Tended
from telemetry.sight import unix_us
from tests.conftest import Database
from tests.telemetry.ground import (
    EVERY_KIND,
    SYSTEM,
    Reading,
    connected,
    define,
    execute,
    metric,
    read,
    read_table,
    rows_of,
    store,
    writing,
)
from tests.telemetry.rolling import roll_up
from tests.telemetry.test_rollups import assert_rolled

Act = Callable[[Connection, ProfileId, str], Awaitable[Tended]]

NOW = datetime.now(UTC)
_MINUTE_US = 60_000_000
_DAY_US = 24 * 60 * _MINUTE_US
# In the midst of a day, so that all of it is in one chunk.
_OLD_US = unix_us(NOW - timedelta(days=100)) // _DAY_US * _DAY_US + _DAY_US // 2


def readings(first: int = 0, last: int = 240) -> list[Reading]:
    """Of three terminals every minute of some hours, a hundred days ago."""
    dice = random.Random(5)
    return [
        (terminal, _OLD_US + minute * _MINUTE_US, {
            "voltage": dice.gauss(230, 2), "energy": 100_000 + minute, "count": minute,
            "open": minute % 7 == 0, "note": "ok",
        })
        for terminal in (1, 2, 3) for minute in range(first, last)
    ]  # fmt: skip


async def tend(database: Database, act: Act = retention.compress_next) -> Tended:
    """One turn of the job on the only profile."""
    async with connected(database.jobs) as conn:
        [(profile_id, code)] = (await retention.list_profiles(conn)).items()
        return await act(conn, profile_id, code)


async def measured(database: Database) -> Storage:
    """What the only profile takes."""
    async with connected(database.jobs) as conn:
        [one] = await retention.measure(conn)
        return one


async def compressed(database: Database, given: Sequence[Reading]) -> DeviceProfile:
    """The profile with these readings in a compressed chunk, rolled up before."""
    defined = await define(database, EVERY_KIND)
    async with writing(database) as writer:
        await store(writer, rows_of(defined, given))
        await store(writer, rows_of(defined, [(1, unix_us(NOW), {"voltage": 1.0})]))
    await roll_up(database, NOW)
    assert await tend(database) == Tended(0, 0, 1)
    assert await tend(database) == Tended(0, 0, 0)
    return defined


async def test_without_the_edition_nothing_is_tried(database: Database) -> None:
    """The Apache edition keeps old chunks as they are, and drops them as ever."""
    defined = await define(database, EVERY_KIND)
    async with writing(database) as writer:
        await store(writer, rows_of(defined, readings()))
    assert await tend(database) == Tended(0, 0, 0)
    assert read_table(database, defined) == readings()


async def test_old_chunks_are_compressed_and_read_as_ever(licensed_database: Database) -> None:
    """Those that take nothing any more by the profile's clock, and no others."""
    defined = await compressed(licensed_database, readings())
    found = await measured(licensed_database)
    assert (found.raw_chunks, found.compressed_chunks) == (2, 1)
    assert found.compressed_bytes > 0
    assert [r for r in read_table(licensed_database, defined) if r[1] < unix_us(NOW)] == readings()
    assert_rolled(licensed_database, defined)


async def test_late_rows_and_merges_go_into_a_compressed_chunk(
    licensed_database: Database,
) -> None:
    """Late rows, duplicates, added metrics and conflicts come to what they come to elsewhere."""
    defined = await compressed(licensed_database, readings())
    async with connected(licensed_database.api) as conn:
        more = await profiles.add_metric(conn, SYSTEM, "every_kind", metric("late", "bigint"))
    async with writing(licensed_database) as writer:
        late = readings(240, 250)
        assert (await store(writer, rows_of(more, late))).inserted.all()
        twice = await store(writer, rows_of(more, readings()))
        assert not twice.inserted.any()
        assert (twice.added, twice.conflicts) == ({}, {})
        merged = await store(
            writer,
            rows_of(more, [
                (1, _OLD_US, {"current": 7.5, "late": 3}),
                (2, _OLD_US, {"energy": 1}),
                (4, _OLD_US, {"late": 9}),
            ]),
            [True, True, False],
        )  # fmt: skip
    assert merged.added == {0: frozenset({"current", "late"})}
    assert merged.conflicts == {1: {"energy": 100_000}}
    assert merged.inserted.tolist() == [False, False, True]

    expected = {(t, us): values for t, us, values in [*readings(), *late]}
    expected[1, _OLD_US] = {**expected[1, _OLD_US], "current": 7.5, "late": 3}
    expected[4, _OLD_US] = {"late": 9}
    found = {(t, us): values for t, us, values in read_table(licensed_database, more)}
    assert {key: found[key] for key in expected} == expected
    await roll_up(licensed_database, NOW)
    assert_rolled(licensed_database, more)

    assert await tend(licensed_database) == Tended(0, 0, 1)
    assert await tend(licensed_database) == Tended(0, 0, 0)
    assert {
        (t, us): v for t, us, v in read_table(licensed_database, defined)
    }.keys() == found.keys()


async def test_more_duplicates_than_the_limit_of_decompression(
    licensed_database: Database,
) -> None:
    """A whole chunk that comes again is told apart, whatever the server's limit is."""
    execute(
        licensed_database,
        f"alter database {licensed_database.name}"
        " set timescaledb.max_tuples_decompressed_per_dml_transaction = 100",
    )
    defined = await compressed(licensed_database, readings())
    async with writing(licensed_database) as writer:
        again = await store(writer, rows_of(defined, readings()))
    assert not again.inserted.any()
    assert len(read_table(licensed_database, defined)) == len(readings()) + 1


async def test_compressed_chunks_are_dropped_as_others(licensed_database: Database) -> None:
    """With their roll-ups complete, and with them standing afterwards."""
    defined = await compressed(licensed_database, readings())
    async with connected(licensed_database.api) as conn:
        await profiles.change(conn, SYSTEM, "every_kind", raw_days=60)
    assert await tend(licensed_database, retention.drop_next) == Tended(1, 0, 0)
    assert [time for _, time, _ in read_table(licensed_database, defined)] == [unix_us(NOW)]
    [row] = read(licensed_database, 'select sum("#readings") as n from rolled.every_kind_hourly')
    assert row == {"n": len(readings()) + 1}
    assert (await measured(licensed_database)).compressed_bytes == 0
