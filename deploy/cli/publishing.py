"""One message to the broker in a terminal's name, and what the broker says to it."""

import time
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from deploy.simulator.running import Broker
from foundation.errors import Refused, Unavailable

_ANSWER_SECONDS = 10.0
_RETRY_SECONDS = 0.5
_NO_MATCHING_SUBSCRIBERS = 16


class CredentialRefused(Refused):
    """The broker does not accept this terminal's credential."""

    code = "credential_refused"
    remedy = "Check the terminal's state, and whether somebody gave it a new credential."


class PublishRefused(Refused):
    """The broker did not take the message."""

    code = "publish_refused"
    remedy = "A terminal may publish only below its own code, and at most 64 KiB at once."


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has the message: after how long, and whether somebody is subscribed to it."""

    milliseconds: float
    heard: bool


def publish(
    broker: Broker, terminal: str, password: str, suffix: str, payload: bytes, patience: float = 8.0
) -> Acknowledged:
    """Publish with QoS 1 and wait for the PUBACK.

    A credential made a moment ago reaches the broker within 5 seconds: refusals are tried again
    for `patience` seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            with _Conversation(broker, terminal, password) as conversation:
                return conversation.publish(broker.topic(terminal, suffix), payload)
        except CredentialRefused:
            if time.monotonic() + _RETRY_SECONDS > deadline:
                raise
            time.sleep(_RETRY_SECONDS)


class _Conversation:
    """An MQTT 5 connection in which we speak and wait for the answer, one thing at a time."""

    def __init__(self, broker: Broker, terminal: str, password: str) -> None:
        self._where = f"{broker.host}:{broker.port}"
        self._broker = broker
        self._terminal = terminal
        self._answers: list[tuple[str, ReasonCode]] = []
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=terminal,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        self._client.username_pw_set(terminal, password)
        if broker.tls is not None:
            self._client.tls_set(ca_certs=broker.tls.ca_certs)
        self._client.on_connect = lambda _c, _u, _f, reason, _p: self._note("connect", reason)
        self._client.on_publish = lambda _c, _u, _m, reason, _p: self._note("publish", reason)
        self._client.on_disconnect = lambda _c, _u, _f, reason, _p: self._note("end", reason)

    def __enter__(self) -> "_Conversation":
        try:
            self._client.connect(self._broker.host, self._broker.port)
        except OSError as error:
            raise self._silent(f" ({error})") from None
        _, reason = self._answer()
        if reason.is_failure:
            raise CredentialRefused(f"The broker refused terminal {self._terminal}: {reason}.")
        return self

    def __exit__(self, *_: Any) -> None:
        self._client.disconnect()

    def publish(self, topic: str, payload: bytes) -> Acknowledged:
        """The broker's word on one message."""
        began = time.monotonic()
        self._client.publish(topic, payload, qos=1)
        what, reason = self._answer()
        if what == "end" or reason.is_failure:
            raise PublishRefused(f"The broker refused the message: {reason}.")
        elapsed = (time.monotonic() - began) * 1000.0
        return Acknowledged(elapsed, reason.value != _NO_MATCHING_SUBSCRIBERS)

    def _note(self, what: str, reason: ReasonCode) -> None:
        self._answers.append((what, reason))

    def _answer(self) -> tuple[str, ReasonCode]:
        deadline = time.monotonic() + _ANSWER_SECONDS
        while not self._answers:
            if time.monotonic() > deadline:
                raise self._silent("")
            self._client.loop(0.2)
        return self._answers.pop(0)

    def _silent(self, why: str) -> Unavailable:
        return Unavailable(f"The broker at {self._where} does not answer{why}.")
