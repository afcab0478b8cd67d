"""`python -m deploy.jobs`: background work; exits 0 on SIGTERM, 2 on unusable settings."""

import asyncio
import sys

import uvloop
from psycopg_pool import AsyncConnectionPool

from deploy.jobs import asked, telling, upkeep
from deploy.jobs.gauges import Gauges
from foundation import logs, metrics, settings
from foundation.database import Connection, Pool, open_pool
from foundation.errors import Unavailable
from foundation.settings import Settings, SettingsInvalid
from foundation.shutdown import paused, stop_event

log = logs.get_logger(__name__)


async def run(given: Settings) -> None:
    """Serve `/metrics` and `/health`, and work, until told to stop."""
    stop = stop_event()
    shown = Gauges()
    pool: Pool | None = None

    async def missing() -> dict[str, str]:
        if pool is None:
            return {"database": "The database does not answer."}
        try:
            async with pool.connection(timeout=2) as conn:
                await conn.execute("select 1")
        except Exception as error:  # noqa: BLE001 - whatever it is, we are not ready
            return {"database": f"The database does not answer ({type(error).__name__})."}
        return {}

    server = await metrics.serve(given.metrics_listen, shown.registry, missing)
    async with server:
        pool = await _opened(given.database(), stop)
        if pool is None:
            return
        async with pool:
            log.info("jobs started")
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(upkeep.work(pool, given, shown, stop), name="upkeep")
                tasks.create_task(asked.work(pool, given, shown, stop), name="asked")
                tasks.create_task(telling.work(pool, given, shown, stop), name="telling")


async def _opened(dsn: str, stop: asyncio.Event) -> "AsyncConnectionPool[Connection] | None":
    """A pool, as soon as the database answers; None when told to stop before."""
    while not stop.is_set():
        try:
            return await open_pool(dsn, name="jobs", max_size=6)
        except Unavailable as error:
            log.warning("waiting for the database", reason=str(error))
            await paused(stop, upkeep.RETRY_SECONDS)
    return None


def main() -> int:
    """Run; returns the exit code."""
    try:
        given = settings.load().require("database_url")
    except SettingsInvalid as error:
        print(f"muster: {error}\n        {error.hint}", file=sys.stderr)  # noqa: T201
        return 2
    logs.configure(given, "jobs")
    uvloop.run(run(given))
    return 0


if __name__ == "__main__":
    sys.exit(main())
