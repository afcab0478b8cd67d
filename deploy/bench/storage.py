"""`muster bench storage`: bytes a message on disk, plain and compressed (P10), on a given server.

Terminals report every minute, each in a second of its own and at any millisecond of that, noise
over the whole range of four metrics, in the order in which it would arrive; once as plain doubles,
once with `decimals`. It is old enough for the jobs to compress it, as they do; every reading is
read back and compared with what it was. Then late readings, and the same again, come into what is
compressed.
"""

import asyncio
import os
import platform
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from psycopg.conninfo import make_conninfo

from deploy.bench.figures import figures
from deploy.bench.stand import bench_profile
from deploy.simulator.numbered import GAUGES
from foundation.database import Pool, open_pool, transaction
from foundation.errors import Refused
from foundation.migrate import migrate
from registry import profiles
from registry.model import DeviceProfile
from registry.scope import Scope
from telemetry import retention
from telemetry.retention import Storage
from telemetry.rows import Column, Rows
from telemetry.sight import unix_us
from telemetry.writer import Writer

_SCOPE = Scope.system("bench")
_MINUTE_US = 60_000_000
_BATCH_MINUTES = 5
_AGE = timedelta(days=45)
_PLAIN, _DECIMALS = "bench_doubles", "bench_decimals"
_DIGEST = "select count(*), sum(hashtextextended(r::text, 0)) from telemetry.{} r"


class EditionCannot(Refused):
    """The server's edition of TimescaleDB does not compress."""

    code = "edition_cannot"
    remedy = "Name a server with timescaledb.license = 'timescale'."


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many terminals report every minute of how many hours; `late` messages come after that."""

    terminals: int = 1000
    hours: int = 24
    late: int = 10_000

    @property
    def rows(self) -> int:
        """Messages in all of each profile."""
        return self.terminals * self.hours * 60


def run(plan: Plan, server: str, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure; the result as JSON, `wrong` empty where all was read back as it was."""
    with _database(server) as dsn:
        measured = asyncio.run(_measure(dsn, plan, tell))
        with psycopg.connect(dsn) as conn:
            versions = conn.execute(
                "select current_setting('server_version'), extversion from pg_extension"
                " where extname = 'timescaledb'"
            ).fetchone()
    assert versions is not None
    sizes = {code: one["bytes_a_message"] for code, one in measured.items()}
    rows = [
        ("P10", "bytes on disk a message, plain", "<=", 125.0, [sizes[_PLAIN]["plain"]], None),
        ("P10", "compressed", "<=", 32.0, [sizes[_PLAIN]["compressed"]], None),
        ("P10", "with decimals, compressed", "<=", 12.0, [sizes[_DECIMALS]["compressed"]], None),
    ]
    return {
        "benchmark": "storage",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "postgresql": versions[0],
            "timescaledb": versions[1],
        },
        "plan": asdict(plan),
        "rows": plan.rows,
        "profiles": measured,
        "figures": [asdict(figure) for figure in figures(rows)],
        "wrong": [line for one in measured.values() for line in one["wrong"]],
    }


@contextmanager
def _database(server: str) -> Iterator[str]:
    """A database of our own on the server, gone afterwards."""
    name = f"muster_bench_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as conn:
        edition = conn.execute("select current_setting('timescaledb.license', true)").fetchone()
        if edition is None or edition[0] != "timescale":
            raise EditionCannot
        conn.execute(f"create database {name} template template0")
        try:
            dsn = make_conninfo(server, dbname=name)
            migrate(dsn)
            yield dsn
        finally:
            conn.execute(f"drop database {name} with (force)")


async def _measure(dsn: str, plan: Plan, tell: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    async with await open_pool(
        dsn, name="bench", max_size=1, statement_timeout_seconds=600
    ) as pool:
        return {code: await _weigh(dsn, pool, code, plan, tell) for code in (_PLAIN, _DECIMALS)}


async def _weigh(
    dsn: str, pool: Pool, code: str, plan: Plan, tell: Callable[[str], None]
) -> dict[str, Any]:
    """What a profile's messages take before and after they are compressed."""
    async with transaction(pool, _SCOPE.settings()) as conn:
        profile = await profiles.define(conn, _SCOPE, _profile(code))
    writer = Writer(dsn, "bench")
    seconds: dict[str, float] = {}
    first = _Minutes(profile, plan.terminals)
    begun_us = unix_us(datetime.now(UTC) - _AGE) // (1440 * _MINUTE_US) * 1440 * _MINUTE_US
    try:
        tell(f"{code}: storing {plan.rows:,} messages")
        started = time.perf_counter()
        for minute in range(0, plan.hours * 60, _BATCH_MINUTES):
            async with writer.transaction() as work:
                await work.store(first.rows(begun_us + minute * _MINUTE_US, _BATCH_MINUTES))
        seconds["store"] = time.perf_counter() - started
        plain, digest = await _storage(pool, code), await _digest(pool, code)
        tell(f"{code}: compressing")
        started = time.perf_counter()
        more = True
        while more:
            async with transaction(pool, _SCOPE.settings()) as conn:
                more = (await retention.compress_next(conn, profile.id, code)).more
        seconds["compress"] = time.perf_counter() - started
        packed = await _storage(pool, code)
        wrong = [] if await _digest(pool, code) == digest else [f"{code} reads otherwise now."]
        tell(f"{code}: what comes late, and again")
        late = first.rows(begun_us + 17, 1 + plan.late // plan.terminals)
        for what, times_us in (("late", late.times_us + 1), ("again", late.times_us + 1)):
            started = time.perf_counter()
            async with writer.transaction() as work:
                stored = await work.store(replace(late, times_us=times_us))
            seconds[what] = (time.perf_counter() - started) * plan.rows / len(late)
            if int(stored.inserted.sum()) != (len(late) if what == "late" else 0):
                wrong.append(
                    f"{code}: {int(stored.inserted.sum()):,} of {len(late):,} came {what}."
                )
    finally:
        await writer.close()
    return {
        "bytes_a_message": {
            "plain": round(plain.raw_bytes / plan.rows, 1),
            "compressed": round((packed.raw_bytes + packed.compressed_bytes) / plan.rows, 1),
        },
        "microseconds_a_message": {
            what: round(took / plan.rows * 1e6, 1) for what, took in seconds.items()
        },
        "wrong": wrong,
    }


def _profile(code: str) -> DeviceProfile:
    """Four metrics as the load of every benchmark has them; with their `decimals`, or plain."""
    plain = bench_profile(code)
    if code == _PLAIN:
        return plain
    metrics = tuple(
        replace(metric, decimals=gauge.decimals)
        for metric, gauge in zip(plain.metrics, GAUGES, strict=True)
    )
    return replace(plain, metrics=metrics)


class _Minutes:
    """What terminals say in some minutes, the same for every profile; sorted by the key."""

    def __init__(self, profile: DeviceProfile, terminals: int) -> None:
        self._profile = profile
        self._ids = np.arange(1, terminals + 1, dtype=np.int32)
        self._dice = np.random.default_rng(1)
        self._seconds = self._dice.integers(0, 58, terminals)

    def rows(self, begin_us: int, minutes: int) -> Rows:
        """A message of each terminal in each minute, within a second of its own."""
        ids = np.repeat(self._ids, minutes)
        times = np.tile(begin_us + np.arange(minutes, dtype=np.int64) * _MINUTE_US, len(self._ids))
        times += np.repeat(self._seconds, minutes) * 1_000_000
        times += self._dice.integers(0, 1000, len(ids)) * 1000
        present = np.ones(len(ids), np.bool_)
        columns = {}
        for metric, gauge in zip(self._profile.metrics, GAUGES, strict=True):
            values = np.round(self._dice.uniform(gauge.low, gauge.high, len(ids)), gauge.decimals)
            if metric.decimals is not None:
                values = np.round(values * 10**metric.decimals).astype(np.int64)
            columns[metric.name] = Column(values, present)
        delays = self._dice.integers(0, 3, len(ids)) * 1_000_000
        return Rows(self._profile, ids, times, times + delays, columns)


async def _storage(pool: Pool, code: str) -> Storage:
    async with transaction(pool, _SCOPE.settings()) as conn:
        return next(one for one in await retention.measure(conn) if one.profile == code)


async def _digest(pool: Pool, code: str) -> dict[str, Any]:
    """The rows of a table, each with all that it holds, as one number."""
    async with transaction(pool, _SCOPE.settings()) as conn:
        row = await (await conn.execute(_DIGEST.format(code))).fetchone()
    assert row is not None
    return row
