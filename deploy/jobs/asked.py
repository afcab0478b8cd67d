"""What people ask for and a request is too short for: imports and exports.

One of each at a time, so that neither waits for the other. Every process does some; what one leaves
behind, killed in the midst, the next one takes up.
"""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

from deploy.jobs.gauges import Gauges
from foundation.database import Pool
from foundation.errors import MusterError
from foundation.logs import get_logger
from foundation.settings import Settings
from registry.imports import running as importing
from registry.rules import Rules
from telemetry import presence
from telemetry.exports import running as exporting
from telemetry.exports.model import Bounds

log = get_logger(__name__)

_IDLE_SECONDS = 0.5
_RETRY_SECONDS = 2


async def work(pool: Pool, given: Settings, shown: Gauges, stop: asyncio.Event) -> None:
    """Do what is asked for until `stop`; what is in hand is then given back for another process."""
    holder, seal, foreign = uuid4(), Rules.of(given).seal, given.foreign_sims == "warn"
    bounds = Bounds.of(given)

    async def next_import() -> bool:
        return await importing.run_next(pool, holder, seal, presence.list_heard, foreign=foreign)

    async def next_export() -> bool:
        return await exporting.run_next(pool, holder, bounds)

    doing = [asyncio.create_task(_repeat(job, shown)) for job in (next_import, next_export)]
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({*doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (*doing, stopping):
        task.cancel()
    for ended in await asyncio.gather(*doing, stopping, return_exceptions=True):
        if isinstance(ended, BaseException) and not (
            isinstance(ended, asyncio.CancelledError) and stop.is_set()
        ):
            raise ended


async def _repeat(job: Callable[[], Awaitable[bool]], shown: Gauges) -> None:
    while True:
        try:
            was_there = await job()
        except MusterError as error:
            log.warning("waiting with what is asked for", reason=str(error))
            await asyncio.sleep(_RETRY_SECONDS)
            continue
        if was_there:
            shown.asked.inc()
        else:
            await asyncio.sleep(_IDLE_SECONDS)
