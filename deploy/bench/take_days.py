"""`python -m deploy.bench.take_days`: takes days and rolls up as jobs and API do, measured."""

import asyncio
import json
import os
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from deploy.bench.processes import resident_megabytes
from foundation.database import Connection, open_pool, transaction
from registry.scope import Scope
from telemetry import supervision, supervision_days
from telemetry.supervision_model import RollUpBy

_SCOPE = Scope.system("bench")
_UTC = ZoneInfo("UTC")


async def main() -> None:
    """Print seconds by what was done, and the megabytes of this process and of its server's."""
    seconds: dict[str, float] = {}
    memory = {"resident_mb": 0.0, "server_mb": 0.0}

    async def timed(title: str, role: str, work: Callable[[Connection], Awaitable[object]]) -> None:
        dsn = os.environ[f"MUSTER_BENCH_{role}"]
        async with await open_pool(
            dsn, name="bench", max_size=1, statement_timeout_seconds=600
        ) as pool:
            began = time.perf_counter()
            async with transaction(pool, _SCOPE.settings()) as conn:
                await work(conn)
                memory["server_mb"] = max(memory["server_mb"], _most_megabytes(conn))
            seconds[title] = round(time.perf_counter() - began, 2)
        memory["resident_mb"] = max(memory["resident_mb"], resident_megabytes(os.getpid()))

    midnight = datetime.combine(datetime.now(UTC).date(), datetime.min.time(), UTC)
    then = midnight.date() - timedelta(days=2)
    await timed("count bindings", "JOBS", supervision_days.count_bindings)
    for days_ago in (2, 1):
        at = midnight - timedelta(days=days_ago - 1)
        await timed(
            f"take a day, {3 - days_ago}",
            "JOBS",
            lambda conn, at=at: supervision_days.take(conn, at, _UTC),  # type: ignore[misc]
        )
    for by in RollUpBy:
        rows = 50 if by is RollUpBy.CLIENT else 1000
        await timed(
            f"by {by}, now and then",
            "API",
            lambda conn, by=by, rows=rows: supervision.roll_up(  # type: ignore[misc]
                conn, _SCOPE, by, compared_with=then, limit=rows
            ),
        )
    print(json.dumps({"seconds": seconds, **memory}))


def _most_megabytes(conn: Connection) -> float:
    """The most memory that the server's process of a connection had, with what it shares."""
    status = Path(f"/proc/{conn.info.backend_pid}/status").read_text("utf-8")
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return round(int(found[1]) / 1024, 1) if found else 0.0


if __name__ == "__main__":
    asyncio.run(main())
