"""A terminal's rows as they were stored: each once, newest first, as far as the scope sees."""

from datetime import timedelta

import psycopg
import pytest

from foundation.database import open_pool, transaction
from registry import group_clients
from registry.errors import TerminalNotFound
from registry.keyset import CursorInvalid
from registry.scope import Role, Scope
from telemetry import readings
from telemetry.readings import Reading
from tests.api.conftest import built_world, house  # noqa: F401 - fixtures of these tests, too
from tests.api.world import POWER, SYSTEM, TRANSIT, World, minutes_ago

MINUTE = timedelta(minutes=1)
NOON = minutes_ago(60)


@pytest.fixture
def swapped(house: World) -> World:  # noqa: F811
    """METER-1, which said ten things as one profile and five as another, at the same moments."""
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        conn.execute("update registry.terminal_profile set valid_from = %s", (NOON,))
        conn.execute(
            "insert into registry.terminal_profile select %s, id, '-infinity', %s"
            " from registry.profile where code = 'vehicle_tracker'",
            (house.ids["METER-1"], NOON),
        )
    for k in range(10):
        house.measured("METER-1", "smart_meter", NOON + k * MINUTE, voltage_a=220.5 + k)
        if k % 2:
            house.measured("METER-1", "vehicle_tracker", NOON + k * MINUTE, speed_kmh=4.0 * k)
    return house


async def walk(world: World, scope: Scope, limit: int) -> list[Reading]:
    """All pages, while a newer reading comes after each."""
    found: list[Reading] = []
    after = None
    async with await open_pool(world.database.api, name="walk", max_size=1) as pool:
        for k in range(100):
            async with transaction(pool, scope.settings()) as conn:
                page = await readings.list_readings(
                    conn, scope, "METER-1", after=after, limit=limit
                )
            found += page.items
            after = page.next_key
            if after is None:
                return found
            world.measured("METER-1", "smart_meter", NOON + (20 + k) * MINUTE, voltage_a=199.0)
    raise AssertionError


@pytest.mark.parametrize("limit", [1, 2, 4, 7, 50])
async def test_every_row_comes_once_newest_first(swapped: World, limit: int) -> None:
    """Whatever the size of the pages, and though rows arrive; each profile is there."""
    found = await walk(swapped, SYSTEM, limit)

    meter = [Reading("smart_meter", NOON + k * MINUTE, 0, {"voltage_a": 220.5 + k})
             for k in range(10)]  # fmt: skip
    tracker = [Reading("vehicle_tracker", NOON + k * MINUTE, 0, {"speed_kmh": 4.0 * k})
               for k in range(1, 10, 2)]  # fmt: skip
    expected = sorted(meter + tracker, key=lambda r: (-r.time.timestamp(), r.profile))
    assert found == expected


async def test_only_who_sees_the_terminal_sees_its_rows(swapped: World) -> None:
    """Its owner does; to another client there is no such terminal; a cursor is one of this list."""
    async with await open_pool(swapped.database.api, name="who", max_size=1) as pool:
        async with transaction(pool, SYSTEM.settings()) as conn:
            owners = [await group_clients.find(conn, SYSTEM, code) for code in (POWER, TRANSIT)]
        own, other = (
            Scope.of_role(
                f"user:{owner.code}", Role.CLIENT_VIEWER, group_clients=frozenset([owner.id])
            )
            for owner in owners
        )
        async with transaction(pool, own.settings()) as conn:
            page = await readings.list_readings(conn, own, "METER-1")
            assert len(page.items) == 15
            with pytest.raises(CursorInvalid):
                await readings.list_readings(conn, own, "METER-1", after="tomorrow")
        async with transaction(pool, other.settings()) as conn:
            with pytest.raises(TerminalNotFound):
                await readings.list_readings(conn, other, "METER-1")
