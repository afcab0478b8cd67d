"""What the import benchmark stands on: files of a planned fleet, jobs that import them, books."""

import asyncio
import csv
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from deploy import reference
from deploy.bench.fleet import Growing
from deploy.bench.processes import Child, RoundFailed, wait_until
from deploy.bench.stand import Stand
from deploy.embedded.ports import free_port
from deploy.reference.fleet import Fleet, FleetTerminal
from foundation.database import open_pool, transaction
from registry.imports import files
from registry.scope import Scope

Watch = psycopg.Connection[tuple[Any, ...]]
TABLES = ("terminal", "ownership", "terminal_profile", "hardware", "sim", "installation",
          "credential")  # fmt: skip
"""What an import of terminals with SIMs and passwords fills."""
CHUNK = 1 << 16
PATIENCE_SECONDS = 3600.0
_SCOPE = Scope.system("bench")
_HEADER = ("code", "name", "profile", "group_client", "region", "state", "imei", "iccid", "imsi",
           "msisdn", "tags", "order_ref", "credential")  # fmt: skip
_STATES = {"registered", "provisioned", "testing"}


def worker(stand: Stand) -> Child:
    """A jobs process on the stand, as `muster jobs` runs it."""
    return Child(
        "deploy.jobs",
        environment={
            "MUSTER_DATABASE_URL": stand.dsn("muster_jobs"),
            "MUSTER_METRICS_LISTEN": f"127.0.0.1:{free_port()}",
            "MUSTER_SECRET_KEY": "bench-" + "0123456789abcdefghijklmnopqrstuvwxyz",
            "MUSTER_LOG_LEVEL": "error",
        },
        said=stand.directory / "jobs.log",
    )


class Source:
    """A planned fleet, of which each file takes the next rows."""

    def __init__(self, stand: Stand, most: int) -> None:
        Growing(stand.dsn(), most)  # its clients and profiles; nobody of it is on the roll
        fleet = Fleet(reference.load(), reference.profiles(), terminals=most)
        self._rest: Iterator[FleetTerminal] = fleet.terminals()

    def write(self, path: Path, rows: int) -> None:
        """The next so many terminals as a file of an order."""
        with path.open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(_HEADER)
            lines.writerows(_line(terminal) for terminal in islice(self._rest, rows))


def _line(terminal: FleetTerminal) -> tuple[object, ...]:
    state = terminal.state.value
    return (
        terminal.code,
        terminal.name,
        terminal.profile_code,
        terminal.client_code,
        int(terminal.region_code),
        state if state in _STATES else "in_service",
        terminal.imei,
        terminal.iccid,
        terminal.imsi,
        terminal.msisdn,
        " ".join(terminal.tags),
        "SO-BENCH",
        "generate",
    )


def sent(stand: Stand, source: Source, rows: int) -> int:
    """The import of a file of the next rows."""
    with tempfile.TemporaryDirectory(dir=stand.directory) as directory:
        path = Path(directory) / "file.csv"
        source.write(path, rows)
        return asyncio.run(_send(stand, path))


async def _send(stand: Stand, path: Path) -> int:
    async def chunks() -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    async with (
        await open_pool(stand.dsn("muster_api"), name="bench") as pool,
        transaction(pool, _SCOPE.settings()) as conn,
    ):
        found = await files.receive(
            conn, _SCOPE, "terminals", chunks(), name=path.name, order_ref="SO-BENCH"
        )
    return found.id


async def apply(stand: Stand, import_id: int) -> None:
    """Have a checked import applied."""
    async with (
        await open_pool(stand.dsn("muster_api"), name="bench") as pool,
        transaction(pool, _SCOPE.settings()) as conn,
    ):
        await files.apply(conn, _SCOPE, import_id, whole=False)


def wait(watch: Watch, import_id: int, state: str, jobs: Child) -> None:
    """Until an import is in that state; RoundFailed where its process ends before."""

    def is_there() -> bool:
        return bool(
            one(watch, "select state from registry.import where id = %s", import_id) == state
        )

    wait_until(is_there, jobs, PATIENCE_SECONDS, f"import {import_id} {state}")


def one(watch: Watch, query: LiteralString, *parameters: object) -> Any:
    """The first column of the first row, or None."""
    row = watch.execute(query, parameters).fetchone()
    return row[0] if row else None


def lasts(watch: Watch) -> dict[str, int]:
    """The last terminal and the last SIM so far."""
    return {
        "terminal": one(watch, "select coalesce(max(id), 0) from registry.terminal"),
        "sim": one(watch, "select coalesce(max(id), 0) from registry.sim"),
    }


def after(table: str, last: dict[str, int]) -> sql.Composed:
    """Of a table's rows those that came after `last`."""
    key = "id" if table in last else "terminal_id"
    return sql.SQL("registry.{} where {} > {}").format(
        sql.Identifier(table), sql.Identifier(key), last.get(table, last["terminal"])
    )


def check_books(watch: Watch, import_id: int, rows: int, last: dict[str, int]) -> dict[str, int]:
    """What an import left, counted; RoundFailed unless it is each row once and nothing else."""
    counted: dict[str, int] = {}
    for table in TABLES:
        [(count,)] = watch.execute(
            sql.SQL("select count(*) from {}").format(after(table, last))
        ).fetchall()
        counted[table] = count
    counted["made"] = one(
        watch, "select count(distinct id) from registry.import_made where import_id = %s", import_id
    )
    counted["linked"] = one(
        watch,
        "select coalesce(sum(rows), 0)::int8 from registry.import_link"
        " where import_id = %s and deed = 'apply'",
        import_id,
    )
    counted["told"] = one(
        watch,
        "select coalesce(sum(size), 0)::int8 from registry.audit"
        " where action = 'import.apply' and 'import:' || %s::int8 = any (keys)",
        import_id,
    )
    if wrong := {what: count for what, count in counted.items() if count != rows}:
        raise RoundFailed(f"Of {rows:,} rows there are {wrong}.")
    return counted
