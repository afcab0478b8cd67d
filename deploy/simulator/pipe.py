"""One connection of a load: pre-encoded packets out in joined blocks, PUBACKs counted in order."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import mqtt5

from deploy.simulator.running import Broker

PACKET_IDS = 65_535
_TAKEN = (mqtt5.PubAckReasonCode.SUCCESS, mqtt5.PubAckReasonCode.NO_MATCHING_SUBSCRIBERS)
_BLOCK_BYTES = 64 * 1024
_RETRY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Account:
    """One connection: its credential, and the terminals it speaks for."""

    username: str
    password: str
    terminals: Sequence[str]


class Pipe(asyncio.Protocol):
    """The connection of one account; `done` is set when every message is through.

    Through is: acknowledged (QoS 1), or read by the broker, which answers a ping sent behind them
    (QoS 0).
    """

    def __init__(self, account: Account, packets: list[bytes], qos: int, window: int) -> None:
        self._account = account
        self.packets = packets
        self._qos = qos
        self._asked_window = window
        self._window = window
        self._written = 0
        self.acknowledged = 0
        self.resent = 0
        self.cuts = 0
        self.ready = asyncio.Event()
        self.lost = asyncio.Event()
        self.done = asyncio.Event()
        self.refusal: str | None = None
        self._transport: asyncio.Transport | None = None
        self._blocked = False
        self._started = False
        self._asked = False
        self._rest = b""
        self._allowed = len(packets)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._rest, self._blocked, self._asked = b"", False, False
        self.resent += self._written - self.acknowledged if self._qos else 0
        self._written = self.acknowledged if self._qos else self._written
        name = self._account.username
        self._transport.write(
            mqtt5.ConnectPacket(
                name, username=name, password=self._account.password.encode(), clean_start=True
            ).write()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.ready.clear()
        self.lost.set()

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        self._pump()

    def data_received(self, data: bytes) -> None:
        self._rest += data
        view, position = memoryview(self._rest), 0
        while position < len(self._rest):
            try:
                packet, length = mqtt5.read(view[position:])
            except IndexError:
                break
            position += length
            self._take(packet)
        self._rest = self._rest[position:]
        if self.ready.is_set():
            self._pump()

    def _take(self, packet: mqtt5.Packet) -> None:
        if isinstance(packet, mqtt5.PubAckPacket):
            expected = 1 + self.acknowledged % PACKET_IDS
            if packet.packet_id != expected or packet.reason_code not in _TAKEN:
                self._refuse(f"PUBACK {packet.packet_id} {packet.reason_code!r}, not {expected}")
                return
            self.acknowledged += 1
            if self.acknowledged == len(self.packets):
                self.done.set()
        elif isinstance(packet, mqtt5.PingRespPacket):
            self.done.set()
        elif isinstance(packet, mqtt5.ConnAckPacket):
            if packet.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
                self._refuse(repr(packet.reason_code))
                return
            self._window = min(self._asked_window, packet.receive_max)
            self.ready.set()

    def _refuse(self, why: str) -> None:
        self.refusal = why
        self.ready.set()
        self.done.set()
        if self._transport is not None:
            self._transport.abort()

    def start(self, messages: int | None = None) -> None:
        """Send from here on: everything, or `messages` until `allow` says more."""
        self._started = True
        self._allowed = len(self.packets) if messages is None else messages
        self._pump()

    def allow(self, messages: int) -> None:
        """Let `messages` in all be written: what a paced load is stepped with."""
        self._allowed = min(messages, len(self.packets))
        self._pump()

    def _pump(self) -> None:
        if not self._started or self._transport is None or not self.ready.is_set():
            return
        while not self._blocked and (last := self._may_write_to()) > self._written:
            block, size = self._written, 0
            while self._written < last and size < _BLOCK_BYTES:
                size += len(self.packets[self._written])
                self._written += 1
            self._transport.write(b"".join(self.packets[block : self._written]))
        if not self._qos and self._written == len(self.packets) and not self._asked:
            self._asked = True
            self._transport.write(mqtt5.PingReqPacket().write())

    def _may_write_to(self) -> int:
        if not self._qos:
            return self._allowed
        return min(self._allowed, self.acknowledged + self._window)

    def close(self) -> None:
        """Say goodbye; what is still in the transport's buffer goes out first."""
        if self._transport is not None:
            self._transport.write(mqtt5.DisconnectPacket().write())
            self._transport.close()


async def keep_connected(pipe: Pipe, broker: Broker) -> None:
    """Hold the pipe's connection until it is done, connecting again after a cut."""
    loop = asyncio.get_running_loop()
    while not pipe.done.is_set():
        pipe.lost.clear()
        try:
            await loop.create_connection(lambda: pipe, broker.host, broker.port)
            await pipe.lost.wait()
        except OSError:
            pass
        if not pipe.done.is_set():
            pipe.cuts += 1
            await asyncio.sleep(_RETRY_SECONDS)
