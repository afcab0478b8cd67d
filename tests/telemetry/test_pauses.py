"""What events mean for silence: parked, without power, disarmed; and which are data themselves."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from foundation.database import transaction
from registry import profiles
from telemetry import presence
from telemetry.model import DataState, Event, PauseNow
from telemetry.sight import unix_us
from telemetry.watch import Watch
from tests.conftest import Database
from tests.country import everything, register, settled
from tests.telemetry.ground import execute, writing
from tests.telemetry.test_presence import NOON, PATIENCE, SECOND, World, data

PARKED = 10 * PATIENCE  # every 600 s instead of every 60
PAUSES = (
    '[{"reason": "parked", "after": "off", "until": "on", "expected_interval_seconds": 600},'
    ' {"reason": "power_lost", "after": "last_gasp", "until": "power_restored"}]'
)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    """Meters whose profile knows of pauses."""
    async with settled(database) as pool:
        found = await register(pool, "M-1", "M-2")
        execute(database, "update registry.profile set pauses = %s where code = 'meter'", PAUSES)
        yield World(database, pool, Watch(), {t.code: t.id for t in found})


async def happened(world: World, code: str, what: str, when: datetime) -> None:
    """An event of a terminal is stored."""
    us = unix_us(when)
    event = Event(world.ids[code], us, us, what, "minor", None, None)
    async with writing(world.database) as writer, writer.transaction() as work:
        await work.record([event])


async def pauses(world: World, code: str) -> list[PauseNow]:
    """What an administrator is told of a terminal's pauses."""
    async with transaction(world.pool, everything.settings()) as conn:
        return await presence.list_pauses(conn, everything, world.ids[code])


async def test_who_is_parked_is_awaited_less_often(world: World) -> None:
    """Not silent after its usual patience, but after that of the pause; another one is."""
    await world.came("M-1", "M-2", when=NOON)
    await happened(world, "M-1", "off", NOON + SECOND)
    await world.look(NOON + PARKED - SECOND)
    parked, other = await world.known("M-1"), await world.known("M-2")
    await world.look(NOON + PARKED + SECOND)

    assert (parked.data, other.data) == (DataState.ONLINE, DataState.SILENT)
    assert (await world.known("M-1")).silent_since == NOON + PARKED
    assert await pauses(world, "M-1") == [PauseNow("parked", NOON + SECOND, 600)]
    assert await pauses(world, "M-2") == []


async def test_data_out_of_a_pause_tells_of_no_silence(world: World) -> None:
    """What comes in time for the pause was not missed before, however rarely somebody looked."""
    await world.came("M-1", when=NOON)
    await happened(world, "M-1", "off", NOON + SECOND)
    await world.look(NOON + 3 * PATIENCE)
    await world.came("M-1", when=NOON + 8 * PATIENCE)
    await world.look(NOON + 8 * PATIENCE)
    await world.look(NOON + 12 * PATIENCE)

    assert await world.changes("M-1") == data((NOON, True))
    assert (await world.known("M-1")).data is DataState.ONLINE


async def test_what_is_read_again_forgets_no_pause(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data that comes in the turn in which all patience is read anew was not missed before."""
    monkeypatch.setattr("telemetry.watch._PATIENCE_TURNS", 1)
    await world.came("M-1", when=NOON)
    await happened(world, "M-1", "off", NOON + SECOND)
    await world.look(NOON + 3 * PATIENCE)
    await world.came("M-1", when=NOON + 8 * PATIENCE)
    await world.look(NOON + 8 * PATIENCE)

    assert await world.changes("M-1") == data((NOON, True))


async def test_a_pause_ends_with_its_event(world: World) -> None:
    """From then on data is awaited as ever."""
    await world.came("M-1", when=NOON)
    await happened(world, "M-1", "off", NOON + SECOND)
    await world.look(NOON + 3 * PATIENCE)
    await happened(world, "M-1", "on", NOON + 4 * PATIENCE)
    await world.came("M-1", when=NOON + 4 * PATIENCE)
    await world.look(NOON + 6 * PATIENCE)

    assert (await world.known("M-1")).silent_since == NOON + 5 * PATIENCE
    assert await pauses(world, "M-1") == []


async def test_a_watch_that_begins_anew_knows_the_pauses(world: World) -> None:
    """Nothing of a pause is kept but the events."""
    await world.came("M-1", when=NOON)
    await happened(world, "M-1", "off", NOON + SECOND)
    await world.look(NOON + 3 * PATIENCE)
    await world.look(NOON + 5 * PATIENCE, watch=Watch())

    assert (await world.known("M-1")).data is DataState.ONLINE


async def test_a_last_gasp_explains_a_silence(world: World) -> None:
    """It is silent as ever, and known why; no longer when the power is back."""
    await world.came("M-1", when=NOON)
    await happened(world, "M-1", "last_gasp", NOON + SECOND)
    await world.look(NOON + 2 * PATIENCE)
    told = await pauses(world, "M-1")
    await happened(world, "M-1", "power_restored", NOON + 3 * PATIENCE)

    assert (await world.known("M-1")).data is DataState.SILENT
    assert told == [PauseNow("power_lost", NOON + SECOND, None)]
    assert await pauses(world, "M-1") == []


async def test_a_profile_keeps_its_pauses(world: World) -> None:
    """They are read as they were written."""
    async with transaction(world.pool, everything.settings()) as conn:
        found = await profiles.find(conn, everything, "meter")

    assert [pause.reason for pause in found.pauses] == ["parked", "power_lost"]
    assert found.pauses[0].expected_interval_seconds == timedelta(minutes=10).seconds


async def test_events_out_of_frames_are_data(world: World) -> None:
    """A panel that sends nothing but events is heard; one that only says hello is not."""
    for code, framed in (("M-1", True), ("M-2", None)):
        us = unix_us(NOON)
        event = Event(world.ids[code], us, us, "supervision", "minor", None, None, None, framed)
        async with writing(world.database) as writer, writer.transaction() as work:
            await work.record([event])
    await world.look(NOON + SECOND)
    panel, other = await world.known("M-1"), await world.known("M-2")
    await world.look(NOON + 2 * PATIENCE)

    assert (panel.data, panel.data_at) == (DataState.ONLINE, NOON)
    assert other.data is DataState.NEVER
    assert (await world.known("M-1")).silent_since == NOON + PATIENCE
