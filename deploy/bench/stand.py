"""The test stand: throwaway servers as the embedded stack runs them, with terminals on the roll."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from deploy.embedded import accounts, runtime
from deploy.embedded.mosquitto import Broker, verifier
from deploy.embedded.postgres import Cluster
from deploy.embedded.runtime import Runtime
from deploy.simulator.numbered import GAUGES
from foundation import database
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
PROFILE = "bench_meter"
PLAIN_PROFILE = "bench_plain"
_DATABASE = "muster"
_SCOPE = Scope.system("bench")
_HEADQUARTERS = RegionCode(0)


class LoadBroker(Broker):
    """A broker as the embedded stack configures it, where `load-N` may speak for every terminal."""

    def __init__(self, *args: Any, loads: Sequence[str], **options: Any) -> None:
        super().__init__(*args, **options)
        self._loads = loads

    def prepare(self) -> None:
        """As ever, with the load's accounts in the ACL."""
        super().prepare()
        with (self.directory / "acl").open("a", encoding="utf-8") as acl:
            acl.writelines(
                f"\nuser {load}\ntopic write m2m/v1/+/telemetry\n" for load in self._loads
            )


@dataclass(frozen=True, slots=True)
class Stand:
    """Servers of one run; `terminals` are in service with the profile `bench_meter`."""

    cluster: Cluster
    runtime: Runtime
    directory: Path
    terminals: Sequence[str]
    loads: Sequence[str]
    password_file: Path
    accounts_file: Path
    telegraf: Path | None = None

    def dsn(self, role: str = "postgres") -> str:
        """The database as a role sees it."""
        return self.cluster.dsn(role, _DATABASE)

    def query(self, text: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of a statement run as the superuser, outside the clock."""
        with psycopg.connect(self.dsn(), autocommit=True) as conn:
            cursor = conn.execute(text.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def terminals_of(self, loads: int) -> list[str]:
        """The terminals that the first so many accounts of the load speak for."""
        taken = range(loads)
        return [c for n, c in enumerate(self.terminals) if n % len(self.loads) in taken]

    def count(self, table: str) -> int:
        """How many rows a table of the telemetry has."""
        return int(self.query(f"select count(*) from telemetry.{table}")[0][0])  # noqa: S608

    @contextmanager
    def fresh_broker(self, settings: Mapping[str, str]) -> Iterator[Broker]:
        """A broker that remembers nothing of the round before; `settings` override the usual."""
        directory = Path(tempfile.mkdtemp(prefix="mqtt-", dir=self.directory))
        broker = LoadBroker(
            self.runtime, directory, bridges=(BRIDGE,), loads=self.loads, settings=settings
        )
        password = self.password_file.read_text("utf-8")
        known = verifier(password, iterations=1)
        broker.write_accounts(dict.fromkeys([BRIDGE, *self.loads], known))
        broker.start()
        try:
            yield broker
        finally:
            broker.stop()
            shutil.rmtree(directory, ignore_errors=True)

    def empty_tables(self) -> None:
        """Every turn begins with empty tables, and with the last one's pages written out."""
        self.query(
            f"truncate telemetry.{PROFILE}, telemetry.{PLAIN_PROFILE}, telemetry.batch,"
            " telemetry.quarantine, telemetry.bridge"
        )
        self.query("checkpoint")


@contextmanager
def built(terminals: int, loads: int) -> Iterator[Stand]:
    """A stand with so many terminals and load accounts; gone afterwards."""
    unpacked = runtime.ensure()
    directory = Path(tempfile.mkdtemp(prefix="muster-bench-"))
    accounts.server_account().make_directory(directory)
    cluster = Cluster(unpacked, directory / "pg", settings={"track_commit_timestamp": "on"})
    try:
        cluster.start()
        yield _furnished(cluster, unpacked, directory, terminals, loads)
    finally:
        cluster.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _furnished(
    cluster: Cluster, unpacked: Runtime, directory: Path, terminals: int, loads: int
) -> Stand:
    with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
        conn.execute(f"create database {_DATABASE}")
    migrate(cluster.dsn(dbname=_DATABASE))
    cluster.set_password("muster_bridge")
    codes = [f"BENCH-{number:07d}" for number in range(terminals)]
    names = [f"load-{number}" for number in range(loads)]
    stand = Stand(
        cluster,
        unpacked,
        directory,
        codes,
        names,
        directory / "password",
        directory / "accounts.jsonl",
    )
    stand.password_file.write_text("bench", "utf-8")
    with stand.accounts_file.open("w", encoding="ascii") as file:
        for number, name in enumerate(names):
            account = {"username": name, "password": "bench", "terminals": codes[number::loads]}
            file.write(json.dumps(account) + "\n")
    asyncio.run(_register(stand))
    return stand


async def _register(stand: Stand) -> None:
    stand.query(
        "insert into registry.region (code, last_code, level, name_zh, name_en)"
        " values (0, 999999, 'headquarters', '总部', 'Headquarters')"
    )
    pool = await database.open_pool(stand.dsn(), name="bench")
    try:
        async with database.transaction(pool, _SCOPE.settings()) as conn:
            profile = await profiles.define(conn, _SCOPE, bench_profile(PROFILE))
            await profiles.define(conn, _SCOPE, bench_profile(PLAIN_PROFILE))
            drafts = (
                Draft(
                    code=TerminalCode(code),
                    profile_id=profile.id,
                    region_code=_HEADQUARTERS,
                    state=TerminalState.IN_SERVICE,
                )
                for code in stand.terminals
            )
            await enrolment.enrol(conn, _SCOPE, drafts)
    finally:
        await pool.close()


def bench_profile(code: str) -> DeviceProfile:
    """Four metrics of plain doubles: what the load's messages hold."""
    metrics = tuple(
        Metric(g.name, MetricType.DOUBLE, None, g.low, g.high, None, g.name, g.name) for g in GAUGES
    )
    return DeviceProfile(
        id=UNDEFINED_PROFILE,
        code=code,
        sector=Sector.POWER,
        title_zh="台架电表",
        title_en="Meter on the test stand",
        codec="json",
        expected_interval_seconds=10,
        metrics=metrics,
    )
