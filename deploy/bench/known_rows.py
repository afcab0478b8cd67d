"""Rows by the hundred million, made by COPY: of each talking terminal one a minute up to an end."""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np

from deploy.bench.processes import RoundFailed
from deploy.bench.stand import PROFILE, Stand
from foundation.database import open_pool, transaction
from registry import profiles
from registry.model import DeviceProfile
from registry.scope import Scope
from telemetry.rows import Column, Int32s, Rows
from telemetry.tables import Table

EVERY = timedelta(seconds=60)

_SCOPE = Scope.system("bench")
_A_DAY = timedelta(days=1) // EVERY
_LATEST = f"""
insert into telemetry.latest (terminal_id, metric, time, number)
select t.id, m.name, r.time, (to_jsonb(r) ->> m.name)::double precision
from registry.terminal t join registry.profile_metric m on m.profile_id = t.profile_id
cross join lateral (select * from telemetry.{PROFILE} r where r.terminal_id = t.id
    and r.time < %s order by r.time desc limit 1) r
where t.code = any (%s)"""  # noqa: S608 - the name is ours


async def fill(
    stand: Stand, end: datetime, have: int, wanted: int, tell: Callable[[str], None]
) -> None:
    """Give each talking terminal rows, from its `have`th to its `wanted`th counted from `end` back.

    Their newest values are as the jobs keep them. `RoundFailed` where rows are missing after it.
    """
    found = stand.query("select id from registry.terminal where code = any (%s)", stand.terminals)
    ids = np.sort(np.array([number for (number,) in found], np.int32))
    async with await open_pool(stand.dsn(), name="bench", max_size=1) as pool:
        async with transaction(pool, _SCOPE.settings()) as conn:
            profile = await profiles.find(conn, _SCOPE, PROFILE)
        table, metrics = Table(profile), [metric.name for metric in profile.metrics]
        for first in range(have, wanted, _A_DAY):
            last = min(first + _A_DAY, wanted)
            body = table.encode(_rows(profile, ids, end, first, last), metrics)
            async with (
                pool.connection() as conn,
                conn.cursor() as cursor,
                cursor.copy(table.copy(metrics).encode()) as copy,
            ):
                await copy.write(body)
            tell(f"{last * len(ids):,} rows copied")
    stand.query("delete from telemetry.latest")
    stand.query(_LATEST, end, stand.terminals)
    stand.query("vacuum analyze")
    stored = stand.count(PROFILE)
    if stored != wanted * len(ids):
        raise RoundFailed(f"There are {stored:,} rows, not {wanted * len(ids):,}.")


def _rows(profile: DeviceProfile, ids: Int32s, end: datetime, first: int, last: int) -> Rows:
    """Noise, sorted by the key; the `first`th back from the end is one step before it."""
    end_us, every_us = int(end.timestamp()) * 1_000_000, EVERY // timedelta(microseconds=1)
    each = end_us - every_us * np.arange(last, first, -1, dtype=np.int64)
    times = np.tile(each, len(ids))
    dice = np.random.default_rng(first)
    columns = {
        metric.name: Column(
            dice.normal(100.0, 3.0, len(times)).round(1), np.ones(len(times), np.bool_)
        )
        for metric in profile.metrics
    }
    return Rows(profile, np.repeat(ids, len(each)), times, times + 1_000_000, columns)
