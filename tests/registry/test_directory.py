"""The directory: all terminals in memory, current within a second."""

import asyncio
from collections.abc import AsyncIterator, Callable

import psycopg
import pytest

from foundation.database import Pool, open_pool, transaction
from registry import profiles, terminals
from registry.directory import Change, Directory, forget_changes
from registry.identifiers import TerminalCode
from registry.model import Metric, MetricType, TerminalState
from registry.scope import Scope
from tests.conftest import Database
from tests.country import JIANGSU, everything, register

CURRENT = Metric("current_a", MetricType.DOUBLE, "A", None, None, None, "电流", "Current")


@pytest.fixture
async def bridge_pool(database: Database, pool: Pool) -> AsyncIterator[Pool]:
    """Connections as the bridge makes them."""
    async with await open_pool(database.bridge, name="bridge", max_size=2) as opened:
        yield opened


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until `condition` holds; fails the test when it does not."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


async def test_a_loaded_directory_knows_every_terminal(pool: Pool, bridge_pool: Pool) -> None:
    """What is on the roll is found without asking, with the profile that its fellows share."""
    await register(pool, "m-1", "m-2")
    directory = Directory(bridge_pool)

    await directory.load()

    one, two = directory.find("m-1"), directory.find("m-2")
    assert one is not None
    assert two is not None
    assert (len(directory), one.code, one.state) == (2, "m-1", TerminalState.IN_SERVICE)
    assert one.owner_since_us is None
    assert one.profile is two.profile
    assert [m.name for m in one.profile.metrics] == ["voltage_a", "energy_kwh"]
    assert directory.find("m-3") is None


async def test_a_stranger_is_asked_for_once(pool: Pool, bridge_pool: Pool) -> None:
    """A terminal registered a moment ago is found by asking; a stranger stays unknown for 5 s."""
    directory = Directory(bridge_pool)
    await directory.load()
    assert await directory.ask("m-2") is None
    await register(pool, "m-1", "m-2")

    found = await directory.ask("m-1")

    assert found is not None
    assert found is directory.find("m-1")
    assert await directory.ask("m-2") is None


async def test_changes_arrive_by_themselves(pool: Pool, bridge_pool: Pool) -> None:
    """A registration, a new state and a new metric come in, and are told, without being asked."""
    directory = Directory(bridge_pool)
    await directory.load()
    told: list[Change] = []
    directory.on_change(told.append)
    stop = asyncio.Event()
    following = asyncio.create_task(directory.follow(stop))

    assert await directory.ask("m-1") is None
    await register(pool, "m-1")
    await until(lambda: directory.find("m-1") is not None)
    async with transaction(pool, everything.settings()) as conn:
        await terminals.move_to(conn, everything, "m-1", TerminalState.MAINTENANCE)
        await profiles.add_metric(conn, everything, "meter", CURRENT)
    await until(lambda: len(told) == 2)
    stop.set()
    await following

    ref = directory.find("m-1")
    assert ref is not None
    assert ref.state is TerminalState.MAINTENANCE
    assert ref.profile.metrics[-1] == CURRENT
    assert [change.codes for change in told] == [{"m-1"}, {"m-1"}]
    assert [change.profiles for change in told] == [set(), {ref.profile.id}]


async def test_a_transaction_that_commits_late_is_not_missed(pool: Pool, bridge_pool: Pool) -> None:
    """A terminal whose transaction began first and ended last still comes in."""
    directory = Directory(bridge_pool)
    await directory.load()
    stop = asyncio.Event()
    following = asyncio.create_task(directory.follow(stop))

    async with transaction(pool, everything.settings()) as conn:
        await terminals.register(
            conn, everything, code=TerminalCode("slow"), profile="meter", region=JIANGSU
        )
        await register(pool, "quick")
        await until(lambda: directory.find("quick") is not None)
        assert directory.find("slow") is None
    await until(lambda: directory.find("slow") is not None)

    stop.set()
    await following


async def test_a_lost_connection_loses_no_change(
    pool: Pool, bridge_pool: Pool, database: Database
) -> None:
    """What changed while the follower was cut off comes in when it is back."""
    directory = Directory(bridge_pool)
    await directory.load()
    stop = asyncio.Event()
    following = asyncio.create_task(directory.follow(stop))
    await register(pool, "before")
    await until(lambda: directory.find("before") is not None)

    with psycopg.connect(database.superuser, autocommit=True) as owner:
        cut = owner.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'muster directory'"
        ).fetchall()
    await register(pool, "after")
    await until(lambda: directory.find("after") is not None)

    stop.set()
    await following
    assert cut == [(True,)]


async def test_after_a_long_gap_everything_is_read_again(
    pool: Pool, bridge_pool: Pool, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was away for longer than changes are kept reads all, and tells what differs of those

    that were asked for, and of every profile: who holds something forgets it all.
    """
    await register(pool, "stays", "moves", "sleeps")
    directory = Directory(bridge_pool)
    await directory.load()
    directory.find("stays"), directory.find("moves")
    told: list[Change] = []
    directory.on_change(told.append)
    async with transaction(pool, everything.settings()) as conn:
        await terminals.move_to(conn, everything, "moves", TerminalState.MAINTENANCE)
    with psycopg.connect(database.superuser, autocommit=True) as owner:
        owner.execute("delete from registry.change")
    monkeypatch.setattr("registry.directory._LONGEST_GAP_SECONDS", -1)
    stop = asyncio.Event()
    following = asyncio.create_task(directory.follow(stop))

    await until(lambda: bool(told))
    stop.set()
    await following

    moved = directory.find("moves")
    assert moved is not None
    assert told[0] == Change(frozenset({"moves"}), frozenset({moved.profile.id}))
    assert moved.state is TerminalState.MAINTENANCE


async def test_an_unknown_metric_is_asked_for_once(pool: Pool, bridge_pool: Pool) -> None:
    """A metric added a moment ago is there when asked for, on every terminal of the profile."""
    await register(pool, "m-1")
    directory = Directory(bridge_pool)
    await directory.load()
    before = directory.find("m-1")
    assert before is not None
    async with transaction(pool, everything.settings()) as conn:
        await profiles.add_metric(conn, everything, "meter", CURRENT)

    asked = await directory.ask_metric(before.profile.id, "current_a")
    never = await directory.ask_metric(before.profile.id, "current_z")

    after = directory.find("m-1")
    assert asked is not None
    assert asked.metrics[-1] == CURRENT
    assert after is not None
    assert after.profile is asked is never
    assert len(before.profile.metrics) == 2


async def test_old_changes_are_forgotten(pool: Pool, database: Database) -> None:
    """The feed keeps an hour: what is older is for a full read."""
    await register(pool, "m-1")
    with psycopg.connect(database.superuser, autocommit=True) as owner:
        owner.execute("update registry.change set at = now() - interval '61 minutes'")
    await register(pool, "m-2")

    async with (
        await open_pool(database.jobs, name="jobs") as jobs,
        transaction(jobs) as conn,
    ):
        await forget_changes(conn, Scope.system("jobs"))
        left = await (
            await conn.execute("select distinct kind, id from registry.change")
        ).fetchall()

    assert {row["kind"] for row in left} == {"terminal", "credential"}
    assert len({row["id"] for row in left}) == 1
