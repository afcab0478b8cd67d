"""A plain MQTT client for looking at the broker from outside."""

import queue
import threading
import time
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

SECONDS = 10


class Client:
    """One connection of `user`, blocking and simple; messages wait in `inbox`."""

    def __init__(
        self, port: int, user: str, password: str, *, client_id: str = "", expiry_seconds: int = 0
    ) -> None:
        self.inbox: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.session_present = False
        self.reason = ""
        self._connected = threading.Event()
        self._ended = threading.Event()
        self._done = threading.Event()
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id or user, protocol=paho.MQTTv5
        )
        self.client.username_pw_set(user, password)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = lambda _c, _u, m: self.inbox.put((m.topic, bytes(m.payload)))
        self._reasons: dict[int, int] = {}
        self.client.on_publish = self._on_publish
        self.client.on_subscribe = lambda *_: self._done.set()
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = expiry_seconds
        self.client.connect(
            "127.0.0.1", port, clean_start=expiry_seconds == 0, properties=properties
        )
        self.client.loop_start()
        assert self._connected.wait(SECONDS)

    @property
    def admitted(self) -> bool:
        """Whether the broker took the connection."""
        return self.reason == "Success"

    def subscribe(self, topic: str) -> None:
        """Subscribe at QoS 1 and wait for the answer."""
        self._done.clear()
        self.client.subscribe(topic, 1)
        assert self._done.wait(SECONDS)

    def publish(self, topic: str, *payloads: bytes) -> int:
        """Publish at QoS 1 and wait for every acknowledgement; returns the last reason code."""
        sent = [self.client.publish(topic, payload, 1).mid for payload in payloads]
        deadline = time.monotonic() + SECONDS
        while not self._reasons.keys() >= set(sent):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self._reasons[sent[-1]]

    def was_cut_off(self, seconds: float) -> bool:
        """Whether the broker ends the connection within `seconds`."""
        return self._ended.wait(seconds)

    def close(self) -> None:
        """Disconnect, keeping the session."""
        self.client.disconnect()
        self.client.loop_stop()

    def _on_connect(self, _c: Any, _u: Any, flags: Any, reason: Any, _p: Any) -> None:
        self.reason, self.session_present = str(reason), flags.session_present
        self._connected.set()

    def _on_publish(self, _c: Any, _u: Any, number: int, reason: Any, _p: Any) -> None:
        self._reasons[number] = reason.value

    def _on_disconnect(self, *_: Any) -> None:
        self._ended.set()
