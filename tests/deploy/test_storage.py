"""`muster storage` on a database: what each profile takes, and how long it is kept."""

import asyncio

import psycopg
from typer.testing import CliRunner

from deploy.cli.storage import app
from tests.conftest import Database
from tests.country import settled


async def settle(database: Database) -> None:
    """A profile that was measured."""
    async with settled(database):
        with psycopg.connect(database.superuser) as conn:
            conn.execute(
                "insert into telemetry.profile_storage (profile_id, measured_at, raw_bytes,"
                " raw_chunks, kept_days, next_drop_at)"
                " select id, now(), 2500000, 3, 60, '2027-01-02' from registry.profile"
            )


def test_every_profile_has_a_line(database: Database) -> None:
    """As it was measured last."""
    asyncio.run(settle(database))

    done = CliRunner().invoke(app, [], env={"MUSTER_DATABASE_URL": database.jobs})

    head, line = done.stdout.splitlines()
    assert (head.split()[0], done.exit_code) == ("profile", 0)
    assert line.startswith("meter    2.5 MB (3 chunks)")
    assert " 60 " in line
    assert "2027-01-02" in line
