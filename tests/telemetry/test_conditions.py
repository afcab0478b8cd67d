"""Bits and truths of readings become events, in the order of the terminals' own time."""

from collections.abc import AsyncIterator, Iterable, Mapping
from random import Random

import pytest

from registry.conditions import Condition, changes
from registry.model import DeviceProfile
from telemetry import conditions
from telemetry.model import Value
from telemetry.writer import Writer
from tests.conftest import Database
from tests.telemetry import ground
from tests.telemetry.ground import NOON_US, metric, profile

SECOND_US = 1_000_000
WORD = (
    Condition("emergency", "critical", 0),
    Condition("overspeed", "minor", 1),
    Condition("mains_lost", "major", 8),
)
TRACKER = profile(
    "tracker",
    metric("alarm_bits", "bigint", conditions=WORD),
    metric("open", "boolean", conditions=(Condition("cover_open", "major"),)),
    metric("speed"),
)
Told = list[tuple[int, int, str]]


def expected(readings: Iterable[tuple[int, int, int]]) -> Told:
    """What a plain walk over (terminal, second, word) in order of time tells."""
    told: Told = []
    before: dict[int, int] = {}
    for terminal, second, word in sorted(readings):
        told += [
            (terminal, second, code) for code, _, _ in changes(WORD, before.get(terminal, 0), word)
        ]
        before[terminal] = word
    return sorted(told)


@pytest.fixture
async def tracker(database: Database) -> DeviceProfile:
    """The profile, with its table."""
    return await ground.define(database, TRACKER)


@pytest.fixture
async def writer(database: Database, tracker: DeviceProfile) -> AsyncIterator[Writer]:
    """The bridge's."""
    async with ground.writing(database) as found:
        yield found


async def store(
    writer: Writer, tracker: DeviceProfile, *said: tuple[int, int, Mapping[str, Value]]
) -> None:
    """Readings (terminal, second, values), in one batch."""
    readings = [
        (terminal, NOON_US + second * SECOND_US, values) for terminal, second, values in said
    ]
    await ground.store(writer, ground.rows_of(tracker, readings))


async def told(database: Database) -> Told:
    """The events that there are once the follower has caught up."""
    taken = 1
    while taken:
        async with ground.connected(database.jobs) as conn:
            taken = await conditions.catch_up(conn)
    rows = ground.read(
        database,
        "select terminal_id, (extract(epoch from time) * 1000000)::bigint as us, code"
        " from telemetry.event order by 1, 2, 3",
    )
    return [(row["terminal_id"], (row["us"] - NOON_US) // SECOND_US, row["code"]) for row in rows]


async def test_a_bit_begins_and_ends_once(
    database: Database, writer: Writer, tracker: DeviceProfile
) -> None:
    """0 to 1 is its event, 1 to 0 the same with `_restored`; in between there is none."""
    await store(writer, tracker, (1, 0, {"alarm_bits": 0}), (1, 10, {"alarm_bits": 257}))
    await store(
        writer, tracker, (1, 20, {"alarm_bits": 257, "speed": 3.0}), (1, 25, {"speed": 4.0})
    )
    await store(writer, tracker, (1, 30, {"alarm_bits": 256, "open": True}))

    assert await told(database) == [
        (1, 10, "emergency"),
        (1, 10, "mains_lost"),
        (1, 30, "cover_open"),
        (1, 30, "emergency_restored"),
    ]
    assert ground.read(
        database,
        "select severity, data, delay_seconds from telemetry.event where code = 'emergency'",
    ) == [{"severity": "critical", "data": {"metric": "alarm_bits", "bit": 0}, "delay_seconds": 2}]


async def test_a_late_reading_moves_what_began(
    database: Database, writer: Writer, tracker: DeviceProfile
) -> None:
    """Told at 20 at first, it turns out to have begun at 10, and to have paused at 15."""
    await store(writer, tracker, (1, 0, {"alarm_bits": 0}), (1, 20, {"alarm_bits": 1}))
    assert await told(database) == [(1, 20, "emergency")]

    await store(writer, tracker, (1, 10, {"alarm_bits": 1}))
    assert await told(database) == [(1, 10, "emergency")]

    await store(writer, tracker, (1, 15, {"alarm_bits": 0}))
    assert await told(database) == [
        (1, 10, "emergency"),
        (1, 15, "emergency_restored"),
        (1, 20, "emergency"),
    ]


async def test_whatever_the_order_of_arrival_the_events_are_those_of_the_order_of_time(
    database: Database, writer: Writer, tracker: DeviceProfile
) -> None:
    """Readings of three terminals, shuffled and cut into batches, followed after any of them."""
    chance = Random(7)
    readings = [
        (terminal, second, chance.choice([0, 1, 2, 3, 256, 257]))
        for terminal in (1, 2, 3)
        for second in range(40)
    ]
    chance.shuffle(readings)
    while readings:
        size = chance.randint(1, 12)
        batch, readings = readings[:size], readings[size:]
        await store(writer, tracker, *((t, s, {"alarm_bits": word}) for t, s, word in batch))
        if chance.random() < 0.4:
            await told(database)
    stored = [
        (terminal, (us - NOON_US) // SECOND_US, int(values["alarm_bits"]))
        for terminal, us, values in ground.read_table(database, tracker)
    ]

    assert len(stored) == 120
    assert await told(database) == expected(stored)


async def test_events_that_terminals_told_themselves_stay(
    database: Database, writer: Writer, tracker: DeviceProfile
) -> None:
    """Only what readings gave is made anew, even where a terminal uses the same code."""
    ground.execute(
        database,
        "insert into telemetry.event (time, terminal_id, delay_seconds, code, digest)"
        " values ('epoch'::timestamptz + %s * interval '1 microsecond', 1, 0, 'emergency', 5)",
        NOON_US + 5 * SECOND_US,
    )
    await store(writer, tracker, (1, 0, {"alarm_bits": 0}), (1, 10, {"alarm_bits": 0}))

    assert await told(database) == [(1, 5, "emergency")]
