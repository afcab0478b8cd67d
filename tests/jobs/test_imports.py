"""An import whose process is killed: another goes on where it was left, and counts exactly."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import psycopg

from foundation.database import Pool, open_pool, transaction
from registry import jobs
from registry.imports import files
from registry.imports.model import ImportState
from tests.conftest import Database
from tests.country import everything, settled
from tests.jobs.test_jobs import Jobs, running
from tests.registry.imports_ground import counted, found, rows_of, sent, terminals_file

ROWS = 20_000
CLIENTS, BELOW = 10_500, 100
_PATIENCE_SECONDS = 240


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; fails the test when it does not."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.05)


def state(database: Database, number: int) -> str:
    [row] = rows_of(database, f"select state from registry.import where id = {number}")
    return str(row["state"])


def let_go(database: Database) -> None:
    """Let nobody wait for the time that a killed process would have had."""
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute(
            "update registry.job set held_until = now() - interval '1 s' where state = 'running'"
        )


def clients_file() -> bytes:
    """More than two portions of clients, many of them below the one of the last row."""
    last = f"c-{CLIENTS}"
    rows = [
        f"c-{n},c-{n},{'' if n % BELOW or n == CLIENTS else last},320100,power,gold"
        for n in range(1, CLIENTS + 1)
    ]
    return "\n".join(["code,name,parent,region,industry,tier", *rows]).encode()


async def asked(pool: Pool, database: Database, content: bytes, **more: Any) -> int:
    """The number of an import that is checked and asked to be applied."""
    number = await sent(pool, content, **more)
    with running(database):
        await until(lambda: state(database, number) == ImportState.CHECKED)
    async with transaction(pool, everything.settings()) as conn:
        await files.apply(conn, everything, number, whole=False)
    return number


async def test_a_process_killed_in_the_midst_leaves_exact_counts(database: Database) -> None:
    """Killed with -9 after some portions: the next one applies the rest, each row once."""
    async with settled(database) as pool:
        content = terminals_file(*range(ROWS))
        number = await asked(pool, database, content, defaults={"credential": "none"})
        with running(database) as first:
            await until(lambda: 0 < counted(database, "import_made") < ROWS)
            os.kill(first.process.pid, signal.SIGKILL)
            first.process.wait()
        left = counted(database, "terminal")
        let_go(database)
        with running(database) as second:
            await until(lambda: state(database, number) == ImportState.APPLIED)
            assert isinstance(second, Jobs)
        done = await found(pool, number)
        async with transaction(pool, everything.settings()) as conn:
            last = (await jobs.list_page(conn, everything, subject=number)).items[0]

    assert 0 < left < ROWS
    assert (done.created, done.wrong, done.unchanged) == (ROWS, 0, 0)
    assert last.attempts == 2
    for relation in ("terminal", "ownership", "hardware", "sim", "installation", "import_made"):
        assert counted(database, relation) == ROWS
    [link] = rows_of(
        database, "select size from registry.audit where action = 'import.apply' and tenant > 0"
    )
    assert link["size"] == ROWS


async def test_clients_whose_parent_comes_after_the_kill_are_below_it(
    database: Database,
) -> None:
    """Those of portions that were applied before, too; each client once, and taken back whole."""
    async with settled(database) as pool:
        number = await asked(pool, database, clients_file(), kind="clients")
        with running(database) as first:
            await until(lambda: 0 < counted(database, "import_made") < CLIENTS)
            os.kill(first.process.pid, signal.SIGKILL)
            first.process.wait()
        left = counted(database, "group_client")
        let_go(database)
        with running(database):
            await until(lambda: state(database, number) == ImportState.APPLIED)
            done = await found(pool, number)
            below = rows_of(
                database,
                "select count(*) as n from registry.group_client_lineage l join"
                f" registry.group_client c on c.id = l.ancestor_id where c.code = 'c-{CLIENTS}'",
            )
            async with transaction(pool, everything.settings()) as conn:
                await files.undo(conn, everything, number)
            await until(lambda: state(database, number) == ImportState.UNDONE)
            back = await found(pool, number)

    assert 2 < left < CLIENTS
    assert (done.created, done.wrong, done.unchanged) == (CLIENTS, 0, 0)
    assert below == [{"n": CLIENTS // BELOW}]
    assert (back.undone, back.kept, counted(database, "group_client")) == (CLIENTS, 0, 2)


async def test_who_no_longer_holds_a_job_commits_nothing_of_it(database: Database) -> None:
    """A process that was taken for dead and is not cannot apply a row a second time."""
    async with settled(database) as pool, await open_pool(database.jobs, name="jobs") as workers:
        number = await sent(pool, terminals_file(1))
        async with transaction(workers, everything.settings()) as conn:
            job = await jobs.take(conn, [files.CHECK], first := uuid4())
        assert job is not None
        let_go(database)
        with running(database):
            await until(lambda: state(database, number) == ImportState.CHECKED)
        with suppress(jobs.JobLost):
            async with transaction(workers, everything.settings()) as conn:
                await conn.execute("delete from registry.import_row")
                await jobs.keep(conn, job, first, 0)

    assert counted(database, "import_row") == 1
