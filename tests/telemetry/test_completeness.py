"""How complete a day is: counted from the feed, read by whose day it was, summed by client."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from foundation.database import Pool, transaction
from registry import group_clients, ownership
from registry.errors import TerminalNotFound
from registry.scope import Role, Scope
from telemetry import completeness
from telemetry.completeness import By, Day, Sum
from telemetry.errors import TimesInvalid
from telemetry.gaps import GapKind, Loss
from telemetry.messages import EVER_US, FATES, Messages
from telemetry.receipts import LARGEST, Receipt
from tests.conftest import Database
from tests.country import HANGZHOU, everything, register, settled
from tests.telemetry.ground import connected, execute, read, writing

TODAY = completeness.today()
DAY = timedelta(days=1)
YESTERDAY = TODAY - DAY
MINUTES = 24 * 60
STORED, DUPLICATE, QUARANTINED = (FATES.index(fate) for fate in FATES)

Told = tuple[int, datetime, datetime, int, int, datetime | None]


def us(time: datetime) -> int:
    """Unix us."""
    return int(time.timestamp() * 1_000_000)


def noon(day: date) -> datetime:
    """The middle of a day."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def messages(*told: Told, readings: bool = True) -> Messages:
    """(terminal, time, received, bytes, fate, owned since) each."""
    ids, times, received, sizes, fates, owned = zip(*told, strict=True)
    return Messages(
        np.array(ids, np.int32),
        np.array([us(t) for t in times], np.int64),
        np.array([us(t) for t in received], np.int64),
        np.array(sizes, np.int64),
        np.array(fates, np.int64),
        np.array([EVER_US if o is None else us(o) for o in owned], np.int64),
        np.full(len(ids), readings),
    )


async def account(database: Database, *batches: Messages) -> None:
    """What a bridge tells of its batches, counted in by the jobs."""
    async with writing(database) as writer:
        for batch in batches:
            async with writer.transaction() as work:
                work.account(batch)
    async with connected(database.jobs, None) as conn:
        assert await completeness.catch_up(conn) == len(batches)
        assert await completeness.catch_up(conn) == 0


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """The small country, with the meters M-1 and M-2 in service for a week."""
    async with settled(database) as opened:
        await register(opened, "M-1", "M-2")
        execute(database, "update registry.terminal set state_since = now() - interval '7 days'")
        yield opened


async def days(
    pool: Pool, code: str = "M-1", scope: Scope = everything, first: date = YESTERDAY
) -> dict[date, Day]:
    """Yesterday and today, or since `first`."""
    async with transaction(pool, scope.settings()) as conn:
        found = await completeness.days_of(conn, scope, code, first, TODAY)
    return {day.day: day for day in found}


async def viewer(pool: Pool, client: str) -> Scope:
    """Who sees what this client owns."""
    async with transaction(pool, everything.settings()) as conn:
        found = await group_clients.find(conn, everything, client)
    return Scope.of_role(client, Role.CLIENT_VIEWER, group_clients=frozenset({found.id}))


async def test_messages_are_counted_by_day_and_fate(database: Database, pool: Pool) -> None:
    """By the day they were measured on; over batches that come in any number."""
    then, late = noon(YESTERDAY), noon(YESTERDAY) + timedelta(minutes=10)
    await account(
        database,
        messages(
            (1, then, then, 100, STORED, None),
            (1, then + DAY, then + DAY, 50, STORED, None),
            (1, then, late, 10, STORED, None),
            (2, then, then, 1, DUPLICATE, None),
            (0, then, then, 7, QUARANTINED, None),
        ),
        messages((1, then, then, 1, DUPLICATE, None)),
        messages((1, then, then, 1000, STORED, None), readings=False),
    )
    found = await days(pool)

    assert found[YESTERDAY] == Day(YESTERDAY, MINUTES, 3, 2, 1, 0, 1, 111, 0)
    assert (found[TODAY].received, found[TODAY].bytes) == (1, 50)
    assert (found[TODAY].expected or 0) < MINUTES
    assert (await days(pool, "M-2"))[YESTERDAY].duplicate == 1


async def test_a_refused_time_is_nobodys_day(database: Database, pool: Pool) -> None:
    """1970 and 2106 count on the day on which they came, and make no chunk."""
    wrong = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2106, 2, 7, tzinfo=UTC))
    await account(
        database, messages(*((1, time, noon(YESTERDAY), 9, QUARANTINED, None) for time in wrong))
    )

    assert (await days(pool))[YESTERDAY].quarantined == 2
    assert read(
        database,
        "select count(*)::int4 as n from timescaledb_information.chunks"
        " where hypertable_name = 'completeness'",
    ) == [{"n": 1}]


async def test_a_transfer_parts_the_day(database: Database, pool: Pool) -> None:
    """Each owner counts what was measured in the own time, also on the day of the transfer."""
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2)
    before, after = moment - timedelta(minutes=1), moment + timedelta(minutes=1)
    async with transaction(pool, everything.settings()) as conn:
        await ownership.transfer(conn, everything, "M-1", "power-zj", effective_at=moment)
    await account(
        database,
        messages(
            (1, before, before, 1, STORED, None),
            (1, after, after, 2, STORED, moment),
            (1, after, after, 4, STORED, moment),
        ),
    )
    seen = {
        client: sum(
            day.bytes for day in (await days(pool, scope=await viewer(pool, client))).values()
        )
        for client in ("power-js", "power-zj")
    }
    former = await days(pool, scope=await viewer(pool, "power-js"))

    assert seen == {"power-js": 1, "power-zj": 6}
    assert {day.expected for day in former.values()} == {None}
    async with transaction(pool, everything.settings()) as conn:
        page = await completeness.sums(conn, everything, By.GROUP_CLIENT, YESTERDAY, TODAY)
    assert {one.key: one.stored for one in page.items} == {"power-js": 1, "power-zj": 2}


async def test_a_day_that_was_parted_afterwards_is_nobodys(database: Database, pool: Pool) -> None:
    """What was counted before the transfer was put on record cannot be told apart any more."""
    moment = noon(YESTERDAY)
    await account(
        database,
        messages(
            (1, moment - timedelta(days=1), moment - timedelta(days=1), 1, STORED, None),
            (1, moment - timedelta(hours=1), moment - timedelta(hours=1), 2, STORED, None),
            (1, moment + timedelta(hours=1), moment + timedelta(hours=1), 4, STORED, None),
        ),
    )
    async with transaction(pool, everything.settings()) as conn:
        await ownership.transfer(conn, everything, "M-1", "power-zj", effective_at=moment)

    seen = {
        client: sum(
            day.bytes
            for day in (
                await days(pool, scope=await viewer(pool, client), first=YESTERDAY - DAY)
            ).values()
        )
        for client in ("power-js", "power-zj")
    }
    assert seen == {"power-js": 1, "power-zj": 0}


async def test_who_owns_nothing_there_sees_nothing(database: Database, pool: Pool) -> None:
    """Absent and foreign terminals are the same; sums hold the own share only."""
    await register(pool, "Z-1", region=HANGZHOU, group_client="power-zj")
    then = noon(YESTERDAY)
    await account(
        database,
        messages((1, then, then, 1, STORED, None), (3, then, then, 10, STORED, None)),
    )
    stranger = await viewer(pool, "power-zj")

    for code in ("M-1", "nobody"):
        with pytest.raises(TerminalNotFound):
            await days(pool, code, stranger)
    sums = {}
    for by in By:
        async with transaction(pool, stranger.settings()) as conn:
            page = await completeness.sums(conn, stranger, by, YESTERDAY, YESTERDAY)
        sums[by] = [(one.key, one.received, one.bytes) for one in page.items]
    assert sums == {
        By.DAY: [(YESTERDAY.isoformat(), 1, 10)],
        By.GROUP_CLIENT: [("power-zj", 1, 10)],
        By.PROVINCE: [("330000", 1, 10)],
    }


async def test_sums_expect_what_the_terminals_in_service_should_send(
    database: Database, pool: Pool
) -> None:
    """Two meters a minute; pages by key go on where the last ended."""
    then = noon(YESTERDAY)
    await account(database, messages((1, then, then, 5, STORED, None)))
    async with transaction(pool, everything.settings()) as conn:
        by_day = await completeness.sums(
            conn, everything, By.DAY, YESTERDAY - DAY, YESTERDAY, limit=1
        )
        rest = await completeness.sums(
            conn, everything, By.DAY, YESTERDAY - DAY, YESTERDAY, after=by_day.next_key
        )

    assert by_day.items == [
        Sum((YESTERDAY - DAY).isoformat(), 2 * MINUTES, 0, 0, 0, 0, 0, 0),
    ]
    assert rest.items == [Sum(YESTERDAY.isoformat(), 2 * MINUTES, 1, 1, 0, 0, 0, 5)]
    assert rest.next_key is None


async def keep(database: Database, *numbers: tuple[int, str, int, int | None]) -> list[Receipt]:
    """What may be told after these numbers."""
    async with writing(database) as writer, writer.transaction() as work:
        return await work.receipt(numbers)


async def test_numbers_that_are_missing_are_gaps(database: Database, pool: Pool) -> None:
    """Not come yet, given up, or lost by the broker; of the day on which that was known."""
    assert await keep(database, *((1, "a", seq, None) for seq in (1, 2, 5, 9))) == [
        Receipt(1, "a", 2)
    ]
    assert await keep(database, (1, "a", 10, 5)) == [Receipt(1, "a", 5)]
    async with writing(database) as writer:
        now = us(datetime.now(UTC))
        loss = Loss(GapKind.BROKER_DROPPED, now, now, 17)
        await writer.note_broker(writer.seen, [loss])
    gaps: dict[str, list[tuple[Any, ...]]] = {}
    for scope in (everything, await viewer(pool, "power-js"), await viewer(pool, "power-zj")):
        code = "M-1"
        if scope.actor == "power-zj":
            await register(pool, "Z-1", group_client="power-zj")
            code = "Z-1"
        async with transaction(pool, scope.settings()) as conn:
            found = await completeness.gaps_of(conn, scope, code, YESTERDAY, TODAY)
        gaps[scope.actor] = sorted(
            (gap.kind.value, gap.boot, gap.first_seq, gap.last_seq, gap.messages) for gap in found
        )

    own = [("given_up", "a", 3, 4, 2), ("missing", "a", 6, 8, 3)]
    assert gaps == {
        everything.actor: [("broker_dropped", None, None, None, 17), *own],
        "power-js": [("broker_dropped", None, None, None, None), *own],
        "power-zj": [("broker_dropped", None, None, None, None)],
    }
    assert (await days(pool))[TODAY].missing == 5


async def test_numbers_without_end_are_kept_in_bounds(database: Database, pool: Pool) -> None:
    """A terminal that sends every other number is remembered so far as there is room."""
    assert await keep(database, *((1, "odd", seq, None) for seq in range(1, 20_000, 2))) == [
        Receipt(1, "odd", 1)
    ]
    assert await keep(database, (1, "odd", LARGEST, None)) == []
    kept = read(database, "select pg_column_size(numbers) as size from telemetry.receipt")
    assert kept[0]["size"] < 3000


async def test_wrong_windows_are_refused(pool: Pool) -> None:
    """Backwards, or longer than a year."""
    for first, last in ((TODAY, YESTERDAY), (TODAY - 400 * DAY, TODAY)):
        async with transaction(pool, everything.settings()) as conn:
            with pytest.raises(TimesInvalid):
                await completeness.days_of(conn, everything, "M-1", first, last)


async def test_old_sums_are_forgotten_unless_their_day_can_be_compared(
    database: Database, pool: Pool
) -> None:
    """The oldest first, some at a time; a day whose roll-ups are kept keeps its messages."""
    ages = (60, 59, 58, 57, 56, 41, 40, 1)
    for age in ages:
        execute(
            database,
            "insert into telemetry.completeness_daily select %s, client, 320100, 1, 1, 0, 0, 0, 1,"
            " 'power' from generate_series(0, 2) client",
            TODAY - age * DAY,
        )
    execute(
        database,
        "insert into telemetry.supervision_day values (%s, now(), now())",
        TODAY - 58 * DAY,
    )

    async def forget() -> tuple[int, list[int]]:
        async with connected(database.jobs) as conn:
            forgotten = await completeness.forget_sums(conn, TODAY, 40)
        left = read(database, "select distinct day from telemetry.completeness_daily order by 1")
        return forgotten, [(TODAY - row["day"]).days for row in left]

    assert completeness.MOST_FORGOTTEN_DAYS == 3
    assert await forget() == (3, [58, 56, 41, 40, 1])
    assert await forget() == (2, [58, 40, 1])
    assert await forget() == (0, [58, 40, 1])
