"""`muster publish` speaks as a terminal and tells what the broker said."""

import threading

import pytest

from deploy.cli.publishing import CredentialRefused, PublishRefused, publish
from deploy.embedded.ports import free_port
from deploy.simulator.running import Broker
from foundation.errors import Unavailable
from tests.conftest import TestBroker
from tests.simulator.listening import listening, until


def address(broker: TestBroker) -> Broker:
    return Broker(broker.server.host, broker.server.port)


async def test_a_published_message_is_acknowledged_and_heard(broker: TestBroker) -> None:
    """The subscriber gets the bytes as they were typed, on the terminal's own topic."""
    broker.admit("M-1")
    async with listening(broker) as heard:
        told = publish(address(broker), "M-1", "M-1", "telemetry", b'{"voltage_a": 231.2}')
        await until(lambda: len(heard) == 1)
    assert heard == [("m2m/v1/M-1/telemetry", b'{"voltage_a": 231.2}')]
    assert told.heard


def test_a_message_that_nobody_subscribed_to_is_told_apart(broker: TestBroker) -> None:
    """Acknowledged, but not heard: the bridge is not there."""
    broker.admit("M-1")
    told = publish(address(broker), "M-1", "M-1", "telemetry", b"{}")
    assert not told.heard
    assert told.milliseconds > 0


def test_a_wrong_password_is_refused(broker: TestBroker) -> None:
    """With the broker's reason."""
    broker.admit("M-1")
    with pytest.raises(CredentialRefused, match="M-1: Not authorized"):
        publish(address(broker), "M-1", "wrong", "telemetry", b"{}", patience=0)


def test_a_credential_that_reaches_the_broker_late_is_waited_for(broker: TestBroker) -> None:
    """The first refusals are tried again while the broker learns the new account."""
    late = threading.Timer(1.0, broker.admit, ("M-1",))
    late.start()
    assert not publish(address(broker), "M-1", "M-1", "telemetry", b"{}", patience=20).heard
    late.join()


@pytest.mark.parametrize(("suffix", "payload"), [("command", b"{}"), ("telemetry", b"x" * 70_000)])
def test_what_a_terminal_may_not_send_is_refused(
    broker: TestBroker, suffix: str, payload: bytes
) -> None:
    """A topic that is not its own to write, and more than the broker takes."""
    broker.admit("M-1")
    with pytest.raises(PublishRefused):
        publish(address(broker), "M-1", "M-1", suffix, payload)


def test_a_broker_that_is_not_there_is_named() -> None:
    """Host and port are in the sentence."""
    port = free_port()
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port} does not answer"):
        publish(Broker("127.0.0.1", port), "M-1", "x", "telemetry", b"{}")
