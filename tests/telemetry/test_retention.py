"""What is kept for how long: by profile, by tier, by roll-ups that are complete, by legal hold."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Unpack

import pytest

from foundation.database import Pool, transaction
from registry import profiles
from registry.errors import RetentionInvalid
from registry.model import DeviceProfile
from telemetry import retention
from telemetry.retention import Storage, Tended
from tests.conftest import Database
from tests.country import everything, register, settled
from tests.telemetry.ground import connected, execute, read
from tests.telemetry.rolling import roll_all

NOW = datetime.now(UTC)
OLDEST_DAYS, OLD_DAYS, RECENT_DAYS = 1000, 100, 40


async def tend(database: Database) -> Tended:
    """One turn of the job on the only profile."""
    async with connected(database.jobs) as conn:
        [(profile_id, code)] = (await retention.list_profiles(conn)).items()
        return await retention.drop_next(conn, profile_id, code)


async def measured(database: Database) -> Storage:
    """What `meter` takes now."""
    async with connected(database.jobs) as conn:
        return {one.profile: one for one in await retention.measure(conn)}["meter"]


async def keep(pool: Pool, **days: Unpack[profiles.Change]) -> DeviceProfile:
    """Let `meter` be kept so long."""
    async with transaction(pool, everything.settings()) as conn:
        return await profiles.change(conn, everything, "meter", **days)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """A meter of the operator's own, with a reading of long ago, of old times and of late."""
    async with settled(database) as opened:
        await register(opened, "stock", group_client=None)
        for days in (OLDEST_DAYS, OLD_DAYS, RECENT_DAYS):
            measure(database, "stock", days)
        await roll_all(database, NOW)
        yield opened


def measure(database: Database, code: str, days: int) -> None:
    """A reading of a terminal, so many days ago."""
    execute(
        database,
        "insert into telemetry.meter (time, terminal_id, delay_seconds, voltage_a)"
        " select %s, id, 0, 230 from registry.terminal where code = %s",
        NOW - timedelta(days=days),
        code,
    )


def ages(database: Database) -> list[int]:
    """How many days ago the raw readings are from, the oldest first."""
    found = read(database, "select time from telemetry.meter order by time")
    return [(NOW - row["time"]).days for row in found]


async def drop_all(database: Database) -> list[int]:
    """Drop, turn by turn, what is over; the ages of what is left."""
    while (await tend(database)).more:
        pass
    return ages(database)


async def test_nothing_goes_of_a_profile_that_says_nothing(database: Database, pool: Pool) -> None:
    """However old it is, and though its roll-ups are complete."""
    assert await tend(database) == Tended(0, 0, 0)
    assert (await measured(database)).next_drop_at is None


async def test_raw_readings_go_when_they_are_over_and_leave_their_roll_ups(
    database: Database, pool: Pool
) -> None:
    """A chunk a turn, the oldest first, each on record; it is told when the next one goes."""
    await keep(pool, raw_days=60)
    before = await measured(database)
    assert [await tend(database) for _ in range(3)] == [Tended(1, 0, 0)] * 2 + [Tended(0, 0, 0)]

    after = await measured(database)
    told = read(
        database,
        "select actor, keys, changes -> 0 -> 'before' ->> 'until' as until from registry.audit"
        " where action = 'readings.drop' order by id",
    )
    assert ages(database) == [RECENT_DAYS]
    assert read(database, "select count(*) from rolled.meter_daily") == [{"count": 3}]
    assert (before.raw_chunks, after.raw_chunks, after.kept_days) == (3, 1, 60)
    assert before.next_drop_at is not None
    assert after.next_drop_at is not None
    assert before.next_drop_at < NOW < after.next_drop_at
    assert [(entry["actor"], entry["keys"]) for entry in told] == [("system:tests", ["meter"])] * 2
    assert after.dropped_until == datetime.fromisoformat(told[-1]["until"])


async def test_the_deepest_tier_of_an_owner_keeps_raw_readings_longer(
    database: Database, pool: Pool
) -> None:
    """Of one that owned such a terminal once, or is above who did; its own days are the least."""
    await keep(pool, raw_days=60)
    await register(pool, "owned", group_client="power-js")
    assert (await measured(database)).kept_days == 1100
    measure(database, "owned", 1200)
    await roll_all(database, NOW)
    assert await drop_all(database) == [OLDEST_DAYS, OLD_DAYS, RECENT_DAYS]

    execute(database, "update registry.tier set history_days = 90")
    assert await drop_all(database) == [RECENT_DAYS]
    execute(
        database,
        "insert into registry.tier (code, title_zh, title_en, offline_factor, history_days)"
        " select 'deep', title_zh, title_en, offline_factor, 500 from registry.tier",
    )
    execute(database, "update registry.group_client set tier_code = 'deep' where code = 'power-zj'")
    assert (await measured(database)).kept_days == 90
    execute(
        database,
        "insert into registry.group_client_lineage (ancestor_id, group_client_id)"
        " select a.id, c.id from registry.group_client a, registry.group_client c"
        " where a.code = 'power-zj' and c.code = 'power-js'",
    )
    assert (await measured(database)).kept_days == 500


async def test_nothing_goes_that_is_not_rolled_up(database: Database, pool: Pool) -> None:
    """Not while an hour of it, or of before it, is due, nor while all of it is begun anew."""
    await keep(pool, raw_days=60)
    execute(
        database,
        "insert into telemetry.rollup_due select p.id, 1, %s, false, now() from registry.profile p",
        NOW - timedelta(days=OLD_DAYS),
    )
    assert await drop_all(database) == [OLD_DAYS, RECENT_DAYS]
    execute(database, "delete from telemetry.rollup_due")
    execute(database, "update telemetry.rollup set complete_from = now() - interval '50 days'")
    assert await drop_all(database) == [OLD_DAYS, RECENT_DAYS]


async def test_roll_ups_go_after_their_readings(database: Database, pool: Pool) -> None:
    """Never while raw readings of their days are there, and only beyond their own days."""
    rolled = "select (select count(*) from rolled.meter_hourly) hours, (select count(*) from"
    rolled += " rolled.meter_daily) days"
    await keep(pool, raw_days=60, rollup_days=200)
    assert (await tend(database)).readings == 1
    assert await drop_all(database) == [RECENT_DAYS]
    assert read(database, rolled) == [{"hours": 2, "days": 2}]
    assert read(database, "select count(*) from registry.audit where action = 'rollups.drop'") == [
        {"count": 2}
    ]


async def test_what_cannot_be_kept_so_is_refused(database: Database, pool: Pool) -> None:
    """Roll-ups outlive raw readings; nothing changes then."""
    wrong: list[profiles.Change] = [
        {"raw_days": 0},
        {"rollup_days": 9},
        {"raw_days": 9, "rollup_days": 8},
    ]
    for days in wrong:
        with pytest.raises(RetentionInvalid):
            await keep(pool, **days)
    kept = await keep(pool, raw_days=9, rollup_days=9)
    assert (kept.raw_days, kept.rollup_days, kept.version) == (9, 9, 2)
    assert (await keep(pool, raw_days=None, rollup_days=None)).raw_days is None
