"""Several bridges share one broker's messages, and a dead one's come back with its name."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from deploy import workers
from deploy.embedded import processes
from deploy.embedded.ports import free_port
from deploy.embedded.processes import wait_until
from deploy.embedded.runtime import Runtime
from deploy.embedded.worker import answers
from deploy.ledger.proxy import Mode, Proxy
from deploy.workers import WorkersWithoutShare
from foundation.settings import Settings
from tests.system.house import BridgeProcess, House, LoadProcess

CODES = [f"SHARED-{k:02}" for k in range(10)]
NAMES = ("bridge-1", "bridge-2")
_SETTINGS = {
    "bridge_name": "bridge-1",
    "broker_url": "mqtts://bridge-1@broker.example:8884",
    "metrics_listen": "127.0.0.1:9464",
    "shared_group": "bridges",
    "spool": "/var/spool/muster",
}


def test_each_worker_has_a_name_an_account_and_a_door_of_its_own() -> None:
    """The first is named as a single one would be; what else is given, all are given."""
    found = workers.environments(Settings.model_validate(_SETTINGS), 3, {"HOME": "/x"})

    assert [one["MUSTER_BRIDGE_NAME"] for one in found] == ["bridge-1", "bridge-2", "bridge-3"]
    assert found[2]["MUSTER_BROKER_URL"] == "mqtts://bridge-3@broker.example:8884"
    assert found[2]["MUSTER_METRICS_LISTEN"] == "127.0.0.1:9466"
    assert found[2]["MUSTER_SPOOL"] == "/var/spool/muster/bridge-3"
    assert found[2]["HOME"] == "/x"


def test_workers_that_do_not_share_are_refused() -> None:
    """Each of them would get every message."""
    alone = Settings.model_validate(_SETTINGS | {"shared_group": None})

    with pytest.raises(WorkersWithoutShare):
        workers.environments(alone, 2, {})


@pytest.fixture
def house(servers: Runtime, server_directory: Path) -> Iterator[House]:
    """Servers that know two bridges, with ten terminals in service."""
    with House(servers, server_directory, CODES, NAMES) as built:
        yield built


def two_free_ports() -> int:
    """The first of two free ports in a row."""
    while True:
        first = free_port()
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", first + 1))
            except OSError:
                continue
            return first


def test_a_killed_workers_messages_come_back_when_its_name_does(house: House) -> None:
    """Two workers carry a load; one is killed again and again, and nothing is lost or twice."""
    port = two_free_ports()
    base_ms = int(time.time() * 1000) - 86_400_000
    with BridgeProcess(
        house,
        *("deploy.cli", "bridge", "--workers", "2"),
        MUSTER_SHARED_GROUP="bridges",
        MUSTER_METRICS_LISTEN=f"127.0.0.1:{port}",
    ) as crew:
        for one in (port, port + 1):
            listen = f"127.0.0.1:{one}"
            assert wait_until(lambda: answers(listen, "/health/ready", tls=False), 60)  # noqa: B023
        with LoadProcess(house, 800, rate=1000, base_ms=base_ms) as load:
            for _ in range(3):
                before = house.count()
                assert wait_until(lambda: house.count() > before + 500, 60)  # noqa: B023
                victim = processes.children_of(crew.process.pid)[-1]
                os.kill(victim.pid, signal.SIGKILL)
            load.finish(120)
        assert wait_until(lambda: house.count() >= 800 * len(CODES), 60)
        with house.read() as conn:
            took_part = conn.execute(
                "select name from telemetry.bridge where last_n > 0"
            ).fetchall()
        assert crew.stop() == 0

    assert house.count() == 800 * len(CODES)
    assert house.count("telemetry.quarantine") == 0
    assert {name for (name,) in took_part} == set(NAMES)


def test_a_standby_takes_over_and_its_predecessor_leaves(house: House) -> None:
    """Cut off from the database until another has its name, a bridge comes back to leave (F52)."""
    base_ms = int(time.time() * 1000) - 86_400_000
    with (
        Proxy(house.cluster.host, house.cluster.port) as way,
        BridgeProcess(house, MUSTER_DATABASE_URL=through(house, way)) as first,
    ):
        assert wait_until(lambda: first.metric("muster_bridge_connected") == 1, 60)
        elsewhere = str(house.directory / "spool-of-standby")
        with BridgeProcess(house, MUSTER_BRIDGE_STANDBY="true", MUSTER_SPOOL=elsewhere) as standby:
            with LoadProcess(house, 200, rate=200, base_ms=base_ms) as load:
                assert wait_until(lambda: house.count() > 200, 60)
                assert standby.metric("muster_bridge_connected") == 0
                way.set(Mode.BLACK_HOLE)
                with house.read() as conn:
                    conn.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity"
                        " where application_name like 'muster % bridge-1'"
                    )
                assert wait_until(lambda: standby.metric("muster_bridge_connected") == 1, 60)
                way.set(Mode.THROUGH)
                assert first.process.wait(90) == 3
                load.finish(120)
            # what the first had taken into its spool comes when its name is back on that machine
            assert standby.stop() == 0
            with BridgeProcess(house):
                assert wait_until(lambda: house.count() >= 200 * len(CODES), 90)

    assert house.count() == 200 * len(CODES)


def through(house: House, way: Proxy) -> str:
    """The bridge's database, by a way that can fail."""
    return make_conninfo(
        house.cluster.dsn("muster_bridge", "muster"), host="127.0.0.1", port=way.port
    )
