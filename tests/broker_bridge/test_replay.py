"""Refused messages taken again, after what was wrong with them was put right."""

from typing import Any

import pytest

from deploy.embedded.processes import wait_until
from foundation.database import Pool, transaction
from registry import terminals
from registry.model import TerminalState
from telemetry import replays
from telemetry.model import Replay, Search
from tests.broker_bridge.running import Bridge, Publisher, now_ms, read
from tests.conftest import Database, TestBroker
from tests.country import everything, register, settled
from tests.telemetry.ground import execute


async def replayed(pool: Pool, which: Search | list[int]) -> Replay:
    """A replay, when each of its items has met its outcome."""
    async with transaction(pool, everything.settings()) as conn:
        asked = await replays.request(conn, everything, which)
    return await finished(pool, asked)


async def finished(pool: Pool, asked: Replay) -> Replay:
    """A replay that was asked for, when no item waits any more."""
    for _ in range(300):
        async with transaction(pool, everything.settings()) as conn:
            found = await replays.find(conn, everything, asked.id)
            if not found.waiting:
                return found
            await conn.execute("select pg_sleep(0.1)")
    raise AssertionError(found)


def outcomes(database: Database, replay: Replay) -> list[dict[str, Any]]:
    """What became of each item, and whether it is resolved."""
    return read(
        database,
        "select i.outcome, i.reason, q.resolved_at is not null as resolved"
        " from telemetry.replay_item i left join telemetry.quarantine q on q.id = i.item_id"
        " where i.replay_id = %s order by q.payload",
        replay.id,
    )


@pytest.mark.timeout(120)
async def test_what_is_put_right_is_stored_with_the_time_it_came(
    database: Database, broker: TestBroker
) -> None:
    """Each by its own outcome: stored once, refused again, there before, or forgotten."""
    async with settled(database) as pool:
        await register(pool, "M-1", state=TerminalState.REGISTERED)
        broker.admit("M-1", "M-2")
        with (
            Bridge(database, broker).ready() as bridge,
            Publisher(broker, "M-1") as one,
            Publisher(broker, "M-2") as two,
        ):
            ts = now_ms()
            one.say({"ts": ts, "values": {"voltage_a": 231.0}})
            one.say({"values": {"voltage_a": 232.0}})  # at our clock
            one.say({"ts": ts + 1, "values": {"voltage_a": 999.0}})  # still out of range
            one.say({"code": "opened"}, channel="event")
            two.say({"ts": ts, "values": {"voltage_a": 233.0}})  # a stranger
            bridge.settle(5)
            first = await replayed(pool, Search())
            refused_again = outcomes(database, first)

            async with transaction(pool, everything.settings()) as conn:
                for state in (TerminalState.TESTING, TerminalState.IN_SERVICE):
                    await terminals.move_to(conn, everything, "M-1", state)
            await register(pool, "M-2")
            assert wait_until(lambda: bridge.metric("muster_bridge_terminals") == 2, 20)
            items = read(
                database, "select id, received_at from telemetry.quarantine order by payload"
            )
            second = await replayed(pool, Search())
            done = outcomes(database, second)
            again = await replayed(pool, [items[1]["id"]])
            stored = read(
                database,
                "select terminal_id, time, voltage_a from telemetry.meter order by voltage_a",
            )
            events = read(database, "select code, time from telemetry.event")
            fates = bridge.fates()
            replayed_total = bridge.metric('muster_bridge_replayed_total{fate="stored"}')
            fed = read(database, "select distinct bridge from telemetry.batch where profile_id > 0")

    kept = {"outcome": "quarantined", "resolved": False}
    assert refused_again == [
        kept | {"reason": "not_in_service"},
        kept | {"reason": "not_in_service"},
        kept | {"reason": "unknown_terminal"},
        kept | {"reason": "not_in_service"},
        kept | {"reason": "not_in_service"},
    ]
    assert (first.quarantined, second.stored, second.quarantined) == (5, 4, 1)
    stored_now = {"outcome": "stored", "reason": None, "resolved": True}
    assert done == [stored_now] * 3 + [kept | {"reason": "out_of_range"}, stored_now]
    assert again.duplicate == 1
    assert [(row["terminal_id"], row["voltage_a"]) for row in stored] == [
        (1, 231.0),
        (1, 232.0),
        (2, 233.0),
    ]
    assert stored[1]["time"] == items[4]["received_at"]
    assert (events[0]["code"], events[0]["time"]) == ("opened", items[0]["received_at"])
    assert sum(fates.values()) == 5, "a replay is no new message"
    assert replayed_total == 4
    assert [row["bridge"] for row in fed] == ["bridge-1-replay"]


@pytest.mark.timeout(120)
async def test_what_is_gone_or_cut_off_is_told_so(database: Database, broker: TestBroker) -> None:
    """A message that retention took, and one of which only the beginning is kept."""
    async with settled(database) as pool:
        await register(pool, "M-1")
        broker.admit("M-1")
        with Bridge(database, broker).ready() as bridge, Publisher(broker, "M-1") as meter:
            meter.say(b"[1", b"{")
            bridge.settle(2)
            execute(
                database,
                "update telemetry.quarantine set payload_bytes = 70000 where payload = '[1'",
            )
            asked = await replayed(pool, Search())
            cut = outcomes(database, asked)
            forgotten = "update telemetry.replay_item set outcome = null, item_id = item_id + 1000"
            execute(database, forgotten)
            gone = await finished(pool, asked)

    assert [(row["outcome"], row["reason"]) for row in cut] == [
        ("quarantined", "too_large"),
        ("quarantined", "malformed"),
    ]
    assert gone.gone == 2
