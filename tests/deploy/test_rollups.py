"""`muster rollups` on a database: begin anew, and forget raw readings."""

import asyncio

import psycopg
from typer.testing import CliRunner

from deploy.cli.rollups import app
from registry.errors import ProfileNotFound
from tests.conftest import Database
from tests.country import settled
from tests.telemetry.rolling import roll_all
from tests.telemetry.test_rollups import NOW


def run(dsn: str, *arguments: str) -> tuple[str, BaseException | None]:
    """What a command prints, and what it ends with."""
    done = CliRunner().invoke(app, ["rollups", *arguments], env={"MUSTER_DATABASE_URL": dsn})
    return done.stdout, done.exception


async def settle(database: Database) -> None:
    """A reading of long ago, rolled up."""
    async with settled(database):
        with psycopg.connect(database.superuser) as conn:
            conn.execute("insert into telemetry.meter values ('2026-01-01 12:00Z', 1, 0, 1.5, 1)")
    await roll_all(database, NOW)


def test_old_raw_readings_go_and_their_roll_ups_are_computed_anew(database: Database) -> None:
    """By the profile's name; of one that there is not, nothing is done."""
    asyncio.run(settle(database))

    told, refused = run(database.jobs, "forget-raw", "meter", "--before", "2026-02-01")
    assert (told.split()[0], refused) == ("1", None)
    told, refused = run(database.jobs, "anew", "meter")
    assert ("begin anew" in told, refused) == (True, None)
    with psycopg.connect(database.superuser) as conn:
        left = "(select count(*) from telemetry.meter), (select count(*) from rolled.meter_hourly)"
        found = conn.execute(
            f"select {left}, isfinite(complete_from) from telemetry.rollup".encode()
        ).fetchone()
    assert found == (0, 1, False)

    assert isinstance(run(database.jobs, "anew", "nothing")[1], ProfileNotFound)
