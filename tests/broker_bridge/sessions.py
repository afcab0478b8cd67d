"""A running session for the tests, with everything it handed over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from broker_bridge import topics
from broker_bridge.session import Broker, Carry, Delivery, Session
from foundation.errors import MusterError
from tests.broker_bridge.peer import until

FILTERS = topics.filters("m2m/v1")
RETRY_SECONDS = (0.01, 0.05)


@dataclass
class Running:
    """A session and what it told."""

    session: Session
    task: asyncio.Task[None]
    delivered: list[Delivery] = field(default_factory=list)
    presence: list[bool] = field(default_factory=list)
    settled: int = 0

    @property
    def payloads(self) -> list[bytes]:
        """What came, in order."""
        return [delivery.payload for delivery in self.delivered]

    async def settle_all(self, count: int) -> None:
        """Settle what comes, in the order of arrival, until `count` deliveries are settled."""
        self.settled = 0
        while self.settled < count:
            await until(lambda: len(self.delivered) > self.settled)
            batch = self.delivered[self.settled :]
            self.settled += len(batch)
            self.session.settle(batch)


def broker_at(port: int, **fields: Any) -> Broker:
    """A broker of the loopback."""
    return Broker("127.0.0.1", port, "bridge-1", "secret", **fields)


@asynccontextmanager
async def running(
    carry: Carry,
    broker: Broker,
    *,
    settles: bool = False,
    filters: list[str] = FILTERS,
    **options: Any,
) -> AsyncIterator[Running]:
    """A session that runs until the block ends; `settles` settles at once what comes."""
    delivered: list[Delivery] = []
    presence: list[bool] = []

    def take(deliveries: list[Delivery]) -> None:
        delivered.extend(deliveries)
        if settles:
            session.settle(deliveries)

    session = Session(
        broker,
        filters,
        carry,
        on_deliveries=take,
        **{"on_established": presence.append, "retry_seconds": RETRY_SECONDS, **options},
    )
    task = asyncio.create_task(session.run())
    try:
        yield Running(session, task, delivered, presence)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, MusterError, ZeroDivisionError):
            await task
