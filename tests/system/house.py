"""A whole message path for the system tests: database, broker, bridge processes, terminals."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import orjson
import psycopg

from deploy.embedded.mosquitto import Broker, verifier
from deploy.embedded.ports import free_port
from deploy.embedded.postgres import Cluster
from deploy.embedded.processes import wait_until
from deploy.embedded.runtime import Runtime
from foundation.migrate import migrate

PROFILE = "ledger_meter"
_METRICS = ("voltage", "current", "power", "temperature")
BRIDGE = "bridge-1"


class House:
    """The servers of one test and the terminals registered there; a code is also the password."""

    def __init__(
        self,
        runtime: Runtime,
        directory: Path,
        codes: list[str],
        bridges: tuple[str, ...] = (BRIDGE,),
    ) -> None:
        self.bridges = bridges
        self.directory = directory
        self.codes = codes
        # fsync stays on: what is proven is that committed means durable.
        self.cluster = Cluster(runtime, directory / "pg")
        self.broker = Broker(runtime, directory / "mqtt", bridges=bridges)

    def __enter__(self) -> Self:
        self.cluster.start()
        with psycopg.connect(self.cluster.dsn(), autocommit=True) as conn:
            conn.execute("create database muster")
        migrate(self.cluster.dsn(dbname="muster"))
        self.cluster.set_password("muster_bridge")
        self._register()
        accounts = {code: verifier(code, iterations=1) for code in self.codes}
        accounts |= {name: verifier("bridge", iterations=1) for name in self.bridges}
        self.broker.write_accounts(accounts)
        self.broker.start()
        (self.directory / "word").write_text("bridge")
        return self

    def __exit__(self, *_: object) -> None:
        self.broker.stop()
        self.cluster.stop()

    def _register(self) -> None:
        with psycopg.connect(self.cluster.dsn(dbname="muster")) as conn:
            conn.execute(
                "insert into registry.region values (0, 999999, 'headquarters', null, '总部', 'HQ')"
            )
            profile = conn.execute(
                "insert into registry.profile (code, sector, title_zh, title_en, codec,"
                " expected_interval_seconds) values (%s, 'power', '表', 'Meter', 'json', 60)"
                " returning id",
                (PROFILE,),
            ).fetchone()
            assert profile is not None
            conn.execute(
                "insert into registry.profile_metric (profile_id, name, position, type, title_zh,"
                " title_en) select %s, name, k, 'double', name, name"
                " from unnest(%s::text[]) with ordinality m(name, k)",
                (profile[0], list(_METRICS)),
            )
            conn.execute("select telemetry.ensure_profile_table(%s)", profile)
            conn.execute(
                "with registered as (insert into registry.terminal (code, state, profile_id,"
                " region_code) select code, 'in_service', %s, 0 from unnest(%s::text[]) c(code)"
                " returning id, code) insert into registry.ownership"
                " select id, code, null, '-infinity', null from registered",
                (profile[0], self.codes),
            )

    @contextmanager
    def read(self) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        """A connection that sees everything."""
        with psycopg.connect(self.cluster.dsn(dbname="muster"), autocommit=True) as conn:
            yield conn

    def count(self, relation: str = f"telemetry.{PROFILE}") -> int:
        """Rows of a relation."""
        with self.read() as conn:
            row = conn.execute(f"select count(*) from {relation}".encode()).fetchone()
        assert row is not None
        return int(str(row[0]))

    def rows(self) -> list[tuple[str, int, tuple[float, ...]]]:
        """Every stored reading as (terminal, ts in Unix ms, values), in order."""
        with self.read() as conn:
            found = conn.execute(
                "select t.code, (extract(epoch from r.time) * 1000)::bigint, r.voltage, r.current,"
                f" r.power, r.temperature from telemetry.{PROFILE} r join registry.terminal t on"
                " t.id = r.terminal_id order by 1, 2".encode()
            ).fetchall()
        return [(str(code), int(str(ts)), tuple(map(float, map(str, v)))) for code, ts, *v in found]


class BridgeProcess:
    """One bridge as its own process, for killing."""

    def __init__(self, house: House, *command: str, **environment: str) -> None:
        self._house = house
        self.metrics_port = free_port()
        self._log = (house.directory / "bridge.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", *(command or ("broker_bridge",))],
            env=_clean(os.environ)
            | {
                "MUSTER_DATABASE_URL": house.cluster.dsn("muster_bridge", "muster"),
                "MUSTER_BROKER_URL": f"mqtt://{BRIDGE}@{house.broker.host}:{house.broker.port}",
                "MUSTER_BROKER_PASSWORD_FILE": str(house.directory / "word"),
                "MUSTER_BRIDGE_NAME": BRIDGE,
                "MUSTER_METRICS_LISTEN": f"127.0.0.1:{self.metrics_port}",
                "MUSTER_SPOOL": str(house.directory / "spool"),
                **environment,
            },
            stdout=self._log,
            stderr=self._log,
        )

    @property
    def runs(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """Kill -9, as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def wait_for_crash(self, seconds: float = 30) -> int:
        """The exit code of a bridge that is about to die at a failpoint."""
        return self.process.wait(seconds)

    def metric(self, name: str) -> float:
        """The sum of a metric's series now, or 0 when the bridge does not answer."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5
            ) as answer:
                text = answer.read().decode()
        except OSError:
            return 0.0
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        return sum(map(float, found))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
        self._log.close()


class LoadProcess:
    """Numbered QoS 1 messages from every terminal, sent again until the broker has them."""

    def __init__(self, house: House, per_terminal: int, rate: int, base_ms: int) -> None:
        accounts = house.directory / "accounts.jsonl"
        accounts.write_bytes(
            b"\n".join(orjson.dumps({"code": code, "password": code}) for code in house.codes)
        )
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "deploy.simulator.load"),
                *("--broker", f"mqtt://{house.broker.host}:{house.broker.port}"),
                *("--accounts", str(accounts), "--messages", str(per_terminal), "--qos", "1"),
                *("--rate", str(rate), "--base-ms", str(base_ms)),
            ],
            stdout=subprocess.PIPE,
            env=_clean(os.environ),
        )

    @property
    def runs(self) -> bool:
        """Whether there is still something to send."""
        return self.process.poll() is None

    def finish(self, seconds: float) -> dict[str, int]:
        """What was sent, once all of it is acknowledged by the broker."""
        out, _ = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0
        sent: dict[str, int] = orjson.loads(out)
        return sent

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.runs:
            self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def wait_for_progress(house: House, rows: int, seconds: float = 30) -> int:
    """Wait until more than `rows` readings are stored, and say how many there are."""
    assert wait_until(lambda: house.count() > rows, seconds), "ingest stands still"
    return house.count()


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if not k.startswith("MUSTER_")}
