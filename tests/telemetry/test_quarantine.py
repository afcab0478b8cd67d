"""Storms in the quarantine leave samples and counts, and old refusals are forgotten."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from foundation.database import Pool, transaction
from registry.errors import TerminalNotFound
from registry.model import RegionRange
from registry.scope import RightMissing, Role, Scope
from telemetry import quarantine, reader, replays
from telemetry.errors import NothingToReplay, QuarantineItemNotFound, ReplayNotFound
from telemetry.model import Reason, Refusal, Search
from telemetry.sight import unix_us
from tests.conftest import Database
from tests.country import everything, register, settled
from tests.telemetry.ground import connected, execute, read, writing

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OPERATOR = Scope.of_role("user:op", Role.OPERATOR, region=RegionRange(320000, 329999))
OTHER = Scope.of_role("user:other", Role.OPERATOR, region=RegionRange(320000, 329999))
STRANGER = Scope.of_role("user:zj", Role.OPERATOR, region=RegionRange(330000, 339999))


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Terminal M-1, and at most three messages of a fault kept raw."""
    async with settled(database) as opened:
        await register(opened, "M-1")
        execute(database, "update telemetry.quarantine_limit set samples = 3")
        yield opened


def refusal(
    number: int,
    when: datetime = NOON,
    terminal_id: int | None = 1,
    reason: Reason = Reason.OUT_OF_RANGE,
    topic: str = "m2m/v1/M-1/telemetry",
) -> Refusal:
    """A refused message, unlike those of other numbers."""
    payload = b'{"voltage_a": %d}' % number
    return Refusal(unix_us(when), topic, payload, terminal_id, reason, f"it is {number}")


async def refuse(database: Database, *batches: Sequence[Refusal]) -> None:
    """What a bridge refuses, batch by batch."""
    async with writing(database) as writer:
        for batch in batches:
            async with writer.transaction() as work:
                await work.quarantine(batch)


async def found(pool: Pool, search: Search, scope: Scope = everything) -> list[bytes]:
    """The payloads that a search finds, in their own order."""
    async with transaction(pool, scope.settings()) as conn:
        page = await reader.list_quarantine(conn, scope, search)
    return sorted(item.payload for item in page.items)


async def test_a_storm_leaves_samples_and_counts(database: Database, pool: Pool) -> None:
    """Of one terminal, reason and day three are kept; the rest is counted, across batches."""
    await refuse(
        database,
        [refusal(k, NOON + k * MINUTE) for k in range(2)],
        [refusal(k, NOON + k * MINUTE) for k in range(2, 50)],
        [refusal(90, reason=Reason.CLOCK), refusal(91, NOON + timedelta(days=1))],
    )
    async with transaction(pool, everything.settings()) as conn:
        storms = (await reader.list_storms(conn, everything)).items

    assert await found(pool, Search()) == [refusal(k).payload for k in (0, 1, 2, 90, 91)]
    assert [(s.terminal, s.reason, s.messages, s.kept) for s in storms] == [
        ("M-1", Reason.OUT_OF_RANGE, 50, 3)
    ]
    assert (storms[0].first_at, storms[0].last_at) == (NOON, NOON + 49 * MINUTE)
    assert storms[0].bytes == sum(len(refusal(k).payload) for k in range(50))
    assert storms[0].detail == "it is 49"


async def test_of_a_flood_little_is_kept(database: Database, pool: Pool) -> None:
    """A hundredth of what other storms leave, one at least; all of it is counted."""
    execute(database, "update telemetry.quarantine_limit set samples = 200")
    await refuse(database, [refusal(k, reason=Reason.FLOOD) for k in range(30)])
    await refuse(database, [refusal(k) for k in range(30)])
    execute(database, "update telemetry.quarantine_limit set samples = 1")
    tomorrow = NOON + timedelta(days=1)
    await refuse(database, [refusal(k, tomorrow, reason=Reason.FLOOD) for k in range(40, 43)])

    faults = "select reason, messages, kept from telemetry.quarantine_fault order by day, reason"
    assert [tuple(row.values()) for row in read(database, faults)] == [
        ("flood", 30, 2),
        ("out_of_range", 30, 30),
        ("flood", 3, 1),
    ]


async def test_the_same_message_takes_no_sample_twice(database: Database, pool: Pool) -> None:
    """Redelivered, it counts up as one item, however often; room is left for others."""
    await refuse(database, *([refusal(1)] for _ in range(5)), [refusal(2), refusal(3)])

    counts = read(database, "select count from telemetry.quarantine order by id")
    assert [row["count"] for row in counts] == [5, 1, 1]
    assert read(database, "select messages, kept from telemetry.quarantine_fault") == [
        {"messages": 7, "kept": 3}
    ]


async def test_topics_of_strangers_do_not_fill_the_disk(database: Database, pool: Pool) -> None:
    """However many codes nobody knows, so many messages are kept as their 256 parts have room."""
    execute(database, "update telemetry.quarantine_limit set samples = 1")
    strangers = [
        refusal(k, terminal_id=None, reason=Reason.UNKNOWN_TERMINAL, topic=f"m2m/v1/X{k}/telemetry")
        for k in range(2000)
    ]
    await refuse(database, strangers[:1000], strangers[1000:])

    told = read(
        database, "select count(*) as n, sum(messages) as m from telemetry.quarantine_fault"
    )
    assert told == [{"n": 256, "m": 2000}]
    assert read(database, "select count(*) as n from telemetry.quarantine") == [{"n": 256}]
    async with transaction(pool, OPERATOR.settings()) as conn:
        assert (await reader.list_storms(conn, OPERATOR)).items == []


async def test_a_search_narrows_by_topic_and_time(database: Database, pool: Pool) -> None:
    """A topic by how it begins; a time by when the message came, first or again."""
    other = refusal(5, terminal_id=None, topic="m2m/v1/OTHER/event", reason=Reason.MALFORMED)
    await refuse(database, [refusal(1), refusal(2, NOON + 10 * MINUTE), other])
    await refuse(database, [refusal(1, NOON + 20 * MINUTE)])

    assert await found(pool, Search(topic="m2m/v1/OTHER")) == [other.payload]
    late = Search(start=NOON + 15 * MINUTE, end=NOON + 25 * MINUTE)
    assert await found(pool, late) == [refusal(1).payload]
    assert await found(pool, Search(end=NOON + MINUTE, terminal="M-1")) == [refusal(1).payload]
    assert await found(pool, Search(), OPERATOR) == [refusal(1).payload, refusal(2).payload]


async def test_the_quarantine_forgets_and_keeps_less_as_it_fills(
    database: Database, pool: Pool
) -> None:
    """Items of before the days, their counts, and replays; samples by how full it is."""
    ago = datetime.now(UTC) - timedelta(days=10)
    await refuse(database, [refusal(1, ago), refusal(2, ago + timedelta(days=5))])
    limits = []
    for most_bytes in (1000, 50, 20):
        async with connected(database.jobs) as conn:
            await quarantine.tidy(conn, days=7, samples=500, most_bytes=most_bytes)
        limits += read(database, "select samples from telemetry.quarantine_limit")

    assert await found(pool, Search()) == [refusal(2).payload]
    assert read(database, "select messages from telemetry.quarantine_fault") == [{"messages": 1}]
    assert [row["samples"] for row in limits] == [500, 500, 5]
    async with connected(database.jobs) as conn:
        await quarantine.tidy(conn, days=7, samples=500, most_bytes=10)
    assert read(database, "select samples from telemetry.quarantine_limit") == [{"samples": 1}]


async def test_who_may_have_what_taken_again(database: Database, pool: Pool) -> None:
    """What one sees, by number or by search; how it goes on is for who asked."""
    await refuse(database, [refusal(1), refusal(2)])
    ids = [row["id"] for row in read(database, "select id from telemetry.quarantine order by id")]
    async with transaction(pool, OPERATOR.settings()) as conn:
        asked = await replays.request(conn, OPERATOR, [ids[1], ids[1]])
        all_of_it = await replays.request(conn, OPERATOR, Search(reason=Reason.OUT_OF_RANGE))
        with pytest.raises(NothingToReplay):
            await replays.request(conn, OPERATOR, Search(reason=Reason.FLOOD))
    async with transaction(pool, OTHER.settings()) as conn:
        with pytest.raises(ReplayNotFound):
            await replays.find(conn, OTHER, asked.id)
    async with transaction(pool, STRANGER.settings()) as conn:
        with pytest.raises(QuarantineItemNotFound):
            await replays.request(conn, STRANGER, [ids[0]])
    async with transaction(pool, STRANGER.settings()) as conn:
        with pytest.raises(TerminalNotFound):
            await replays.request(conn, STRANGER, Search(terminal="M-1"))
    viewer = Scope.of_role("user:v", Role.CLIENT_ADMIN, group_clients=frozenset({1}))
    async with transaction(pool, viewer.settings()) as conn:
        with pytest.raises(RightMissing):
            await replays.request(conn, viewer, [ids[0]])
    async with transaction(pool, everything.settings()) as conn:
        outcomes = await replays.list_outcomes(conn, everything, all_of_it.id, limit=1)

    assert (asked.items, asked.waiting, asked.requested_by) == (1, 1, "user:op")
    assert all_of_it.items == 2
    assert ([o.item_id for o in outcomes.items], outcomes.next_key) == ([ids[0]], str(ids[0]))
