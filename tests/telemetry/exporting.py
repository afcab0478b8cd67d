"""A fleet whose readings are exported, a worker that writes the files, and what stands in them."""

import csv
import gzip
import io
import json
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from pyarrow import parquet

from foundation.database import Pool, open_pool, transaction
from registry import api_keys, ownership
from registry.scope import Role, Scope
from telemetry.exports import asking, running
from telemetry.exports.model import Bounds, Content, Export, ExportFormat, Wanted
from tests.conftest import Database
from tests.country import HANGZHOU, NANJING, everything, register, settled

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
END = NOON + 6 * HOUR
MOVED_AT = NOON + 2 * HOUR + 7 * MINUTE

Row = tuple[str, datetime, float | None, float | None]


@dataclass(frozen=True, slots=True)
class Fleet:
    """M-1 to M-4 of `power-js` in Nanjing, M-5 of `power-zj` in Hangzhou; M-4 goes over."""

    pool: Pool
    database: Database
    said: list[Row]

    async def key(self, role: Role = Role.CLIENT_VIEWER, **reach: Any) -> Scope:
        """The scope of a new API key, whose account is really there."""
        async with transaction(self.pool, everything.settings()) as conn:
            issued = await api_keys.issue(conn, everything, name="exports", role=role, **reach)
        async with transaction(self.pool) as conn:
            return await api_keys.authenticate(conn, issued.secret)

    async def ask(
        self,
        scope: Scope = everything,
        form: ExportFormat = ExportFormat.CSV,
        bounds: Bounds = Bounds(),
        **wanted: Any,
    ) -> Export:
        """An export that waits for its job."""
        given: dict[str, Any] = {"content": Content.READINGS, "start": NOON, "end": END} | wanted
        async with transaction(self.pool, scope.settings()) as conn:
            return await asking.ask(conn, scope, Wanted(**given), form, bounds)

    async def work(self, bounds: Bounds = Bounds()) -> None:
        """Write every export that is asked for, as the jobs process does."""
        async with await open_pool(self.database.jobs, name="jobs") as pool:
            while await running.run_next(pool, uuid.uuid4(), bounds):
                pass

    async def sweep(self) -> None:
        """Let go what is over."""
        async with await open_pool(self.database.jobs, name="jobs") as pool:
            await running.sweep(pool)

    async def find(self, export_id: int, scope: Scope = everything) -> Export:
        async with transaction(self.pool, scope.settings()) as conn:
            return await asking.find(conn, scope, export_id)

    async def fetch(self, export_id: int, scope: Scope = everything) -> bytes:
        """The whole file."""
        async with transaction(self.pool, scope.settings()) as conn:
            found = await asking.open_file(conn, scope, export_id)
            read = [
                (await asking.read_part(conn, scope, export_id, n))[first:last]
                for n, first, last in asking.parts(0, found.size_bytes - 1)
            ]
        return b"".join(read)

    async def made(self, scope: Scope = everything, **wanted: Any) -> bytes:
        """The file of a new export."""
        asked = await self.ask(scope, **wanted)
        await self.work()
        return await self.fetch(asked.id, scope)

    def execute(self, statement: str, *values: object) -> None:
        """A statement as superuser."""
        with psycopg.connect(self.database.superuser) as conn:
            conn.execute(statement.encode(), values)


def said_by_all() -> list[Row]:
    """Six hours of two metrics of five meters, with gaps and absent values."""
    dice = random.Random(11)
    said: list[Row] = []
    for number in range(1, 6):
        time = NOON - HOUR + dice.random() * HOUR
        while time < END + HOUR:
            volts = round(dice.uniform(200, 240), 3) if dice.random() < 0.9 else None
            energy = round(dice.uniform(0, 900), 2) if dice.random() < 0.5 else None
            said.append((f"M-{number}", time, volts, energy))
            time += dice.choice((1, 3, 9, 50)) * MINUTE * dice.uniform(0.5, 1.5)
    return said


@asynccontextmanager
async def fleet_of(database: Database) -> AsyncIterator[Fleet]:
    """The fleet, with all that it said."""
    async with settled(database) as pool:
        here = await register(pool, *(f"M-{n}" for n in range(1, 5)), region=NANJING)
        there = await register(pool, "M-5", region=HANGZHOU, group_client="power-zj")
        ids = {terminal.code: terminal.id for terminal in (*here, *there)}
        fleet = Fleet(pool, database, said_by_all())
        with psycopg.connect(database.superuser, autocommit=True) as conn:
            for code, time, volts, energy in fleet.said:
                stored = None if energy is None else round(energy * 100)
                conn.execute(
                    "insert into telemetry.meter values (%s, %s, 0, %s, %s)",
                    (time, ids[code], volts, stored),
                )
        async with transaction(pool, everything.settings()) as conn_:
            await ownership.transfer(conn_, everything, "M-4", "power-zj", effective_at=MOVED_AT)
        yield fleet


def of_power_js(row: Row) -> bool:
    """Whether a reading is of the client `power-js`."""
    return row[0] in ("M-1", "M-2", "M-3") or (row[0] == "M-4" and row[1] < MOVED_AT)


def in_window(row: Row) -> bool:
    return NOON <= row[1] < END


def rows_of_csv(content: bytes) -> list[Row]:
    """The readings of a CSV, as they were said."""
    text = gzip.decompress(content).decode("utf-8-sig")
    return [
        (
            row["terminal"],
            datetime.fromisoformat(row["time"]),
            float(row["voltage_a"]) if row["voltage_a"] else None,
            float(row["energy_kwh"]) if row["energy_kwh"] else None,
        )
        for row in csv.DictReader(io.StringIO(text, newline=""))
    ]


def rows_of_ndjson(content: bytes) -> list[Row]:
    lines = [json.loads(line) for line in gzip.decompress(content).splitlines()]
    return [
        (line["terminal"], datetime.fromisoformat(line["time"]), line["voltage_a"],
         line["energy_kwh"])
        for line in lines
    ]  # fmt: skip


def rows_of_parquet(content: bytes) -> list[Row]:
    table = parquet.read_table(io.BytesIO(content))
    return [
        (row["terminal"], row["time"].astimezone(UTC), row["voltage_a"], row["energy_kwh"])
        for row in table.to_pylist()
    ]
