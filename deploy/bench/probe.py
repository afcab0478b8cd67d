"""How long it takes from publishing a reading until a query finds it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle
from typing import Self

import numpy as np
import psycopg
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from deploy.bench.processes import RoundFailed
from deploy.bench.stand import PROFILE, Stand
from deploy.embedded.mosquitto import Broker
from deploy.simulator.numbered import GAUGES

_POLL_SECONDS = 0.002
_BETWEEN_SECONDS = 0.05
_LONGEST_SECONDS = 60.0
_VALUES = ",".join(f'"{gauge.name}":{gauge.low:g}' for gauge in GAUGES)
_LOOK = f"select exists (select from telemetry.{PROFILE} where terminal_id = %s and time = %s)"  # noqa: S608


class Prober:
    """Publishes single readings of its own terminals and asks the database for each by its key."""

    def __init__(
        self, client: Client, conn: psycopg.Connection, terminals: Sequence[tuple[str, int]]
    ) -> None:
        self._client = client
        self._conn = conn
        self._terminals = cycle(terminals)
        self.sent = 0

    def seconds(self) -> float:
        """One reading: from its publish to the first query that finds it."""
        code, terminal_id = next(self._terminals)
        ts_ms = time.time_ns() // 1_000_000
        at = datetime.fromtimestamp(ts_ms / 1000, UTC)
        began = time.perf_counter()
        payload = f'{{"ts":{ts_ms},"values":{{{_VALUES}}}}}'
        self._client.publish(f"m2m/v1/{code}/telemetry", payload, qos=1)
        self.sent += 1
        while True:
            found = self._conn.execute(_LOOK, (terminal_id, at), prepare=True).fetchone()
            took = time.perf_counter() - began
            if found is not None and found[0]:
                return took
            if took > _LONGEST_SECONDS:
                raise RoundFailed(f"A reading was not to be found within {took:.0f} s.")
            time.sleep(_POLL_SECONDS)

    def series(self, count: int) -> list[float]:
        """So many, at moments that have nothing to do with the bridge's batches."""
        rest = np.random.default_rng(1).uniform(0, 2 * _BETWEEN_SECONDS, count)
        found = []
        for pause in rest.tolist():
            time.sleep(pause)
            found.append(self.seconds())
        return found

    @classmethod
    @contextmanager
    def connected(
        cls, stand: Stand, broker: Broker, account: str, codes: Sequence[str]
    ) -> Iterator[Self]:
        """A prober that speaks for these terminals, with an account of the load's kind."""
        ids = stand.query("select code, id from registry.terminal where code = any (%s)", codes)
        client = Client(
            CallbackAPIVersion.VERSION2, client_id=account, protocol=MQTTProtocolVersion.MQTTv5
        )
        client.username_pw_set(account, stand.password_file.read_text("utf-8"))
        client.connect(broker.host, broker.port)
        client.loop_start()
        try:
            with psycopg.connect(stand.dsn(), autocommit=True) as conn:
                yield cls(client, conn, [(str(code), int(number)) for code, number in ids])
        finally:
            client.disconnect()
            client.loop_stop()


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """What is told of a series: median, 99th percentile, longest."""
    parts = {"p50": 50.0, "p99": 99.0, "longest": 100.0}
    return {
        name: round(float(np.percentile(seconds, part)) * 1000, 1) for name, part in parts.items()
    }
