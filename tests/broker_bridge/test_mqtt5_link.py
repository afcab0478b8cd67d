"""One MQTT 5 connection fed by hand: any bytes, cut anywhere, deliver the same or end it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt5 import (
    ConnAckPacket,
    DisconnectPacket,
    PingRespPacket,
    PubAckPacket,
    PublishPacket,
    PubRelPacket,
    QoS,
    SubAckPacket,
    SubAckReasonCode,
)

from broker_bridge import mqtt5_link
from broker_bridge.mqtt5_link import Mqtt5Link
from broker_bridge.salvage import packet_size, salvaged
from broker_bridge.session import Broker, Delivery, Link
from tests.broker_bridge.peer import TOPIC, listening, publish, until
from tests.broker_bridge.sessions import broker_at, running

# On text that is not UTF-8 the codec panics, and pyo3 reports the UnicodeDecodeError behind it as
# an exception nobody could raise.
codec_may_panic = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CONNACK = ConnAckPacket().write()
BROKER = Broker("nowhere", 1883, "bridge-1", "secret")


class Wire(asyncio.Transport):
    """The sending half of a connection that goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.reading = True
        self.aborted = False

    def write(self, data: Any) -> None:
        self.sent += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.aborted = True


@dataclass
class Taken:
    """A receiver that writes down what it is told."""

    established_links: list[Link] = field(default_factory=list)
    subscriptions: int = 0
    deliveries: list[Delivery] = field(default_factory=list)
    notices: Sequence[str] = ()

    def notice(self, topic: str, payload: bytes, *, retained: bool) -> None:
        raise AssertionError

    def established(self, link: Link, *, session_present: bool) -> None:
        self.established_links.append(link)

    def granted(self) -> None:
        self.subscriptions += 1

    def receive(self, deliveries: list[Delivery]) -> None:
        assert deliveries
        self.deliveries += deliveries


@dataclass
class Fed:
    """What became of the bytes."""

    messages: list[tuple[str, bytes, int, bool, int | None]]
    reason: str | None
    sent: bytes


def fed(pieces: Sequence[bytes], told: Callable[[Mqtt5Link], None] = lambda link: None) -> Fed:
    """A connection that these bytes reach, read by read."""

    async def feed() -> Fed:
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        taken, wire = Taken(), Wire()
        link = Mqtt5Link(BROKER, ["a"], taken, 1, ended)
        link.connection_made(wire)
        for piece in pieces:
            rest = piece
            while rest:
                room = link.get_buffer(-1)
                size = min(len(room), len(rest))
                room[:size] = rest[:size]
                link.buffer_updated(size)
                rest = rest[size:]
        told(link)
        reason = None
        if ended.done():
            fault = ended.exception()
            reason = str(fault) if fault else ended.result()
        link.connection_lost(None)
        ended.cancel()
        messages = [(d.topic, d.payload, d.qos, d.duplicate, d.packet_id) for d in taken.deliveries]
        return Fed(messages, reason, wire.sent)

    return asyncio.run(feed())


def spoilt(packet: bytes, at: int, byte: int) -> bytes:
    """A packet with one byte changed."""
    at %= len(packet)
    return packet[:at] + bytes([byte]) + packet[at + 1 :]


PUBLISHES = st.builds(
    lambda topic, payload, packet_id, duplicate: PublishPacket(
        topic,
        payload,
        qos=QoS.AT_LEAST_ONCE if packet_id else QoS.AT_MOST_ONCE,
        packet_id=packet_id,
        duplicate=duplicate,
        user_properties=[("n", "v")],
    ).write(),
    st.sampled_from([TOPIC, "x", "电表"]),
    st.binary(max_size=300),
    st.none() | st.integers(1, 65_535),
    st.booleans(),
)
OTHERS = st.sampled_from(
    [
        PingRespPacket().write(),
        SubAckPacket(1, [SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]).write(),
        SubAckPacket(1, [SubAckReasonCode.NOT_AUTHORIZED]).write(),
        DisconnectPacket(reason_str="bye").write(),
        PubRelPacket(7).write(),
        PubAckPacket(7).write(),
        CONNACK,
    ]
)
PACKETS = (
    PUBLISHES | OTHERS | st.builds(spoilt, PUBLISHES | OTHERS, st.integers(0), st.integers(0, 255))
)


@codec_may_panic
@given(
    stream=st.lists(PACKETS | st.binary(max_size=8), max_size=8).map(b"".join),
    cuts=st.lists(st.integers(0, 600), max_size=12),
    greeted=st.booleans(),
)
def test_any_bytes_cut_anywhere_deliver_the_same_or_end_the_connection(
    stream: bytes, cuts: list[int], greeted: bool
) -> None:
    """Never an error into the event loop; how the bytes were cut makes no difference."""
    stream = CONNACK + stream if greeted else stream
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(edges)]

    whole, cut = fed([stream]), fed(pieces)

    assert whole == cut
    assert whole.messages == [] or stream.startswith(b"\x20")
    assert whole.reason != ""


@given(packets=st.lists(PUBLISHES, max_size=20))
def test_every_publish_is_delivered_as_it_is(packets: list[bytes]) -> None:
    """Topic, payload, quality, duplicate flag and packet id, in order."""
    outcome = fed([CONNACK + b"".join(packets)])
    written = [mqtt5.read(memoryview(packet))[0] for packet in packets]

    assert outcome.reason is None
    assert outcome.messages == [
        (p.topic, p.payload, int(p.qos), p.duplicate, p.packet_id)
        for p in written
        if isinstance(p, PublishPacket)
    ]


POISON = {
    "topic not UTF-8": (b"\x32\x09\x00\x04ab\xff\xfe\x00\x05\x00", "ab\ufffd\ufffd", b""),
    "empty topic": (b"\x32\x06\x00\x00\x00\x05\x00P", "", b"P"),
    "empty topic with alias": (b"\x32\x09\x00\x00\x00\x05\x03\x23\x00\x01P", "", b"P"),
    "topic with alias": (b"\x32\x0a\x00\x01t\x00\x05\x03\x23\x00\x01P", "t", b"P"),
    "alias 0": (b"\x32\x0a\x00\x01t\x00\x05\x03\x23\x00\x00P", "t", b"P"),
    "wildcard": (b"\x32\x08\x00\x02+#\x00\x05\x00P", "+#", b"P"),
    "NUL": (b"\x32\x07\x00\x01\x00\x00\x05\x00P", "\0", b"P"),
    "unknown property": (b"\x32\x09\x00\x01t\x00\x05\x02\x7f\x00P", "t", b"P"),
    "property cut short": (b"\x32\x08\x00\x01t\x00\x05\x01\x02P", "t", b"P"),
    "content type not UTF-8": (b"\x32\x0b\x00\x01t\x00\x05\x04\x03\x00\x01\xffP", "t", b"P"),
}


@codec_may_panic
@pytest.mark.parametrize("name", POISON)
def test_a_publish_that_the_codec_refuses_is_delivered_all_the_same(name: str) -> None:
    """Dropped, it would come again with every connection; delivered, it can be quarantined (B5)."""
    frame, topic, payload = POISON[name]
    outcome = fed([CONNACK + publish(4, b"before") + frame + publish(6, b"after")])

    assert outcome.reason is None
    assert outcome.messages == [
        (TOPIC, b"before", 1, False, 4),
        (topic, payload, 1, False, 5),
        (TOPIC, b"after", 1, False, 6),
    ]


@pytest.mark.parametrize(
    "frame",
    [
        b"\x36\x06\x00\x01t\x00\x05\x00",  # QoS 3
        b"\x32\x05\x00\x09t\x00\x05",  # a topic longer than its packet
        b"\x32\x06\x00\x01t\x00\x05\x09",  # properties longer than their packet
        b"\x32\x04\x00\x01t\x00",  # no packet id
        b"\x32\x06\x00\x00\x00\x00\x00\x00",  # packet id 0 and no topic
        b"\x30\xff\xff\xff\xff\x7f",  # a length of five bytes
        b"\xf0\x05abcde",
        b"\x00\x00",
        b"\xc0\x00",  # a PINGREQ, which is ours to send
    ],
)
def test_what_no_packet_can_be_ends_the_connection_with_a_reason(frame: bytes) -> None:
    """We no longer know where a packet begins; what came whole before it is delivered."""
    outcome = fed([CONNACK + publish(4, b"before") + frame + publish(6, b"after")])

    assert outcome.messages == [(TOPIC, b"before", 1, False, 4)]
    assert outcome.reason is not None
    assert outcome.reason.startswith(("malformed packet", "unexpected "))
    assert outcome.sent.endswith(b"\xe0\x01\x81")  # DISCONNECT, malformed packet


def test_a_message_before_the_greeting_is_not_taken() -> None:
    """A peer that is no broker cannot feed us."""
    outcome = fed([publish(4, b"early") + CONNACK])

    assert (outcome.messages, outcome.reason) == ([], "unexpected PublishPacket")


def test_acknowledgements_are_the_packets_of_the_codec() -> None:
    """Four bytes each, joined, PUBACK or PUBREC by quality of service."""

    def acknowledge(link: Mqtt5Link) -> None:
        link.acknowledge(
            [
                Delivery("t", b"", qos, duplicate=False, received_us=0, epoch=1, packet_id=id_)
                for qos, id_ in [(1, 1), (1, 65_535), (2, 3)]
            ]
        )

    outcome = fed([CONNACK], acknowledge)

    pubacks = PubAckPacket(1).write() + PubAckPacket(65_535).write()
    assert outcome.sent.endswith(pubacks + mqtt5.PubRecPacket(3).write())


@codec_may_panic
@given(frame=PACKETS | st.binary(min_size=1, max_size=60))
def test_the_size_of_a_packet_is_the_codecs(frame: bytes) -> None:
    """Where the codec reads a packet, we find the same end; salvaging never fails."""
    size = packet_size(memoryview(frame))
    try:
        _, taken = mqtt5.read(memoryview(frame))
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        if size:
            salvaged(memoryview(frame)[:size], 0, 1)
    else:
        assert size == taken


async def test_the_buffer_shrinks_after_a_large_packet() -> None:
    """One large message does not cost its size for ever."""
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    taken = Taken()
    link = Mqtt5Link(BROKER, ["a"], taken, 1, ended)
    link.connection_made(Wire())
    largest = 0
    rest = CONNACK + publish(1, b"L" * 2_000_000) + publish(2, b"small")
    while rest:
        room = link.get_buffer(-1)
        size = min(len(room), len(rest))
        room[:size] = rest[:size]
        largest = max(largest, len(link._buffer))
        link.buffer_updated(size)
        rest = rest[size:]

    assert [len(d.payload) for d in taken.deliveries] == [2_000_000, 5]
    assert largest >= 2_000_000
    assert len(link._buffer) == mqtt5_link.BUFFER_BYTES
    link.connection_lost(None)


@codec_may_panic
async def test_a_poisoned_message_does_not_stop_the_session() -> None:
    """Over a real socket: it is handed over, settled and acknowledged like any other."""
    poison, _, _ = POISON["topic not UTF-8"]
    async with (
        listening() as peer,
        running(mqtt5_link.carry, broker_at(peer.port), settles=True) as bridge,
    ):
        connection = await (await peer.accept()).greet()
        await connection.send(publish(4, b"a") + poison + publish(6, b"b"))
        await until(lambda: len(connection.acknowledged) >= 3)

        assert connection.acknowledged == [4, 5, 6]
        assert len(peer.connections) == 1
        assert bridge.delivered[1].topic == "ab\ufffd\ufffd"


async def test_a_peer_that_speaks_something_else_is_left_and_told() -> None:
    """An HTTP server behind the broker's port is no broker; the session tries on."""
    async with (
        listening() as peer,
        running(mqtt5_link.carry, broker_at(peer.port, connect_seconds=0.3)) as bridge,
    ):
        first = await peer.accept()
        await first.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await (await peer.accept()).greet()
        await until(lambda: bridge.session.connected)

        assert bridge.presence == [False]
