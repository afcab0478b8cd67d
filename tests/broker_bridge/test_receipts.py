"""What terminals are told of their messages, with a real broker and a real TimescaleDB."""

import hashlib
import queue
from collections.abc import AsyncIterator
from typing import Any

import orjson
import psycopg
import pytest

from deploy.embedded.processes import wait_until
from foundation.database import Pool
from tests.broker_bridge.running import SECONDS, Bridge, Publisher, now_ms, read
from tests.conftest import Database, TestBroker
from tests.country import register, settled

HOUR_MS = 3_600_000
BOOT = "a7"


@pytest.fixture
async def pool(database: Database, broker: TestBroker) -> AsyncIterator[Pool]:
    """The small country with the meters M-1 and M-2, admitted to the broker."""
    broker.admit("M-1", "M-2")
    async with settled(database) as opened:
        await register(opened, "M-1", "M-2")
        yield opened


class Numbering(Publisher):
    """A terminal that numbers its messages and listens for receipts."""

    def __init__(self, broker: TestBroker, code: str) -> None:
        super().__init__(broker, code)
        self.base_ms = now_ms() - HOUR_MS
        self.subscribe(f"m2m/v1/{code}/receipt")

    def number(self, *seqs: int, **more: Any) -> None:
        """Send the messages of these numbers."""
        self.say(
            *(
                {"ts": self.base_ms + seq, "seq": seq, "boot": BOOT, "values": {"voltage_a": 230}}
                | more
                for seq in seqs
            )
        )

    def told(self) -> dict[str, Any]:
        """The next receipt."""
        topic, payload = self.inbox.get(timeout=SECONDS)
        assert topic == f"m2m/v1/{self.code}/receipt"
        receipt: dict[str, Any] = orjson.loads(payload)
        return receipt

    def told_until(self, seq: int) -> list[dict[str, Any]]:
        """The receipts up to the one of this number."""
        receipts = [self.told()]
        while receipts[-1]["seq"] < seq:
            receipts.append(self.told())
        return receipts


@pytest.mark.parametrize("session", ["mqtt5", "paho"])
async def test_a_receipt_follows_the_commit_and_never_precedes_it(
    database: Database, broker: TestBroker, pool: Pool, session: str
) -> None:
    """While the database cannot commit, nothing is told; then once for many."""
    with (
        Bridge(database, broker, MUSTER_SESSION=session).ready() as bridge,
        Numbering(broker, "M-1") as meter,
    ):
        with psycopg.connect(database.superuser) as conn:
            conn.execute("lock table telemetry.meter in exclusive mode")
            meter.number(*range(1, 101))
            assert wait_until(
                lambda: bool(
                    read(
                        database,
                        "select from pg_stat_activity where wait_event_type = 'Lock'"
                        " and datname = current_database()",
                    )
                ),
                SECONDS,
            )
            assert bridge.metric("muster_bridge_unsettled") > 0
            with pytest.raises(queue.Empty):
                meter.inbox.get_nowait()
            conn.rollback()
        receipts = meter.told_until(100)

    assert receipts[-1] == {"boot": BOOT, "seq": 100, "refused": []}
    assert len(receipts) <= 4  # of batches and seconds, not of messages
    assert read(database, "select count(*)::int4 as n from telemetry.meter") == [{"n": 100}]


async def test_a_missing_number_holds_the_receipt_until_it_comes_or_is_given_up(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Late numbers close the hole; numbers given up are a gap with its bounds."""
    with Bridge(database, broker).ready(), Numbering(broker, "M-1") as meter:
        meter.number(1, 2, 5)
        assert meter.told_until(2)[-1]["seq"] == 2
        meter.number(3, 4)
        assert meter.told_until(5)[-1]["seq"] == 5
        meter.number(9)
        assert meter.told()["seq"] == 5
        meter.number(10, **{"from": 8})
        assert meter.told()["seq"] == 7
        meter.number(8)
        assert meter.told()["seq"] == 10

    assert read(
        database,
        "select kind, bridge, terminal_id, boot, first_seq, last_seq, messages,"
        " begins_at < ends_at as bounded from telemetry.gap",
    ) == [
        {
            "kind": "given_up",
            "bridge": "bridge-1",
            "terminal_id": 1,
            "boot": BOOT,
            "first_seq": 6,
            "last_seq": 7,
            "messages": 2,
            "bounded": True,
        }
    ]


async def test_each_boot_counts_by_itself(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """What an earlier boot still has to send does not stand for the numbers of the present one."""
    with Bridge(database, broker).ready(), Numbering(broker, "M-1") as meter:
        meter.number(1, 2, 3)
        assert meter.told_until(3)
        meter.number(4, boot="b8")
        assert meter.told() == {"boot": "b8", "seq": 0, "refused": []}


async def test_a_refused_message_is_told_its_reason(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """By its number, which is settled with it; without one by the hash of its payload."""
    with Bridge(database, broker).ready(), Numbering(broker, "M-1") as meter:
        meter.number(1, values={"voltage_a": 9000})
        assert meter.told() == {
            "boot": BOOT,
            "seq": 1,
            "refused": [
                {
                    "seq": 1,
                    "reason": "out_of_range",
                    "detail": "voltage_a 9000 is outside 180 to 260 V",
                }
            ],
        }
        meter.number(2, values={"voltage_a": "high"})
        assert meter.told()["refused"][0]["reason"] == "wrong_type"
        meter.number(3, ts=5000)
        assert meter.told()["refused"][0]["reason"] == "clock"
        meter.number(4, ts="yesterday")
        assert [(r["seq"], r["reason"]) for r in meter.told()["refused"]] == [(4, "malformed")]
        meter.say(b"{broken")
        refused = meter.told()["refused"]

    assert [(r["sha256"], r["reason"]) for r in refused] == [
        (hashlib.sha256(b"{broken").hexdigest()[:16], "malformed")
    ]


async def test_who_never_numbers_costs_nothing(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """A number without the boot that it counts from is none: it would be true of any boot."""
    with Bridge(database, broker).ready() as bridge, Numbering(broker, "M-1") as meter:
        base = now_ms() - HOUR_MS
        meter.say({"ts": base, "voltage_a": 230}, {"ts": base + 1, "seq": 7, "voltage_a": 230})
        bridge.settle(2)
        assert bridge.stop() == 0
        assert meter.inbox.empty()

    assert read(database, "select from telemetry.receipt") == []
