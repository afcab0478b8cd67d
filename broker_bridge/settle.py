"""Gives a batch its durable fate, however long that takes, and only then acknowledges it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from broker_bridge import failpoints
from broker_bridge.batch import Sealed
from broker_bridge.fates import Fates
from broker_bridge.metrics import BridgeMetrics
from broker_bridge.receipts import Receipts
from broker_bridge.session import Session
from foundation.errors import MusterError
from foundation.logs import get_logger
from telemetry.receipts import Receipt
from telemetry.writer import Writer

log = get_logger(__name__)

_RETRY_SECONDS = (0.1, 5.0)  # doubled from the first to the second

Result = TypeVar("Result")


class Settler:
    """Stores sealed batches, one after the other, and settles their deliveries."""

    def __init__(self, writer: Writer, session: Session, metrics: BridgeMetrics) -> None:
        self._writer = writer
        self._session = session
        self._metrics = metrics
        self.receipts = Receipts(session.publish)
        self.holding = False
        """Whether the last attempt failed."""

    async def settle(self, sealed: Sealed) -> None:
        """Return when every delivery of the batch is stored or in quarantine, and acknowledged.

        A database that does not answer holds the batch, unacknowledged, until it does. Of a COMMIT
        without an answer nothing is known: run again, the batch meets its keys.
        """
        if failpoints.ACKNOWLEDGES_EARLY:
            self._session.settle(sealed.deliveries)
        fates, kept = await self.patiently(lambda: self._store(sealed))
        failpoints.reach("after_commit")
        self._session.settle(sealed.deliveries)
        self.receipts.tell(kept, sealed.numbered, fates.refused())
        self._metrics.count(fates, sealed)

    async def patiently(self, act: Callable[[], Awaitable[Result]]) -> Result:
        """The result of `act`, tried again with back-off while the database fails it."""
        wait, longest = _RETRY_SECONDS
        while True:
            try:
                result = await act()
                self.holding = False
                return result
            except MusterError as error:
                self.holding = True
                self._metrics.database_failures.inc()
                cause = error.__cause__
                log.warning(
                    "the database does not take what we have",
                    reason=str(error),
                    cause=str(cause).strip() if cause else None,
                    retry_seconds=wait,
                )
            await asyncio.sleep(wait)
            wait = min(2 * wait, longest)

    async def _store(self, sealed: Sealed) -> tuple[Fates, list[Receipt]]:
        fates = Fates(sealed)
        with self._metrics.commit_seconds.time():
            async with self._writer.transaction() as work:
                for table in sealed.tables:
                    stored = await work.store(table.merged.rows, table.doubtful)
                    fates.tell_rows(table, stored)
                if sealed.events:
                    fates.tell_events(await work.record([event for event, _ in sealed.events]))
                await work.quarantine(fates.refusals())
                kept = await work.receipt(said[1:] for said in sealed.numbered)
                work.account(fates.account())
                failpoints.reach("before_commit")
        return fates, kept
