"""What people ask for and a request is too short for: imports, one after the other.

Every process does some; what one leaves behind, killed in the midst, the next one takes up.
"""

import asyncio
from uuid import uuid4

from deploy.jobs.gauges import Gauges
from foundation.database import Pool
from foundation.errors import MusterError
from foundation.logs import get_logger
from foundation.settings import Settings
from registry.imports import running
from registry.rules import Rules
from telemetry import presence

log = get_logger(__name__)

_IDLE_SECONDS = 0.5
_RETRY_SECONDS = 2


async def work(pool: Pool, given: Settings, shown: Gauges, stop: asyncio.Event) -> None:
    """Do what is asked for until `stop`; a job in hand is then given back for another process."""
    doing = asyncio.create_task(_work(pool, given, shown))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (doing, stopping):
        task.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    try:
        await doing
    except asyncio.CancelledError:
        if not stop.is_set():
            raise


async def _work(pool: Pool, given: Settings, shown: Gauges) -> None:
    holder, seal, foreign = uuid4(), Rules.of(given).seal, given.foreign_sims == "warn"
    while True:
        try:
            was_there = await running.run_next(
                pool, holder, seal, presence.list_heard, foreign=foreign
            )
        except MusterError as error:
            log.warning("waiting with what is asked for", reason=str(error))
            await asyncio.sleep(_RETRY_SECONDS)
            continue
        if was_there:
            shown.asked.inc()
        else:
            await asyncio.sleep(_IDLE_SECONDS)
