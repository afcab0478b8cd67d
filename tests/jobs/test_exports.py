"""Exports by real processes: one is killed in the midst, two race; no half file is ever done."""

import asyncio
import hashlib
import os
import signal
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.conftest import Database
from tests.country import everything
from tests.jobs.test_imports import let_go
from tests.jobs.test_jobs import running
from tests.telemetry.exporting import Fleet, fleet_of, in_window, of_power_js, rows_of_csv

pytestmark = pytest.mark.timeout(600)

_PATIENCE_SECONDS = 240


def crowd(fleet: Fleet) -> int:
    """A hundred thousand readings of M-1 more; how many it has in the window then."""
    fleet.execute(
        "insert into telemetry.meter select '2026-11-20T12:00:00Z'::timestamptz"
        " + n * interval '200 ms', t.id, 0, 180 + n %% 80, n from generate_series(1, 100000) n,"
        " registry.terminal t where t.code = 'M-1' on conflict do nothing"
    )
    [(rows,)] = rows_of(
        fleet.database,
        "select count(*) from telemetry.meter r join registry.terminal t on t.id = r.terminal_id"
        " where t.code = 'M-1' and r.time >= '2026-11-20T12:00:00Z'"
        " and r.time < '2026-11-20T18:00:00Z'",
    )
    return int(rows)


def rows_of(database: Database, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.superuser) as conn:
        return conn.execute(query.encode()).fetchall()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; fails the test when it does not."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.02)


def state(database: Database, export_id: int) -> str:
    [(found,)] = rows_of(database, f"select state from registry.export where id = {export_id}")
    return str(found)


def parts(database: Database) -> int:
    return int(rows_of(database, "select count(*) from registry.export_part")[0][0])


async def test_a_process_killed_in_the_midst_leaves_no_half_file(database: Database) -> None:
    """Killed with -9 after some parts: nothing is done, and the next one writes all of it."""
    async with fleet_of(database) as fleet:
        rows = crowd(fleet)
        asked = await fleet.ask(terminals=("M-1",))
        with running(database) as first:
            await until(lambda: parts(database) > 0)
            os.kill(first.process.pid, signal.SIGKILL)
            first.process.wait()
        between = state(database, asked.id)
        let_go(database)
        with running(database) as second:
            await until(lambda: state(database, asked.id) == "done")
            await until(lambda: second.metric('muster_exports{state="done"}') == 1)
        done = await fleet.find(asked.id)
        content = await fleet.fetch(asked.id)

    assert between == "running"
    assert done.rows == rows == len(rows_of_csv(content))
    assert hashlib.sha256(content).digest() == done.sha256
    assert (len(content), done.terminals) == (done.size_bytes, 1)


async def test_two_processes_write_each_file_once(database: Database) -> None:
    """Six exports of two accounts between two processes: each is written by one, and whole."""
    async with fleet_of(database) as fleet:
        other = await fleet.key(group_clients=["power-js"])
        asked = [
            await fleet.ask(scope, group_client="power-js")
            for scope in (other, other, other, everything, everything, everything)
        ]
        with running(database), running(database):
            await until(lambda: all(state(database, e.id) == "done" for e in asked))
        files = [await fleet.fetch(export.id) for export in asked]
        attempts = rows_of(database, "select attempts from registry.job where kind = 'export.read'")

    wanted = {row for row in fleet.said if of_power_js(row) and in_window(row)}
    for content in files:
        found = rows_of_csv(content)
        assert (set(found), len(found)) == (wanted, len(wanted))
    assert attempts == [(1,)] * 6
