"""What goes into the spool and comes out of it, on a thread of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from broker_bridge import failpoints, parcels
from broker_bridge.flow import PARCEL_MESSAGES, Flow
from broker_bridge.metrics import BridgeMetrics
from broker_bridge.parcels import ParcelDamaged
from broker_bridge.session import Delivery, Session
from broker_bridge.spool import Spool
from foundation.errors import MusterError
from foundation.logs import get_logger

log = get_logger(__name__)

_AGAIN_SECONDS = 1.0
# So few are drained at once: what came after them waits in memory, and the spool becomes empty.
_LAST_STRETCH = PARCEL_MESSAGES

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Portion:
    """The oldest messages of the spool, all up to this parcel; of the damaged see `Unpacked`."""

    number: int
    deliveries: list[Delivery]
    damaged: set[Delivery]


class Spooling:
    """Writes what the flow puts behind, and acknowledges it once it is on the disk."""

    def __init__(
        self, spool: Spool, flow: Flow, session: Session, metrics: BridgeMetrics, *, enabled: bool
    ) -> None:
        self.wanted = asyncio.Event()
        """Set it whenever there may be something to write."""
        self._spool = spool
        self._flow = flow
        self._session = session
        self._metrics = metrics
        self._enabled = enabled
        self._ending = False
        self._thread = ThreadPoolExecutor(1, "spool")
        metrics.watch_spool(spool)

    async def open(self) -> None:
        """Open the spool and find whose messages lie in it; SpoolTaken, SpoolUnusable."""
        for number, topics in await self._act(self._spool.open):
            try:
                senders = parcels.senders(topics)
            except ParcelDamaged:  # told when it is read whole
                senders = set()
            self._flow.remember(number, senders)
        if self._spool.messages:
            log.warning("messages wait in the spool", messages=self._spool.messages)

    def close(self) -> None:
        """Let go of the spool, after what is being written."""
        self._thread.submit(self._spool.close)
        self._thread.shutdown()

    # In.

    async def run(self, gather_seconds: float) -> None:
        """Write what goes behind, as it gathers, until `finish` and everything is written."""
        while not (self._ending and not self._flow.behind):
            await self.wanted.wait()
            self.wanted.clear()
            if self._is_due() and not self._ending and len(self._flow.behind) < PARCEL_MESSAGES:
                await asyncio.sleep(gather_seconds)
            while self._is_due():
                await self._write()

    def finish(self) -> None:
        """Have `run` end when everything is on the disk."""
        self._ending = True
        self.wanted.set()

    def _is_due(self) -> bool:
        """Whether what goes behind must go to the disk: it may soon be its turn without."""
        flow = self._flow
        waits_long = flow.away or self._ending or self._spool.messages > _LAST_STRETCH
        return bool(self._enabled and flow.behind and waits_long)

    async def _write(self) -> None:
        number, deliveries = self._flow.next_parcel()
        try:
            await self._act(lambda: self._spool.append(number, parcels.pack(deliveries)))
        except MusterError as error:
            self._flow.put_back(deliveries)
            log.warning("the spool does not take what we have", reason=str(error))
            await asyncio.sleep(_AGAIN_SECONDS)
            return
        failpoints.reach("after_spooling")
        self._flow.written()
        self._session.settle(deliveries)
        self._metrics.held.inc(len(deliveries))

    # Out.

    async def oldest(self) -> Portion:
        """What lies in the spool first; what nobody can read of it is set aside."""
        newest = self._flow.newest
        return await self._act(lambda: self._read(newest))

    def _read(self, number: int) -> Portion:
        deliveries: list[Delivery] = []
        damaged: set[Delivery] = set()
        for kept in self._spool.read(PARCEL_MESSAGES):
            number = kept.number
            try:
                unpacked = parcels.unpack(kept.parcel)
            except ParcelDamaged as error:
                self._spool.put_aside(kept, str(error))
                continue
            deliveries += unpacked.deliveries
            damaged |= unpacked.damaged
        return Portion(number, deliveries, damaged)

    async def remove(self, portion: Portion) -> None:
        """The database has it: forget it, and let go on what had to wait behind it."""
        failpoints.reach("before_removal")
        await self._act(lambda: self._spool.remove(portion.number))
        self._metrics.drained.inc(len(portion.deliveries))
        self._flow.drained(portion.number)

    async def _act(self, act: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)
