"""A terminal that sends as fast as the broker takes it, and keeps nothing."""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice

import mqtt5

from deploy.ledger.script import METRICS

_WINDOW = 1000  # without an answer
_PATIENCE_SECONDS = 10.0
_READ_BYTES = 65_536
_FIRST_MESSAGE_DAYS_AGO = 10


@dataclass(frozen=True, slots=True)
class Visit:
    """How many messages were sent, and how many of them the broker acknowledged."""

    sent: int
    acknowledged: int


class Visitor:
    """`code` signs in with its own name."""

    def __init__(self, host: str, port: int, code: str) -> None:
        self.code = code
        self._topic = f"m2m/v1/{code}/telemetry"
        self._at = host, port
        self._next_ms = int(time.time() * 1000) - _FIRST_MESSAGE_DAYS_AGO * 86_400_000

    def send(self, count: int, *, size: int = 0) -> Visit:
        """Send so many messages, of `size` bytes at least, each of its own time, at QoS 1.

        Until all are acknowledged, or the broker cuts us or answers no more.
        """
        rest, ids = self._payloads(count, size), cycle(range(1, 65_535))
        sent = acknowledged = 0
        try:
            with socket.create_connection(self._at, _PATIENCE_SECONDS) as connection:
                answers = _packets(connection)
                connection.sendall(self._hello())
                next(answers)
                while True:
                    more = list(islice(rest, _WINDOW // 2))
                    sent += len(more)
                    connection.sendall(
                        b"".join([self._message(payload, next(ids)) for payload in more])
                    )
                    while sent - acknowledged > (_WINDOW // 2 if more else 0):
                        answer = next(answers)
                        acknowledged += (
                            isinstance(answer, mqtt5.PubAckPacket)
                            and answer.reason_code == mqtt5.PubAckReasonCode.SUCCESS
                        )
                    if not more:
                        break
        except (OSError, StopIteration):
            pass
        return Visit(sent, acknowledged)

    def _payloads(self, count: int, size: int) -> Iterator[bytes]:
        for _ in range(count):
            self._next_ms += 1
            yield (b'{"ts":%d,"%b":1}' % (self._next_ms, METRICS[0].encode())).ljust(size)

    def _hello(self) -> bytes:
        return mqtt5.ConnectPacket(
            self.code, username=self.code, password=self.code.encode(), clean_start=True
        ).write()

    def _message(self, payload: bytes, number: int) -> bytes:
        return mqtt5.PublishPacket(
            self._topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=number
        ).write()


def _packets(connection: socket.socket) -> Iterator[mqtt5.Packet]:
    """What the broker says, until it hangs up; OSError when it says nothing for long."""
    unread = b""
    while data := connection.recv(_READ_BYTES):
        unread += data
        view, position = memoryview(unread), 0
        while position < len(unread):
            try:
                packet, length = mqtt5.read(view[position:])
            except IndexError:
                break
            position += length
            yield packet
        unread = unread[position:]
