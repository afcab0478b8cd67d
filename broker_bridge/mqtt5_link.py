"""One MQTT 5 connection on the `mqtt5` codec: bytes from the socket to deliveries, by the read.

The only file that knows MQTT 5 on the wire (OASIS MQTT 5.0; clauses in brackets).
"""

import asyncio
import ssl
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import cast

from mqtt5 import (
    ConnAckPacket,
    ConnAckReasonCode,
    ConnectPacket,
    DisconnectPacket,
    DisconnectReasonCode,
    Packet,
    PingReqPacket,
    PingRespPacket,
    PubAckPacket,
    PublishPacket,
    PubRelPacket,
    QoS,
    RetainHandling,
    SubAckPacket,
    SubscribePacket,
    TopicFilter,
    read,
)

from broker_bridge.errors import BrokerRefused
from broker_bridge.salvage import packet_size, salvaged
from broker_bridge.session import (
    GOODBYE_SECONDS,
    MOST_UNANSWERED,
    NO_ENTRY,
    RECEIVE_MAXIMUM,
    SESSION_EXPIRY_SECONDS,
    TICKS_PER_KEEP_ALIVE,
    Broker,
    Delivery,
    Receiver,
)

BUFFER_BYTES = 256 * 1024  # some 2,000 messages a read; grows to the largest packet met

PINGREQ = PingReqPacket().write()
# PUBACK at QoS 1, PUBREC at QoS 2, both without a reason (success) [3.4, 3.5].
ACKNOWLEDGEMENT = (0, 0x4002_0000, 0x5002_0000)
PUBCOMP = 0x7002_0000
SUBSCRIBE_ID, NOTICES_ID = 1, 2


async def carry(broker: Broker, filters: Sequence[str], receiver: Receiver, epoch: int) -> str:
    """Carry one connection to its end and return why it ended (see `session.Carry`)."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[str] = loop.create_future()
    try:
        async with asyncio.timeout(broker.connect_seconds):
            _, link = await loop.create_connection(
                lambda: Mqtt5Link(broker, filters, receiver, epoch, ended),
                broker.host,
                broker.port,
                ssl=broker.tls,
            )
    except ssl.SSLCertVerificationError as error:
        raise BrokerRefused(
            f"The broker's certificate is not to be trusted: {error.verify_message}."
        ) from error
    try:
        return await ended
    finally:
        link.abort()


class Mqtt5Link(asyncio.BufferedProtocol):
    """One connection: never raises into the event loop, whatever bytes come; `ended` says why."""

    def __init__(
        self,
        broker: Broker,
        filters: Sequence[str],
        receiver: Receiver,
        epoch: int,
        ended: asyncio.Future[str],
    ) -> None:
        self._broker = broker
        self._filters = filters
        self._receiver = receiver
        self._epoch = epoch
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tick_seconds = broker.keep_alive_seconds / TICKS_PER_KEEP_ALIVE
        self._silent_ticks = 0
        self._heard = False
        self.heard_us = 0
        self._established = False
        self._paused = False
        self._closing = False
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._filled = 0
        self._window = 0
        self._unanswered = 0
        self._packet_id = NOTICES_ID

    # Link: what the session asks.

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """See `Link`; four bytes each, in one write."""
        words = [ACKNOWLEDGEMENT[d.qos] | (d.packet_id or 0) for d in deliveries]
        self._write(struct.pack(f">{len(words)}I", *words))

    def publish(self, messages: Iterable[tuple[str, bytes]], *, retained: bool = False) -> int:
        """See `Link`; joined in one write."""
        packets = []
        for topic, payload in islice(messages, max(0, self._window - self._unanswered)):
            self._packet_id = self._packet_id % 0xFFFF + 1
            packet = PublishPacket(
                topic,
                payload,
                qos=QoS.AT_LEAST_ONCE,
                retain=retained,
                packet_id=self._packet_id,
            )
            packets.append(packet.write())
        if packets:
            self._write(b"".join(packets))
        self._unanswered += len(packets)
        return len(packets)

    def pause(self) -> None:
        """See `Link`; also stops the reading of what is in the buffer."""
        self._paused = True
        if self._transport is not None and not self._closing:
            self._transport.pause_reading()

    def resume(self) -> None:
        """See `Link`; deliveries come from the event loop, never from inside this call."""
        self._paused = False
        self._silent_ticks = 0
        if self._transport is not None and not self._closing:
            self._transport.resume_reading()
            asyncio.get_running_loop().call_soon(self._take)

    def close(self) -> None:
        """See `Link`. Reads on, unheeding: unread bytes would turn our last word into a RST."""
        if self._transport is None or self._closing:
            return
        self._write(DisconnectPacket().write())
        self._closing = True
        self._transport.resume_reading()
        self._set_timer(GOODBYE_SECONDS, self.abort)

    def abort(self) -> None:
        """Cut the connection now."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    # asyncio.BufferedProtocol: what the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Introduce ourselves; the broker has `connect_seconds` to answer."""
        # (cast: the transports of uvloop are not subclasses)
        self._transport = cast("asyncio.Transport", transport)
        self._write(
            ConnectPacket(
                self._broker.user,
                username=self._broker.user,
                password=self._broker.password.encode(),
                clean_start=False,
                keep_alive=self._broker.keep_alive_seconds,
                session_expiry_interval=SESSION_EXPIRY_SECONDS,
                receive_max=RECEIVE_MAXIMUM,
                # No Maximum Packet Size: the broker would drop larger QoS 1 messages in silence.
            ).write()
        )
        self._set_timer(self._broker.connect_seconds, lambda: self._drop("no CONNACK in time"))

    def get_buffer(self, sizehint: int) -> memoryview:
        """Room for the next read, at least one byte."""
        if self._filled == len(self._buffer):
            grown = memoryview(bytearray(2 * self._filled))
            grown[: self._filled] = self._buffer
            self._buffer = grown
        return self._buffer[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Hand over what the bytes complete."""
        self._heard = True
        self.heard_us = time.time_ns() // 1000
        if self._closing:
            return
        self._filled += nbytes
        self._take()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the session why."""
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None
        self._drop("closed by the broker" if exc is None else f"{type(exc).__name__}: {exc}")

    # From bytes to deliveries.

    def _take(self) -> None:
        """Parse the buffer and hand over its messages; keep what is not a whole packet yet."""
        if self._paused or self._closing or self._transport is None:
            return
        deliveries: list[Delivery] = []
        try:
            taken = self._parse(deliveries)
            self._keep_from(taken)
            if deliveries:
                self._receiver.receive(deliveries)
        except Exception as error:  # noqa: BLE001  the session's run() raises it
            if not self._ended.done():
                self._ended.set_exception(error)
            self.abort()

    def _parse(self, deliveries: list[Delivery]) -> int:
        """Append the buffer's whole messages to `deliveries`; return how many bytes they took."""
        start, end = 0, self._filled
        view = self._buffer[:end]
        epoch = self._epoch
        received_us = time.time_ns() // 1000
        append = deliveries.append
        notices = self._receiver.notices
        while start < end:
            try:
                packet, size = read(view[start:])
            except BaseException as error:
                # On text that is not UTF-8 the codec panics, which pyo3 reports beside Exception.
                if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                    raise
                size = packet_size(view[start:])
                if size == 0:  # not whole yet
                    break
                delivery = salvaged(view[start : start + size], received_us, epoch)
                if delivery is None or not self._established:
                    self._refuse(f"malformed packet ({error})")
                    break
                append(delivery)
                start += size
                continue
            start += size
            if type(packet) is PublishPacket and self._established:
                topic, packet_id = packet.topic, packet.packet_id
                if packet_id is None and topic in notices:
                    self._receiver.notice(topic, packet.payload, retained=packet.retain)
                    continue
                append(
                    Delivery(
                        topic,
                        packet.payload,
                        0 if packet_id is None else int(packet.qos),
                        packet.duplicate,
                        received_us,
                        epoch,
                        packet_id,
                    )
                )
            else:
                self._heed(packet)
                if self._paused or self._closing:
                    break
        return start

    def _heed(self, packet: Packet) -> None:
        """Do what a packet that carries no message asks for."""
        match packet:
            case ConnAckPacket() if not self._established:
                self._greeted(packet)
            case PingRespPacket() if self._established:
                pass
            case PubAckPacket() if self._established:  # whatever it says: nobody may listen there
                self._unanswered = max(0, self._unanswered - 1)
            case SubAckPacket() if self._established and packet.packet_id == NOTICES_ID:
                pass  # granted or not: we do without where we must
            case SubAckPacket() if self._established:
                # (int: the codec's enums are no ints, whatever its stub says)
                refused = [c.name for c in packet.reason_codes if int(c) >= 0x80]
                if refused:
                    self._end_refused(f"The broker refuses our subscription ({refused[0]}).")
                else:
                    self._receiver.granted()
            case PubRelPacket() if self._established:
                self._write(struct.pack(">I", PUBCOMP | packet.packet_id))
            case DisconnectPacket() if self._established:
                reason = packet.reason_code
                told = f" ({packet.reason_str})" if packet.reason_str else ""
                self._drop(f"the broker disconnects us: {reason.name}{told}")
            case _:
                self._refuse(f"unexpected {type(packet).__name__}")

    def _greeted(self, packet: ConnAckPacket) -> None:
        reason = packet.reason_code
        if int(reason) in NO_ENTRY:
            self._end_refused(f"The broker refuses {self._broker.user!r} ({reason.name}).")
            return
        if reason is not ConnAckReasonCode.SUCCESS:
            self._drop(f"the broker does not take us now: {reason.name}")
            return
        self._established = True
        if packet.server_keep_alive is not None:  # the broker's word counts [3.2.2.3.14]
            self._tick_seconds = (packet.server_keep_alive or 30) / TICKS_PER_KEEP_ALIVE
        self._set_timer(self._tick_seconds, self._tick)
        self._window = min(packet.receive_max, MOST_UNANSWERED)
        self._receiver.established(self, session_present=packet.session_present)
        if self._closing:
            return
        # Again on each connection: it costs nothing, and mends a session without subscriptions.
        topics = [
            TopicFilter(
                pattern, max_qos=QoS.AT_LEAST_ONCE, retain_handling=RetainHandling.SEND_NEVER
            )
            for pattern in self._filters
        ]
        self._write(SubscribePacket(SUBSCRIBE_ID, topics).write())
        if self._receiver.notices:
            kept = [
                TopicFilter(topic, max_qos=QoS.AT_MOST_ONCE, retain_as_published=False)
                for topic in self._receiver.notices
            ]
            self._write(SubscribePacket(NOTICES_ID, kept).write())

    def _keep_from(self, taken: int) -> None:
        """Move what is left to the front; give back what one large packet made the buffer grow."""
        rest = self._filled - taken
        buffer = self._buffer
        if len(buffer) > BUFFER_BYTES and rest < BUFFER_BYTES:
            self._buffer = memoryview(bytearray(BUFFER_BYTES))
        elif not taken:
            return
        self._buffer[:rest] = buffer[taken : self._filled]
        self._filled = rest

    # Keeping alive, and ending.

    def _tick(self) -> None:
        """Ping, and notice a silent broker.

        Silence is counted in ticks and only while we read: neither a paused reader nor a process
        that was stopped for a while may take its own silence for the broker's.
        """
        self._silent_ticks = 0 if self._heard or self._paused else self._silent_ticks + 1
        self._heard = False
        if self._silent_ticks >= TICKS_PER_KEEP_ALIVE:
            self._drop("the broker is silent")
            return
        self._write(PINGREQ)
        self._set_timer(self._tick_seconds, self._tick)

    def _set_timer(self, seconds: float, call: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, call)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._closing:
            self._transport.write(data)

    def _refuse(self, reason: str) -> None:
        """End a connection on which we no longer know where a packet begins."""
        self._write(DisconnectPacket(reason_code=DisconnectReasonCode.MALFORMED_PACKET).write())
        self._drop(reason)

    def _end_refused(self, sentence: str) -> None:
        self._closing = True
        if not self._ended.done():
            self._ended.set_exception(BrokerRefused(sentence))

    def _drop(self, reason: str) -> None:
        """End the connection; `carry` cuts it."""
        self._closing = True
        if not self._ended.done():
            self._ended.set_result(reason)
