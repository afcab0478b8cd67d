"""Gives a batch its durable fate, and only then acknowledges it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from broker_bridge import failpoints
from broker_bridge.batch import Sealed
from broker_bridge.fates import Fates
from broker_bridge.metrics import BridgeMetrics
from broker_bridge.receipts import Receipts
from broker_bridge.session import Session
from foundation.errors import MusterError, Unavailable
from foundation.logs import get_logger
from telemetry.receipts import Receipt
from telemetry.writer import Writer

log = get_logger(__name__)

_AGAIN_SECONDS = 0.1  # a connection that was cut is worth a second attempt at once
_CUT_SECONDS = 1.0  # what an attempt may take to notice that its connection is cut

Result = TypeVar("Result")


class Settler:
    """Stores sealed batches, one after the other, and settles their deliveries."""

    def __init__(self, writer: Writer, session: Session, metrics: BridgeMetrics) -> None:
        self._writer = writer
        self._session = session
        self._metrics = metrics
        self.receipts = Receipts(session.publish)
        self._abandoned: set[asyncio.Task[Any]] = set()

    async def settle(self, sealed: Sealed) -> None:
        """Return when every delivery of the batch is stored or in quarantine, and acknowledged.

        Raises MusterError when the database does not take it, twice. Of a COMMIT without an answer
        nothing is known: given again, by whatever way, the batch meets its keys.
        """
        if failpoints.ACKNOWLEDGES_EARLY:
            self._session.settle(sealed.deliveries)
        try:
            fates, kept = await self._store(sealed)
        except MusterError:
            self._metrics.database_failures.inc()
            await asyncio.sleep(_AGAIN_SECONDS)
            fates, kept = await self._store(sealed)
        failpoints.reach("after_commit")
        self._session.settle(sealed.deliveries)
        self.receipts.tell(kept, sealed.numbered, fates.refused)
        self._metrics.count(fates, sealed)

    async def within(
        self, seconds: float, act: Callable[[], Coroutine[Any, Any, Result]]
    ) -> Result:
        """What `act` results in; after so many seconds its connection is cut, and Unavailable.

        A database may stop in the middle of an answer, and its time limits with it.
        """
        work = asyncio.create_task(act())
        try:
            if not (await asyncio.wait({work}, timeout=seconds))[0]:
                self._writer.cut()
                await asyncio.wait({work}, timeout=_CUT_SECONDS)
        finally:
            if not work.done():
                self._abandon(work)
        if work.cancelled() or not work.done():
            raise Unavailable(f"The database does not answer within {seconds:g} seconds.")
        return work.result()

    def _abandon(self, work: asyncio.Task[Any]) -> None:
        """Its connection is cut or not the writer's: whatever comes of it, nobody waits for it."""

        def over(task: asyncio.Task[Any]) -> None:
            self._abandoned.discard(task)
            if not task.cancelled():
                task.exception()  # heard of

        work.cancel()
        self._abandoned.add(work)
        work.add_done_callback(over)

    async def _store(self, sealed: Sealed) -> tuple[Fates, list[Receipt]]:
        fates = Fates(sealed)
        with self._metrics.commit_seconds.time():
            async with self._writer.transaction() as work:
                for table in sealed.tables:
                    stored = await work.store(table.merged.rows, table.doubtful)
                    fates.tell_rows(table, stored)
                if sealed.events:
                    fates.tell_events(await work.record([event for event, _ in sealed.events]))
                if sealed.words:
                    await work.hear(sealed.words)
                await work.quarantine(fates.refusals())
                if sealed.kept or sealed.joined:
                    await work.keep_parts(sealed.kept, sealed.joined)
                kept = await work.receipt(said[1:] for said in sealed.numbered)
                work.account(fates.account())
                failpoints.reach("before_commit")
        return fates, kept
