"""`muster bench history`: what roll-ups cost beside storing readings, and that they are whole.

Terminals report every minute of a day through the writer; then the feed is followed, hours and days
are rolled up, and all of it once more from raw readings, as after an upgrade.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from deploy.bench import ingest
from deploy.bench.stand import PROFILE, Stand, built
from foundation.database import Connection, Pool, open_pool, transaction
from registry import profiles
from registry.model import DeviceProfile
from registry.scope import Scope
from telemetry import rollups
from telemetry.rows import Column, Rows
from telemetry.sight import unix_us
from telemetry.writer import Writer

_SCOPE = Scope.system("bench")
_MINUTE_US = 60_000_000
_BATCH_MINUTES = 5
_SOON = timedelta(days=2)
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many terminals report every minute of how many hours."""

    terminals: int = 1000
    hours: int = 24


def run(plan: Plan, tell: Told) -> dict[str, Any]:
    """Measure; the result as JSON, `wrong` empty where every reading is in an hour and in a day."""
    with built(plan.terminals, 1) as stand:
        stand.cluster.set_password("muster_jobs")
        seconds = asyncio.run(_measure(stand, plan, tell))
        rows = plan.terminals * plan.hours * 60
        [(hourly, daily, buckets, width)] = stand.query(
            f'select (select sum("#readings") from rolled.{PROFILE}_hourly),'  # noqa: S608
            f' (select sum("#readings") from rolled.{PROFILE}_daily),'
            f" (select count(*) from rolled.{PROFILE}_hourly),"
            f" (select avg(pg_column_size(h.*)) from rolled.{PROFILE}_hourly h)"
        )
        described = ingest.machine(stand)
    wrong = [
        f"The {grain} have {found:,} readings, not {rows:,}."
        for grain, found in (("hours", hourly), ("days", daily))
        if found != rows
    ]
    return {
        "benchmark": "history",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "plan": asdict(plan),
        "rows": rows,
        "buckets": buckets,
        "bytes_a_bucket": round(width),
        "seconds": {name: round(took, 2) for name, took in seconds.items()},
        "microseconds_a_row": {n: round(took / rows * 1e6, 2) for n, took in seconds.items()},
        "wrong": wrong,
    }


async def _measure(stand: Stand, plan: Plan, tell: Told) -> dict[str, float]:
    """Seconds of each part."""
    seconds: dict[str, float] = {}
    now = datetime.now(UTC)
    begin = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=plan.hours)
    async with await open_pool(stand.dsn("muster_jobs"), name="bench", max_size=1) as pool:
        async with transaction(pool, _SCOPE.settings()) as conn:
            profile = await profiles.find(conn, _SCOPE, PROFILE)

        async def turns(act: Callable[[Connection], Awaitable[int]]) -> None:
            while await _turn(pool, act):
                pass

        async def anew(conn: Connection) -> int:
            await rollups.begin_anew(conn, profile)
            return 0

        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "store": lambda: _store(stand, profile, plan, unix_us(begin)),
            "follow": lambda: turns(lambda conn: rollups.catch_up(conn, now)),
            "hours": lambda: turns(lambda conn: rollups.roll(conn, now + _SOON, daily=False)),
            "days": lambda: turns(lambda conn: rollups.roll(conn, now + 2 * _SOON, daily=True)),
            "anew": lambda: turns(rollups.fill_in),
        }
        await turns(rollups.fill_in)
        for name, part in parts.items():
            if name == "anew":
                await turns(anew)
            tell(name)
            started = time.perf_counter()
            await part()
            seconds[name] = time.perf_counter() - started
    return seconds


async def _turn(pool: Pool, act: Callable[[Connection], Awaitable[int]]) -> int:
    async with transaction(pool, _SCOPE.settings()) as conn:
        return await act(conn)


async def _store(stand: Stand, profile: DeviceProfile, plan: Plan, begin_us: int) -> None:
    """All readings, some minutes of all terminals in a batch."""
    names = [metric.name for metric in profile.metrics]
    ids = np.repeat(np.arange(1, plan.terminals + 1, dtype=np.int32), _BATCH_MINUTES)
    present = np.ones(len(ids), np.bool_)
    dice = np.random.default_rng(1)
    writer = Writer(stand.dsn("muster_bridge"), "bench")
    await writer.open()
    try:
        for minute in range(0, plan.hours * 60, _BATCH_MINUTES):
            minutes = minute + np.arange(_BATCH_MINUTES, dtype=np.int64)
            times = np.tile(begin_us + minutes * _MINUTE_US, plan.terminals)
            columns = {name: Column(dice.uniform(0, 400, len(ids)), present) for name in names}
            async with writer.transaction() as work:
                await work.store(Rows(profile, ids, times, times, columns))
    finally:
        await writer.close()
