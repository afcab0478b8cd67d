"""Where each delivery goes: into the batch that gathers, or behind what lies in the spool; pure.

While the database is away everything goes to the spool, undecoded. While it takes what lies there,
messages of the same senders stay behind theirs, and those of all others go straight on. So each
sender's messages reach the database in order of arrival, whatever happens to it meanwhile.
"""

from array import array
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from broker_bridge.batch import Batch, UntimedClock
from broker_bridge.flood import Flood
from broker_bridge.intake import take
from broker_bridge.parcels import sender
from broker_bridge.routes import Route
from broker_bridge.session import Delivery
from telemetry.model import Reason

_BATCHES_AHEAD = 4  # gathered while one is stored; beyond, deliveries wait as they came
_SLOTS = 2**17
PARCEL_MESSAGES = 5_000
PARCEL_BYTES = 4 * 1024 * 1024


class Flow:
    """Deliveries on their way to the database; `find` knows a topic's route without waiting.

    Parcels are numbered as they are packed. A sender is held until the last parcel with a message
    of its own is drained. Senders share some 100,000 slots, so that three million of them cost no
    more than a thousand: one that shares a slot with a held one is held with it, which costs it
    time and no order.
    """

    def __init__(
        self,
        known: Mapping[str, Route],
        find: Callable[[str], Route | None],
        flood: Flood,
        *,
        full_at: int,
    ) -> None:
        """`known` has the routes met so far."""
        self._flood = flood
        self.away = False
        """Whether the database takes nothing."""
        self.clock = UntimedClock()
        self.drain_clock = UntimedClock()
        self.batch = Batch(self.clock)
        self.behind: list[Delivery] = []
        """What goes to the spool, or waits until what lies there is drained."""
        self._waiting: deque[list[Delivery]] = deque()
        self._known = known
        self._find = find
        self._full_at = full_at
        self._parcel_of = array("q", bytes(8 * _SLOTS))  # by slot: the last parcel of its senders
        self._packed = 0
        self._written = 0
        self._drained = 0
        self._is_writing = False

    @property
    def is_full(self) -> bool:
        """Whether the batch should be stored now, however young."""
        return self.batch.size() >= self._full_at

    @property
    def holds(self) -> bool:
        """Whether anything lies in the spool or goes there."""
        return self.away or self._packed > self._drained

    @property
    def newest(self) -> int:
        """The number of the newest parcel on the disk."""
        return self._written

    def remember(self, number: int, senders: Iterable[str]) -> None:
        """A parcel that lay in the spool when we started; told in order of number."""
        if not self._packed:
            self._drained = number - 1
        self._packed = self._written = number
        self._mark(senders)

    def receive(self, deliveries: Sequence[Delivery]) -> None:
        """Take what one read brought."""
        if self.away:
            self.behind += deliveries
        elif self._waiting or self.batch.size() >= _BATCHES_AHEAD * self._full_at:
            self._waiting.append(list(deliveries))
        else:
            self._gather(deliveries)

    def next_batch(self) -> Batch:
        """What has gathered; the next batch begins with what had to wait."""
        batch, self.batch = self.batch, Batch(self.clock)
        while self._waiting and not self.is_full:
            self._gather(self._waiting.popleft())
        return batch

    def hold(self, batch: Batch | None = None) -> None:
        """The database does not take this batch: it goes behind, and all that came after it."""
        self.away = True
        refused = [] if batch is None else batch.deliveries
        for deliveries in (refused, self.batch.deliveries, *self._waiting):
            self.behind += deliveries
        self.batch = Batch(self.clock)
        self._waiting.clear()

    def go_on(self) -> None:
        """The database takes again what it is given."""
        self.away = False
        self._let_go()

    def next_parcel(self) -> tuple[int, list[Delivery]]:
        """The first of what goes behind, as many as make a parcel, and the parcel's number.

        Say `written` or `put_back` before the next one.
        """
        if not self._packed > self._drained:  # no two times the same, on both sides of the spool
            self.drain_clock.go_on_from(self.clock)
        size = count = 0
        for delivery in self.behind[:PARCEL_MESSAGES]:
            size += len(delivery.payload)
            if count and size > PARCEL_BYTES:
                break
            count += 1
        packed, self.behind = self.behind[:count], self.behind[count:]
        self._packed += 1
        self._is_writing = True
        self._mark({sender(delivery.topic) for delivery in packed})
        return self._packed, packed

    def written(self) -> None:
        """The newest parcel is on the disk."""
        self._is_writing = False
        self._written = self._packed

    def put_back(self, deliveries: list[Delivery]) -> None:
        """The newest parcel could not be written: its deliveries wait before all others."""
        self._is_writing = False
        self.behind = deliveries + self.behind
        if not self.away:
            self._let_go()

    def drained(self, number: int) -> None:
        """The database has every parcel up to this one."""
        nothing_left = number >= self._written and not self._is_writing
        self._drained = self._packed if nothing_left else number
        self.clock.go_on_from(self.drain_clock)
        self.go_on()

    def unpack(self, deliveries: Sequence[Delivery], damaged: Collection[Delivery]) -> Batch:
        """A batch of what lay in the spool."""
        batch = Batch(self.drain_clock)
        batch.deliveries += deliveries
        for delivery in deliveries:
            route = self._find(delivery.topic)
            if delivery in damaged:
                ref = None if route is None else route.ref
                batch.refuse(delivery, ref, Reason.MALFORMED, "damaged in the spool")
            elif route is None:
                batch.strangers.append(delivery)
            elif said := self._flood.excess(route.ref, delivery.received_us, len(delivery.payload)):
                batch.refuse(delivery, route.ref, Reason.FLOOD, said)
            else:
                take(batch, route, delivery)
        return batch

    def _let_go(self) -> None:
        """What goes behind goes straight on where nothing of its sender lies in the spool."""
        behind, self.behind = self.behind, []
        later, self._waiting = self._waiting, deque()
        for start in range(0, len(behind), self._full_at):
            self.receive(behind[start : start + self._full_at])
        self._waiting += later

    def _gather(self, deliveries: Sequence[Delivery]) -> None:
        if self.holds:
            deliveries = self._sort_out(deliveries)
        batch = self.batch
        batch.deliveries += deliveries
        known, find, excess = self._known.get, self._find, self._flood.excess
        for delivery in deliveries:
            route = known(delivery.topic) or find(delivery.topic)
            if route is None:
                batch.strangers.append(delivery)
            elif said := excess(route.ref, delivery.received_us, len(delivery.payload)):
                batch.refuse(delivery, route.ref, Reason.FLOOD, said)
            else:
                take(batch, route, delivery)

    def _sort_out(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Those whose sender has nothing before them in the spool; the others go behind."""
        parcel_of, drained = self._parcel_of, self._drained
        free: list[Delivery] = []
        for delivery in deliveries:
            held = parcel_of[hash(sender(delivery.topic)) % _SLOTS] > drained
            (self.behind if held else free).append(delivery)
        return free

    def _mark(self, senders: Iterable[str]) -> None:
        for who in senders:
            self._parcel_of[hash(who) % _SLOTS] = self._packed
