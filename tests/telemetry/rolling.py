"""Roll-ups for tests: all that is due at an instant, and what there was before."""

from datetime import datetime, timedelta

from telemetry import rollups
from tests.conftest import Database
from tests.telemetry.ground import connected


async def roll_up(database: Database, now: datetime) -> None:
    """Follow the feed to its end and roll up what is due an hour and a day after it was touched."""
    while await _turn(database, now, "catch_up"):
        pass
    while await _turn(database, now, "fill_in"):
        pass
    for daily, later in ((False, 1), (True, 2)):
        while await _roll(database, now + timedelta(days=later), daily):
            pass


async def roll_all(database: Database, now: datetime) -> None:
    """Roll up all that there is raw, whether the feed tells of it or not."""
    async with connected(database.jobs) as conn:
        await rollups.catch_up(conn, now)
        await rollups.begin_anew(conn, None)
    await roll_up(database, now)


async def _turn(database: Database, now: datetime, what: str) -> int:
    async with connected(database.jobs) as conn:
        if what == "catch_up":
            return await rollups.catch_up(conn, now)
        return await rollups.fill_in(conn)


async def _roll(database: Database, now: datetime, daily: bool) -> int:
    async with connected(database.jobs) as conn:
        return await rollups.roll(conn, now, daily=daily)
