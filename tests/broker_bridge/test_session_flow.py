"""When a session stops reading and when it gives its broker up, on both wires."""

import asyncio

from mqtt5 import ConnAckPacket, ConnectPacket, PingReqPacket, PingRespPacket, SubscribePacket

from broker_bridge.session import Carry
from tests.broker_bridge.peer import listening, numbered, publish, until
from tests.broker_bridge.sessions import broker_at, running


async def test_reading_pauses_at_the_bound_of_messages(carry: Carry) -> None:
    """A broker that overruns every window is held off; nothing is lost or repeated."""
    count = 20_000
    ids = [number % 20 + 1 for number in range(count)]
    payloads = [b"%d" % number + b"." * 400 for number in range(count)]
    async with (
        listening() as peer,
        running(carry, broker_at(peer.port), max_messages=100) as bridge,
    ):
        connection = await (await peer.accept()).greet()
        sending = asyncio.create_task(connection.send(b"".join(map(publish, ids, payloads))))
        await until(lambda: bridge.session.paused)
        assert 100 <= bridge.session.unsettled() < 3_000
        await bridge.settle_all(count)
        await until(lambda: len(connection.acknowledged) >= count)
        await sending

        assert bridge.payloads == payloads
        assert connection.acknowledged == ids
        assert not bridge.session.paused


async def test_reading_pauses_at_the_bound_of_bytes(carry: Carry) -> None:
    """Few large messages fill the memory that many small ones may take; QoS 0 counts as well."""
    async with (
        listening() as peer,
        running(carry, broker_at(peer.port), max_bytes=1_000) as bridge,
    ):
        connection = await (await peer.accept()).greet()
        await connection.send(publish(None, b"a" * 600))
        await until(lambda: bridge.delivered)
        assert not bridge.session.paused
        await connection.send(publish(None, b"b" * 400))
        await until(lambda: bridge.session.paused)
        bridge.session.settle(bridge.delivered[:1])
        assert not bridge.session.paused
        assert bridge.session.unsettled_bytes() == 400
        await connection.send(publish(None, b"c"))
        await until(lambda: len(bridge.delivered) == 3)

        assert connection.acknowledged == []


async def test_a_connection_that_comes_while_the_bound_is_full_waits(carry: Carry) -> None:
    """Reconnecting is no way around the bound, and what waited is delivered afterwards."""
    async with (
        listening() as peer,
        running(carry, broker_at(peer.port, keep_alive_seconds=1), max_messages=4) as bridge,
    ):
        first = await (await peer.accept()).greet()
        await first.send(b"".join(map(publish, [1, 2, 3, 4], numbered(4))))
        await until(lambda: bridge.session.paused)
        await first.close()
        second = await peer.accept()
        await second.hear(ConnectPacket)
        greeting = ConnAckPacket(session_present=True).write()
        await second.send(greeting + b"".join(map(publish, [1, 2], numbered(2))))
        await until(lambda: bridge.presence == [False, True])
        await second.hear(SubscribePacket)
        assert len(bridge.delivered) == 4

        bridge.session.settle(bridge.delivered)
        await until(lambda: len(bridge.delivered) == 6)
        bridge.session.settle(bridge.delivered[4:])
        await until(lambda: len(second.acknowledged) >= 2)

        assert second.acknowledged == [1, 2]


async def test_a_silent_broker_is_left(carry: Carry) -> None:
    """A broker that never answers a ping is dead, and the session finds it again elsewhere."""
    async with (
        listening() as peer,
        running(carry, broker_at(peer.port, keep_alive_seconds=1), settles=True) as bridge,
    ):
        first = await (await peer.accept()).greet()
        second = await (await peer.accept()).greet(session_present=True)
        await second.send(publish(1, b"alive"))
        await until(lambda: second.acknowledged == [1])

        assert first.pings >= 2
        assert bridge.payloads == [b"alive"]


async def test_a_paused_reader_does_not_mistake_its_broker_for_dead(carry: Carry) -> None:
    """While reading waits the session pings on, hears nothing, and keeps its connection."""
    async with (
        listening() as peer,
        running(carry, broker_at(peer.port, keep_alive_seconds=1), max_messages=1) as bridge,
    ):
        connection = await (await peer.accept()).greet()
        await connection.send(publish(1, b"a"))
        await until(lambda: bridge.session.paused)
        await until(lambda: connection.pings >= 7)  # more than twice the keep-alive
        await connection.send(publish(2, b"b"))
        bridge.session.settle(bridge.delivered)
        await until(lambda: len(bridge.delivered) == 2)
        bridge.session.settle(bridge.delivered[1:])
        await until(lambda: len(connection.acknowledged) >= 2)

        assert connection.acknowledged == [1, 2]
        assert len(peer.connections) == 1


async def test_an_answered_ping_keeps_the_connection(carry: Carry) -> None:
    """An idle but living broker is not left."""
    async with (
        listening() as peer,
        running(carry, broker_at(peer.port, keep_alive_seconds=1)),
    ):
        connection = await (await peer.accept()).greet()
        for ping in range(1, 9):
            await connection.hear(PingReqPacket, ping)
            await connection.send(PingRespPacket().write())

        assert len(peer.connections) == 1
