"""Telling people and programs of alarms: every process does some, and they agree by leases."""

import asyncio

from deploy.jobs.gauges import Gauges
from foundation.database import Pool
from foundation.errors import MusterError
from foundation.logs import get_logger
from foundation.settings import Settings
from foundation.shutdown import paused
from registry.rules import Rules
from telemetry.notifications import posting
from telemetry.notifications.carriers import Carriers
from telemetry.notifications.posting import Postman

log = get_logger(__name__)

_IDLE_SECONDS = 0.2
_RETRY_SECONDS = 2


async def work(pool: Pool, given: Settings, shown: Gauges, stop: asyncio.Event) -> None:
    """Find who is to be told, and send, until `stop`; what is on its way is waited for."""
    carriers = Carriers(given)
    postman = Postman(pool, Rules.of(given).seal, carriers)

    async def turn() -> int:
        taken, put = await posting.spread(pool)
        begun = await postman.turn()
        shown.show_told(put, postman.outcomes)
        postman.outcomes.clear()
        return taken + begun

    try:
        while not stop.is_set():
            try:
                if not await turn():
                    await paused(stop, _IDLE_SECONDS)
            except MusterError as error:
                log.warning("nobody is told", reason=str(error))
                await paused(stop, _RETRY_SECONDS)
        await postman.finish()
    finally:
        await carriers.close()
