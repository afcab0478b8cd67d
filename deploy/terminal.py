"""A terminal that loses nothing, in one file to copy: paho-mqtt and the standard library.

    with Terminal("broker.example", 1883, "METER-1", "secret", store="kept.db") as terminal:
        terminal.send({"voltage_a": 231.2})

An acknowledgement of the broker is not durable: a broker that dies forgets what it acknowledged
last. So a terminal numbers its messages, keeps each until the platform's receipt for it, and sends
again what has none: after connecting again, and when a receipt is long in coming.
"""

import hashlib
import json
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

PATIENCE_SECONDS = (30.0, 600.0)  # without a receipt; doubled from the first to the second


@dataclass(slots=True)
class Message:
    """Number `seq` of a boot: what was said on which channel, and when it was sent last."""

    channel: str
    boot: str
    seq: int
    payload: bytes
    sent_hash: str = ""
    due_at: float = 0.0
    attempts: int = 0


class Kept:
    """Messages without a receipt, oldest first; with a `path` they outlive a power cut.

    Beyond `most` the oldest is given up: what is sent next says from which number on we still have
    all (`from`), so that nobody waits for the rest.
    """

    def __init__(self, boot: str, path: str | None = None, most: int = 10_000) -> None:
        self.boot = boot
        self._most = most
        self._boots: dict[str, dict[int, Message]] = {}
        self._settled: dict[str, int] = {}
        self._store = sqlite3.connect(path, check_same_thread=False) if path else None
        if self._store is not None:
            self._store.execute("create table if not exists kept (boot, seq, channel, payload)")
            for row in self._store.execute("select channel, boot, seq, payload from kept"):
                self._boots.setdefault(row[1], {})[row[2]] = Message(*row)

    def __len__(self) -> int:
        return sum(map(len, self._boots.values()))

    def __iter__(self) -> Iterator[Message]:
        return iter([message for boot in self._boots.values() for message in boot.values()])

    def keep(self, channel: str, seq: int, payload: bytes) -> Message:
        """Keep number `seq` of this boot, a JSON object that says so, before it is sent."""
        if len(self) >= self._most:
            oldest_boot = next(iter(self._boots.values()))
            self._forget([next(iter(oldest_boot.values()))])
        message = Message(channel, self.boot, seq, payload)
        self._boots.setdefault(self.boot, {})[seq] = message
        if self._store is not None:
            row = (self.boot, seq, channel, payload)
            with self._store:  # on the disk when this returns
                self._store.execute("insert into kept values (?, ?, ?, ?)", row)
        return message

    def sending(self, message: Message, now: float) -> bytes:
        """The payload to send now; a receipt is awaited for longer each time."""
        first, longest = PATIENCE_SECONDS
        patience = min(first * 2.0**message.attempts, longest) * random.uniform(0.75, 1.25)  # noqa: S311
        message.due_at, message.attempts = now + patience, min(message.attempts + 1, 30)
        oldest, payload = next(iter(self._boots[message.boot])), message.payload
        if oldest != self._settled.get(message.boot, 0) + 1:
            payload = b'{"from":%d,%b' % (oldest, payload[1:])
        message.sent_hash = hashlib.sha256(payload).hexdigest()[:16]
        return payload

    def due(self, now: float) -> list[Message]:
        """What is to be sent again: it has been without a receipt for too long."""
        return [message for message in self if message.due_at <= now]

    def settle(self, receipt: bytes | bytearray) -> list[dict[str, Any]]:
        """Forget what a receipt settles; returns what was refused, each with its reason."""
        said = json.loads(receipt)
        boot, seq = said.get("boot", ""), said.get("seq", 0)
        self._settled[boot] = max(seq, self._settled.get(boot, 0))
        refused: list[dict[str, Any]] = said.get("refused", [])
        numbers = {one.get("seq") for one in refused}
        hashes = {one.get("sha256") for one in refused}
        gone = [m for m in self if m.boot == boot and (m.seq <= seq or m.seq in numbers)]
        self._forget(gone)
        self._forget([m for m in self if m.sent_hash in hashes])
        return refused

    def close(self) -> None:
        """Let go of the file."""
        if self._store is not None:
            self._store.close()

    def _forget(self, messages: list[Message]) -> None:
        for message in messages:
            boot = self._boots[message.boot]
            del boot[message.seq]
            if not boot:
                del self._boots[message.boot]
        if self._store is not None and messages:
            gone = [(m.boot, m.seq) for m in messages]
            with self._store:
                self._store.executemany("delete from kept where boot = ? and seq = ?", gone)


class Terminal:
    """One device: `send` keeps and sends readings, from any thread; `refused` hears of refusals."""

    def __init__(
        self,
        host: str,
        port: int,
        code: str,
        password: str,
        *,
        store: str | None = None,
        prefix: str = "m2m/v1",
        refused: Callable[[dict[str, Any]], object] = print,
    ) -> None:
        self._topic = f"{prefix}/{code}"
        self._refused = refused
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._seq = 0
        # Another name for each start: a clock that was set back must not bring an old one again.
        self.kept = Kept(f"{int(time.time()):x}-{random.getrandbits(32):08x}", store)
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=code, clean_session=False)
        self._client.username_pw_set(code, password)
        self._client.will_set(f"{self._topic}/status", '{"session":"offline"}', 1)
        self._client.on_connect = self._connected
        self._client.on_message = self._hear
        self._client.connect_async(host, port, keepalive=60)
        self._insisting = threading.Thread(target=self._insist, daemon=True)

    def __enter__(self) -> Self:
        self._client.loop_start()
        self._insisting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._client.publish(f"{self._topic}/status", '{"session":"offline"}', 1)
        self._client.disconnect()
        self._client.loop_stop()
        self._insisting.join()
        self.kept.close()

    def send(self, values: dict[str, Any], at: float | None = None) -> None:
        """Readings of now, or of `at` (Unix seconds): kept when this returns, then sent."""
        with self._lock:
            self._seq += 1
            ts = round((at or time.time()) * 1000)
            document = {"ts": ts, "seq": self._seq, "boot": self.kept.boot, "values": values}
            payload = json.dumps(document, separators=(",", ":")).encode()
            message = self.kept.keep("telemetry", self._seq, payload)
            if self._client.is_connected():
                self._publish(message)

    def _publish(self, message: Message) -> None:
        payload = self.kept.sending(message, time.monotonic())
        self._client.publish(f"{self._topic}/{message.channel}", payload, 1)

    def _connected(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe(f"{self._topic}/receipt", 1)
        client.publish(f"{self._topic}/hello", json.dumps({"boot": self.kept.boot}), 1)
        client.publish(f"{self._topic}/status", '{"session":"online"}', 1)
        with self._lock:
            for message in self.kept:
                self._publish(message)

    def _hear(self, _client: mqtt.Client, _data: object, receipt: mqtt.MQTTMessage) -> None:
        with self._lock:
            refused = self.kept.settle(receipt.payload)
        for one in refused:
            self._refused(one)

    def _insist(self) -> None:
        while not self._closing.wait(1.0):
            with self._lock:
                if self._client.is_connected():
                    for message in self.kept.due(time.monotonic()):
                        self._publish(message)
