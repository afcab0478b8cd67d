"""The writer against a real TimescaleDB: any pattern, duplicates, merges, refused rows."""

import asyncio
import itertools
from datetime import UTC, datetime

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.errors import Unavailable
from registry.model import DeviceProfile
from telemetry.errors import BridgeNameTaken, TooManyRefused
from telemetry.model import Event, Value
from telemetry.rows import Rows
from telemetry.writer import Writer
from tests.conftest import Database
from tests.telemetry.ground import (
    EVERY_KIND,
    METER,
    NOON_US,
    Reading,
    define,
    read,
    read_table,
    rows_of,
    store,
    writing,
)

_terminals = itertools.count(1)
_INT64 = st.integers(-(2**63), 2**63 - 1)
_FLOAT64 = st.floats(allow_nan=False, allow_infinity=False)
_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
_VALUES = st.fixed_dictionaries(
    {},
    optional={
        "voltage": _FLOAT64,
        "energy": _INT64,
        "count": _INT64,
        "open": st.booleans(),
        "note": _TEXT,
        "place": _TEXT,
        "current": _FLOAT64,
    },
).filter(bool)


@pytest.fixture
async def every_kind(database: Database) -> DeviceProfile:
    """A profile with a metric of every kind."""
    return await define(database, EVERY_KIND)


@pytest.fixture
async def meter(database: Database) -> DeviceProfile:
    """A profile with metrics a, b (double) and c (text)."""
    return await define(database, METER)


@given(readings=st.lists(_VALUES, min_size=1, max_size=30), doubtful=st.booleans())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_any_pattern_of_absent_metrics_comes_back(
    database: Database,
    every_kind: DeviceProfile,
    readings: list[dict[str, Value]],
    doubtful: bool,
) -> None:
    """What went in, straight or by merging, comes out of the table as it was."""
    terminal = next(_terminals)
    sent = [(terminal, NOON_US + k, said) for k, said in enumerate(readings)]
    rows = rows_of(every_kind, sent)

    async with writing(database) as writer:
        stored = await store(writer, rows, [doubtful] * len(rows))

    assert stored.inserted.all()
    assert [r for r in read_table(database, every_kind) if r[0] == terminal] == sent


async def test_the_delay_is_our_clock_less_the_terminals(
    database: Database, meter: DeviceProfile
) -> None:
    """A row says how late it came, beside its time."""
    async with writing(database) as writer:
        await store(writer, rows_of(meter, [(1, NOON_US, {"a": 1.0})]))

    assert read(database, "select delay_seconds, time from telemetry.meter") == [
        {"delay_seconds": 2, "time": datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)}
    ]


async def test_rows_that_are_there_already_are_duplicates(
    database: Database, meter: DeviceProfile
) -> None:
    """Stored again, straight or as doubtful, a row is nothing new and its neighbour is stored."""
    first: Reading = (1, NOON_US, {"a": 1.0, "c": "x"})
    second: Reading = (1, NOON_US + 1, {"a": 2.0})
    third: Reading = (2, NOON_US, {"b": 3.0})

    async with writing(database) as writer:
        await store(writer, rows_of(meter, [first]))
        straight = await store(writer, rows_of(meter, [first, second]))
        doubtful = await store(writer, rows_of(meter, [first, second, third]), [True, True, False])

    assert straight.inserted.tolist() == [False, True]
    assert doubtful.inserted.tolist() == [False, False, True]
    for stored in (straight, doubtful):
        assert (stored.added, stored.conflicts, stored.refused) == ({}, {}, {})
    assert read_table(database, meter) == [first, second, third]


async def test_metrics_of_one_moment_merge_and_the_first_value_stays(
    database: Database, meter: DeviceProfile
) -> None:
    """A later row adds what is absent, repeats what is there, and never changes a value."""
    async with writing(database) as writer:
        await store(
            writer, rows_of(meter, [(1, NOON_US, {"a": 1.0}), (2, NOON_US, {"a": 1.0, "c": "x"})])
        )
        stored = await store(
            writer,
            rows_of(
                meter,
                [
                    (1, NOON_US, {"a": 1.0, "b": 2.0, "c": "y"}),
                    (2, NOON_US, {"a": 5.0, "b": 6.0, "c": "z"}),
                    (3, NOON_US, {"a": 7.0}),
                ],
            ),
        )

    assert stored.inserted.tolist() == [False, False, True]
    assert stored.added == {0: frozenset("bc"), 1: frozenset("b")}
    assert stored.conflicts == {1: {"a": 1.0, "c": "x"}}
    assert read_table(database, meter) == [
        (1, NOON_US, {"a": 1.0, "b": 2.0, "c": "y"}),
        (2, NOON_US, {"a": 1.0, "b": 6.0, "c": "x"}),
        (3, NOON_US, {"a": 7.0}),
    ]


async def test_a_refused_row_is_found_by_halving(database: Database, meter: DeviceProfile) -> None:
    """The database takes all rows but the one that breaks a rule, straight and when merging."""
    _forbid(database, "a <> 13")
    sent = [(1, NOON_US + k, {"a": float(k)}) for k in range(40)]

    async with writing(database) as writer:
        await store(writer, rows_of(meter, sent[20:22]))
        straight = await store(writer, rows_of(meter, sent[:20]))
        merged = await store(writer, rows_of(meter, sent))

    assert list(straight.refused) == list(merged.refused) == [13]
    assert "rule" in straight.refused[13]
    assert straight.inserted.tolist() == [k != 13 for k in range(20)]
    assert merged.inserted.tolist() == [k >= 22 for k in range(40)]
    assert read_table(database, meter) == [r for r in sent if r[2] != {"a": 13.0}]


async def test_many_refused_rows_are_our_fault(database: Database, meter: DeviceProfile) -> None:
    """Where the database refuses more than one row in a hundred, nothing is stored or lost."""
    _forbid(database, "a >= 0")
    sent = [(1, NOON_US + k, {"a": -1.0 if k in (3, 70) else 1.0}) for k in range(100)]

    async with writing(database) as writer:
        with pytest.raises(TooManyRefused):
            await store(writer, rows_of(meter, sent))
        assert read_table(database, meter) == []
        _forbid(database, "true")
        stored = await store(writer, rows_of(meter, sent))

    assert stored.inserted.all()


async def test_the_same_batch_stored_again_meets_its_keys(
    database: Database, meter: DeviceProfile
) -> None:
    """After a COMMIT of which no answer came, running the batch again changes nothing."""
    sent = [(1, NOON_US + k, {"a": float(k)}) for k in range(50)]

    async with writing(database) as writer:
        with pytest.raises(Unavailable):
            await _store_while_cut(writer, database, rows_of(meter, sent))
        assert read_table(database, meter) == []
        await store(writer, rows_of(meter, sent))
        again = await store(writer, rows_of(meter, sent))

    assert not again.inserted.any()
    assert read_table(database, meter) == sent
    assert read(database, "select n, rows from telemetry.batch") == [{"n": 1, "rows": 50}]


async def test_a_second_bridge_of_one_name_is_refused(database: Database) -> None:
    """The name is taken for as long as the first writer is connected."""
    async with writing(database):
        second = Writer(database.bridge, "bridge-1")
        with pytest.raises(BridgeNameTaken):
            await second.open()
        async with writing(database, "bridge-2"):
            pass
    async with writing(database):
        pass


async def test_a_writer_is_not_refused_by_its_own_dead_connection(database: Database) -> None:
    """What the server has not found dead yet is ended by the one that made it, and only that."""
    async with writing(database) as writer:
        ghost, writer._conn = writer._conn, None
        await writer.open()

        assert ghost is not None
        with pytest.raises(psycopg.OperationalError):
            await ghost.execute("select 1")
        await ghost.close()


async def test_a_writer_that_was_cut_goes_on_at_once(
    database: Database, meter: DeviceProfile
) -> None:
    """Who still waits on the old connection is in nobody's way, and fails in the end."""
    sent = [(1, NOON_US, {"a": 1.0})]

    async with writing(database) as writer:

        async def wait_long() -> None:
            async with writer.transaction() as work:
                begun.set()
                await work._conn.execute("select pg_sleep(60)")

        begun = asyncio.Event()
        waiting = asyncio.create_task(wait_long())
        await begun.wait()
        writer.cut()
        again = await store(writer, rows_of(meter, sent))
        with pytest.raises(Unavailable):
            await waiting

    assert again.inserted.all()
    assert read(database, "select n, rows from telemetry.batch") == [{"n": 1, "rows": 1}]


async def test_an_event_is_kept_once(database: Database) -> None:
    """Sent again in the same batch or a later one it is no new event; another text is another."""
    tamper = Event(1, NOON_US, NOON_US, "tamper", "major", "lid", '{"zone":1}')
    other = Event(1, NOON_US, NOON_US, "tamper", "major", "case", None)

    async with writing(database) as writer:
        async with writer.transaction() as work:
            assert (await work.record([tamper, tamper])).new == {0}
        async with writer.transaction() as work:
            assert (await work.record([other, tamper])).new == {0}

    assert read(database, "select text, data from telemetry.event order by text") == [
        {"text": "case", "data": None},
        {"text": "lid", "data": {"zone": 1}},
    ]


async def _store_while_cut(writer: Writer, database: Database, rows: Rows) -> None:
    async with writer.transaction() as work:
        await work.store(rows.take(slice(0, 25)))
        _end_backends(database)
        await work.store(rows.take(slice(25, None)))


async def test_a_refused_event_does_not_stop_the_others(database: Database) -> None:
    """What PostgreSQL will not keep is found by halving; its neighbours are kept."""
    texts = ["a", "b", "c", "d", "e"]
    said = [
        Event(1, NOON_US + k, NOON_US, "x", "minor", text, None) for k, text in enumerate(texts)
    ]
    said[3] = Event(3, NOON_US, NOON_US, "x", "minor", "d", '{"n": 1e400000}')

    async with writing(database) as writer, writer.transaction() as work:
        recorded = await work.record(said)

    assert recorded.new == {0, 1, 2, 4}
    assert list(recorded.refused) == [3]
    kept = read(database, "select text from telemetry.event order by text")
    assert [row["text"] for row in kept] == ["a", "b", "c", "e"]


def _forbid(database: Database, rule: str) -> None:
    """Let the table take only rows that keep a rule."""
    with psycopg.connect(database.superuser) as conn:
        conn.execute(
            "alter table telemetry.meter drop constraint if exists rule,"
            f" add constraint rule check ({rule})".encode()
        )


def _end_backends(database: Database) -> None:
    """Cut every connection of bridges."""
    with psycopg.connect(database.superuser) as conn:
        conn.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where usename = 'muster_bridge' and datname = current_database()"
        )


async def test_no_transaction_becomes_a_part_of_one_that_was_given_up(
    database: Database, meter: DeviceProfile
) -> None:
    """What is said to be committed stays, though an act before it is still being rolled back."""
    first, second = (rows_of(meter, [(k, NOON_US, {"a": 1.0})]) for k in (1, 2))
    begun, go_on = asyncio.Event(), asyncio.Event()

    async with writing(database) as writer:

        async def give_up() -> None:
            async with writer.transaction() as work:
                await work.store(first)
                begun.set()
                await go_on.wait()
                raise Unavailable("nobody waits for this any more")

        abandoned = asyncio.create_task(give_up())
        await begun.wait()
        async with writer.transaction() as work:
            await work.store(second)
        go_on.set()
        with pytest.raises(Unavailable):
            await abandoned

    assert read_table(database, meter) == [(2, NOON_US, {"a": 1.0})]
