"""Deliveries as bytes for the spool, and back again, each payload held against its checksum; pure.

A parcel has its topics once each (JSON), a head of fixed size for each message, little-endian, and
the payloads, joined. One checksum covers topics and heads, and each head has its payload's.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from broker_bridge.session import Delivery

_HEAD = np.dtype(
    [("topic", "<u4"), ("size", "<u4"), ("checksum", "<u4"), ("received_us", "<i8"), ("how", "|u1")]
)
_REPEATED = 4  # in `how`, above the QoS


class ParcelDamaged(ValueError):
    """What is in a parcel cannot be told any more."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Some deliveries, packed in order of arrival."""

    messages: int
    first_received_us: int
    checksum: int
    topics: bytes
    heads: bytes
    payloads: bytes

    @property
    def size(self) -> int:
        """How many bytes it is."""
        return len(self.topics) + len(self.heads) + len(self.payloads)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The deliveries of a parcel, in order; the `damaged` ones do not have their payload."""

    deliveries: Sequence[Delivery]
    damaged: frozenset[Delivery]


def sender(topic: str) -> str:
    """Whose messages stay in order: all of a topic but its last level, which is the channel."""
    return topic.rpartition("/")[0]


def pack(deliveries: Sequence[Delivery]) -> Parcel:
    """A parcel of at least one delivery."""
    numbers: dict[str, int] = {}
    payloads = [delivery.payload for delivery in deliveries]
    heads = np.empty(len(deliveries), _HEAD)
    heads["topic"] = [numbers.setdefault(d.topic, len(numbers)) for d in deliveries]
    heads["size"] = [len(payload) for payload in payloads]
    heads["checksum"] = [zlib.crc32(payload) for payload in payloads]
    heads["received_us"] = [d.received_us for d in deliveries]
    heads["how"] = [d.qos | _REPEATED * d.duplicate for d in deliveries]
    topics, packed = orjson.dumps(list(numbers)), heads.tobytes()
    return Parcel(
        len(deliveries),
        int(heads["received_us"].min()),
        zlib.crc32(packed, zlib.crc32(topics)),
        topics,
        packed,
        b"".join(payloads),
    )


def senders(topics: bytes) -> set[str]:
    """Whose messages a parcel of these topics has; ParcelDamaged if they cannot be read."""
    try:
        return {sender(topic) for topic in orjson.loads(topics)}
    except (orjson.JSONDecodeError, TypeError, AttributeError) as error:
        raise ParcelDamaged("the topics cannot be read") from error


def unpack(parcel: Parcel) -> Unpacked:
    """What was packed: no longer of any connection, so never acknowledged; or ParcelDamaged."""
    if zlib.crc32(parcel.heads, zlib.crc32(parcel.topics)) != parcel.checksum:
        raise ParcelDamaged("the heads do not have their checksum")
    heads = np.frombuffer(parcel.heads, _HEAD)
    if len(heads) != parcel.messages or int(heads["size"].sum()) != len(parcel.payloads):
        raise ParcelDamaged("the lengths do not add up")
    deliveries: list[Delivery] = []
    damaged: list[Delivery] = []
    for delivery, whole in _unpack(parcel, heads):
        deliveries.append(delivery)
        if not whole:
            damaged.append(delivery)
    return Unpacked(deliveries, frozenset(damaged))


def _unpack(parcel: Parcel, heads: np.ndarray) -> Iterator[tuple[Delivery, bool]]:
    topics, payloads = orjson.loads(parcel.topics), parcel.payloads
    start = 0
    for topic, size, checksum, received_us, how in heads.tolist():
        payload = payloads[start : start + size]
        start += size
        delivery = Delivery(
            topics[topic],
            payload,
            how & 3,
            bool(how & _REPEATED),
            received_us,
            epoch=0,
            packet_id=None,
        )
        yield delivery, zlib.crc32(payload) == checksum
