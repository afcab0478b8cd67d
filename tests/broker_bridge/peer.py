"""A scripted MQTT 5 broker: it does what the test says, right or wrong."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self, TypeVar

import mqtt5
from mqtt5 import (
    ConnAckPacket,
    ConnAckReasonCode,
    ConnectPacket,
    DisconnectPacket,
    Packet,
    PingReqPacket,
    PubAckPacket,
    PublishPacket,
    QoS,
    SubAckPacket,
    SubAckReasonCode,
    SubscribePacket,
)

P = TypeVar("P")

TOPIC = "m2m/v1/T-1/telemetry"


def publish(packet_id: int | None, payload: bytes = b"", *, duplicate: bool = False) -> bytes:
    """A PUBLISH at QoS 1, or at QoS 0 without a packet id."""
    qos = QoS.AT_MOST_ONCE if packet_id is None else QoS.AT_LEAST_ONCE
    return PublishPacket(TOPIC, payload, qos=qos, packet_id=packet_id, duplicate=duplicate).write()


def numbered(count: int) -> list[bytes]:
    """As many distinct payloads."""
    return [b"%d" % number for number in range(count)]


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until a condition holds; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is awaited lives on the other side of a wire
            await asyncio.sleep(0.005)


class Connection:
    """One connection that the session opened, seen from the broker's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.heard: list[Packet] = []
        self.closed = False
        self._answering = asyncio.create_task(self._listen())

    @property
    def acknowledged(self) -> list[int]:
        """Packet ids of the PUBACKs so far, in order."""
        return [packet.packet_id for packet in self.heard if isinstance(packet, PubAckPacket)]

    @property
    def pings(self) -> int:
        """How often the session pinged."""
        return sum(isinstance(packet, PingReqPacket) for packet in self.heard)

    async def hear(self, kind: type[P], nth: int = 1) -> P:
        """The `nth` packet of this kind, when it has come."""

        def found() -> list[P]:
            return [packet for packet in self.heard if isinstance(packet, kind)]

        await until(lambda: len(found()) >= nth or self.closed)
        return found()[nth - 1]

    async def send(self, data: bytes) -> None:
        """These bytes, as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def greet(self, *, session_present: bool = False) -> Self:
        """Take the session in and grant its subscriptions."""
        await self.hear(ConnectPacket)
        await self.send(ConnAckPacket(session_present=session_present).write())
        subscribe = await self.hear(SubscribePacket)
        granted = [SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE] * len(subscribe.topic_filters)
        await self.send(SubAckPacket(subscribe.packet_id, granted).write())
        return self

    async def refuse(self, reason: ConnAckReasonCode) -> None:
        """Answer CONNECT with a refusal and close."""
        await self.hear(ConnectPacket)
        await self.send(ConnAckPacket(reason_code=reason).write())
        await self.close()

    async def close(self) -> None:
        """Close without a word."""
        self._answering.cancel()
        self.closed = True
        self._writer.close()

    async def _listen(self) -> None:
        buffer = b""
        try:
            while data := await self._reader.read(65_536):
                buffer += data
                view = memoryview(buffer)
                taken = 0
                while taken < len(view):
                    try:
                        packet, size = mqtt5.read(view[taken:])
                    except IndexError:
                        break
                    self.heard.append(packet)
                    taken += size
                    if isinstance(packet, DisconnectPacket):
                        return
                buffer = buffer[taken:]
        except ConnectionError:
            pass
        finally:
            self.closed = True
            self._writer.close()


class Peer:
    """A listening broker; `accept` gives the connections in the order in which they came."""

    def __init__(self) -> None:
        self.port = 0
        self.connections: list[Connection] = []
        self._waiting: asyncio.Queue[Connection] = asyncio.Queue()

    async def accept(self) -> Connection:
        """The next connection."""
        async with asyncio.timeout(30):
            return await self._waiting.get()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Keep a connection for `accept`."""
        connection = Connection(reader, writer)
        self.connections.append(connection)
        self._waiting.put_nowait(connection)


@asynccontextmanager
async def listening(port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """A scripted broker on this port of the loopback, or on a free one."""
    peer = Peer()
    server = await asyncio.start_server(peer.take, "127.0.0.1", port, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for connection in peer.connections:
            await connection.close()
