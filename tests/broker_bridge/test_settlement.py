"""The one list of unsettled deliveries, under any order of arrivals, settlements and losses."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from broker_bridge.session import Broker, Delivery, Session

MAX_MESSAGES = 12
MAX_BYTES = 400


class Ledger:
    """A link that writes down what it is asked."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.acknowledged: list[Delivery] = []
        self.published: list[tuple[str, bytes]] = []
        self.on_publish: Callable[[list[tuple[str, bytes]]], None] = lambda sent: None
        self.paused = False
        self.closed = False
        self.heard_us = 0

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        assert deliveries
        self.acknowledged += deliveries

    def publish(self, messages: Iterable[tuple[str, bytes]], *, retained: bool = False) -> int:
        sent = list(messages)
        self.published += sent
        self.on_publish(sent)
        return len(sent)

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        assert self.paused
        self.paused = False

    def close(self) -> None:
        self.closed = True


async def nowhere(*_: Any) -> str:
    """A wire that is never used: the machine plays its part."""
    raise NotImplementedError


class Settlement(RuleBasedStateMachine):
    """Deliveries come, connections end, settlements come in any order; the promises hold."""

    def __init__(self) -> None:
        super().__init__()
        self.handed: list[Delivery] = []
        self.session = Session(
            Broker("nowhere", 1883, "bridge-1", ""),
            [],
            nowhere,
            on_deliveries=self.handed.extend,
            max_messages=MAX_MESSAGES,
            max_bytes=MAX_BYTES,
        )
        self.links: list[Ledger] = []
        self.connect()

    @property
    def link(self) -> Ledger:
        """The newest connection."""
        return self.links[-1]

    def connect(self) -> None:
        """What `Session.run` and a link do when a connection comes."""
        self.session.epoch += 1
        self.links.append(Ledger(self.session.epoch))
        self.session.established(self.link, session_present=True)

    @precondition(lambda self: not self.link.paused)
    @rule(
        sizes=st.lists(st.integers(0, 120), min_size=1, max_size=5),
        packet_id=st.sampled_from([None, 1, 1, 2]),
    )
    def read(self, sizes: list[int], packet_id: int | None) -> None:
        """One read brings some messages; packet ids mean nothing."""
        qos = 0 if packet_id is None else 1
        self.session.receive(
            [
                Delivery(
                    "t",
                    bytes(size),
                    qos,
                    duplicate=False,
                    received_us=0,
                    epoch=self.link.epoch,
                    packet_id=packet_id,
                )
                for size in sizes
            ]
        )

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        """Some deliveries are settled, in any order, some of them again."""
        if self.handed:
            chosen = st.lists(st.sampled_from(self.handed), unique_by=id, max_size=8)
            self.session.settle(data.draw(chosen))

    @rule()
    def settle_everything(self) -> None:
        """The bridge catches up."""
        self.session.settle(reversed(self.handed))
        assert self.session.unsettled() == 0
        assert self.session.unsettled_bytes() == 0
        expected = [d for d in self.handed if d.epoch == self.link.epoch and d.qos]
        assert self.link.acknowledged == expected

    @rule()
    def lose_the_connection(self) -> None:
        """The connection ends and another one comes."""
        self.session._link = None
        self.connect()

    @rule(data=st.data())
    def settle_without_a_connection(self, data: st.DataObject) -> None:
        """Some deliveries are settled between two connections."""
        self.session._link = None
        self.settle(data)
        self.connect()

    @invariant()
    def acknowledgements_are_in_order_and_of_this_connection(self) -> None:
        """A beginning of what this connection delivered, settled without a gap, each once."""
        for link in self.links:
            delivered = [d for d in self.handed if d.epoch == link.epoch and d.qos]
            assert link.acknowledged == delivered[: len(link.acknowledged)]
            assert all(delivery.settled for delivery in link.acknowledged)

    @invariant()
    def what_is_unsettled_is_counted(self) -> None:
        """From the first unsettled delivery on, settled ones behind it included."""
        first = next((n for n, d in enumerate(self.handed) if not d.settled), len(self.handed))
        waiting = self.handed[first:]
        assert self.session.unsettled() == len(waiting)
        assert self.session.unsettled_bytes() == sum(len(d.payload) for d in waiting)

    @invariant()
    def reading_stops_at_the_bound_and_goes_on_below_half(self) -> None:
        """Paused when full, running when half empty, as before in between."""
        count, size = self.session.unsettled(), self.session.unsettled_bytes()
        if count >= MAX_MESSAGES or size >= MAX_BYTES:
            assert self.link.paused
        if count < MAX_MESSAGES / 2 and size < MAX_BYTES / 2:
            assert not self.link.paused
        assert self.session.paused == self.link.paused


TestSettlement = Settlement.TestCase
TestSettlement.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
