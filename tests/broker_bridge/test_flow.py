"""The core of the bridge without its I/O: session, flow and spool under any order of events.

The broker keeps what is not acknowledged and delivers it again; disk and database are the lists
that outlive a crash. Senders share slots, as a million of them would.
"""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from broker_bridge import flow as flows
from broker_bridge import parcels
from broker_bridge.batch import Batch
from broker_bridge.flood import Flood
from broker_bridge.flow import Flow
from broker_bridge.parcels import Parcel, pack, unpack
from broker_bridge.session import Broker, Delivery, Session
from tests.broker_bridge.test_settlement import Ledger, nowhere

SENDERS = 4
SLOTS = 3
FULL_AT = 3
PARCEL = 2
OUTCOMES = st.sampled_from(["done", "done", "refused", "unanswered"])
Message = tuple[str, int]


def told(delivery: Delivery) -> Message:
    """Who says what."""
    return delivery.topic, int(delivery.payload)


class BridgeCore(RuleBasedStateMachine):
    """Arrivals, a database and a disk that come and go, crashes, reconnections."""

    def __init__(self) -> None:
        super().__init__()
        self.published: Counter[str] = Counter()
        self.queued: list[tuple[int, Message]] = []  # at the broker, in order: (packet id, message)
        self.packets = 0
        self.disk: list[tuple[int, Parcel]] = []
        self.database: list[Message] = []  # in order of the first time that each was stored
        self.start()

    # The process.

    def start(self) -> None:
        """The bridge starts, and finds what its disk has kept."""
        self.arrived: list[Delivery] = []
        self.writing: tuple[int, list[Delivery]] | None = None
        self.storing: tuple[Batch, int | None] | None = None  # of the spool: up to which parcel
        self.flow = Flow({}, lambda topic: None, Flood(1000), full_at=FULL_AT)
        for number, parcel in self.disk:
            self.flow.remember(number, parcels.senders(parcel.topics))
        self.session = Session(
            Broker("nowhere", 1883, "bridge-1", ""), [], nowhere, on_deliveries=self.receive
        )
        self.connect()

    def receive(self, deliveries: list[Delivery]) -> None:
        self.arrived += deliveries
        self.flow.receive(deliveries)

    @rule()
    def connect(self) -> None:
        """A connection comes, and the broker delivers what it has no word of."""
        self.session._link = None
        self.session.epoch += 1
        self.link = Ledger(self.session.epoch)
        self.session.established(self.link, session_present=True)
        self.deliver(self.queued, duplicate=True)

    def deliver(self, messages: list[tuple[int, Message]], *, duplicate: bool) -> None:
        if messages:
            self.session.receive(
                [
                    Delivery(topic, b"%d" % n, 1, duplicate, n, self.session.epoch, packet)
                    for packet, (topic, n) in messages
                ]
            )

    @rule(kept=st.booleans())
    def crash(self, kept: bool) -> None:
        """Killed, while a parcel was being written or not; what is on the disk stays."""
        if kept and self.writing is not None:
            number, deliveries = self.writing
            self.disk.append((number, pack(deliveries)))
        self.start()

    # Arrivals.

    @rule(senders=st.lists(st.integers(0, SENDERS - 1), min_size=1, max_size=9))
    def publish(self, senders: list[int]) -> None:
        """Terminals say something new, on one channel or another."""
        fresh = []
        for number in senders:
            topic = f"m2m/v1/T-{number}/{'event' if len(self.queued) % 3 else 'telemetry'}"
            sender = parcels.sender(topic)
            self.published[sender] += 1
            self.packets += 1
            fresh.append((self.packets, (topic, self.published[sender])))
        self.queued += fresh
        self.deliver(fresh, duplicate=False)

    # The database.

    def commit(self, deliveries: list[Delivery], outcome: str) -> bool:
        """Whether the bridge hears that they are stored."""
        if outcome != "refused":
            known = set(self.database)
            for delivery in deliveries:
                message = told(delivery)
                if message not in known:
                    self.database.append(message)
                    known.add(message)
        return outcome == "done"

    @precondition(lambda self: not self.flow.away and self.storing is None)
    @rule()
    def begin_to_store(self) -> None:
        """A batch goes to the database; the next one gathers meanwhile."""
        self.storing = self.flow.next_batch(), None

    @precondition(lambda self: self.storing is None)
    @rule(most=st.integers(1, 3))
    def begin_to_drain(self, most: int) -> None:
        """The oldest parcels go to the database."""
        portion = self.disk[:most]
        number = portion[-1][0] if portion else self.flow.newest
        deliveries = [d for _, parcel in portion for d in unpack(parcel).deliveries]
        self.storing = self.flow.unpack(deliveries, ()), number

    @precondition(lambda self: self.storing is not None)
    @rule(outcome=OUTCOMES)
    def finish_to_store(self, outcome: str) -> None:
        """It has been stored and is forgotten on the disk, or goes there with what came after."""
        assert self.storing is not None
        (batch, number), self.storing = self.storing, None
        stored = self.commit(batch.deliveries, outcome)
        if stored:
            self.settle(batch.deliveries)
        if number is None and not stored:
            self.flow.hold(batch)
        elif number is not None and stored:
            self.disk = [kept for kept in self.disk if kept[0] > number]
            self.flow.drained(number)
        elif not stored:
            self.flow.hold()

    @precondition(lambda self: not self.flow.away and self.storing is None)
    @rule(
        senders=st.lists(st.integers(0, SENDERS - 1), min_size=3, max_size=9),
        parcels_written=st.integers(0, 5),
    )
    def break_down(self, senders: list[int], parcels_written: int) -> None:
        """The database goes away, and what comes goes to the disk, maybe not all in time."""
        self.publish(senders)
        self.begin_to_store()
        self.finish_to_store("refused")
        for _ in range(parcels_written):
            if self.writing is not None:
                self.finish_to_write(full=False)
            if self.flow.behind:
                self.begin_to_write()

    @precondition(lambda self: self.disk and self.storing is None)
    @rule(senders=st.lists(st.integers(0, SENDERS - 1), min_size=1, max_size=4))
    def recover(self, senders: list[int]) -> None:
        """Some of what lies there is drained, while more comes."""
        self.begin_to_drain(1)
        self.publish(senders)
        self.finish_to_store("done")

    @precondition(lambda self: self.flow.away and not self.disk and self.storing is None)
    @rule()
    def come_back(self) -> None:
        """The database answers, and there is nothing to give it first."""
        self.flow.go_on()

    # The disk.

    @precondition(lambda self: self.flow.behind and self.writing is None)
    @rule()
    def begin_to_write(self) -> None:
        """A parcel goes to the disk."""
        self.writing = self.flow.next_parcel()

    @precondition(lambda self: self.writing is not None)
    @rule(full=st.booleans())
    def finish_to_write(self, full: bool) -> None:
        """The disk has it, and it is acknowledged, or there is no room for it."""
        assert self.writing is not None
        (number, deliveries), self.writing = self.writing, None
        if full:
            self.flow.put_back(deliveries)
        else:
            self.disk.append((number, pack(deliveries)))
            self.flow.written()
            self.settle(deliveries)

    def settle(self, deliveries: list[Delivery]) -> None:
        """Acknowledge, and have the broker forget what is acknowledged."""
        self.session.settle(deliveries)
        done = {d.packet_id for d in self.link.acknowledged}
        self.queued = [message for message in self.queued if message[0] not in done]

    # The promises.

    @invariant()
    def what_is_acknowledged_is_durable(self) -> None:
        """What the broker has forgotten is in the database or on the disk."""
        durable = set(self.database) | {
            told(d) for _, parcel in self.disk for d in unpack(parcel).deliveries
        }
        kept = {message for _, message in self.queued}
        for sender, count in self.published.items():
            for number in range(1, count + 1):
                said = {(f"{sender}/{channel}", number) for channel in ("event", "telemetry")}
                assert said & (durable | kept)

    @invariant()
    def each_sender_is_stored_in_order(self) -> None:
        """Nothing overtakes what its own terminal said before."""
        last: Counter[str] = Counter()
        for topic, number in self.database:
            sender = parcels.sender(topic)
            assert number == last[sender] + 1
            last[sender] = number

    @invariant()
    def every_delivery_is_in_one_place(self) -> None:
        """Received = settled + in the flow or on its way to the disk."""
        flow = self.flow
        places = [flow.batch.deliveries, flow.behind, *flow._waiting]
        if self.writing is not None:
            places.append(self.writing[1])
        if self.storing is not None and self.storing[1] is None:
            places.append(self.storing[0].deliveries)
        unsettled = [id(d) for place in places for d in place]
        assert Counter(unsettled) == Counter(id(d) for d in self.arrived if not d.settled)

    def teardown(self) -> None:
        """Once everything answers, everything is stored, acknowledged and let go."""
        if self.writing is not None:
            self.finish_to_write(full=False)
        if self.storing is not None:
            self.finish_to_store("done")
        for _ in range(len(self.arrived) + len(self.disk) + 2):
            self.begin_to_drain(1)
            self.finish_to_store("done")
            self.begin_to_store()
            self.finish_to_store("done")
        assert not self.disk
        assert not self.queued
        assert not self.flow.holds
        assert len(self.database) == sum(self.published.values())


def test_no_order_of_events_loses_a_message_or_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Acknowledged means durable, each sender's messages stay in order, none is forgotten."""
    monkeypatch.setattr(flows, "_SLOTS", SLOTS)
    monkeypatch.setattr(flows, "PARCEL_MESSAGES", PARCEL)
    monkeypatch.setattr(flows, "_BATCHES_AHEAD", 1)

    run_state_machine_as_test(
        BridgeCore,
        settings=settings(max_examples=100, stateful_step_count=40, deadline=None),
    )


def numbered(*messages: str) -> list[Delivery]:
    """`A1` is terminal A's first message."""
    return [
        Delivery(f"m2m/v1/{said[0]}/telemetry", said.encode(), 1, False, 0, 1, 1)
        for said in messages
    ]


def payloads(deliveries: Sequence[Delivery]) -> list[str]:
    """What was said."""
    return [delivery.payload.decode() for delivery in deliveries]


@pytest.fixture
def draining(monkeypatch: pytest.MonkeyPatch) -> Flow:
    """A1 was drained; B1 is in a parcel that is still being written."""
    monkeypatch.setattr(flows, "PARCEL_MESSAGES", 1)
    monkeypatch.setattr(flows, "_BATCHES_AHEAD", 1)
    flow = Flow({}, lambda topic: None, Flood(1000), full_at=1)
    flow.hold()
    flow.receive(numbered("A1", "B1"))
    assert payloads(flow.next_parcel()[1]) == ["A1"]
    flow.written()
    assert payloads(flow.next_parcel()[1]) == ["B1"]
    flow.drained(1)
    return flow


def test_whose_parcel_is_being_written_stays_behind_it(draining: Flow) -> None:
    """Others go straight on."""
    draining.receive(numbered("B2", "A2"))

    assert payloads(draining.behind) == ["B2"]
    assert payloads(draining.batch.deliveries) == ["A2"]


def test_what_went_behind_comes_before_what_had_to_wait(draining: Flow) -> None:
    """A sender that is let go finds its messages in order, those that no batch had room for too."""
    draining.receive(numbered("B2", "A2"))
    draining.receive(numbered("B3"))
    draining.written()
    draining.drained(2)

    batches = [payloads(draining.next_batch().deliveries) for _ in range(4)]
    assert [said for batch in batches for said in batch if said[0] == "B"] == ["B2", "B3"]


def test_what_cannot_be_written_comes_before_what_came_later(draining: Flow) -> None:
    """A disk that is full changes nothing of the order."""
    draining.receive(numbered("B2"))
    draining.put_back(numbered("B1"))

    assert payloads(draining.behind) == ["B1", "B2"]
