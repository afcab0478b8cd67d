"""`python -m broker_bridge`: one bridge, configured by `MUSTER_*`.

Exits 0 after a clean stop, 2 on wrong settings, 3 when the broker or another bridge of the same
name refuses it, 1 otherwise.
"""

import gc
import sys
from pathlib import Path

import uvloop
from prometheus_client import disable_created_metrics

from broker_bridge.bridge import Bridge, broker_of
from broker_bridge.metrics import BridgeMetrics
from broker_bridge.spool import Spool
from foundation import logs
from foundation import settings as setting
from foundation.database import open_pool
from foundation.errors import MusterError, Refused
from foundation.metrics import serve
from foundation.settings import Settings, SettingsInvalid
from foundation.shutdown import stop_event
from registry.directory import Directory
from telemetry.writer import Writer

log = logs.get_logger("broker_bridge")

_POOL_SIZE = 3
# A message makes some objects that live as long as their batch: not worth a walk every 700.
_COLLECT_AFTER = 100_000


async def carry(settings: Settings) -> None:
    """Run a bridge until SIGTERM; a database that is away is waited for."""
    broker_of(settings)
    stop = stop_event()
    metrics = BridgeMetrics()
    writer = Writer(settings.database(), settings.bridge_name)
    pool = await open_pool(settings.database(), name="bridge", max_size=_POOL_SIZE, wait=False)
    try:
        bridge = Bridge(settings, pool, writer, Directory(pool), spool_of(settings), metrics)
        server = await serve(settings.metrics_listen, metrics.registry, bridge.missing)
        try:
            await bridge.run(stop)
        finally:
            server.close()
    finally:
        await pool.close()
        await writer.close()


def spool_of(settings: Settings) -> Spool:
    """The spool of this bridge, not open yet."""
    home = settings.home or Path(".muster")
    return Spool(
        settings.spool or home / "spool" / settings.bridge_name,
        max_bytes=settings.spool_max_bytes,
        min_free_bytes=settings.spool_min_free_bytes,
    )


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
