"""A simulated fleet on a real broker: what it says it sent is what a subscriber hears."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from deploy.embedded.processes import wait_until
from deploy.reference.clients import Story
from deploy.simulator import fleet, running
from deploy.simulator.behaviour import Behaviour
from deploy.simulator.fleet import Member
from deploy.simulator.ledger import Entry, Ledger, entries
from deploy.simulator.running import Broker, BrokerUrlInvalid
from tests.conftest import TestBroker
from tests.simulator.listening import Heard, listening, until
from tests.simulator.members import PROFILES, member


def one_of_each() -> list[Member]:
    return [
        member(profile, code=f"SIM-{profile}", interval_seconds=0.1) for profile in sorted(PROFILES)
    ]


def address(broker: TestBroker) -> Broker:
    return Broker(broker.server.host, broker.server.port)


def digest(payload: bytes) -> str:
    return sha256(payload).hexdigest()[:16]


def told_apart(heard: Heard) -> Counter[tuple[str, str]]:
    return Counter((topic, digest(payload)) for topic, payload in heard)


def written(path: Path) -> list[Entry]:
    return list(entries(path))


async def test_the_ledger_holds_what_a_subscriber_hears(broker: TestBroker, tmp_path: Path) -> None:
    """With duplicates, late and broken ones, the books close: every message, once, acknowledged."""
    members = one_of_each()
    broker.admit(*(m.code for m in members))
    knobs = Behaviour(duplicates=0.2, late=0.1, broken=0.2)
    path = tmp_path / "ledger.jsonl"

    async with listening(broker) as heard:
        with Ledger(path) as ledger:
            await running.run(members, knobs, address(broker), ledger, asyncio.Event(), count=200)
        await until(lambda: len(heard) >= ledger.summary.sent)

    book = written(path)
    assert Counter((e.topic, e.digest) for e in book) == told_apart(heard)
    assert all(e.acknowledged_us is not None and e.acknowledged_us >= e.sent_us for e in book)
    kinds = Counter(e.kind for e in book)
    assert kinds["reading"] + kinds["event"] == 200
    assert (kinds["hello"], kinds["status"]) == (5, 10)
    assert ledger.summary.document()["by_kind"] == kinds
    assert {e.expected for e in book if e.expected} >= {
        "stored",
        "duplicate",
        "quarantined:malformed",
    }


async def test_a_terminal_says_hello_and_online_first_and_offline_last(
    broker: TestBroker,
) -> None:
    """In this order, on its own topics, for a run that ends in good order."""
    broker.admit("SIM-1")
    meter = member("smart_meter", interval_seconds=0.05)

    async with listening(broker) as heard:
        with Ledger() as ledger:
            await running.run(
                [meter], Behaviour(), address(broker), ledger, asyncio.Event(), count=3
            )
        await until(lambda: len(heard) >= 6)

    assert [topic.rpartition("/")[2] for topic, _ in heard] == [
        "hello",
        "status",
        "telemetry",
        "telemetry",
        "telemetry",
        "status",
    ]
    assert [orjson.loads(heard[k][1]) for k in (1, 5)] == [
        {"session": "online"},
        {"session": "offline"},
    ]


async def test_the_silent_city_stays_silent(broker: TestBroker) -> None:
    """One reading, and not one more while its neighbour sends twenty."""
    members = [
        member("smart_meter", code="SILENT", interval_seconds=0.05, story=Story.SILENT_CITY),
        member("smart_meter", code="LOUD", interval_seconds=0.05),
    ]
    broker.admit("SILENT", "LOUD")

    async with listening(broker) as heard:
        with Ledger() as ledger:
            await running.run(
                members, Behaviour(), address(broker), ledger, asyncio.Event(), count=21
            )
        await until(lambda: len(heard) >= 21 + 6)

    readings = Counter(topic for topic, _ in heard if topic.endswith("/telemetry"))
    assert readings == {"m2m/v1/SILENT/telemetry": 1, "m2m/v1/LOUD/telemetry": 20}


@pytest.mark.parametrize("interval_seconds", [0.05, 0.6], ids=["sending", "waiting"])
async def test_a_fleet_comes_back_after_the_broker_restarts(
    broker: TestBroker, tmp_path: Path, interval_seconds: float
) -> None:
    """Every terminal notices, connects again, and leaves out no number: neither what was cut off
    in the air nor the line it was waiting to send."""
    members = [
        member("smart_meter", code=f"M-{k}", interval_seconds=interval_seconds) for k in range(10)
    ]
    broker.admit(*(m.code for m in members))
    path, stop = tmp_path / "ledger.jsonl", asyncio.Event()

    with Ledger(path) as ledger:
        fleet_at_work = asyncio.create_task(
            running.run(members, Behaviour(), address(broker), ledger, stop)
        )
        await until(lambda: ledger.summary.acknowledged > 50)
        broker.server.stop()
        told = ledger.summary.by_kind["reading"]
        broker.server.start()
        async with listening(broker) as heard:
            await until(lambda: ledger.summary.connections >= 20)
            await until(lambda: ledger.summary.by_kind["reading"] >= told + 3 * len(members))
            await until(
                lambda: len({t for t, _ in heard if t.endswith("telemetry")}) == len(members)
            )
        stop.set()
        await fleet_at_work

    for one in members:
        numbers = [e.seq for e in written(path) if e.terminal == one.code and e.seq]
        assert numbers == list(range(1, len(numbers) + 1))
    assert ledger.summary.unacknowledged == 0


async def test_a_terminal_that_is_refused_keeps_trying_and_says_nothing(
    broker: TestBroker,
) -> None:
    """A wrong password costs refusals, not the run; the day it is right, readings flow."""
    meter = member("smart_meter", interval_seconds=0.05)
    stop = asyncio.Event()

    with Ledger() as ledger:
        at_work = asyncio.create_task(
            running.run([meter], Behaviour(), address(broker), ledger, stop)
        )
        await until(lambda: ledger.summary.refusals >= 2)
        assert ledger.summary.sent == 0
        broker.admit("SIM-1")
        await until(lambda: ledger.summary.by_kind["reading"] > 0)
        stop.set()
        await at_work


@pytest.fixture
def process(broker: TestBroker, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The simulator as the supervisor runs it."""
    broker.admit("SIM-1")
    path = tmp_path / "fleet.json"
    fleet.write(path, [member("smart_meter", interval_seconds=0.1)])
    url = f"mqtt://{broker.server.host}:{broker.server.port}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")}
    started = subprocess.Popen(
        [sys.executable, "-m", "deploy.simulator", str(path)],
        env=environment | {"MUSTER_BROKER_URL": url, "MUSTER_HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.poll() is None:
            started.kill()
        started.wait()
        if started.stderr:
            started.stderr.close()


async def test_sigterm_ends_the_process_cleanly(
    broker: TestBroker, process: subprocess.Popen[bytes]
) -> None:
    """Exit code 0, after an offline status from the terminal itself."""
    async with listening(broker) as heard:
        await until(lambda: any(topic.endswith("telemetry") for topic, _ in heard))
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 20)
        await until(lambda: heard[-1] == ("m2m/v1/SIM-1/status", b'{"session":"offline"}'))
    assert process.returncode == 0


async def test_kill_9_lets_the_broker_say_offline(
    broker: TestBroker, process: subprocess.Popen[bytes]
) -> None:
    """The last will speaks for a terminal that was cut off."""
    async with listening(broker) as heard:
        await until(lambda: any(topic.endswith("telemetry") for topic, _ in heard))
        process.kill()
        await until(lambda: heard[-1] == ("m2m/v1/SIM-1/status", b'{"session":"offline"}'))


def test_a_process_without_its_fleet_says_what_is_missing(tmp_path: Path) -> None:
    """One sentence and a remedy on stderr, no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.simulator", str(tmp_path / "fleet.json")],
        env={"PATH": os.environ["PATH"], "MUSTER_BROKER_URL": "mqtt://127.0.0.1:1"},
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert done.stderr.startswith(b"simulator: There is no fleet file")


@pytest.mark.parametrize("url", ["localhost:1883", "http://localhost", "mqtt://"])
def test_an_address_that_is_no_brokers_is_refused(url: str) -> None:
    """Before anything is connected."""
    with pytest.raises(BrokerUrlInvalid):
        Broker.at(url)


def test_a_broker_that_is_not_there_does_not_end_the_simulation(tmp_path: Path) -> None:
    """It waits for the broker: the supervisor may start both in any order."""
    path = tmp_path / "fleet.json"
    fleet.write(path, [member("smart_meter")])
    with subprocess.Popen(
        [sys.executable, "-m", "deploy.simulator", str(path)],
        env={
            "PATH": os.environ["PATH"],
            "MUSTER_BROKER_URL": "mqtt://127.0.0.1:1",
            "MUSTER_LOG_LEVEL": "debug",
        },
        stderr=subprocess.PIPE,
    ) as waiting:
        assert waiting.stderr is not None
        seen: list[bytes] = []
        assert wait_until(lambda: _refused_twice(waiting, seen), 30)
        waiting.send_signal(signal.SIGTERM)
        assert waiting.wait(20) == 0


def _refused_twice(waiting: subprocess.Popen[bytes], seen: list[bytes]) -> bool:
    assert waiting.stderr is not None
    seen.append(waiting.stderr.readline())
    return sum(b"cut off" in line for line in seen) == 2
