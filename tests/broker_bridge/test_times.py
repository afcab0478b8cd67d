"""Late, early, out of order, doubled, contradicting: what time does to a message (F28 to F31)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from foundation.database import Pool, transaction
from registry import ownership
from telemetry import latest
from tests.broker_bridge.running import Bridge, Publisher, now_ms, read
from tests.conftest import Database, TestBroker
from tests.country import everything, register, settled
from tests.telemetry.ground import connected

SECOND_MS = 1_000
DAY_MS = 86_400 * SECOND_MS


@pytest.fixture
async def pool(database: Database, broker: TestBroker) -> AsyncIterator[Pool]:
    """The small country with the meter M-1, admitted to the broker."""
    broker.admit("M-1")
    async with settled(database) as opened:
        await register(opened, "M-1")
        yield opened


def stored(database: Database) -> list[tuple[int, float | None, int | None]]:
    """(Unix ms, voltage, energy) of every row, by time."""
    found = read(
        database,
        "select (extract(epoch from time) * 1000)::bigint as ms, voltage_a, energy_kwh"
        " from telemetry.meter order by time",
    )
    return [tuple(row.values()) for row in found]


def chunks(database: Database, *tables: str) -> int:
    """How many chunks these tables have."""
    found = read(
        database,
        "select count(*)::int4 as n from timescaledb_information.chunks"
        " where hypertable_name = any (%s)",
        list(tables),
    )
    return int(found[0]["n"])


async def test_a_wrong_clock_makes_no_row_and_no_chunk(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """From 1970 to 2106 and beyond: refused with both times; sent again it is the same item."""
    now = now_ms()
    wrong = {
        "1970": 0,
        "a counter for a clock": 86_399 * SECOND_MS,
        "before the window": now - 31 * DAY_MS,
        "after the window": now + 660 * SECOND_MS,
        "ten years ahead": now + 3653 * DAY_MS,
        "2038": 2_147_483_648 * SECOND_MS,
        "2106": 4_294_967_296 * SECOND_MS,
        "9999": 253_402_300_799 * SECOND_MS,
    }
    texts = {
        said: (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).isoformat()
        for said, ms in wrong.items()
    }
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "M-1") as meter:
        meter.say({"ts": now, "voltage_a": 230})
        for _ in range(2):
            meter.say(*({"ts": text, "voltage_a": 230} for text in texts.values()))
            meter.say(*({"ts": text, "code": "tick"} for text in texts.values()), channel="event")
        bridge.settle(1 + 4 * len(wrong))
        assert bridge.fates() == {"stored": 1, "clock": 4 * len(wrong)}

    assert chunks(database, "meter", "event") == 1
    items = read(database, "select reason, detail, count from telemetry.quarantine order by id")
    assert [(item["reason"], item["count"]) for item in items] == [("clock", 2)] * (2 * len(wrong))
    for text in texts.values():
        told = [item["detail"] for item in items if text in item["detail"]]
        assert len(told) == 2, text
        assert all("received " in detail for detail in told)


async def test_the_edges_of_the_accepted_clock_are_stored(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Thirty days back and ten minutes ahead, less a minute for the way here."""
    now = now_ms()
    edges = [now - 30 * DAY_MS + 60 * SECOND_MS, now + 540 * SECOND_MS]
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "M-1") as meter:
        meter.say(*({"ts": ts, "voltage_a": 230} for ts in edges))
        bridge.settle(2)
        assert bridge.fates() == {"stored": 2}

    assert [ms for ms, _, _ in stored(database)] == edges


async def test_late_rows_merge_and_move_nothing_back(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Newest first, then a week late, then in between; a late metric joins the row of its time."""
    now = now_ms()
    week_ago = now - 7 * DAY_MS
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "M-1") as meter:
        for number, (ts, values) in enumerate(
            [
                (now, {"voltage_a": 230}),
                (week_ago, {"voltage_a": 231}),
                (now - 60 * SECOND_MS, {"voltage_a": 232}),
                (week_ago, {"energy_kwh": 5.5}),
                (now - 1, {"energy_kwh": 6.5}),
            ],
            1,
        ):
            meter.say({"ts": ts, "values": values})
            bridge.settle(number)
            async with connected(database.jobs, None) as conn:
                await latest.catch_up(conn)
            voltage = read(
                database, "select number from telemetry.latest where metric = 'voltage_a'"
            )
            assert voltage == [{"number": 230.0}]
        assert bridge.fates() == {"stored": 5}

    assert stored(database) == [
        (week_ago, 231.0, 550),
        (now - 60 * SECOND_MS, 232.0, None),
        (now - 1, None, 650),
        (now, 230.0, None),
    ]
    assert read(database, "select number from telemetry.latest where metric = 'energy_kwh'") == [
        {"number": 6.5}
    ]


async def test_the_same_ten_times_is_one_row(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """In one batch, in several, and after a restart of the bridge: one row, nine duplicates."""
    said = {"ts": now_ms() - DAY_MS, "voltage_a": 230, "energy_kwh": 1.25}
    fates = dict.fromkeys(("stored", "duplicate"), 0)
    with Publisher(broker, "M-1") as meter:
        for _ in range(2):
            with Bridge(database, broker).ready() as bridge:
                meter.say(said, said, said)
                bridge.settle(3)
                meter.say(said, said)
                bridge.settle(5)
                for fate, count in bridge.fates().items():
                    fates[fate] += count
                assert bridge.stop() == 0

    assert fates == {"stored": 1, "duplicate": 9}
    assert len(stored(database)) == 1


async def test_a_contradiction_is_kept_beside_the_first(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """The first value stays; each other one is an item, and again it is the same item."""
    ts = now_ms() - DAY_MS
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "M-1") as meter:
        meter.say({"ts": ts, "voltage_a": 230}, {"ts": ts, "voltage_a": 231})
        bridge.settle(2)
        meter.say({"ts": ts, "voltage_a": 232})
        bridge.settle(3)
        meter.say({"ts": ts, "voltage_a": 232})
        bridge.settle(4)
        meter.say({"ts": ts, "voltage_a": 230})
        bridge.settle(5)
        assert bridge.fates() == {"stored": 1, "conflict": 3, "duplicate": 1}

    assert stored(database) == [(ts, 230.0, None)]
    assert [
        row["count"] for row in read(database, "select count from telemetry.quarantine order by id")
    ] == [1, 2]


async def test_ownership_begins_with_its_own_moment(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Of a transfer put on record late: its moment is the new owner's, what is before is not."""
    moment_ms = now_ms() - 3_600 * SECOND_MS
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    async with transaction(pool, everything.settings()) as conn:
        await ownership.transfer(conn, everything, "M-1", "power-zj", effective_at=moment)
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "M-1") as meter:
        meter.say({"ts": moment_ms - 1, "voltage_a": 230}, {"ts": moment_ms, "voltage_a": 231})
        bridge.settle(2)
        assert bridge.fates() == {"other_owner": 1, "stored": 1}

    assert stored(database) == [(moment_ms, 231.0, None)]
