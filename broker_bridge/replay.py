"""Refused messages, taken again after what was wrong with them was put right.

The same path as any delivery's: decoded, batched, sealed, stored, with its time of arrival; by a
writer of its own, so that live messages do not wait. What becomes of each is written in the
transaction that stores it: nobody asks twice, and a killed bridge leaves nothing half told.
"""

import asyncio
from collections.abc import Mapping, Sequence

from broker_bridge.asking import Asking
from broker_bridge.batch import Batch, UntimedClock
from broker_bridge.fates import Fates
from broker_bridge.joining import join
from broker_bridge.metrics import BridgeMetrics
from broker_bridge.session import Delivery
from foundation.database import Pool, transaction
from foundation.errors import MusterError
from foundation.logs import get_logger
from foundation.settings import Settings
from foundation.shutdown import paused
from telemetry import quarantine
from telemetry.errors import TooManyRefused
from telemetry.model import Fate, Pending, Reason, Replayed
from telemetry.writer import Transaction, Writer

log = get_logger(__name__)

TURN_SECONDS = 2.0
MOST_AT_ONCE = 500


class Replayer:
    """Takes what is asked for; any number of bridges may."""

    def __init__(
        self, settings: Settings, pool: Pool, asking: Asking, metrics: BridgeMetrics
    ) -> None:
        self._pool = pool
        self._asking = asking
        self._metrics = metrics
        self._writer = Writer(settings.database(), f"{settings.bridge_name}-replay")
        self._most = MOST_AT_ONCE

    async def run(self, stop: asyncio.Event) -> None:
        """Look every two seconds whether there is anything, until `stop`."""
        try:
            while not await paused(stop, TURN_SECONDS):
                try:
                    async with transaction(self._pool) as conn:
                        waiting = await quarantine.is_asked_for(conn)
                    while waiting and not stop.is_set():
                        waiting = await self._turn()
                except MusterError as error:
                    log.warning("a replay is put off", reason=str(error))
        finally:
            await self._writer.close()

    async def _turn(self) -> bool:
        """Take the next ones; whether there may be more.

        Of many that the database will not have as a whole, each is taken by itself.
        """
        told: list[Replayed] = []
        try:
            async with self._writer.transaction() as work:
                pending = await work.pending(self._most)
                told = await self._take(work, pending)
                await work.tell(told)
        except TooManyRefused as error:
            if self._most == 1:
                said = str(error)
                async with self._writer.transaction() as work:
                    await work.tell([_refused(item, said) for item in await work.pending(1)])
            self._most = 1
            return True
        self._metrics.count_replayed(told)
        if len(told) < self._most:
            self._most = MOST_AT_ONCE
        return bool(told)

    async def _take(self, work: Transaction, pending: Sequence[Pending]) -> list[Replayed]:
        """Store what can be stored now; what became of each."""
        told = [_unfit(item) for item in pending if not item.is_whole]
        whole = sorted((item for item in pending if item.is_whole), key=lambda i: i.received_us)
        items = {_delivery(item): item for item in whole}
        batch = Batch(UntimedClock())  # what tells no time gets that of its arrival, each time
        batch.deliveries += items
        batch.strangers += items
        await self._asking.about(batch)
        await join(self._pool, batch)
        sealed = batch.seal()
        fates = Fates(sealed)
        for table in sealed.tables:
            fates.tell_rows(table, await work.store(table.merged.rows, table.doubtful))
        if sealed.events:
            fates.tell_events(await work.record([event for event, _ in sealed.events]))
        await work.keep_parts(sealed.kept, sealed.joined)
        return told + _told(items, fates)


def _delivery(item: Pending) -> Delivery:
    return Delivery(item.topic, item.payload, 1, True, item.received_us, 0, None)


def _unfit(item: Pending) -> Replayed:
    """What is forgotten or was kept in part cannot be taken."""
    if item.is_gone:
        return Replayed(item.replay_id, item.item_id, None, None, "the message is forgotten")
    said = f"of {item.payload_bytes} bytes only {len(item.payload)} are kept"
    return Replayed(item.replay_id, item.item_id, Fate.QUARANTINED, Reason.TOO_LARGE, said)


def _refused(item: Pending, said: str) -> Replayed:
    reason = Reason.REFUSED_BY_DATABASE
    return Replayed(item.replay_id, item.item_id, Fate.QUARANTINED, reason, said)


def _told(items: Mapping[Delivery, Pending], fates: Fates) -> list[Replayed]:
    """What became of each, with every reason why not."""
    details: dict[Delivery, list[str]] = {}
    for refused in fates.refused:
        details.setdefault(refused.delivery, []).append(refused.detail)
    told = []
    for delivery, fate, reason in fates.each():
        said = "; ".join(details.get(delivery, ())) or None
        item = items[delivery]
        told.append(Replayed(item.replay_id, item.item_id, fate, reason, said))
    return told
