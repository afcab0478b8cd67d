"""The directory: all terminals in memory, current within a second."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from foundation.database import Pool, open_pool, transaction
from registry import profiles, terminals
from registry.directory import Change, Directory
from registry.model import Metric, MetricType, TerminalState
from tests.conftest import Database
from tests.country import everything, register


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
        current = Metric("current_a", MetricType.DOUBLE, "A", None, None, None, "电流", "Current")
        await profiles.add_metric(conn, everything, "meter", current)
    await until(lambda: len(told) == 2)
    stop.set()
    await following

    ref = directory.find("m-1")
    assert ref is not None
    assert ref.state is TerminalState.MAINTENANCE
    assert ref.profile.metrics[-1] == current
    assert [change.codes for change in told] == [{"m-1"}, {"m-1"}]
    assert [change.profiles for change in told] == [set(), {ref.profile.id}]
