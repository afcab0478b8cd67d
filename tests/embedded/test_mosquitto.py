"""The embedded broker: who may say what, and what it keeps."""

import queue

import pytest

from tests.conftest import TestBroker
from tests.embedded.mqtt import Client

NOT_AUTHORISED = 0x87
SUCCESS, NO_SUBSCRIBER = 0x00, 0x10


def bridge(broker: TestBroker, name: str = "bridge-1") -> Client:
    """The bridge's own connection, with a session that stays."""
    return Client(
        broker.server.port, name, broker.passwords[name], expiry_seconds=3600, client_id=name
    )


@pytest.mark.parametrize("channel", ["telemetry", "event", "hello", "status", "reply", "reported"])
def test_a_terminal_speaks_below_its_own_code(broker: TestBroker, channel: str) -> None:
    """Every up topic of its own, and the bridge hears it."""
    broker.admit("meter-1")
    ear, meter = bridge(broker), Client(broker.server.port, "meter-1", "meter-1")
    ear.subscribe(f"m2m/v1/+/{channel}")

    code = meter.publish(f"m2m/v1/meter-1/{channel}", b"{}")

    assert code == SUCCESS
    assert ear.inbox.get(timeout=10) == (f"m2m/v1/meter-1/{channel}", b"{}")
    ear.close()
    meter.close()


@pytest.mark.parametrize(
    "topic",
    [
        "m2m/v1/meter-2/telemetry",
        "m2m/v1/meter-1/command",
        "m2m/v1/meter-1/receipt",
        "m2m/v1/meter-1/other",
        "m2m/v1/meter-1/telemetry/deeper",
        "m2m/v2/meter-1/telemetry",
        "somewhere/else",
    ],
)
def test_a_terminal_speaks_nowhere_else(broker: TestBroker, topic: str) -> None:
    """Another's topic, a down topic, a topic we do not know: refused, and nobody hears it."""
    broker.admit("meter-1", "meter-2")
    ear, meter = bridge(broker), Client(broker.server.port, "meter-1", "meter-1")
    ear.subscribe("m2m/v1/+/telemetry")

    code = meter.publish(topic, b"{}")

    assert code == NOT_AUTHORISED
    assert ear.inbox.empty()
    ear.close()
    meter.close()


def test_a_terminal_hears_only_what_is_for_it(broker: TestBroker) -> None:
    """It may subscribe to anything, and gets its own down topics alone."""
    broker.admit("meter-1", "meter-2")
    speaker = bridge(broker)
    nosy = Client(broker.server.port, "meter-1", "meter-1")
    other = Client(broker.server.port, "meter-2", "meter-2")
    nosy.subscribe("#")
    nosy.subscribe("$SYS/#")

    assert other.publish("m2m/v1/meter-2/telemetry", b"secret") in {SUCCESS, NO_SUBSCRIBER}
    assert speaker.publish("m2m/v1/meter-2/command", b"secret") in {SUCCESS, NO_SUBSCRIBER}
    assert speaker.publish("m2m/v1/meter-1/command", b"for you") == SUCCESS

    assert nosy.inbox.get(timeout=10) == ("m2m/v1/meter-1/command", b"for you")
    assert nosy.inbox.empty()
    for client in (speaker, nosy, other):
        client.close()


def test_nobody_enters_without_the_right_password(broker: TestBroker) -> None:
    """A stranger, a wrong password, and an account of the registry that was never admitted."""
    broker.admit("meter-1")

    refused = [
        Client(broker.server.port, "stranger", "meter-1"),
        Client(broker.server.port, "meter-1", "wrong"),
        Client(broker.server.port, "meter-1", ""),
    ]

    assert [client.admitted for client in refused] == [False, False, False]
    for client in refused:
        client.close()


def test_nobody_takes_another_session_by_its_client_id(broker: TestBroker) -> None:
    """A terminal that connects with the bridge's or another terminal's id costs nobody a message.

    The client id is the user name, whatever the terminal says.
    """
    broker.admit("meter-1", "meter-2", "thief")
    ear = bridge(broker)
    ear.subscribe("m2m/v1/+/telemetry")
    ear.close()
    victim = Client(broker.server.port, "meter-2", "meter-2", expiry_seconds=3600)
    victim.subscribe("m2m/v1/meter-2/command")
    meter = Client(broker.server.port, "meter-1", "meter-1")
    assert meter.publish("m2m/v1/meter-1/telemetry", b"queued for the bridge") == SUCCESS

    thieves = [
        Client(broker.server.port, "thief", "thief", client_id=stolen)
        for stolen in ("bridge-1", "meter-2")
    ]

    assert not victim.was_cut_off(0.5)
    again = bridge(broker)
    assert again.session_present
    assert again.inbox.get(timeout=10)[1] == b"queued for the bridge"
    assert again.publish("m2m/v1/meter-2/command", b"for the victim") == SUCCESS
    assert victim.inbox.get(timeout=10)[1] == b"for the victim"
    assert all(thief.inbox.empty() for thief in thieves)
    for client in (again, victim, meter, *thieves):
        client.close()


def test_what_waits_for_the_bridge_survives_restart_and_reload(broker: TestBroker) -> None:
    """Thousands queued for a bridge that is away: a restart and a reload of accounts keep all.

    Mosquitto's own default would drop what is beyond the thousandth message.
    """
    broker.admit("meter-1")
    ear = bridge(broker)
    ear.subscribe("m2m/v1/+/telemetry")
    ear.close()
    meter = Client(broker.server.port, "meter-1", "meter-1")
    sent = [f"{number}".encode() for number in range(3000)]
    assert meter.publish("m2m/v1/meter-1/telemetry", *sent) == SUCCESS
    meter.close()

    broker.server.stop()
    broker.server.start()
    broker.admit("meter-2")
    assert Client(broker.server.port, "meter-2", "meter-2").admitted  # the reload is through

    again = bridge(broker)
    assert again.session_present
    heard = [again.inbox.get(timeout=10)[1] for _ in sent]
    assert heard == sent
    with pytest.raises(queue.Empty):
        again.inbox.get_nowait()
    again.close()


def test_a_revoked_account_loses_its_connection_at_the_reload(broker: TestBroker) -> None:
    """Others stay connected through it."""
    broker.admit("meter-1", "meter-2")
    kept, revoked = (Client(broker.server.port, c, c) for c in ("meter-1", "meter-2"))
    del broker.passwords["meter-2"]

    broker.admit()

    assert revoked.was_cut_off(5)
    assert not kept.was_cut_off(0.2)
    kept.close()
    revoked.close()
