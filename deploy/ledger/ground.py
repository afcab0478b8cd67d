"""The house of a ledger run: database, broker, bridge and jobs, and a network that can fail."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from deploy.embedded import accounts, runtime
from deploy.embedded.credentials import CredentialFollower
from deploy.embedded.mosquitto import Broker, verifier
from deploy.embedded.ports import free_port
from deploy.embedded.postgres import Cluster
from deploy.embedded.processes import wait_until
from deploy.embedded.server import ServerDidNotStart
from deploy.embedded.worker import answers
from deploy.ledger.clock import Clock
from deploy.ledger.clock import is_available as clock_is_available
from deploy.ledger.disk import Disk
from deploy.ledger.mutations import Mutation
from deploy.ledger.proxy import Proxy
from deploy.ledger.script import HIGH, LOW, METRICS, PROFILE
from deploy.ledger.visitor import Visitor
from foundation import database
from foundation.errors import MusterError
from foundation.migrate import migrate
from registry import enrolment, profiles
from registry.enrolment import Draft
from registry.identifiers import TerminalCode
from registry.model import (
    UNDEFINED_PROFILE,
    DeviceProfile,
    Metric,
    MetricType,
    RegionCode,
    Sector,
    TerminalState,
)
from registry.scope import Scope

BRIDGE = "bridge-1"
VISITOR = "LEDGER-VISITOR"
"""A terminal that is none of the fleet: faults send by it what the fleet would not."""
TERMINAL_RATE = 500
"""What the bridge takes of one terminal a second: far more than any of the fleet sends."""
_DATABASE = "muster"
_SCOPE = Scope.system("ledger")
RECOVERY_SECONDS = 300.0
"""What a server may take to come back after a crash."""
_STOP_SECONDS = 40.0
_READY_SECONDS = 60.0
_DISK_MEGABYTES = 16_000  # sparse: what is not written takes no room


@dataclass(slots=True)
class Ground:
    """The parts that a fault can strike; proxies stand before broker and database."""

    directory: Path
    cluster: Cluster
    broker: Broker
    codes: Sequence[str]
    to_broker: Proxy
    to_database: Proxy
    terminals_to_broker: Proxy
    visitor: Visitor
    clock: Clock | None = None
    """What bridge and jobs take for the time, where this machine lets us lie to them."""
    database_disk: Disk | None = None
    broker_queue: int = 0
    """How many messages the broker keeps for a bridge that is away; 0: as many as come."""
    own_disk: Disk | None = None
    """What broker and spool are on."""
    settings: Mapping[str, str] = field(default_factory=dict)
    bridge: subprocess.Popen[bytes] | None = None
    jobs: subprocess.Popen[bytes] | None = None
    bridge_starts: int = 0
    at_rest: bool = False
    """Whether the run came to its end; the logs of one that did not are kept."""
    metrics_port: int = 0

    def dsn(self, role: str = "postgres") -> str:
        """The database itself, past the proxy."""
        return self.cluster.dsn(role, _DATABASE)

    def query(self, text: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of a statement run as the superuser."""
        with psycopg.connect(self.dsn(), autocommit=True) as conn:
            cursor = conn.execute(text.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    # The bridge.

    def start_bridge(self, name: str = BRIDGE, **settings: str) -> subprocess.Popen[bytes]:
        """Start the bridge, through the proxies; `settings` are for this start only."""
        self.metrics_port = free_port()
        self.bridge = self._start(
            "broker_bridge",
            "muster_bridge",
            MUSTER_BROKER_URL=f"mqtt://{name}@127.0.0.1:{self.to_broker.port}",
            MUSTER_BROKER_PASSWORD_FILE=str(self.directory / "bridge.password"),
            MUSTER_BRIDGE_NAME=name,
            MUSTER_METRICS_LISTEN=f"127.0.0.1:{self.metrics_port}",
            MUSTER_TERMINAL_MESSAGES_PER_SECOND=str(TERMINAL_RATE),
            **{**self.settings, **settings},
        )
        self.bridge_starts += 1
        return self.bridge

    @contextmanager
    def without_bridge(self, **settings: str) -> Iterator[None]:
        """Stop it cleanly, and start it again in the end, with these settings for that start.

        Nobody else does meanwhile.
        """
        bridge, self.bridge = self.bridge, None
        assert bridge is not None
        bridge.terminate()
        bridge.wait(60)
        try:
            yield
        finally:
            self.start_bridge(**settings)

    def kill_bridge(self) -> None:
        """With -9; nobody starts it again until somebody does."""
        bridge, self.bridge = self.bridge, None
        assert bridge is not None
        bridge.kill()
        bridge.wait()

    def look_after(self) -> None:
        """Start again what has ended, as a supervisor would."""
        for server in (self.cluster, self.broker):
            if server.pid is None:
                with suppress(MusterError):
                    server.start(RECOVERY_SECONDS)
        if self.bridge is not None and self.bridge.poll() is not None:
            self.start_bridge()
        if self.jobs is not None and self.jobs.poll() is not None:
            self.start_jobs()

    def start_jobs(self) -> None:
        """Start the process of background work."""
        self.jobs = self._start(
            "deploy.jobs", "muster_jobs", MUSTER_METRICS_LISTEN=f"127.0.0.1:{free_port()}"
        )

    def signal_bridge(self, number: signal.Signals) -> None:
        """Send the bridge a signal, if it runs."""
        if self.bridge is not None and self.bridge.poll() is None:
            self.bridge.send_signal(number)

    def stop(self) -> None:
        """Stop bridge and jobs cleanly, or by force in the end."""
        for process in (self.bridge, self.jobs):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                try:
                    process.wait(_STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.bridge = self.jobs = None

    def is_ready(self) -> bool:
        """Whether the bridge has its subscriptions and its database."""
        return answers(f"127.0.0.1:{self.metrics_port}", "/health/ready", tls=False)

    def metrics(self) -> dict[str, float]:
        """The bridge's figures, summed over their labels; nothing when it does not answer."""
        try:
            url = f"http://127.0.0.1:{self.metrics_port}/metrics"
            with urllib.request.urlopen(url, timeout=2) as answer:
                text = answer.read().decode()
        except OSError:
            return {}
        sums: dict[str, float] = {}
        for name, value in re.findall(r"^(muster_\w+)(?:\{[^}]*\})? (\S+)$", text, re.MULTILINE):
            sums[name] = sums.get(name, 0.0) + float(value)
        return sums

    def _start(self, module: str, role: str, **settings: str) -> subprocess.Popen[bytes]:
        through = make_conninfo(self.dsn(role), host="127.0.0.1", port=self.to_database.port)
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")}
        clean |= {} if self.clock is None else self.clock.environment
        clean["MUSTER_HOME"] = str(self.directory / "own" / "home")
        with (self.directory / f"{module}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module],
                env=clean | {"MUSTER_DATABASE_URL": through} | settings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


@contextmanager
def built(
    terminals: int, mutation: Mutation, *, broker_queue: int = 0, on_disks: bool = False
) -> Iterator[Ground]:
    """A ground with so many terminals, bridge and jobs running; gone once it was `at_rest`.

    But for the mutation, the database is as durable as in production. The broker queues as much as
    in production, or so many messages. With `on_disks` the servers are on disks that can fail.
    """
    unpacked = runtime.ensure()
    directory = Path(tempfile.mkdtemp(prefix="muster-ledger-"))
    accounts.server_account().make_directory(directory)
    (directory / "bridge.password").write_text("bridge", "utf-8")
    codes = [f"LEDGER-{number:05d}" for number in range(terminals)]
    queue = {"max_queued_messages": str(broker_queue)} if broker_queue else {}
    ground: Ground | None = None

    def clear_up() -> None:
        if ground is not None and ground.at_rest:
            shutil.rmtree(directory, ignore_errors=True)

    with ExitStack() as stack:
        stack.callback(clear_up)
        database_disk = _place(stack, directory / "db", on_disk=on_disks)
        own_disk = _place(stack, directory / "own", on_disk=on_disks)
        (directory / "own" / "home").mkdir(mode=0o700)
        cluster = Cluster(unpacked, directory / "db" / "pg", settings=dict(mutation.database))
        broker = Broker(unpacked, directory / "own" / "mqtt", bridges=(BRIDGE,), settings=queue)
        stack.callback(cluster.stop)
        cluster.start()
        _furnish(cluster, [*codes, VISITOR])
        follower = CredentialFollower(
            cluster.dsn(dbname=_DATABASE), broker, {BRIDGE: verifier("bridge")}
        )
        follower.write()
        stack.callback(broker.stop)
        broker.start()
        stack.callback(follower.stop)
        follower.start()
        ways = [(broker.host, broker.port), (cluster.host, cluster.port)]
        to_broker, to_database, terminals_way = (
            stack.enter_context(Proxy(*way)) for way in (*ways, ways[0])
        )
        ground = Ground(
            directory,
            cluster,
            broker,
            codes,
            to_broker,
            to_database,
            terminals_way,
            Visitor(broker.host, broker.port, VISITOR),
            Clock(directory) if clock_is_available() else None,
            database_disk,
            broker_queue,
            own_disk,
            mutation.bridge,
        )
        for statement in mutation.sql:
            ground.query(statement)
        stack.callback(ground.stop)
        ground.start_bridge()
        ground.start_jobs()
        # What is published before anybody has subscribed, a broker acknowledges and throws away.
        if not wait_until(ground.is_ready, _READY_SECONDS):
            raise ServerDidNotStart(f"The bridge does not become ready ({directory}).")
        yield ground


def _place(stack: ExitStack, path: Path, *, on_disk: bool) -> Disk | None:
    """A place for servers: a disk of its own, or just a directory."""
    if not on_disk:
        path.mkdir(mode=0o755)
        return None
    disk = Disk(path, _DISK_MEGABYTES)
    stack.callback(disk.remove)
    return disk


def _furnish(cluster: Cluster, codes: Sequence[str]) -> None:
    with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
        conn.execute(f"create database {_DATABASE}")
    migrate(cluster.dsn(dbname=_DATABASE))
    for role in ("muster_bridge", "muster_jobs"):
        cluster.set_password(role)
    asyncio.run(_register(cluster.dsn(dbname=_DATABASE), codes))


async def _register(dsn: str, codes: Sequence[str]) -> None:
    metrics = tuple(
        Metric(name, MetricType.DOUBLE, None, LOW, HIGH, None, name, name) for name in METRICS
    )
    pool = await database.open_pool(dsn, name="ledger")
    try:
        async with database.transaction(pool, _SCOPE.settings()) as conn:
            await conn.execute(
                "insert into registry.region (code, last_code, level, name_zh, name_en)"
                " values (0, 999999, 'headquarters', '总部', 'Headquarters')"
            )
            profile = await profiles.define(
                conn,
                _SCOPE,
                DeviceProfile(
                    id=UNDEFINED_PROFILE,
                    code=PROFILE,
                    sector=Sector.POWER,
                    title_zh="账本电表",
                    title_en="Meter of the ledger",
                    codec="json",
                    expected_interval_seconds=60,
                    metrics=metrics,
                ),
            )
            drafts = (
                Draft(
                    code=TerminalCode(code),
                    profile_id=profile.id,
                    region_code=RegionCode(0),
                    state=TerminalState.IN_SERVICE,
                    secret=code,
                )
                for code in codes
            )
            await enrolment.enrol(conn, _SCOPE, drafts)
    finally:
        await pool.close()
