"""Terminals that keep what has no receipt lose nothing, whatever a broker forgets."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import orjson
import pytest

from deploy import terminal
from deploy.embedded.mosquitto import Broker, verifier
from deploy.embedded.processes import wait_until
from deploy.embedded.runtime import Runtime
from deploy.simulator import running
from deploy.simulator.behaviour import Behaviour
from deploy.simulator.fleet import Member
from deploy.simulator.ledger import Ledger, entries
from deploy.terminal import Kept, Terminal
from foundation.database import Pool
from tests.broker_bridge.running import SECONDS, Bridge, read
from tests.conftest import Database, TestBroker
from tests.country import METER, register, settled

CODES = [f"M-{k}" for k in range(1, 6)]
LOST = "muster_bridge_session_lost_total"


@pytest.fixture
def broker(servers: Runtime, server_directory: Path) -> Iterator[TestBroker]:
    """A Mosquitto that saves nothing before it is stopped cleanly."""
    settings = {"autosave_interval": "3600"}
    server = Broker(servers, server_directory / "mqtt", settings=settings)
    passwords = {"bridge-1": "bridge-1-secret"} | {code: code for code in CODES}
    server.write_accounts({name: verifier(word) for name, word in passwords.items()})
    server.start()
    try:
        yield TestBroker(server, passwords)
    finally:
        server.stop()


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """The small country with five meters."""
    async with settled(database) as opened:
        await register(opened, *CODES)
        yield opened


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No half minute for the want of a receipt."""
    monkeypatch.setattr(terminal, "PATIENCE_SECONDS", (1.0, 2.0))


def stored(database: Database) -> set[tuple[str, int]]:
    """(terminal, Unix ms) of every row."""
    found = read(
        database,
        "select t.code, (extract(epoch from r.time) * 1000)::bigint as ms"
        " from telemetry.meter r join registry.terminal t on t.id = r.terminal_id",
    )
    return {(row["code"], row["ms"]) for row in found}


async def play(
    database: Database, broker: TestBroker, path: Path, behaviour: Behaviour
) -> tuple[set[tuple[str, int]], Ledger]:
    """What terminals sent while a broker died with all that it had for an absent bridge."""
    members = [
        Member(
            code=code, password=code, profile="meter", metrics=METER.metrics, interval_seconds=0.1
        )
        for code in CODES
    ]
    stop = asyncio.Event()
    with Ledger(path) as ledger:
        address = running.Broker(broker.server.host, broker.server.port)
        fleet = asyncio.create_task(running.run(members, behaviour, address, ledger, stop))

        async def until_sent(more: int) -> None:
            enough = ledger.summary.by_kind["reading"] + more
            async with asyncio.timeout(SECONDS):
                while ledger.summary.by_kind["reading"] < enough:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

        with Bridge(database, broker) as bridge:
            await asyncio.to_thread(bridge.ready)
            await until_sent(50)
            assert await asyncio.to_thread(bridge.stop) == 0
        await until_sent(50)  # acknowledged by the broker, and by nobody else
        await asyncio.to_thread(broker.server.kill)
        await asyncio.to_thread(broker.server.start)
        with Bridge(database, broker) as bridge:
            await asyncio.to_thread(bridge.ready)
            await until_sent(50)
            stop.set()
            await fleet
            assert bridge.metric(LOST) == 1
    return {(e.terminal, e.ts_ms) for e in entries(path) if e.ts_ms is not None}, ledger


async def test_a_killed_broker_loses_nothing_of_terminals_that_keep(
    database: Database, broker: TestBroker, pool: Pool, tmp_path: Path
) -> None:
    """Everything is stored once, and the terminals know it."""
    sent, ledger = await play(database, broker, tmp_path / "kept.jsonl", Behaviour())

    assert stored(database) == sent
    assert ledger.summary.resent > 0
    assert ledger.summary.receipted == len(sent)


async def test_without_receipts_the_same_kill_loses_messages(
    database: Database, broker: TestBroker, pool: Pool, tmp_path: Path
) -> None:
    """The control: acknowledged by the broker, and gone."""
    behaviour = Behaviour(receipts=False)
    sent, ledger = await play(database, broker, tmp_path / "lost.jsonl", behaviour)

    assert len(sent - stored(database)) >= 30
    assert ledger.summary.resent == 0


def test_the_module_for_terminal_makers_survives_broker_and_power_cuts(
    database: Database, broker: TestBroker, pool: Pool, tmp_path: Path
) -> None:
    """Killed with what it had not sent, started again on its file: nothing is missing."""
    store, base = str(tmp_path / "kept.db"), round(time.time()) - 3600
    program = (
        "import sys; from deploy.terminal import Terminal\n"
        f"with Terminal('127.0.0.1', {broker.server.port}, 'M-1', 'M-1', store={store!r}) as t:\n"
        f"    for k in range(40): t.send({{'voltage_a': 230 + k / 100}}, {base} + k)\n"
        "    print('sent', flush=True); sys.stdin.read()"
    )
    device = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with device:
        assert device.stdout is not None
        assert device.stdout.readline() == b"sent\n"
        device.send_signal(signal.SIGKILL)
    broker.server.kill()
    broker.server.start()
    with (
        Bridge(database, broker).ready(),
        Terminal("127.0.0.1", broker.server.port, "M-1", "M-1", store=store) as again,
    ):
        again.send({"voltage_a": 231.0}, base + 40)
        assert wait_until(lambda: len(again.kept) == 0, 3 * SECONDS)

    assert stored(database) == {("M-1", (base + k) * 1000) for k in range(41)}
    assert read(database, "select kind from telemetry.gap where terminal_id is not null") == []


def said(kept: Kept, *seqs: int) -> list[int | None]:
    """Send these numbers; gives the `from` of each."""
    told = []
    for seq in seqs:
        message = kept.keep("telemetry", seq, orjson.dumps({"seq": seq, "boot": "b"}))
        told.append(orjson.loads(kept.sending(message, 0.0)).get("from"))
    return told


def test_what_there_is_no_room_for_is_given_up(tmp_path: Path) -> None:
    """The oldest goes, and what is sent next says from where on everything is still there."""
    kept = Kept("b", str(tmp_path / "kept.db"), most=3)

    assert said(kept, 1, 2, 3) == [None, None, None]
    assert said(kept, 4) == [2]
    kept.settle(b'{"boot":"b","seq":3,"refused":[]}')
    assert said(kept, 5) == [None]
    kept.close()
    again = Kept("c", str(tmp_path / "kept.db"))
    assert [(message.boot, message.seq) for message in again] == [("b", 4), ("b", 5)]
    again.close()


def test_a_refused_message_is_not_sent_again() -> None:
    """By its number, or where that could not be read by the hash of what was sent."""
    kept = Kept("b")
    said(kept, 1, 2, 3)
    digest = next(m.sent_hash for m in kept if m.seq == 2)
    refused = kept.settle(
        orjson.dumps(
            {
                "boot": "b",
                "seq": 0,
                "refused": [{"seq": 3, "reason": "clock"}, {"sha256": digest, "reason": "flood"}],
            }
        )
    )

    assert [one["reason"] for one in refused] == ["clock", "flood"]
    assert [message.seq for message in kept] == [1]
    assert kept.due(10_000.0) == list(kept)
