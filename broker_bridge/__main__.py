"""`python -m broker_bridge`: one bridge, configured by `MUSTER_*`.

Exits 0 after a clean stop, 2 on wrong settings, 3 when the broker or another bridge of the same
name refuses it, 1 otherwise.
"""

import asyncio
import gc
import sys

import uvloop
from prometheus_client import disable_created_metrics

from broker_bridge.bridge import Bridge, broker_of
from broker_bridge.metrics import BridgeMetrics
from foundation import logs
from foundation import settings as setting
from foundation.database import open_pool
from foundation.errors import MusterError, Refused
from foundation.metrics import serve
from foundation.settings import Settings, SettingsInvalid
from foundation.shutdown import paused, stop_event
from registry.directory import Directory
from telemetry.writer import Writer

log = logs.get_logger("broker_bridge")

_RETRY_SECONDS = (0.2, 5.0)
_POOL_SIZE = 3
# A message makes some objects that live as long as their batch: not worth a walk every 700.
_COLLECT_AFTER = 100_000


async def carry(settings: Settings) -> None:
    """Run a bridge until SIGTERM; waits for a database that is away."""
    broker_of(settings)
    stop = stop_event()
    metrics = BridgeMetrics()
    bridge: Bridge | None = None

    async def missing() -> dict[str, str]:
        if bridge is None:
            return {"database": "The database has not answered yet."}
        return await bridge.missing()

    server = await serve(settings.metrics_listen, metrics.registry, missing)
    writer = Writer(settings.database(), settings.bridge_name)
    try:
        if not await _opened(writer, stop):
            return
        pool = await open_pool(settings.database(), name="bridge", max_size=_POOL_SIZE)
        try:
            directory = Directory(pool)
            await directory.load()
            # Terminals by the million, to stay: not to be walked over at each collection.
            gc.collect()
            gc.freeze()
            bridge = Bridge(settings, pool, writer, directory, metrics)
            await bridge.run(stop)
        finally:
            await pool.close()
    finally:
        await writer.close()
        server.close()


async def _opened(writer: Writer, stop: asyncio.Event) -> bool:
    """Wait until the database answers; False when told to stop before it did."""
    wait, longest = _RETRY_SECONDS
    while not stop.is_set():
        try:
            await writer.open()
        except Refused:
            raise
        except MusterError as error:
            log.warning("waiting for the database", reason=str(error), retry_seconds=wait)
            await paused(stop, wait)
            wait = min(2 * wait, longest)
        else:
            return True
    return False


def main() -> int:
    """Run and return the exit code."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    gc.set_threshold(_COLLECT_AFTER, 10, 10)
    try:
        settings = setting.load()
        logs.configure(settings, "bridge")
        log.info("starting", name=settings.bridge_name)
        uvloop.run(carry(settings))
    except SettingsInvalid as error:
        print(f"{error} {error.hint}", file=sys.stderr)  # noqa: T201  there is no log yet
        return 2
    except MusterError as error:
        log.critical("cannot go on", reason=str(error), remedy=error.hint)
        return 3 if isinstance(error, Refused) else 1
    except TimeoutError:
        log.critical("stopped before everything was settled; the broker will deliver it again")
        return 1
    log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
