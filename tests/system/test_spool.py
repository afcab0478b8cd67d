"""The promise: a database may be away for whatever reason, and every message is taken in, once.

Each fault strikes while messages come; each must have them go to the spool, and each is mended
before the next. In the end every message is stored exactly once, in order.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import orjson
import pytest

from deploy.embedded import processes
from deploy.embedded.processes import wait_until
from deploy.embedded.runtime import Runtime
from tests.embedded.mqtt import Client
from tests.system.disks import Disk
from tests.system.house import BridgeProcess, House

CODES = [f"SPOOL-{k}" for k in range(3)]
SECONDS = 60
PATIENT = {"MUSTER_DATABASE_PATIENCE_SECONDS": "1"}


class Terminals:
    """Numbered messages of each terminal, and what must be stored of them in the end."""

    def __init__(self, house: House, stack: ExitStack) -> None:
        self.house = house
        self.clients = [Client(house.broker.port, code, code) for code in CODES]
        for client in self.clients:
            stack.callback(client.close)
        self.base_ms = int(time.time() * 1000) - 86_400_000
        self.said = 0

    def say(self, count: int = 20) -> None:
        """Each says so many things more, and the broker has them."""
        names = ("voltage", "current", "power", "temperature")
        for code, client in zip(CODES, self.clients, strict=True):
            payloads = [
                orjson.dumps({"ts": self.base_ms + n, "values": dict.fromkeys(names, float(n))})
                for n in range(self.said, self.said + count)
            ]
            assert client.publish(f"m2m/v1/{code}/telemetry", *payloads) in (0, 16)
        self.said += count

    def all_stored(self) -> bool:
        """Whether every message is there, once, and in the order in which it was said."""
        wanted = [
            (code, self.base_ms + n, (float(n),) * 4) for code in CODES for n in range(self.said)
        ]
        return self.house.rows() == wanted


@pytest.fixture
def house(servers: Runtime, server_directory: Path) -> Iterator[House]:
    """Servers with three terminals in service."""
    with House(servers, server_directory, CODES) as built:
        yield built


def held(bridge: BridgeProcess) -> float:
    """Messages in the spool."""
    return bridge.metric("muster_bridge_spool_messages")


def unsettled(bridge: BridgeProcess) -> float:
    """Messages that are not acknowledged."""
    return bridge.metric("muster_bridge_unsettled")


def at_rest(bridge: BridgeProcess) -> bool:
    """Whether nothing waits any more, on the disk or in memory."""
    up = bridge.metric("muster_bridge_connected") == 1
    return up and held(bridge) == 0 == unsettled(bridge)


@contextmanager
def stopped(house: House) -> Iterator[None]:
    """PostgreSQL answers nothing, and nothing says so (SIGSTOP)."""
    pid = house.cluster.pid
    assert pid is not None
    everyone = [pid, *(child.pid for child in processes.children_of(pid))]
    for one in everyone:
        os.kill(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in everyone:
            os.kill(one, signal.SIGCONT)


@contextmanager
def locked(house: House) -> Iterator[None]:
    """Somebody holds the table and does not let go."""
    with house.read() as conn, conn.transaction():
        conn.execute("lock table telemetry.ledger_meter in access exclusive mode")
        yield


@contextmanager
def killed(house: House) -> Iterator[None]:
    """Kill -9 of PostgreSQL and all its backends."""
    house.cluster.kill()
    try:
        yield
    finally:
        house.cluster.start()


@pytest.mark.timeout(600)
def test_messages_are_taken_in_while_the_database_is_away(house: House) -> None:
    """Killed, stopped in mid-answer, locked, or its connections cut; the bridge killed meanwhile.

    F13, F14, F15, and kill -9 of the bridge with messages that are on the disk and not
    acknowledged, and with such that are stored and still on the disk.
    """
    faults: list[Callable[[House], AbstractContextManager[None]]] = [killed, stopped, locked]
    with ExitStack() as stack:
        bridge = stack.enter_context(BridgeProcess(house, **PATIENT))
        assert wait_until(lambda: at_rest(bridge), SECONDS)
        terminals = Terminals(house, stack)
        for fault in faults:
            terminals.say()
            with fault(house):
                terminals.say()
                assert wait_until(lambda: held(bridge) >= 60, SECONDS), fault
                assert wait_until(lambda: unsettled(bridge) == 0, SECONDS), fault
            terminals.say()
            assert wait_until(lambda: at_rest(bridge), SECONDS), fault

        terminals.say()
        with house.read() as conn:
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where usename = 'muster_bridge'"
            )
        terminals.say()
        assert wait_until(lambda: at_rest(bridge), SECONDS)
        assert bridge.stop() == 0

        for place in ("after_spooling", "before_removal"):
            doomed = stack.enter_context(
                BridgeProcess(house, MUSTER_TEST_CRASH_AT=place, **PATIENT)
            )
            assert wait_until(lambda: at_rest(doomed), SECONDS)  # noqa: B023
            with killed(house):
                terminals.say()
                if place == "before_removal":
                    assert wait_until(lambda: held(doomed) == 60, SECONDS)  # noqa: B023
            assert doomed.wait_for_crash(SECONDS) == -9
            bridge = stack.enter_context(BridgeProcess(house, **PATIENT))
            terminals.say()
            assert wait_until(lambda: at_rest(bridge), SECONDS)  # noqa: B023
            assert wait_until(terminals.all_stored, SECONDS)
            assert bridge.stop() == 0

    assert house.count("telemetry.quarantine") == 0


@pytest.mark.timeout(300)
def test_a_full_disk_of_the_database_loses_nothing(
    servers: Runtime, server_directory: Path
) -> None:
    """F17, F18: inserts fail, or the server panics over its log; both recover with the space."""
    place = server_directory / "pg"
    with (
        Disk(server_directory / "image", place, 700) as disk,
        House(servers, server_directory, CODES) as house,
        ExitStack() as stack,
    ):
        bridge = stack.enter_context(BridgeProcess(house, **PATIENT))
        assert wait_until(lambda: at_rest(bridge), SECONDS)
        terminals = Terminals(house, stack)
        terminals.say()
        assert wait_until(lambda: at_rest(bridge), SECONDS)
        filler = disk.fill()
        deadline = time.monotonic() + SECONDS
        while held(bridge) == 0:
            assert time.monotonic() < deadline
            terminals.say(100)
        filler.unlink()
        if house.cluster.pid is None:
            house.cluster.start()
        assert wait_until(lambda: at_rest(bridge), SECONDS)
        assert bridge.stop() == 0
        assert terminals.all_stored()


@pytest.mark.timeout(300)
def test_what_was_acknowledged_survives_a_power_cut_of_the_spool(
    house: House, server_directory: Path
) -> None:
    """F20: what never reached the disk is gone, and none of it had been acknowledged."""
    with (
        Disk(server_directory / "image", server_directory / "spool-disk", 200) as disk,
        ExitStack() as stack,
    ):
        settings = PATIENT | {
            "MUSTER_SPOOL": str(disk.place / "spool"),
            "MUSTER_SPOOL_MIN_FREE_BYTES": "0",
        }
        bridge = stack.enter_context(BridgeProcess(house, **settings))
        assert wait_until(lambda: at_rest(bridge), SECONDS)
        terminals = Terminals(house, stack)
        unsynced = disk.place / "unsynced"
        house.cluster.kill()
        terminals.say(200)
        assert wait_until(lambda: held(bridge) == 600, SECONDS)
        assert wait_until(lambda: unsettled(bridge) == 0, SECONDS)
        unsynced.write_bytes(b"x" * 100_000)
        disk.lose_power()
        bridge.kill()
        disk.come_back()
        assert not unsynced.exists() or unsynced.stat().st_size == 0, "that was no power cut"
        house.cluster.start()
        bridge = stack.enter_context(BridgeProcess(house, **settings))
        assert wait_until(lambda: bridge.metric("muster_bridge_drained_total") == 600, SECONDS)
        assert bridge.stop() == 0
        assert terminals.all_stored()
