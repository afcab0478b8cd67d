"""Telemetry through ownership: each owner sees the own time of a terminal, and nobody else's."""

import itertools
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.database import Pool, transaction
from registry import group_clients, ownership, profiles
from registry.model import Metric, MetricType, RegionRange
from registry.scope import Role, Scope
from tests.conftest import Database
from tests.country import everything, register

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


async def client_scope(pool: Pool, code: str) -> Scope:
    async with transaction(pool, everything.settings()) as conn:
        client = await group_clients.find(conn, everything, code)
    return Scope.of_role(f"user:{code}", Role.CLIENT_VIEWER, group_clients=frozenset({client.id}))


async def seen(pool: Pool, scope: Scope, query: str) -> list[dict[str, Any]]:
    async with transaction(pool, scope.settings()) as conn:
        return await (await conn.execute(query.encode())).fetchall()


def measure(database: Database, terminal_id: int, minutes: range) -> None:
    """A reading, an event and a refused message at each of these minutes after noon."""
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        for minute in minutes:
            at = NOON + minute * MINUTE
            conn.execute(
                "insert into telemetry.meter values (%s, %s, 0, %s, %s)",
                (at, terminal_id, minute, minute * 100 + 25),
            )
            conn.execute(
                "insert into telemetry.event (time, terminal_id, delay_seconds, code, digest)"
                " values (%s, %s, 0, 'tick', 0)",
                (at, terminal_id),
            )
            conn.execute(
                "insert into telemetry.quarantine (received_at, last_received_at, bridge, topic,"
                " terminal_id, reason, detail, payload, payload_bytes, digest) values"
                " (%s, %s, 'b', 't', %s, 'malformed', '', '', 0, %s)",
                (at, at, terminal_id, str(minute).encode()),
            )


async def minutes_of(pool: Pool, scope: Scope, relation: str, column: str = "time") -> set[int]:
    rows = await seen(pool, scope, f"select {column} as at from visible.{relation}")
    return {round((row["at"] - NOON) / MINUTE) for row in rows}


async def test_a_transfer_parts_what_was_measured(pool: Pool, database: Database) -> None:
    """Before it everything is the old owner's, from its instant on all is the new one's."""
    [terminal] = await register(pool, "m-1")
    measure(database, terminal.id, range(6))
    async with transaction(pool, everything.settings()) as conn:
        await ownership.transfer(
            conn, everything, "m-1", "power-zj", effective_at=NOON + 3 * MINUTE
        )
    old, new = await client_scope(pool, "power-js"), await client_scope(pool, "power-zj")

    for relation, column in (("meter", "time"), ("event", "time"), ("quarantine", "received_at")):
        assert await minutes_of(pool, old, relation, column) == {0, 1, 2}
        assert await minutes_of(pool, new, relation, column) == {3, 4, 5}
        assert await minutes_of(pool, everything, relation, column) == set(range(6))


async def test_latest_stays_with_the_owner_of_its_moment(pool: Pool, database: Database) -> None:
    """A value of before the transfer is not the new owner's to see."""
    [terminal] = await register(pool, "m-1")
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute(
            "insert into telemetry.latest values (%s, 'voltage_a', %s, 230, null)",
            (terminal.id, NOON),
        )
    async with transaction(pool, everything.settings()) as scoped:
        await ownership.transfer(scoped, everything, "m-1", "power-zj", effective_at=NOON + MINUTE)

    query = "select number from visible.latest"
    assert await seen(pool, await client_scope(pool, "power-js"), query) == [{"number": 230.0}]
    assert await seen(pool, await client_scope(pool, "power-zj"), query) == []


async def test_a_region_sees_what_is_installed_there_under_any_owner(
    pool: Pool, database: Database
) -> None:
    """A supervisor follows a terminal of the own region through its transfers; others do not."""
    [terminal] = await register(pool, "m-1")
    measure(database, terminal.id, range(4))
    async with transaction(pool, everything.settings()) as conn:
        await ownership.transfer(
            conn, everything, "m-1", "power-zj", effective_at=NOON + 2 * MINUTE
        )
    jiangsu = Scope.of_role("user:j", Role.SUPERVISOR, region=RegionRange(320000, 329999))
    # Zhejiang supervises the new owner, wherever its terminals are.
    zhejiang = Scope.of_role("user:z", Role.SUPERVISOR, region=RegionRange(330000, 339999))

    assert await minutes_of(pool, jiangsu, "meter") == {0, 1, 2, 3}
    assert await minutes_of(pool, zhejiang, "meter") == {2, 3}


async def test_what_names_no_terminal_is_for_who_sees_everything(
    pool: Pool, database: Database
) -> None:
    """Messages of strangers and of another owner's time are the operator's to decide."""
    [terminal] = await register(pool, "m-1")
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        for reason, terminal_id in (("unknown_terminal", None), ("other_owner", terminal.id)):
            conn.execute(
                "insert into telemetry.quarantine (received_at, last_received_at, bridge, topic,"
                " terminal_id, reason, detail, payload, payload_bytes, digest) values"
                " (now(), now(), 'b', 't', %s, %s, '', '', 0, '')",
                (terminal_id, reason),
            )

    query = "select reason, terminal from visible.quarantine order by reason"
    assert await seen(pool, everything, query) == [
        {"reason": "other_owner", "terminal": "m-1"},
        {"reason": "unknown_terminal", "terminal": None},
    ]
    assert await seen(pool, await client_scope(pool, "power-js"), query) == []


async def test_a_former_owner_is_not_told_what_came_again(pool: Pool, database: Database) -> None:
    """The same bytes, refused again in the next owner's time, stay one message of the first."""
    [terminal] = await register(pool, "m-1")
    measure(database, terminal.id, range(1))
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute(
            "update telemetry.quarantine set count = 5, last_received_at = %s", (NOON + 9 * MINUTE,)
        )
    query = "select count, last_received_at from visible.quarantine"
    old = await client_scope(pool, "power-js")
    owner = await seen(pool, old, query)
    async with transaction(pool, everything.settings()) as scoped:
        await ownership.transfer(scoped, everything, "m-1", "power-zj", effective_at=NOON + MINUTE)

    whole = [{"count": 5, "last_received_at": NOON + 9 * MINUTE}]
    assert owner == whole
    assert await seen(pool, old, query) == [{"count": 1, "last_received_at": NOON}]
    assert await seen(pool, everything, query) == whole
    assert await seen(pool, await client_scope(pool, "power-zj"), query) == []


async def test_what_was_before_its_owner_stays_with_the_former(
    pool: Pool, database: Database
) -> None:
    """Modems and profiles that came to an end before the transfer are the former owner's past."""
    [terminal] = await register(pool, "m-1")
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute(
            "insert into registry.hardware values (%s, '490154203237518', %s, %s),"
            " (%s, '356938035643809', %s, null)",
            (terminal.id, NOON - 9 * MINUTE, NOON, terminal.id, NOON),
        )
    async with transaction(pool, everything.settings()) as scoped:
        await ownership.transfer(scoped, everything, "m-1", "power-zj", effective_at=NOON + MINUTE)

    new = await client_scope(pool, "power-zj")
    assert await seen(pool, new, "select imei from registry.hardware") == [
        {"imei": "356938035643809"}
    ]
    window = f"array[{terminal.id}], '{NOON - 9 * MINUTE}'::timestamptz, '{NOON}'::timestamptz"
    query = f"select profile_id as id from registry.profiles_in_window({window})"
    assert await seen(pool, new, query) == []
    assert len(await seen(pool, await client_scope(pool, "power-js"), query)) == 1


async def test_scaled_metrics_are_plain_numbers_to_people(pool: Pool, database: Database) -> None:
    """A metric with decimals is a bigint underneath and the number it was in the view."""
    [terminal] = await register(pool, "m-1")
    measure(database, terminal.id, range(2, 3))

    assert await seen(pool, everything, "select * from visible.meter") == [
        {
            "time": NOON + 2 * MINUTE,
            "terminal_id": terminal.id,
            "terminal": "m-1",
            "delay_seconds": 0,
            "voltage_a": 2.0,
            "energy_kwh": 2.25,
        }
    ]


async def test_a_live_table_grows_with_its_rows_in_it(pool: Pool, database: Database) -> None:
    """A metric added to a profile with data is null in what was stored before."""
    [terminal] = await register(pool, "m-1")
    measure(database, terminal.id, range(1))
    signal = Metric("signal_dbm", MetricType.BIGINT, "dBm", None, None, None, "信号", "Signal")

    async with transaction(pool, everything.settings()) as conn:
        await profiles.add_metric(conn, everything, "meter", signal)

    query = "select voltage_a, signal_dbm from visible.meter"
    assert await seen(pool, everything, query) == [{"voltage_a": 0.0, "signal_dbm": None}]


numbers = itertools.count(1)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    transfers=st.lists(
        st.tuples(st.sampled_from(["power-js", "power-zj", None]), st.integers(0, 9)), max_size=4
    )
)
async def test_any_timeline_gives_each_moment_to_one_owner(
    pool: Pool, database: Database, transfers: list[tuple[str | None, int]]
) -> None:
    """Whatever was transferred when, each reading has exactly the viewers its moment says."""
    code = f"p-{next(numbers)}"
    [terminal] = await register(pool, code)
    measure_ten_minutes(database, terminal.id)
    owner_at: list[str | None] = ["power-js"] * 10
    present: tuple[str | None, int] = ("power-js", -1)
    async with transaction(pool, everything.settings()) as conn:
        for client, minute in transfers:
            if client == present[0] or minute <= present[1]:
                continue
            await ownership.transfer(
                conn, everything, code, client, effective_at=NOON + minute * MINUTE
            )
            owner_at[minute:] = [client] * (10 - minute)
            present = client, minute

    for client in ("power-js", "power-zj"):
        rows = await seen(
            pool,
            await client_scope(pool, client),
            f"select time from visible.meter where terminal_id = {terminal.id}",
        )
        expected = {minute for minute, owner in enumerate(owner_at) if owner == client}
        assert {round((row["time"] - NOON) / MINUTE) for row in rows} == expected


def measure_ten_minutes(database: Database, terminal_id: int) -> None:
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute(
            "insert into telemetry.meter select %s + k * interval '1 minute', %s, 0, k, 0"
            " from generate_series(0, 9) k",
            (NOON, terminal_id),
        )


@pytest.mark.parametrize("role", ["bridge", "jobs"])
async def test_the_views_are_not_a_way_around(pool: Pool, database: Database, role: str) -> None:
    """Our processes without a scope get nothing through the views that are made for scopes."""
    [terminal] = await register(pool, "m-1")
    measure(database, terminal.id, range(1))

    got = []
    with psycopg.connect(getattr(database, role), autocommit=True) as conn:
        for relation in ("meter", "event", "latest", "quarantine"):
            with suppress(psycopg.errors.InsufficientPrivilege):  # or nothing, without a scope
                got += conn.execute(f"select * from visible.{relation}".encode()).fetchall()
    assert got == []
