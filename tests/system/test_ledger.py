"""The promise: what the broker acknowledged with a time of its own is stored exactly once.

Thousands of numbered QoS 1 messages while the bridge is killed with -9 at random and at
failpoints, PostgreSQL is killed and the broker restarted; then the books are closed. A last test
shows that the checker goes red when the acknowledgement is moved before the commit.
"""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson
import pytest

from deploy.embedded.processes import wait_until
from deploy.embedded.runtime import Runtime
from deploy.simulator.numbered import Numbering
from tests.system.house import BridgeProcess, House, LoadProcess, wait_for_progress

CODES = [f"LEDGER-{k:02}" for k in range(20)]
SEED = 20261123
Row = tuple[str, int, tuple[float, ...]]


@pytest.fixture
def house(servers: Runtime, server_directory: Path) -> Iterator[House]:
    """Servers with twenty terminals in service."""
    with House(servers, server_directory, CODES) as built:
        yield built


def expected(numbering: Numbering) -> list[Row]:
    """Every reading that the load's terminals send, in order."""
    rows = []
    for code in CODES:
        for payload in numbering.payloads(code):
            message = orjson.loads(payload)
            rows.append((code, message["ts"], tuple(map(float, message["values"].values()))))
    return sorted(rows)


def in_flight(bridge: BridgeProcess) -> bool:
    """Whether a kill would hit something: deliveries that are not settled yet."""
    return bridge.metric("muster_bridge_unsettled") > 0


def all_stored(house: House) -> bool:
    """Whether there is nothing left that a fault could strike."""
    return house.count() == 2000 * len(CODES)


@pytest.mark.timeout(600)
def test_every_acknowledged_message_is_stored_exactly_once(house: House) -> None:
    """Bridge, database and broker die in mid-flight; nothing is lost, nothing doubled."""
    base_ms = int(time.time() * 1000) - 86_400_000
    numbering = Numbering(base_ms, 1000, 2000)
    chance = random.Random(SEED)
    hits = dict.fromkeys(("kill", "before_commit", "after_commit", "database", "broker"), 0)

    with ExitStack() as stack:
        bridge = stack.enter_context(BridgeProcess(house))
        assert wait_until(lambda: bridge.metric("muster_bridge_connected") == 1, 30)
        load = stack.enter_context(LoadProcess(house, 2000, rate=1500, base_ms=base_ms))
        stored = 0
        while load.runs or min(hits.values()) == 0:
            stored = wait_for_progress(house, stored)
            fault = min(hits, key=lambda name: (hits[name], chance.random()))
            if fault == "kill":
                assert wait_until(lambda: in_flight(bridge) or all_stored(house), 30)  # noqa: B023
                if all_stored(house):
                    break
                bridge.kill()
            elif fault in {"before_commit", "after_commit"}:
                bridge.stop()
                bridge = stack.enter_context(BridgeProcess(house, MUSTER_TEST_CRASH_AT=fault))
                assert wait_until(lambda: not bridge.runs or all_stored(house), 30)  # noqa: B023
                if all_stored(house):  # spared, or struck by the very last batch
                    bridge.kill()
                    bridge = stack.enter_context(BridgeProcess(house))
                    break
                assert bridge.wait_for_crash() == -9
            elif fault == "database":
                house.cluster.kill()
                house.cluster.start()
            else:
                house.broker.stop()
                house.broker.start()
            hits[fault] += 1
            if not bridge.runs:
                bridge = stack.enter_context(BridgeProcess(house))
            if not load.runs:
                break
        sent = load.finish(240)
        wanted = expected(numbering)
        wait_until(lambda: house.count() >= len(wanted), 120)
        assert wait_until(lambda: bridge.metric("muster_bridge_connected") == 1, 30)
        assert bridge.stop() == 0

    assert sent["acknowledged"] == len(wanted) == 2000 * len(CODES)
    assert min(hits.values()) > 0, f"a fault never struck: {hits}"
    assert house.rows() == wanted
    assert house.count("telemetry.quarantine") == 0


def test_the_books_do_not_close_when_acknowledged_before_the_commit(house: House) -> None:
    """The mutation control: with the acknowledgement moved, the same check finds messages lost."""
    base_ms = int(time.time() * 1000) - 86_400_000
    numbering = Numbering(base_ms, 1000, 100)

    with BridgeProcess(
        house, MUSTER_TEST_ACK_BEFORE_COMMIT="1", MUSTER_TEST_CRASH_AT="before_commit"
    ) as doomed:
        assert wait_until(lambda: doomed.metric("muster_bridge_connected") == 1, 30)
        with LoadProcess(house, 100, rate=1000, base_ms=base_ms) as load:
            assert doomed.wait_for_crash() == -9
            with BridgeProcess(house) as bridge:
                load.finish(60)
                assert wait_until(lambda: bridge.metric("muster_bridge_unsettled") == 0, 30)
                assert bridge.stop() == 0

    lost = set(expected(numbering)) - set(house.rows())
    assert lost
