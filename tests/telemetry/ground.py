"""Profiles, rows and bridges for the tests of telemetry."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from foundation.database import Connection, apply_settings
from registry import profiles
from registry.model import UNDEFINED_PROFILE, DeviceProfile, Metric, MetricType, Sector
from registry.scope import Scope
from telemetry.model import Value
from telemetry.rows import Column, Rows, storage
from telemetry.storing import Stored
from telemetry.writer import Writer
from tests.conftest import Database

SYSTEM = Scope.system("tests")
NOON_US = 1_790_000_000_000_000

Reading = tuple[int, int, Mapping[str, Value]]


def metric(name: str, kind: str = "double", decimals: int | None = None, **more: Any) -> Metric:
    """A metric with nothing special but what is given."""
    fields = {"unit": None, "low": None, "high": None, "title_zh": name, "title_en": name} | more
    return Metric(name=name, type=MetricType(kind), decimals=decimals, **fields)


def profile(code: str, *metrics: Metric, **more: Any) -> DeviceProfile:
    """A profile to define."""
    return DeviceProfile(
        id=UNDEFINED_PROFILE,
        code=code,
        sector=Sector.POWER,
        title_zh=code,
        title_en=code,
        codec="json",
        expected_interval_seconds=60,
        metrics=metrics,
        **more,
    )


EVERY_KIND = profile(
    "every_kind",
    metric("voltage"),
    metric("energy", decimals=2),
    metric("count", "bigint"),
    metric("open", "boolean"),
    metric("note", "text"),
    metric("place", "text"),
    metric("current"),
)
METER = profile("meter", metric("a"), metric("b"), metric("c", "text"))


@asynccontextmanager
async def connected(dsn: str, scope: Scope | None = SYSTEM) -> AsyncIterator[Connection]:
    """A transaction of that role, in a scope."""
    async with (
        await AsyncConnection.connect(dsn, row_factory=dict_row) as conn,
        conn.transaction(),
    ):
        if scope:
            await apply_settings(conn, scope.settings())
        yield conn


async def define(database: Database, wanted: DeviceProfile) -> DeviceProfile:
    """The profile, defined."""
    async with connected(database.api) as conn:
        return await profiles.define(conn, SYSTEM, wanted)


def rows_of(defined: DeviceProfile, readings: Iterable[Reading]) -> Rows:
    """These readings (terminal, time in Unix us, stored values) as sorted rows."""
    listed = sorted(readings, key=lambda r: (r[0], r[1]))
    times = np.array([time for _, time, _ in listed], np.int64)
    columns = {}
    for m in defined.metrics:
        kind = storage(m)
        values = np.zeros(len(listed), kind)
        present = np.zeros(len(listed), np.bool_)
        for k, (_, _, said) in enumerate(listed):
            if m.name in said:
                values[k] = said[m.name]
                present[k] = True
        columns[m.name] = Column(values, present)
    ids = np.array([terminal for terminal, _, _ in listed], np.int32)
    return Rows(defined, ids, times, times + 2_000_000, columns)


@asynccontextmanager
async def writing(database: Database, name: str = "bridge-1") -> AsyncIterator[Writer]:
    """An open writer."""
    writer = Writer(database.bridge, name)
    await writer.open()
    try:
        yield writer
    finally:
        await writer.close()


async def store(writer: Writer, rows: Rows, doubtful: Sequence[bool] | None = None) -> Stored:
    """What became of rows in a transaction of their own."""
    async with writer.transaction() as work:
        return await work.store(rows, None if doubtful is None else np.array(doubtful))


def read(database: Database, statement: str, *values: object) -> list[dict[str, Any]]:
    """Rows of a query that sees everything."""
    with psycopg.connect(database.superuser, row_factory=dict_row) as conn:
        return conn.execute(statement.encode(), values).fetchall()


def execute(database: Database, statement: str, *values: object) -> None:
    """A statement as superuser."""
    with psycopg.connect(database.superuser) as conn:
        conn.execute(statement.encode(), values)


def read_table(database: Database, defined: DeviceProfile) -> list[Reading]:
    """Every stored reading of a profile, absent metrics left out, in order of the key."""
    names = ", ".join(f'"{m.name}"' for m in defined.metrics)
    found = read(
        database,
        "select terminal_id, (extract(epoch from time) * 1000000)::bigint as us,"
        f" {names} from telemetry.{defined.code} order by 1, 2",
    )
    return [
        (row.pop("terminal_id"), row.pop("us"), {k: v for k, v in row.items() if v is not None})
        for row in found
    ]
