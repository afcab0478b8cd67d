"""What a legal hold keeps: chunks that it touches, roll-ups, refused messages; and no more."""

import asyncio
from datetime import datetime, timedelta

import pytest

from foundation.database import Pool, transaction
from registry import legal_holds, ownership
from telemetry import quarantine, retention
from tests.conftest import Database
from tests.country import everything, register
from tests.telemetry.ground import connected, execute, read
from tests.telemetry.rolling import roll_all
from tests.telemetry.test_retention import (
    NOW,
    OLD_DAYS,
    OLDEST_DAYS,
    RECENT_DAYS,
    drop_all,
    keep,
    measure,
    measured,
    pool,
    tend,
)

__all__ = ["pool"]
ALL = [OLDEST_DAYS, OLD_DAYS, RECENT_DAYS]


def ago(days: float) -> datetime:
    """An instant so many days ago."""
    return NOW - timedelta(days=days)


async def hold(
    pool: Pool,
    *,
    profile: str | None = None,
    terminal: str | None = None,
    group_client: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """A hold; its number."""
    async with transaction(pool, everything.settings()) as conn:
        placed = await legal_holds.place(
            conn, everything, reason="r", reference="case 7", profile=profile, terminal=terminal,
            group_client=group_client, since=since, until=until,
        )  # fmt: skip
    return placed.id


async def lift(pool: Pool, number: int) -> None:
    """The same, lifted."""
    async with transaction(pool, everything.settings()) as conn:
        await legal_holds.lift(conn, everything, number, "settled")


async def test_a_hold_keeps_the_chunks_it_touches_until_it_is_lifted(
    database: Database, pool: Pool
) -> None:
    """What is younger than what it keeps goes as ever; roll-ups stay with their readings."""
    await keep(pool, raw_days=60, rollup_days=60)
    number = await hold(pool, profile="meter", until=ago(OLDEST_DAYS - 0.5))
    assert await drop_all(database) == [OLDEST_DAYS, RECENT_DAYS]
    assert (await measured(database)).held_chunks == 1
    assert read(database, "select min(time) < now() - interval '900 days' as old"
                " from rolled.meter_hourly") == [{"old": True}]  # fmt: skip

    await lift(pool, number)
    assert await drop_all(database) == [RECENT_DAYS]
    assert (await measured(database)).held_chunks == 0
    assert read(database, "select min(time) < now() - interval '900 days' as old"
                " from rolled.meter_hourly") == [{"old": False}]  # fmt: skip


@pytest.mark.parametrize(
    ("since", "until", "left"),
    [
        (None, None, ALL),
        (ago(OLD_DAYS + 0.1), None, [OLD_DAYS, RECENT_DAYS]),
        (ago(OLDEST_DAYS - 400), ago(OLDEST_DAYS - 401), [RECENT_DAYS]),
    ],
)
async def test_a_hold_on_a_terminal_is_of_its_window(
    database: Database, pool: Pool, since: datetime, until: datetime, left: list[int]
) -> None:
    """Chunks that the window touches are kept, of the profile that the terminal had then."""
    await keep(pool, raw_days=60)
    await hold(pool, terminal="stock", since=since, until=until)
    assert await drop_all(database) == left


async def test_a_hold_on_a_client_is_of_its_time_and_of_those_below(
    database: Database, pool: Pool
) -> None:
    """What was the operator's before is not the client's; a parent's hold keeps a child's."""
    await keep(pool, raw_days=60)
    execute(database, "update registry.tier set history_days = 30")
    async with transaction(pool, everything.settings()) as conn:
        moment = ago(OLD_DAYS + 50)
        await ownership.transfer(conn, everything, "stock", "power-js", effective_at=moment)
    other = await hold(pool, group_client="power-zj")
    assert (await tend(database)).readings == 1
    execute(
        database,
        "insert into registry.group_client_lineage (ancestor_id, group_client_id)"
        " select a.id, c.id from registry.group_client a, registry.group_client c"
        " where a.code = 'power-zj' and c.code = 'power-js'",
    )
    assert await drop_all(database) == [OLD_DAYS, RECENT_DAYS]
    await lift(pool, other)
    await hold(pool, group_client="power-js")
    assert await drop_all(database) == [OLD_DAYS, RECENT_DAYS]


async def test_a_hold_stands_in_the_way_of_dropping_by_hand(database: Database, pool: Pool) -> None:
    """`forget-raw` drops what it may, and nothing that is held."""
    await hold(pool, terminal="stock", until=ago(OLD_DAYS - 1))
    profile = await keep(pool, raw_days=None)
    async with connected(database.jobs) as conn:
        assert await retention.forget_raw(conn, profile, NOW) == 1
    assert [row["days"] for row in read(
        database, "select extract(day from now() - time)::int as days from telemetry.meter"
        " order by time")] == [OLDEST_DAYS, OLD_DAYS]  # fmt: skip


async def test_a_hold_and_a_drop_at_once_wait_for_each_other(
    database: Database, pool: Pool
) -> None:
    """What is dropped was not held when it was; what is held first is not dropped."""
    await keep(pool, raw_days=60)
    async with connected(database.jobs) as conn:
        [profile_id] = await retention.list_profiles(conn)
        assert (await retention.drop_next(conn, profile_id, "meter")).readings == 1
        placing = asyncio.create_task(hold(pool, profile="meter"))
        await asyncio.sleep(0.3)
        assert not placing.done()
    await placing
    assert await drop_all(database) == [OLD_DAYS, RECENT_DAYS]


async def test_refused_messages_of_what_is_held_are_kept(database: Database, pool: Pool) -> None:
    """However old; those of others go as they are to."""
    await register(pool, "free", group_client=None)
    for code in ("stock", "free"):
        execute(
            database,
            "insert into telemetry.quarantine (received_at, last_received_at, bridge, topic,"
            " terminal_id, reason, detail, payload, payload_bytes, digest) select %s, %s, 'b', 't',"
            " id, 'malformed', '', '', 0, sha256(code::bytea) from registry.terminal"
            " where code = %s",
            ago(OLD_DAYS), ago(OLD_DAYS), code,
        )  # fmt: skip
    await hold(pool, terminal="stock", since=ago(OLD_DAYS + 1), until=ago(OLD_DAYS - 1))
    async with connected(database.jobs) as conn:
        await quarantine.tidy(conn, days=30, samples=1000, most_bytes=10**9)
    kept = (
        "select t.code from telemetry.quarantine q join registry.terminal t on t.id = terminal_id"
    )
    assert read(database, kept) == [{"code": "stock"}]


async def test_a_held_reading_that_nobody_owns_any_more_stays(
    database: Database, pool: Pool
) -> None:
    """A terminal that is retired is held as it was."""
    await register(pool, "gone", group_client=None)
    measure(database, "gone", 300)
    execute(database, "update registry.terminal set state = 'retired' where code = 'gone'")
    await roll_all(database, NOW)
    await keep(pool, raw_days=60)
    await hold(pool, terminal="gone", until=ago(299))
    assert 300 in await drop_all(database)
