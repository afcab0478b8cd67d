"""What can be had from a packet that the codec refuses: its length, and a PUBLISH's message.

Clauses in brackets are of OASIS MQTT 5.0.
"""

from broker_bridge.session import Delivery

PUBLISH = 3


def packet_size(view: memoryview) -> int:
    """Bytes of the packet that begins here; 0 if it is not whole yet, all if it makes no sense."""
    try:
        length, body = _varint(view, 1)
    except IndexError:
        return 0
    except ValueError:
        return len(view)
    return body + length if body + length <= len(view) else 0


def salvaged(frame: memoryview, received_us: int, epoch: int) -> Delivery | None:
    """The delivery in a PUBLISH that the codec refuses, or None if its lengths do not add up.

    A broker may pass on what the codec will not have: text that is not UTF-8, a property out of
    place. Dropping the connection would bring the same message again, for ever; a delivery can be
    quarantined and acknowledged. What is wrong in the topic becomes U+FFFD [3.3].
    """
    kind, qos = frame[0] >> 4, frame[0] >> 1 & 3
    packet_id = None
    try:
        _, at = _varint(frame, 1)
        topic_at = at + 2
        at = topic_at + int.from_bytes(frame[at:topic_at])
        topic = str(frame[topic_at:at], "utf-8", "replace")
        if qos:
            packet_id = int.from_bytes(frame[at : at + 2])
            at += 2
        properties, at = _varint(frame, at)
    except (IndexError, ValueError):
        return None
    at += properties
    if kind != PUBLISH or qos == 3 or packet_id == 0 or at > len(frame):
        return None
    duplicate = bool(frame[0] & 8)
    return Delivery(topic, bytes(frame[at:]), qos, duplicate, received_us, epoch, packet_id)


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    """The variable byte integer at `at` and where it ends; IndexError if cut off [1.5.5]."""
    value = 0
    for shift in (0, 7, 14, 21):
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a variable byte integer has at most four bytes")
