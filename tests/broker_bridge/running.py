"""A bridge as its own process between a real broker and a real database."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

import orjson
import psycopg
from psycopg.rows import dict_row

from deploy.embedded.ports import free_port
from deploy.embedded.processes import wait_until
from tests.conftest import Database, TestBroker
from tests.embedded.mqtt import Client

SECONDS = 20


class Bridge:
    """`python -m broker_bridge`, watched by its metrics; killed at the end if it still runs."""

    def __init__(
        self, database: Database, broker: TestBroker, name: str = "bridge-1", **settings: str
    ) -> None:
        self.port = free_port()
        self.log = Path(tempfile.mkstemp(prefix="muster-bridge-", suffix=".log")[1])
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")} | {
            "MUSTER_DATABASE_URL": database.bridge,
            "MUSTER_BROKER_URL": broker.url(name),
            "MUSTER_BROKER_PASSWORD": broker.passwords[name],
            "MUSTER_BRIDGE_NAME": name,
            "MUSTER_METRICS_LISTEN": f"127.0.0.1:{self.port}",
            "MUSTER_SPOOL": str(broker.server.directory.parent / "spool" / name),
            **settings,
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "broker_bridge"], env=environment, stdout=log, stderr=log
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if failure is not None:
            sys.stderr.write(self.said())
        self.log.unlink()

    def said(self) -> str:
        """What it has logged."""
        return self.log.read_text("utf-8")

    def stop(self) -> int:
        """SIGTERM and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)

    def wait(self) -> int:
        """The exit code of a bridge that ends by itself."""
        return self.process.wait(SECONDS)

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of a page; 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as page:
                return page.status, page.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str) -> float:
        """One series by its full name, labels and all; -1 when it is not there."""
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return -1.0 if found is None else float(found[1])

    def fates(self) -> dict[str, int]:
        """Settled messages that are not 0, by fate or reason."""
        found = re.findall(
            r'^muster_bridge_messages_total{fate="(\w+)",reason="(\w*)"} (\S+)$',
            self.get("/metrics")[1],
            re.MULTILINE,
        )
        return {reason or fate: int(float(n)) for fate, reason, n in found if float(n)}

    def held(self) -> int:
        """Messages in the spool."""
        return int(self.metric("muster_bridge_spool_messages"))

    def settle(self, received: int) -> None:
        """Wait until so many messages have come and each has its fate."""
        wait_until(lambda: self.metric("muster_bridge_received_total") >= received, SECONDS)
        wait_until(lambda: self.metric("muster_bridge_unsettled") == self.held() == 0, SECONDS)
        assert self.metric("muster_bridge_received_total") == received
        assert sum(self.fates().values()) == received

    def ready(self) -> Self:
        """Wait until it carries messages."""
        assert wait_until(lambda: self.get("/health/ready")[0] == 200, SECONDS), self.said()
        return self


class Publisher(Client):
    """A terminal; its code is its password."""

    def __init__(self, broker: TestBroker, code: str) -> None:
        super().__init__(broker.server.port, code, code)
        self.code = code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def say(self, *said: Any, channel: str = "telemetry") -> None:
        """Publish each, as JSON unless it is bytes, and wait for the broker to have it."""
        payloads = [text if isinstance(text, bytes) else orjson.dumps(text) for text in said]
        assert self.publish(f"m2m/v1/{self.code}/{channel}", *payloads) in (0, 16)


def read(database: Database, statement: str, *values: object) -> list[dict[str, Any]]:
    """Rows of a query that sees everything."""
    with psycopg.connect(database.superuser, row_factory=dict_row) as conn:
        return conn.execute(statement.encode(), values).fetchall()


def now_ms() -> int:
    """Our clock, Unix ms."""
    return int(time.time() * 1000)
