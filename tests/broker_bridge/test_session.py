"""A session's promises, on both wires, against a broker that does not keep its own."""

import random

import pytest
from mqtt5 import (
    ConnAckPacket,
    ConnAckReasonCode,
    ConnectPacket,
    DisconnectPacket,
    DisconnectReasonCode,
    PubCompPacket,
    PublishPacket,
    PubRecPacket,
    PubRelPacket,
    QoS,
    RetainHandling,
    SubAckPacket,
    SubAckReasonCode,
    SubscribePacket,
)

from broker_bridge.errors import BrokerRefused
from broker_bridge.session import Broker, Carry
from tests.broker_bridge.peer import TOPIC, listening, numbered, publish, until
from tests.broker_bridge.sessions import FILTERS, broker_at, running


def test_a_brokers_address_tells_everything_but_the_password() -> None:
    """Ports have their defaults, names may be escaped, and no log gets the password."""
    plain = Broker.from_url("mqtt://bridge-1@broker.example:2883", "hush")
    default = Broker.from_url("mqtt://bridge%2D2@[::1]", "hush")
    secure = Broker.from_url("mqtts://bridge-1@broker.example", "hush")

    assert (plain.host, plain.port, plain.user) == ("broker.example", 2883, "bridge-1")
    assert (default.host, default.port, default.user) == ("::1", 1883, "bridge-2")
    assert (secure.port, plain.tls) == (8883, None)
    assert secure.tls is not None
    assert secure.tls.check_hostname
    assert plain.password == "hush"
    assert "hush" not in repr(plain)


async def test_a_session_introduces_itself_as_the_design_says(carry: Carry) -> None:
    """Client id equal to user name, a session that stays, a wide window, no packet size limit."""
    async with listening() as peer, running(carry, broker_at(peer.port)) as bridge:
        connection = await (await peer.accept()).greet(session_present=True)
        connect = await connection.hear(ConnectPacket)
        subscribe = await connection.hear(SubscribePacket)

        assert (connect.client_id, connect.username, connect.password) == (
            "bridge-1",
            "bridge-1",
            b"secret",
        )
        assert (connect.clean_start, connect.session_expiry_interval) == (False, 0xFFFF_FFFE)
        assert (connect.receive_max, connect.max_packet_size) == (65_534, None)
        assert [(f.pattern, f.max_qos, f.retain_handling) for f in subscribe.topic_filters] == [
            (f, QoS.AT_LEAST_ONCE, RetainHandling.SEND_NEVER) for f in FILTERS
        ]
        assert bridge.presence == [True]


async def test_acknowledgements_go_out_in_order_of_arrival(carry: Carry) -> None:
    """Whatever the order of settlement, also when the broker gives a packet id twice."""
    ids = [1, 2, 1, 3, 2, 2, 65_535, 4, *range(1, 21)]
    payloads = numbered(len(ids))
    async with listening() as peer, running(carry, broker_at(peer.port)) as bridge:
        connection = await (await peer.accept()).greet()
        await connection.send(b"".join(map(publish, ids, payloads)))
        await until(lambda: len(bridge.delivered) == len(ids))
        assert bridge.payloads == payloads

        shuffled = list(bridge.delivered)
        random.shuffle(shuffled)
        shuffled.sort(key=lambda delivery: delivery is bridge.delivered[0])  # the head comes last
        for delivery in shuffled[:-1]:
            bridge.session.settle([delivery])
        assert bridge.session.unsettled() == len(ids)
        bridge.session.settle(shuffled[-1:])
        await until(lambda: len(connection.acknowledged) >= len(ids))

        assert connection.acknowledged == ids
        assert bridge.session.unsettled() == 0
        assert bridge.session.unsettled_bytes() == 0


async def test_no_acknowledgement_crosses_from_one_connection_to_the_next(carry: Carry) -> None:
    """Settling what an old connection brought acknowledges nothing, whatever the ids mean now."""
    async with listening() as peer, running(carry, broker_at(peer.port)) as bridge:
        first = await (await peer.accept()).greet()
        await first.send(b"".join(map(publish, [1, 2, 3, 4, 5], numbered(5))))
        await until(lambda: len(bridge.delivered) == 5)
        bridge.session.settle(bridge.delivered[:2])
        await until(lambda: first.acknowledged == [1, 2])
        await first.close()

        second = await (await peer.accept()).greet(session_present=True)
        again = [publish(id_, b"%d" % id_, duplicate=True) for id_ in (2, 3, 4)]
        await second.send(b"".join(again) + publish(1, b"new"))
        await until(lambda: len(bridge.delivered) == 9)
        assert [d.duplicate for d in bridge.delivered[5:]] == [True, True, True, False]
        assert len({d.epoch for d in bridge.delivered}) == 2

        bridge.session.settle(bridge.delivered[5:])
        bridge.session.settle(bridge.delivered[2:5])
        await until(lambda: len(second.acknowledged) >= 4)
        await second.send(publish(9, b"last"))
        await until(lambda: len(bridge.delivered) == 10)
        bridge.session.settle(bridge.delivered[9:])
        await until(lambda: 9 in second.acknowledged)

        assert second.acknowledged == [2, 3, 4, 1, 9]
        assert bridge.session.stale_acknowledgements == 3
        assert bridge.presence == [False, True]


async def test_settling_while_there_is_no_connection_acknowledges_nothing(carry: Carry) -> None:
    """An acknowledgement that comes between two connections is dropped, not kept for the next."""
    async with listening() as peer, running(carry, broker_at(peer.port)) as bridge:
        first = await (await peer.accept()).greet()
        await first.send(publish(7, b"a"))
        await until(lambda: bridge.delivered)
        await first.close()
        second = await peer.accept()
        assert not bridge.session.connected
        bridge.session.settle(bridge.delivered)

        await second.greet(session_present=True)
        await second.send(publish(8, b"b"))
        await until(lambda: len(bridge.delivered) == 2)
        bridge.session.settle(bridge.delivered[1:])
        await until(lambda: second.acknowledged)

        assert second.acknowledged == [8]


async def test_a_message_comes_whole_however_its_bytes_come(carry: Carry) -> None:
    """One byte at a time, the CONNACK too."""
    payloads = [b"", b"x" * 300, b"y"]
    async with listening() as peer, running(carry, broker_at(peer.port), settles=True) as bridge:
        connection = await peer.accept()
        await connection.hear(ConnectPacket)
        data = ConnAckPacket(session_present=True).write()
        for byte in data + b"".join(map(publish, [5, 6, 7], payloads)):
            await connection.send(bytes([byte]))
        await until(lambda: len(connection.acknowledged) >= 3)

        assert bridge.payloads == payloads
        assert connection.acknowledged == [5, 6, 7]


async def test_half_a_message_is_no_message(carry: Carry) -> None:
    """A connection that ends inside a packet delivers what was whole, and the rest comes again."""
    whole = publish(2, b"second")
    async with listening() as peer, running(carry, broker_at(peer.port), settles=True) as bridge:
        first = await (await peer.accept()).greet()
        await first.send(publish(1, b"first") + whole[:-3])
        await until(lambda: first.acknowledged)
        await first.close()
        second = await (await peer.accept()).greet(session_present=True)
        await second.send(whole)
        await until(lambda: second.acknowledged)

        assert bridge.payloads == [b"first", b"second"]
        assert (first.acknowledged, second.acknowledged) == ([1], [2])


async def test_a_large_message_comes_whole_among_small_ones(carry: Carry) -> None:
    """The buffer grows to what the broker sends, and small messages follow as before."""
    payloads = [b"small", b"L" * 3_000_000, b"small again", b"L" * 700_000, b"last"]
    async with listening() as peer, running(carry, broker_at(peer.port), settles=True) as bridge:
        connection = await (await peer.accept()).greet()
        await connection.send(b"".join(map(publish, range(1, 6), payloads)))
        await until(lambda: len(connection.acknowledged) >= 5)

        assert bridge.payloads == payloads
        assert connection.acknowledged == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "reason",
    [
        ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD,
        ConnAckReasonCode.NOT_AUTHORIZED,
        ConnAckReasonCode.CLIENT_ID_NOT_VALID,
    ],
)
async def test_a_refused_account_is_told_at_once(carry: Carry, reason: ConnAckReasonCode) -> None:
    """The first answer counts: the process ends with a sentence that names the account."""
    async with listening() as peer, running(carry, broker_at(peer.port)) as bridge:
        await (await peer.accept()).refuse(reason)
        with pytest.raises(BrokerRefused, match=r"^The broker refuses 'bridge-1' \(.+\)\.$"):
            await bridge.task


async def test_a_refused_subscription_is_told_at_once(carry: Carry) -> None:
    """An account that may not read the terminals' topics is as good as none."""
    async with listening() as peer, running(carry, broker_at(peer.port)) as bridge:
        connection = await peer.accept()
        await connection.hear(ConnectPacket)
        await connection.send(ConnAckPacket().write())
        subscribe = await connection.hear(SubscribePacket)
        refusals = [SubAckReasonCode.NOT_AUTHORIZED] * len(FILTERS)
        await connection.send(SubAckPacket(subscribe.packet_id, refusals).write())
        with pytest.raises(BrokerRefused, match="refuses our subscription"):
            await bridge.task


async def test_an_account_refused_later_is_tried_again(carry: Carry) -> None:
    """A broker that reloads its accounts may err for a moment; the session survives that."""
    async with listening() as peer, running(carry, broker_at(peer.port)) as bridge:
        first = await (await peer.accept()).greet()
        await first.send(publish(None, b"in"))
        await until(lambda: bridge.delivered)
        await first.close()
        await (await peer.accept()).refuse(ConnAckReasonCode.NOT_AUTHORIZED)
        await (await peer.accept()).greet(session_present=True)
        await until(lambda: bridge.session.connected)

        assert bridge.presence == [False, True]


async def test_a_busy_broker_is_tried_again(carry: Carry) -> None:
    """A refusal that may pass is no refusal of the account, even as the first answer."""
    async with listening() as peer, running(carry, broker_at(peer.port)) as bridge:
        await (await peer.accept()).refuse(ConnAckReasonCode.SERVER_BUSY)
        await (await peer.accept()).greet()
        await until(lambda: bridge.session.connected)

        assert bridge.presence == [False]


async def test_a_broker_that_disconnects_us_is_tried_again(carry: Carry) -> None:
    """A DISCONNECT of the broker ends the connection, not the session."""
    async with listening() as peer, running(carry, broker_at(peer.port)) as bridge:
        first = await (await peer.accept()).greet()
        reason = DisconnectReasonCode.SERVER_SHUTTING_DOWN
        await first.send(DisconnectPacket(reason_code=reason).write())
        await (await peer.accept()).greet(session_present=True)
        await until(lambda: bridge.presence == [False, True])


async def test_a_broker_that_is_not_there_yet_is_found_later(carry: Carry) -> None:
    """A session may be started before its broker."""
    async with listening() as peer:
        port = peer.port
    async with running(carry, broker_at(port), settles=True) as bridge:
        await until(lambda: bridge.session.epoch >= 3)
        async with listening(port=port) as peer:
            connection = await (await peer.accept()).greet()
            await connection.send(publish(1, b"at last"))
            await until(lambda: connection.acknowledged == [1])


async def test_stopping_says_goodbye_after_the_last_acknowledgement(carry: Carry) -> None:
    """Everything settled is acknowledged, then DISCONNECT, then `run` returns; the rest stays."""
    async with listening() as peer, running(carry, broker_at(peer.port)) as bridge:
        connection = await (await peer.accept()).greet()
        await connection.send(b"".join(map(publish, [1, 2, 3], numbered(3))))
        await until(lambda: len(bridge.delivered) == 3)
        bridge.session.end_intake()
        await connection.send(publish(4, b"too late") * 1000)
        bridge.session.settle(bridge.delivered[:2])
        bridge.session.stop()
        await bridge.task
        await until(lambda: connection.closed)

        assert connection.acknowledged == [1, 2]
        farewell = connection.heard[-1]
        assert isinstance(farewell, DisconnectPacket)
        assert farewell.reason_code == DisconnectReasonCode.NORMAL_DISCONNECTION
        assert len(bridge.delivered) == 3
        assert not bridge.session.connected


async def test_after_the_end_of_intake_acknowledgements_still_go_out(carry: Carry) -> None:
    """The last batch is settled while nothing new comes in."""
    async with listening() as peer, running(carry, broker_at(peer.port)) as bridge:
        connection = await (await peer.accept()).greet()
        await connection.send(b"".join(map(publish, [1, 2, 3], numbered(3))))
        await until(lambda: len(bridge.delivered) == 3)
        bridge.session.end_intake()
        await connection.send(publish(4, b"too late"))
        for delivery in bridge.delivered:
            bridge.session.settle([delivery])
        await until(lambda: len(connection.acknowledged) >= 3)

        assert connection.acknowledged == [1, 2, 3]
        assert bridge.session.unsettled() == 0
        assert len(bridge.delivered) == 3


async def test_stopping_between_two_connections_returns(carry: Carry) -> None:
    """A session that finds no broker can be stopped while it waits."""
    async with listening() as peer:
        port = peer.port
    async with running(carry, broker_at(port), retry_seconds=(600.0, 600.0)) as bridge:
        await until(lambda: bridge.session.epoch == 1)
        bridge.session.stop()
        await bridge.task


async def test_qos_0_needs_no_acknowledgement_and_counts_as_unsettled(carry: Carry) -> None:
    """Both qualities keep one order: what QoS 0 left unsettled holds back what came after it."""
    async with listening() as peer, running(carry, broker_at(peer.port)) as bridge:
        connection = await (await peer.accept()).greet()
        await connection.send(publish(1, b"a") + publish(None, b"bb") + publish(2, b"c"))
        await until(lambda: len(bridge.delivered) == 3)
        assert [(d.qos, d.packet_id) for d in bridge.delivered] == [(1, 1), (0, None), (1, 2)]
        assert (bridge.session.unsettled(), bridge.session.unsettled_bytes()) == (3, 4)
        bridge.session.settle([bridge.delivered[0], bridge.delivered[2]])
        await until(lambda: connection.acknowledged)
        assert (bridge.session.unsettled(), connection.acknowledged) == (2, [1])
        bridge.session.settle([bridge.delivered[1]])
        await until(lambda: len(connection.acknowledged) >= 2)

        assert (bridge.session.unsettled(), connection.acknowledged) == (0, [1, 2])


async def test_qos_2_is_survived(carry: Carry) -> None:
    """We ask for QoS 1 at most; a broker that sends QoS 2 all the same gets its handshake."""
    exactly_once = PublishPacket(TOPIC, b"twice", qos=QoS.EXACTLY_ONCE, packet_id=3)
    async with listening() as peer, running(carry, broker_at(peer.port), settles=True) as bridge:
        connection = await (await peer.accept()).greet()
        await connection.send(exactly_once.write())
        assert (await connection.hear(PubRecPacket)).packet_id == 3
        await connection.send(PubRelPacket(3).write())
        assert (await connection.hear(PubCompPacket)).packet_id == 3
        await connection.send(publish(3, b"after"))
        await until(lambda: connection.acknowledged == [3])

        assert bridge.payloads == [b"twice", b"after"]


async def test_the_oldest_unsettled_delivery_tells_its_age(carry: Carry) -> None:
    """Counted from its receipt by our clock; nothing unsettled has no age."""
    async with listening() as peer, running(carry, broker_at(peer.port)) as bridge:
        assert bridge.session.oldest_unsettled_seconds() == 0.0
        connection = await (await peer.accept()).greet()
        await connection.send(publish(1, b"a"))
        await until(lambda: bridge.delivered)
        (delivery,) = bridge.delivered

        assert bridge.session.oldest_unsettled_seconds(delivery.received_us + 2_500_000) == 2.5
        bridge.session.settle([delivery])
        assert bridge.session.oldest_unsettled_seconds() == 0.0


async def test_an_error_of_the_receiver_ends_the_session(carry: Carry) -> None:
    """A fault of ours is not taken for one of the broker: `run` raises it."""

    def fail(session_present: bool) -> None:
        raise ZeroDivisionError

    async with (
        listening() as peer,
        running(carry, broker_at(peer.port), on_established=fail) as bridge,
    ):
        connection = await peer.accept()
        await connection.hear(ConnectPacket)
        await connection.send(ConnAckPacket().write())
        with pytest.raises(ZeroDivisionError):
            await bridge.task
