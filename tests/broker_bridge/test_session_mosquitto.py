"""A session's promises, on both wires, with the broker of the embedded stack."""

import gc
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import aiomqtt
import pytest

from broker_bridge.errors import BrokerRefused
from broker_bridge.session import Broker, Carry
from deploy.embedded import certificates
from deploy.embedded.mosquitto import Broker as Mosquitto
from deploy.embedded.mosquitto import TlsListener, verifier
from deploy.embedded.ports import free_port
from deploy.embedded.runtime import Runtime
from tests.broker_bridge.peer import until
from tests.broker_bridge.sessions import running
from tests.conftest import TestBroker

TERMINAL = "T-1"
TOPIC = f"m2m/v1/{TERMINAL}/telemetry"


def bridge_account(broker: TestBroker, password: str | None = None) -> Broker:
    """The bridge's place at this broker."""
    return Broker.from_url(broker.url("bridge-1"), password or broker.passwords["bridge-1"])


async def say(
    broker: TestBroker,
    payloads: Sequence[bytes],
    *,
    qos: int = 1,
    version: aiomqtt.ProtocolVersion = aiomqtt.ProtocolVersion.V5,
) -> None:
    """A terminal publishes, and waits until the broker has it."""
    async with aiomqtt.Client(
        broker.server.host,
        broker.server.port,
        username=TERMINAL,
        password=TERMINAL,
        identifier=TERMINAL,
        protocol=version,
    ) as terminal:
        for payload in payloads:
            await terminal.publish(TOPIC, payload, qos=qos)


async def first_establishment(carry: Carry, broker: TestBroker) -> None:
    """Have the broker keep a session for the bridge."""
    async with running(carry, bridge_account(broker)) as bridge:
        await until(lambda: bridge.session.subscribed)
        bridge.session.stop()
        await bridge.task
        assert bridge.presence == [False]


@pytest.fixture(autouse=True)
def admitted(broker: TestBroker) -> None:
    """One terminal may connect."""
    broker.admit(TERMINAL)


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("version", ["V311", "V5"])
async def test_terminals_of_both_versions_and_qualities_are_heard(
    carry: Carry, broker: TestBroker, qos: int, version: str
) -> None:
    """What a terminal publishes comes to the bridge as it is."""
    payloads = [b"%d" % number for number in range(50)]
    async with running(carry, bridge_account(broker), settles=True) as bridge:
        await until(lambda: bridge.session.subscribed)
        await say(broker, payloads, qos=qos, version=aiomqtt.ProtocolVersion[version])
        await until(lambda: len(bridge.delivered) == 50)

        heard = [(d.topic, d.payload, d.qos) for d in bridge.delivered]
        assert heard == [(TOPIC, payload, qos) for payload in payloads]


async def test_what_was_not_settled_comes_again_and_what_was_does_not(
    carry: Carry, broker: TestBroker
) -> None:
    """A bridge that dies with unsettled messages finds exactly those again."""
    async with running(carry, bridge_account(broker)) as bridge:
        await until(lambda: bridge.session.subscribed)
        await say(broker, [b"%d" % number for number in range(20)])
        await until(lambda: len(bridge.delivered) == 20)
        bridge.session.settle(bridge.delivered[:12])
        bridge.session.settle(bridge.delivered[15:])
        bridge.session.stop()
        await bridge.task
    async with running(carry, bridge_account(broker)) as again:
        await until(lambda: len(again.delivered) == 8)
        assert again.presence == [True]
        assert again.payloads == [b"%d" % number for number in range(12, 20)]
        assert all(delivery.duplicate for delivery in again.delivered)
        again.session.settle(again.delivered)
        again.session.stop()
        await again.task
    async with running(carry, bridge_account(broker)) as last:
        await say(broker, [b"new"])
        await until(lambda: last.delivered)
        assert last.payloads == [b"new"]


async def test_a_restarted_broker_keeps_what_came_meanwhile(
    carry: Carry, broker: TestBroker
) -> None:
    """The session survives the broker's restart and delivers what was queued and unsettled."""
    async with running(carry, bridge_account(broker)) as bridge:
        await until(lambda: bridge.session.subscribed)
        await say(broker, [b"settled", b"unsettled"])
        await until(lambda: len(bridge.delivered) == 2)
        bridge.session.settle(bridge.delivered[:1])
        await until(lambda: bridge.session.unsettled() == 1)
        await say(broker, [b"also unsettled"])
        await until(lambda: len(bridge.delivered) == 3)
        broker.server.stop()
        broker.server.start()
        await until(lambda: bridge.presence == [False, True])
        await say(broker, [b"after"])
        await until(lambda: len(bridge.delivered) == 6)
        bridge.session.settle(bridge.delivered)

        assert bridge.payloads[3:] == [b"unsettled", b"also unsettled", b"after"]
        assert bridge.session.stale_acknowledgements == 2


async def test_a_killed_broker_is_found_again(carry: Carry, broker: TestBroker) -> None:
    """kill -9 of the broker costs a reconnection, whatever else it costs."""
    async with running(carry, bridge_account(broker), settles=True) as bridge:
        await until(lambda: bridge.session.connected)
        broker.server.kill()
        broker.server.start()
        await until(lambda: len(bridge.presence) == 2)
        await until(lambda: bridge.session.subscribed)
        await say(broker, [b"after"])
        await until(lambda: b"after" in bridge.payloads)


async def test_many_more_messages_than_the_bound_all_come_once(
    carry: Carry, broker: TestBroker
) -> None:
    """A backlog passes through a small bound without loss or repetition."""
    count = 3_000
    await first_establishment(carry, broker)
    await say(broker, [b"%d" % number for number in range(count)])
    async with running(carry, bridge_account(broker), max_messages=100) as bridge:
        await bridge.settle_all(count)
        assert Counter(bridge.payloads) == Counter(b"%d" % number for number in range(count))
        assert bridge.session.stale_acknowledgements == 0
        bridge.session.stop()
        await bridge.task
    async with running(carry, bridge_account(broker)) as after:
        await say(broker, [b"new"])
        await until(lambda: after.delivered)
        assert after.payloads == [b"new"]


async def test_stopping_amid_a_backlog_repeats_nothing_that_was_settled(
    carry: Carry, broker: TestBroker
) -> None:
    """The last acknowledgements reach the broker although it has more for us on the way."""
    count = 3_000
    await first_establishment(carry, broker)
    await say(broker, [b"%d" % number + b"." * 2_000 for number in range(count)])
    heard: list[bytes] = []
    while len(heard) < count:
        async with running(carry, bridge_account(broker), max_messages=50) as bridge:
            await until(lambda: bridge.delivered)
            bridge.session.end_intake()
            bridge.session.settle(bridge.delivered)
            bridge.session.stop()
            await bridge.task
            heard += bridge.payloads

    assert Counter(Counter(heard).values()) == {1: count}


async def test_a_wrong_password_is_told_at_once(carry: Carry, broker: TestBroker) -> None:
    """One sentence and a remedy."""
    async with running(carry, bridge_account(broker, "wrong")) as bridge:
        with pytest.raises(BrokerRefused, match=r"^The broker refuses 'bridge-1'") as refusal:
            await bridge.task

    assert "MUSTER_BROKER_PASSWORD_FILE" in refusal.value.hint


async def test_a_broker_behind_tls_is_trusted_by_its_ca_alone(
    carry: Carry, servers: Runtime, server_directory: Path, tmp_path: Path
) -> None:
    """`mqtts://` with the CA's file works; without it the certificate is refused."""
    made = certificates.ensure(tmp_path, ["localhost"], datetime.now(UTC))
    listener = TlsListener("127.0.0.1", free_port("127.0.0.1"), made.chain, made.key)
    server = Mosquitto(servers, server_directory / "tls", tls=[listener])
    server.write_accounts({"bridge-1": verifier("secret")})
    server.start()
    try:
        url = f"mqtts://bridge-1@127.0.0.1:{listener.port}"
        async with running(carry, Broker.from_url(url, "secret", made.ca), settles=True) as bridge:
            await until(lambda: bridge.session.subscribed)
            assert bridge.presence == [False]
        async with running(carry, Broker.from_url(url, "secret")) as stranger:
            with pytest.raises(BrokerRefused, match="certificate"):
                await stranger.task
        del stranger
        gc.collect()  # a socket that was left open would be told here
    finally:
        server.stop()
