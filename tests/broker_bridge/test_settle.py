"""From delivery to acknowledgement with a real database, under any order of events and cuts."""

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any, TypeVar

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from broker_bridge.batch import Batch, UntimedClock
from broker_bridge.decoders import find
from broker_bridge.metrics import BridgeMetrics
from broker_bridge.session import Broker, Delivery, Session
from broker_bridge.settle import Settler
from registry.model import DeviceProfile, TerminalId, TerminalRef, TerminalState
from telemetry.writer import Writer
from tests.broker_bridge.cutting import Cut, CuttingProxy
from tests.broker_bridge.test_settlement import Ledger, nowhere
from tests.conftest import Database
from tests.telemetry.ground import METER, NOON_US, define, read, read_table

Result = TypeVar("Result")
_terminals = itertools.count(1)
decode = find("json")
BOOT = "b1"


class MessagePath(RuleBasedStateMachine):
    """A broker that delivers what is not acknowledged, a database whose connection is cut."""

    def __init__(self, database: Database, meter: DeviceProfile) -> None:
        super().__init__()
        self.database = database
        self.meter = meter
        self.terminal = TerminalRef(
            TerminalId(next(_terminals)), "M-1", meter, TerminalState.IN_SERVICE, None
        )
        self.sent: list[bytes] = []
        self.queued: list[tuple[int, bytes]] = []  # at the broker: (message, payload), in order
        self.delivered: list[int] = []  # of the queue, on the present connection
        self.numbers = itertools.count(1)
        self.deliveries = 0
        self.loop = asyncio.new_event_loop()
        self.clock = UntimedClock()
        self.batch = Batch(self.clock)
        self.session = Session(
            Broker("nowhere", 1883, "bridge-1", ""), [], nowhere, on_deliveries=self.gather
        )
        self.link = Ledger(0)
        self.connect()
        self.proxy = CuttingProxy(database.bridge)
        self.act(self.proxy.__aenter__())
        self.metrics = BridgeMetrics()
        self.writer = Writer(self.proxy.dsn, "bridge-1")
        self.settler = Settler(self.writer, self.session, self.metrics)

    def act(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Its result."""
        return self.loop.run_until_complete(work)

    def gather(self, deliveries: list[Delivery]) -> None:
        """What the bridge does with each delivery."""
        assert decode is not None
        for delivery in deliveries:
            self.batch.deliveries.append(delivery)
            (said,) = decode(delivery.payload, delivery.received_us, {})
            self.batch.add(delivery, self.terminal, said.readings)

    def connect(self) -> None:
        """A new connection, on which the broker delivers again what it has no word of."""
        self.session._link = None
        self.session.epoch += 1
        self.link = Ledger(self.session.epoch)
        self.link.on_publish = self.check_receipts
        self.session.established(self.link, session_present=True)
        again, self.delivered = self.queued[: len(self.delivered)], []
        self.hand_over(again, duplicate=True)

    def hand_over(self, messages: list[tuple[int, bytes]], *, duplicate: bool) -> None:
        """Deliver these messages of the queue."""
        self.delivered += [number for number, _ in messages]
        deliveries = [
            Delivery(
                "m2m/v1/M-1/telemetry", payload, 1, duplicate, NOON_US, self.session.epoch, number
            )
            for number, payload in messages
        ]
        self.deliveries += len(deliveries)
        if deliveries:
            self.session.receive(deliveries)

    @rule(values=st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=1, max_size=6))
    def publish(self, values: list[float]) -> None:
        """The terminal says something new, and the broker delivers it."""
        fresh = []
        for value in values:
            ts = NOON_US // 1000 + len(self.sent)
            seq = len(self.sent) + 1
            payload = orjson.dumps({"ts": ts, "seq": seq, "boot": BOOT, "values": {"a": value}})
            self.sent.append(payload)
            fresh.append((next(self.numbers), payload))
        self.queued += fresh
        self.hand_over(fresh, duplicate=False)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def publish_again(self, data: st.DataObject) -> None:
        """The terminal did not hear from its broker and says the same once more."""
        message = (next(self.numbers), data.draw(st.sampled_from(self.sent)))
        self.queued.append(message)
        self.hand_over([message], duplicate=False)

    @rule(cut=st.sampled_from([None, None, Cut.BEFORE, Cut.AFTER]), loses=st.booleans())
    def store(self, cut: Cut | None, loses: bool) -> None:
        """The bridge stores what has gathered, through what may happen meanwhile."""
        gathered, self.batch = self.batch, Batch(self.clock)
        if not gathered.deliveries:
            return
        sealed = gathered.seal()
        self.proxy.cut = cut
        if loses:
            self.connect()
        self.act(self.settler.settle(sealed))
        assert self.proxy.cut is None
        self.take_acknowledgements()

    def take_acknowledgements(self) -> None:
        """The broker forgets what is acknowledged."""
        done = {delivery.packet_id for delivery in self.link.acknowledged}
        self.queued = [message for message in self.queued if message[0] not in done]
        self.delivered = [number for number in self.delivered if number not in done]

    @rule()
    def lose_the_connection(self) -> None:
        """The broker's connection ends and another one comes."""
        self.connect()

    @invariant()
    def what_is_acknowledged_is_stored(self) -> None:
        """Of every message that the broker has forgotten, there is a row."""
        kept = {payload for _, payload in self.queued}
        stored = self.rows()
        assert all(payload in stored for payload in self.sent if payload not in kept)

    def check_receipts(self, published: list[tuple[str, bytes]]) -> None:
        """At the moment when it is told, every message up to that number is there to be read."""
        stored = self.rows()
        for topic, payload in published:
            receipt = orjson.loads(payload)
            assert (topic, receipt["boot"]) == ("m2m/v1/M-1/receipt", BOOT)
            assert stored[: receipt["seq"]] == self.sent[: receipt["seq"]]
            assert len(stored) >= receipt["seq"]

    def rows(self) -> list[bytes]:
        """What is in the table, as it was said; the nth row has the number n."""
        own = [
            (time_us // 1000, values)
            for terminal, time_us, values in read_table(self.database, self.meter)
            if terminal == self.terminal.id
        ]
        return [
            orjson.dumps(
                {"ts": ts, "seq": ts - NOON_US // 1000 + 1, "boot": BOOT, "values": values}
            )
            for ts, values in own
        ]

    def settled(self) -> int:
        """How many messages were counted as stored or as duplicates."""
        values = (
            self.metrics.registry.get_sample_value(
                "muster_bridge_messages_total", {"fate": fate, "reason": ""}
            )
            for fate in ("stored", "duplicate")
        )
        return int(sum(value or 0 for value in values))

    def teardown(self) -> None:
        """In the end everything is there once, and every delivery has one fate."""
        self.store(None, loses=False)
        self.store(None, loses=False)
        try:
            assert self.queued == []
            assert self.session.unsettled() == 0
            assert self.rows() == self.sent
            assert self.settled() == self.deliveries
            fed = read(
                self.database,
                "select coalesce(sum(rows) filter (where profile_id > 0), 0)::int4 as rows,"
                " coalesce(sum(rows) filter (where profile_id = 0), 0)::int4 as messages"
                " from telemetry.batch"
                " where terminal_ids = (select string_agg(%s, '') from generate_series(1, rows))",
                self.terminal.id.to_bytes(4, "little"),
            )
            assert fed[0]["rows"] == len(self.sent)
            assert fed[0]["messages"] >= self.deliveries  # a batch that is run again tells again
            kept = read(
                self.database,
                "select upper(numbers)::int4 - 1 as seq from telemetry.receipt"
                " where terminal_id = %s",
                self.terminal.id,
            )
            assert kept == [{"seq": len(self.sent)}] * bool(self.sent)
        finally:
            self.act(self.writer.close())
            self.act(self.proxy.__aexit__())
            self.act(asyncio.sleep(0))
            self.loop.close()


async def test_no_order_of_events_loses_or_doubles_a_message(database: Database) -> None:
    """New and repeated messages, broker and database cut at any moment, COMMIT answered or not."""
    meter = await define(database, METER)

    await asyncio.to_thread(
        run_state_machine_as_test,
        lambda: MessagePath(database, meter),  # type: ignore[arg-type]
        settings=settings(max_examples=25, stateful_step_count=12, deadline=None),
    )
