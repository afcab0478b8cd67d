"""Through the spool with a real broker and a real database: what comes, and in which order."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from broker_bridge.spool import FILE
from deploy.embedded.processes import wait_until
from foundation.database import Pool
from tests.broker_bridge.cutting import Cut, CuttingProxy
from tests.broker_bridge.running import SECONDS, Bridge, Publisher, now_ms, read
from tests.broker_bridge.test_bridge import HOUR_MS, closed, quarantined, stored
from tests.conftest import Database, TestBroker
from tests.country import register, settled


@pytest.fixture
async def pool(database: Database, broker: TestBroker) -> AsyncIterator[Pool]:
    """The small country with the meters M-1 and M-2, admitted to the broker."""
    broker.admit("M-1", "M-2")
    async with settled(database) as opened:
        await register(opened, "M-1", "M-2")
        yield opened


def readings(base: int, first: int, count: int) -> list[dict[str, float]]:
    """Numbered readings."""
    return [{"ts": base + k, "voltage_a": 230} for k in range(first, first + count)]


async def test_a_commit_without_an_answer_is_spooled_and_stored_once(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """F16: cut while it commits, and away from then on; what was stored is a duplicate."""
    base = now_ms() - HOUR_MS
    async with CuttingProxy(database.bridge) as proxy:
        with (
            Bridge(database, broker, MUSTER_DATABASE_URL=proxy.dsn) as bridge,
            Publisher(broker, "M-1") as meter,
        ):
            await asyncio.to_thread(bridge.ready)
            proxy.closes = proxy.copied_only = True
            proxy.cut = Cut.AFTER
            await asyncio.to_thread(meter.say, *readings(base, 0, 10))
            assert await asyncio.to_thread(wait_until, lambda: bridge.held() > 0, SECONDS)
            proxy.closes = False
            await asyncio.to_thread(bridge.settle, 10)
            fates = await asyncio.to_thread(bridge.fates)
            assert await asyncio.to_thread(bridge.stop) == 0

    assert proxy.cuts == 1
    assert [ms for _, ms, _ in stored(database)] == [base + k for k in range(10)]
    assert sum(fates.values()) == 10
    fed = read(
        database, "select coalesce(sum(rows), 0)::int4 n from telemetry.batch where profile_id > 0"
    )
    assert fed == [{"n": 10}]


async def test_a_damaged_message_is_quarantined_and_costs_no_other(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Changed on the disk: told with what is left of it, and counted."""
    base = now_ms() - HOUR_MS
    file = Path(broker.server.directory.parent) / "spool" / "bridge-1" / FILE
    with Publisher(broker, "M-1") as meter:
        with closed(database), Bridge(database, broker) as bridge:
            assert wait_until(lambda: bridge.metric("muster_bridge_connected") == 1, SECONDS)
            meter.say(*readings(base, 0, 5))
            assert wait_until(lambda: bridge.held() == 5, SECONDS)
            assert bridge.stop() == 0
        with closing(sqlite3.connect(file, isolation_level=None)) as db:
            db.execute(
                "update parcel set payloads = cast(replace(cast(payloads as text), ?, ?) as blob)",
                (f"{base + 2}", f"{base + 7}"),
            )
        with Bridge(database, broker).ready() as bridge:
            assert wait_until(lambda: bridge.held() == 0, SECONDS)
            assert bridge.fates() == {"stored": 4, "malformed": 1}

    assert [ms for _, ms, _ in stored(database)] == [base + k for k in (0, 1, 3, 4)]
    assert [reason for reason, _ in quarantined(database)] == ["malformed"]


async def test_a_full_spool_stops_the_acknowledging_and_goes_on_with_the_database(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """What found no room waits for the database unacknowledged, and keeps its place."""
    base = now_ms() - HOUR_MS
    with (
        Bridge(database, broker, MUSTER_SPOOL_MAX_BYTES="20000").ready() as bridge,
        Publisher(broker, "M-1") as meter,
    ):
        with closed(database):
            sent = 0
            while bridge.metric("muster_bridge_spool_full") != 1:
                meter.say(*readings(base, sent, 50))
                sent += 50
                wait_until(lambda: bridge.metric("muster_bridge_unsettled") == 0, 2)
            assert "spool is full" in bridge.get("/health/ready")[1]
            assert bridge.metric("muster_bridge_spool_bytes") <= 20_000
            assert bridge.metric("muster_bridge_unsettled") > 0
        bridge.settle(sent)
        assert bridge.metric("muster_bridge_spool_full") == 0

    assert [ms for _, ms, _ in stored(database)] == [base + k for k in range(sent)]
