"""Yardstick: our own MQTT 5 session that acknowledges and throws away.

What the same broker hands to a client that does nothing with it: the most that any bridge could
take. Prints a line when it is subscribed, and one when it has counted what it was asked to.
"""

import asyncio
import json
import sys
import time

import typer
import uvloop

from broker_bridge import mqtt5_link
from broker_bridge.session import Broker, Delivery, Session
from foundation import logs, settings

_MORE_SECONDS = 1.0


def main(url: str, password: str, topic: str, count: int) -> None:
    """Count deliveries below `topic` to `count`, and for a moment more to catch too many."""
    logs.configure(settings.load({"MUSTER_LOG_LEVEL": "warning"}), "discarding")
    uvloop.run(_count(Broker.from_url(url, password), topic, count))


async def _count(broker: Broker, topic: str, count: int) -> None:
    complete = asyncio.Event()
    counted, last_us = 0, 0

    def discard(deliveries: list[Delivery]) -> None:
        nonlocal counted, last_us
        counted += len(deliveries)
        asyncio.get_running_loop().call_soon(session.settle, deliveries)
        if counted >= count:
            last_us = time.time_ns() // 1000
            complete.set()

    def ready(_: bool) -> None:
        # the subscription follows in the same write as this; the broker takes both in order
        asyncio.get_running_loop().call_later(0.5, lambda: _say({"ready": True}))

    session = Session(
        broker, [topic], mqtt5_link.carry, on_deliveries=discard, on_established=ready
    )
    running = asyncio.create_task(session.run())
    await complete.wait()
    await asyncio.sleep(_MORE_SECONDS)
    _say({"count": counted, "last_us": last_us})
    session.stop()
    await running


def _say(document: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    typer.run(main)
