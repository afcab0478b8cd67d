"""What the broker loses of what it acknowledged is noticed, counted and recorded as a gap."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from broker_bridge.losses import UPTIME, Losses
from deploy.embedded.mosquitto import Broker, verifier
from deploy.embedded.processes import wait_until
from deploy.embedded.runtime import Runtime
from foundation.database import Pool
from telemetry.gaps import Seen
from tests.broker_bridge.running import SECONDS, Bridge, Publisher, now_ms, read
from tests.conftest import Database, TestBroker
from tests.country import register, settled

HOUR_MS = 3_600_000
NOW_US = 1_790_000_000_000_000
LOST = "muster_bridge_session_lost_total"


@pytest.fixture
def broker(servers: Runtime, server_directory: Path) -> Iterator[TestBroker]:
    """A Mosquitto that saves when it is told to, and has room for twenty messages a session."""
    settings = {"autosave_interval": "3600", "sys_interval": "1", "max_queued_messages": "20"}
    settings |= {"max_inflight_messages": "20"}
    server = Broker(servers, server_directory / "mqtt", settings=settings)
    passwords = {"bridge-1": "bridge-1-secret", "M-1": "M-1"}
    server.write_accounts({name: verifier(word) for name, word in passwords.items()})
    server.start()
    try:
        yield TestBroker(server, passwords)
    finally:
        server.stop()


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """The small country with the meter M-1."""
    async with settled(database) as opened:
        await register(opened, "M-1")
        yield opened


def gaps(database: Database) -> list[dict[str, Any]]:
    """Every gap; its bounds in Unix ms."""
    return read(
        database,
        "select kind, terminal_id, messages,"
        " (extract(epoch from begins_at) * 1000)::int8 as begins,"
        " (extract(epoch from ends_at) * 1000)::int8 as ends from telemetry.gap order by id",
    )


def kinds(database: Database) -> list[str]:
    """What the gaps are."""
    return [gap["kind"] for gap in gaps(database)]


def seen(database: Database, column: str) -> bool:
    """Whether the bridge has seen that of its broker."""
    return bool(read(database, f"select from telemetry.bridge where {column} is not null"))


def heard(database: Database) -> None:
    """Wait until mark, uptime and counter of this broker have come."""
    for column in ("marked_at", "broker_started_at", "broker_dropped"):
        assert wait_until(lambda: seen(database, column), SECONDS), column  # noqa: B023


@pytest.mark.parametrize("session", ["mqtt5", "paho"])
async def test_a_session_that_the_broker_forgot_is_a_gap(
    database: Database, broker: TestBroker, pool: Pool, session: str
) -> None:
    """Killed before it ever saved, it knows nothing of us: lost since its last sign of life."""
    with Bridge(database, broker, MUSTER_SESSION=session).ready() as bridge:
        heard(database)
        assert bridge.metric(LOST) == 0
        died_ms = now_ms()
        broker.server.kill()
        broker.server.start()
        assert wait_until(lambda: bridge.metric(LOST) == 1, SECONDS)

    assert kinds(database) == ["session_lost"]
    gap = gaps(database)[0]
    assert gap["terminal_id"] is None
    assert died_ms - 60_000 < gap["begins"] <= gap["ends"]
    assert gap["ends"] >= died_ms
    assert read(database, "select sessions_lost from telemetry.bridge") == [{"sessions_lost": 1}]


@pytest.mark.parametrize("session", ["mqtt5", "paho"])
async def test_a_broker_that_comes_back_from_an_old_save_is_a_gap(
    database: Database, broker: TestBroker, pool: Pool, session: str
) -> None:
    """It has our session, and not what came after: the gap begins with what it still knows."""
    with Bridge(database, broker, MUSTER_SESSION=session).ready() as bridge:
        heard(database)
        broker.server.stop()
        saved_ms = now_ms()
        broker.server.start()
        bridge.ready()
        await asyncio.sleep(1)  # not for luck: a second in which marks come and are not saved
        assert kinds(database) == []  # a clean restart forgets nothing
        died_ms = now_ms()
        broker.server.kill()
        broker.server.start()
        assert wait_until(lambda: bridge.metric(LOST) == 1, SECONDS)

    assert kinds(database) == ["broker_restarted"]
    gap = gaps(database)[0]
    assert gap["begins"] <= saved_ms < died_ms <= gap["ends"] + 1000


async def test_a_restart_while_nobody_listened_counts_as_a_loss(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """The bridge stood still: what came after the save is lost, though the mark is whole."""
    with Bridge(database, broker).ready() as bridge:
        heard(database)
        assert wait_until(
            lambda: bool(
                read(
                    database,
                    "select from telemetry.bridge where marked_at > broker_started_at + '3 s'",
                )
            ),
            SECONDS,
        )
        bridge.process.send_signal(signal.SIGSTOP)
        server = broker.server._process
        assert server is not None
        server.send_signal(signal.SIGUSR1)  # save
        await asyncio.sleep(2.5)  # longer than what counts as having listened
        with Publisher(broker, "M-1") as meter:
            meter.say({"ts": now_ms() - HOUR_MS, "voltage_a": 230})
        broker.server.kill()
        broker.server.start()
        bridge.process.send_signal(signal.SIGCONT)
        assert wait_until(lambda: bridge.metric(LOST) == 1, SECONDS)

    assert kinds(database) == ["broker_restarted"]


async def test_a_planned_stop_of_both_is_no_loss(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Bridge and broker stopped cleanly, in this order, and started again."""
    with Bridge(database, broker).ready() as bridge:
        heard(database)
        assert bridge.stop() == 0
    broker.server.stop()
    await asyncio.sleep(1)
    broker.server.start()
    with Bridge(database, broker).ready() as bridge:
        with Publisher(broker, "M-1") as meter:
            meter.say({"ts": now_ms() - HOUR_MS, "voltage_a": 230})
        bridge.settle(1)
        assert bridge.metric(LOST) == 0
        assert bridge.stop() == 0

    assert gaps(database) == []


@pytest.mark.parametrize("jump_seconds", [3600, -3600, 86_400])
def test_a_clock_that_jumps_is_no_loss(jump_seconds: int) -> None:
    """Of ours, while we are connected, and back again; and marks rise, whatever it says."""
    losses = Losses("m2m/v1", "bridge-1")
    losses.begin(Seen())
    losses.connected(NOW_US, session_present=False)
    marks = []
    for k in range(60):
        now_us = NOW_US + (k + (jump_seconds if 20 <= k < 40 else 0)) * 1_000_000
        losses.notice(UPTIME, b"%d seconds" % (1000 + k), now_us, retained=False)
        marks.append(losses.next_mark(now_us))
        losses.notice(losses.mark_topic, marks[-1], now_us, retained=False)
    losses.disconnected(now_us)
    losses.connected(now_us, session_present=True)
    losses.notice(losses.mark_topic, marks[-1], now_us, retained=True)
    losses.notice(UPTIME, b"1060 seconds", now_us, retained=True)

    numbers = [int(mark.split()[0]) for mark in marks]
    assert losses.lost == []
    assert sorted(set(numbers)) == numbers


def test_a_gap_has_its_bounds_by_the_clock_that_was_set_back() -> None:
    """Marks go on from the clock that was ahead; when they were made is told beside."""
    losses = Losses("m2m/v1", "bridge-1")
    losses.begin(Seen(session=True, marked_us=NOW_US + HOUR_MS * 1000))
    losses.connected(NOW_US, session_present=True)
    saved = losses.next_mark(NOW_US)
    losses.notice(losses.mark_topic, saved, NOW_US, retained=False)
    losses.notice(losses.mark_topic, losses.next_mark(NOW_US + 1000), NOW_US + 1000, retained=False)
    losses.disconnected(NOW_US + 2000)
    losses.connected(NOW_US + 3000, session_present=True)
    losses.notice(losses.mark_topic, saved, NOW_US + 3000, retained=True)

    assert [(lost.begins_us, lost.ends_us) for lost in losses.lost] == [(NOW_US, NOW_US + 2000)]


async def test_what_the_broker_had_no_room_for_is_counted(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Its own counter, watched, while the bridge was away: a gap with the number of messages."""
    with Bridge(database, broker).ready() as bridge:
        heard(database)
        assert bridge.stop() == 0
    with Publisher(broker, "M-1") as meter:
        base = now_ms() - HOUR_MS
        meter.say(*({"ts": base + k, "voltage_a": 230} for k in range(100)))
    with Bridge(database, broker).ready() as bridge:
        assert wait_until(lambda: bridge.metric("muster_bridge_broker_dropped_total") > 0, SECONDS)
        dropped = int(bridge.metric("muster_bridge_broker_dropped_total"))
        stored = int(bridge.metric("muster_bridge_received_total"))

    assert dropped + stored == 100
    assert [(gap["kind"], gap["messages"]) for gap in gaps(database)] == [
        ("broker_dropped", dropped)
    ]
