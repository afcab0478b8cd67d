"""Debian's RabbitMQ with its MQTT plugin, which asks our hooks by HTTP."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from foundation.errors import MusterError
from tests.api.served import served
from tests.api.test_broker_hooks import CUT_OFF_SECONDS, SECRET, hooked, password_of
from tests.api.world import World
from tests.brokers import rabbitmq
from tests.brokers.rabbitmq import RabbitMq

SECONDS = 20
EXAMPLE = Path(__file__).parents[2] / "deploy" / "brokers" / "rabbitmq.conf"


@pytest.fixture(scope="session")
def unpacked() -> Path:
    """The programs, fetched once."""
    try:
        return rabbitmq.ensure()
    except MusterError as error:
        pytest.skip(f"RabbitMQ cannot be had or does not run here: {error}")


class Client:
    """A terminal's connection, MQTT 3.1.1."""

    def __init__(self, port: int, user: str, password: str, client_id: str | None = None) -> None:
        self._told, self._ended, self._done = (threading.Event() for _ in range(3))
        self.reason = ""
        self.granted: list[int] = []
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id or user, protocol=paho.MQTTv311
        )
        self._client.username_pw_set(user, password)
        self._client.on_connect = self._connected
        self._client.on_disconnect = lambda *_: self._ended.set()
        self._client.on_publish = lambda *_: self._done.set()
        self._client.on_subscribe = self._subscribed
        self._client.reconnect_delay_set(60, 60)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._told.wait(SECONDS)

    @property
    def admitted(self) -> bool:
        """Whether the broker took the connection."""
        return self.reason == "Success"

    def publish(self, topic: str) -> bool:
        """Whether a message is acknowledged; else the broker hangs up."""
        self._done.clear()
        self._client.publish(topic, b"{}", 1)
        return self._answered()

    def subscribe(self, topic: str) -> bool:
        """Whether a subscription is granted."""
        self._done.clear()
        self._client.subscribe(topic, 1)
        return self._answered() and self.granted != [0x80]

    def close(self) -> None:
        """Hang up."""
        self._client.disconnect()
        self._client.loop_stop()

    def _answered(self) -> bool:
        begun = time.monotonic()
        while not (self._done.is_set() or self._ended.is_set()):
            assert time.monotonic() - begun < SECONDS
            time.sleep(0.02)
        return self._done.is_set()

    def _connected(self, _c: Any, _u: Any, _flags: Any, reason: Any, _p: Any) -> None:
        self.reason = str(reason)
        self._told.set()

    def _subscribed(self, _c: Any, _u: Any, _mid: Any, reasons: Any, _p: Any) -> None:
        self.granted = [reason.value for reason in reasons]
        self._done.set()


def configuration(api_port: int) -> str:
    """The example of the deployment, with what is ours in its places."""
    text = EXAMPLE.read_text("utf-8")
    text = text.replace("SECRET-OF-THE-BROKER", SECRET).replace(":8080/", f":{api_port}/")
    return text.replace("127.0.0.1:1883", "127.0.0.1:@MQTT@")


@pytest.mark.timeout(900)  # it takes minutes to start on a busy machine
async def test_rabbitmq_lets_in_whom_the_hooks_allow(
    house: World, unpacked: Path, server_directory: Path
) -> None:
    """The right terminal, as itself, below its own code; revoked, it is refused within seconds."""
    password = await password_of(house, "METER-1")
    async with hooked(house) as app, served(app) as port:
        text = configuration(port)
        await asyncio.to_thread(_story, unpacked, server_directory, text, house, password)


def _story(root: Path, directory: Path, text: str, house: World, password: str) -> None:
    with rabbitmq.running(root, directory, text) as broker:
        refused = {
            "wrong password": _admits(broker, "METER-1", "wrong"),
            "unknown": _admits(broker, "NOBODY", password),
            "another's client id": _admits(broker, "METER-1", password, "bridge-1"),
            "registered only": _admits(broker, "METER-3", password),
        }
        meter = Client(broker.port, "METER-1", password)
        assert refused == dict.fromkeys(refused, False)
        assert meter.admitted, broker.log.read_text()[-3000:]
        assert meter.publish("m2m/v1/METER-1/telemetry")
        assert meter.subscribe("m2m/v1/METER-1/command")
        assert not meter.subscribe("m2m/v1/METER-2/command")
        meter.close()
        for forbidden in ("m2m/v1/METER-2/telemetry", "m2m/v1/METER-1/command"):
            thief = Client(broker.port, "METER-1", password)
            assert not thief.publish(forbidden)
            thief.close()
        with psycopg.connect(house.database.superuser, autocommit=True) as conn:
            conn.execute("update registry.credential set revoked_at = now()")
        begun = time.monotonic()
        while _admits(broker, "METER-1", password):
            assert time.monotonic() - begun < CUT_OFF_SECONDS


def _admits(broker: RabbitMq, user: str, password: str, client_id: str | None = None) -> bool:
    client = Client(broker.port, user, password, client_id)
    client.close()
    return client.admitted
