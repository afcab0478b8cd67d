"""The whole message path with a real broker and a real TimescaleDB: what comes in, and its fate."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from deploy.embedded.processes import wait_until
from foundation.database import Pool, transaction
from registry import ownership, profiles, terminals
from registry.identifiers import TerminalCode
from registry.model import Metric, MetricType, TerminalState
from tests.broker_bridge.running import SECONDS, Bridge, Publisher, now_ms, read
from tests.conftest import Database, TestBroker
from tests.country import JIANGSU, METER, everything, register, settled

HOUR_MS = 3_600_000
TANK = replace(METER, code="tank", metrics=(replace(METER.metrics[0], name="level"),))


@pytest.fixture
async def pool(database: Database, broker: TestBroker) -> AsyncIterator[Pool]:
    """The small country with the meters M-1 and M-2, admitted to the broker."""
    broker.admit("M-1", "M-2")
    async with settled(database) as opened:
        await register(opened, "M-1", "M-2")
        yield opened


def stored(database: Database, columns: str = "voltage_a") -> list[tuple[object, ...]]:
    """(terminal, ts in Unix ms, values) of every row of the meters."""
    found = read(
        database,
        "select t.code, (extract(epoch from r.time) * 1000)::bigint as ms,"
        f" {columns} from telemetry.meter r join registry.terminal t on t.id = r.terminal_id"
        " order by 1, 2",
    )
    return [tuple(row.values()) for row in found]


def quarantined(database: Database) -> list[tuple[str, bytes]]:
    """(reason, raw payload) of every item."""
    found = read(database, "select reason, payload from telemetry.quarantine order by id")
    return [(row["reason"], bytes(row["payload"])) for row in found]


@pytest.mark.parametrize("session", ["mqtt5", "paho"])
async def test_a_reading_is_stored_whatever_its_form(
    database: Database, broker: TestBroker, pool: Pool, session: str
) -> None:
    """With header, flat, in a list, in seconds, as text, at QoS 0; scaled by its decimals."""
    base = now_ms() - HOUR_MS
    with (
        Bridge(database, broker, MUSTER_SESSION=session).ready() as bridge,
        Publisher(broker, "M-1") as meter,
    ):
        meter.say(
            {"ts": base, "seq": 1, "values": {"voltage_a": 231.5, "energy_kwh": 12.34}},
            {"ts": base / 1000 + 1, "voltage_a": 232},
            [
                {"ts": base + 2000, "values": {"voltage_a": 233.0}},
                {"ts": base + 3000, "voltage_a": 234},
            ],
        )
        meter.client.publish("m2m/v1/M-1/telemetry", '{"voltage_a": 235.0}', 0)
        bridge.settle(4)
        assert bridge.fates() == {"stored": 4}
        assert bridge.metric("muster_bridge_untimed_total") == 1
        assert bridge.metric('muster_bridge_parts_total{fate="stored"}') == 5
        assert bridge.stop() == 0

    assert stored(database, "voltage_a, energy_kwh")[:4] == [
        ("M-1", base, 231.5, 1234),
        ("M-1", base + 1000, 232.0, None),
        ("M-1", base + 2000, 233.0, None),
        ("M-1", base + 3000, 234.0, None),
    ]
    assert stored(database)[4][2] == 235.0


async def test_what_was_sent_while_the_bridge_was_away_comes_in(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """The session outlives the process: nothing is lost and nothing doubled by a clean restart."""
    base = now_ms() - HOUR_MS
    with Publisher(broker, "M-1") as meter:
        for part in range(3):
            with Bridge(database, broker).ready() as bridge:
                meter.say(*({"ts": base + 10 * part + k, "voltage_a": 230} for k in range(5)))
                assert bridge.stop() == 0
            meter.say(*({"ts": base + 10 * part + k, "voltage_a": 230} for k in range(5, 10)))
        with Bridge(database, broker).ready() as bridge:
            bridge.settle(int(bridge.metric("muster_bridge_received_total")))
            assert bridge.metric("muster_bridge_session_lost_total") == 0

    assert stored(database) == [("M-1", base + k, 230.0) for k in range(30)]


async def test_a_redelivered_message_is_a_duplicate(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Of several at one moment: the same again is nothing new, more merges, another clashes."""
    base = now_ms() - HOUR_MS
    first = {"ts": base, "values": {"voltage_a": 231.0}}
    more = {"ts": base, "values": {"energy_kwh": 5.5}}
    other = {"ts": base, "values": {"voltage_a": 240.0, "energy_kwh": 5.5}}
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "M-1") as meter:
        meter.say(first)
        bridge.settle(1)
        meter.say(first, first)
        bridge.settle(3)
        meter.say(more)
        bridge.settle(4)
        meter.say(other)
        bridge.settle(5)
        assert bridge.fates() == {"stored": 2, "duplicate": 2, "conflict": 1}

    assert stored(database, "voltage_a, energy_kwh") == [("M-1", base, 231.0, 550)]
    assert read(
        database, "select reason, detail, terminal_id, bridge, topic from telemetry.quarantine"
    ) == [
        {
            "reason": "conflict",
            "detail": "voltage_a has another value at that time already",
            "terminal_id": 1,
            "bridge": "bridge-1",
            "topic": "m2m/v1/M-1/telemetry",
        }
    ]


async def test_of_two_at_one_moment_the_stored_one_stays_a_duplicate(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Whichever of them comes first the next time: values are held against what is stored."""
    base = now_ms() - HOUR_MS
    first = {"ts": base, "values": {"voltage_a": 231.0, "energy_kwh": 5.5}}
    second = {"ts": base, "values": {"voltage_a": 240.5, "energy_kwh": 6.5}}
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "M-1") as meter:
        meter.say(second)
        bridge.settle(1)
        meter.say(first, second)
        bridge.settle(3)
        assert bridge.fates() == {"stored": 1, "duplicate": 1, "conflict": 1}

    assert stored(database, "voltage_a, energy_kwh") == [("M-1", base, 240.5, 650)]


async def test_a_new_profile_and_a_new_metric_reach_a_running_bridge(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Sent the moment after the commit, by new and by old terminals: not one message is refused."""
    base = now_ms() - HOUR_MS
    broker.admit("T-1")
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "M-1") as meter:
        meter.say({"ts": base, "voltage_a": 230})
        bridge.settle(1)
        frequency = Metric("frequency", MetricType.DOUBLE, "Hz", 45, 55, 1, "频率", "Frequency")
        async with transaction(pool, everything.settings()) as conn:
            await profiles.add_metric(conn, everything, METER.code, frequency)
        meter.say({"ts": base + 1, "voltage_a": 231, "frequency": 50.1})
        async with transaction(pool, everything.settings()) as conn:
            await profiles.define(conn, everything, TANK)
            await terminals.register(
                conn,
                everything,
                code=TerminalCode("T-1"),
                profile="tank",
                region=JIANGSU,
                group_client=None,
                state=TerminalState.TESTING,
            )
        with Publisher(broker, "T-1") as tank:
            tank.say({"ts": base, "level": 232})
        bridge.settle(3)
        assert bridge.fates() == {"stored": 3}

    assert stored(database, "voltage_a, frequency") == [
        ("M-1", base, 230.0, None),
        ("M-1", base + 1, 231.0, 501),
    ]
    assert read(database, "select terminal_id, level from telemetry.tank") == [
        {"terminal_id": 3, "level": 232.0}
    ]


async def test_time_of_another_owner_is_refused(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """After a transfer, what was measured before it is quarantined; what comes after is stored."""
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "M-1") as meter:
        before = {"ts": now_ms() - HOUR_MS, "voltage_a": 230}
        async with transaction(pool, everything.settings()) as conn:
            await ownership.transfer(conn, everything, "M-1", "power-zj")
        after = {"ts": now_ms() + 1000, "voltage_a": 231}
        # What follows the directory's feed comes within a second; nothing tells us when.
        sent = 0
        while not quarantined(database):
            meter.say(before)
            sent += 1
            bridge.settle(sent)
        meter.say(after)
        bridge.settle(sent + 1)
        assert bridge.fates()["other_owner"] == 1

    assert ("M-1", after["ts"], 231.0) in stored(database)
    assert [reason for reason, _ in quarantined(database)] == ["other_owner"]


async def test_events_and_reports_are_kept_as_events(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """What comes on the other channels is neither lost nor taken for a reading."""
    base = now_ms() - HOUR_MS
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "M-1") as meter:
        tamper = {
            "ts": base,
            "code": "tamper",
            "severity": "major",
            "text": "lid",
            "data": {"n": 1},
        }
        meter.say(tamper, channel="event")
        bridge.settle(1)
        meter.say(tamper, [tamper, {"code": "power_on"}], channel="event")
        meter.say({"imei": "490154203237518"}, channel="hello")
        meter.say({"session": "online"}, channel="status")
        meter.say({"id": 7, "status": "done"}, channel="reply")
        meter.say({"interval": 60}, channel="reported")
        meter.say("online", b"{", channel="status")
        bridge.settle(9)
        assert bridge.fates() == {"stored": 6, "duplicate": 1, "malformed": 2}

    assert read(
        database, "select code, severity, text, data from telemetry.event order by time, code"
    )[0] == {"code": "tamper", "severity": "major", "text": "lid", "data": {"n": 1}}
    assert {
        row["code"]: row["data"] for row in read(database, "select code, data from telemetry.event")
    } == {
        "tamper": {"n": 1},
        "power_on": None,
        "hello": {"imei": "490154203237518"},
        "session": {"session": "online"},
        "reply": {"id": 7, "status": "done"},
        "reported": {"interval": 60},
    }
    assert quarantined(database) == [("malformed", b'"online"'), ("malformed", b"{")]


async def test_what_a_database_that_is_away_does_not_take_goes_to_the_spool(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """It is acknowledged and counted as held, and stored in order when the database is back."""
    base = now_ms() - HOUR_MS
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "M-1") as meter:
        meter.say({"ts": base, "voltage_a": 230})
        bridge.settle(1)
        with closed(database):
            meter.say(*({"ts": base + k, "voltage_a": 231} for k in range(1, 30)))
            assert wait_until(lambda: bridge.held() == 29, SECONDS)
            assert bridge.get("/health/ready")[0] == 503
            assert bridge.metric("muster_bridge_unsettled") == 0
            assert bridge.metric("muster_bridge_spool_bytes") > 29 * len("m2m/v1/M-1/telemetry")
            assert bridge.fates() == {"stored": 1}
        bridge.settle(30)
        assert wait_until(lambda: bridge.get("/health/ready")[0] == 200, SECONDS)
        assert bridge.held() == bridge.metric("muster_bridge_spool_bytes") == 0

    assert len(stored(database)) == 30


async def test_without_a_spool_messages_wait_unacknowledged(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Nothing is lost or doubled when the database comes back; a stop has its deadline."""
    base = now_ms() - HOUR_MS
    without = {"MUSTER_SPOOL_MAX_BYTES": "0", "MUSTER_STOP_DEADLINE_SECONDS": "0.5"}
    with Publisher(broker, "M-1") as meter:
        with Bridge(database, broker, **without).ready() as bridge, closed(database):
            meter.say(*({"ts": base + k, "voltage_a": 231} for k in range(10)))
            assert wait_until(lambda: bridge.get("/health/ready")[0] == 503, SECONDS)
            assert bridge.metric("muster_bridge_unsettled") == 10
            assert bridge.stop() == 1
            assert "stopped before everything was settled" in bridge.said()
        with Bridge(database, broker, **without).ready() as bridge:
            bridge.settle(10)
            with closed(database):
                meter.say(*({"ts": base + k, "voltage_a": 231} for k in range(10, 20)))
                assert wait_until(lambda: bridge.get("/health/ready")[0] == 503, SECONDS)
            bridge.settle(20)

    assert [ms for _, ms, _ in stored(database)] == [base + k for k in range(20)]


async def test_the_spool_outlives_the_bridge(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """A bridge stops and starts without its database; the next one stores what lay there."""
    base = now_ms() - HOUR_MS
    with closed(database), Publisher(broker, "M-1") as meter:
        for part in range(3):
            with Bridge(database, broker) as bridge:
                assert wait_until(lambda: bridge.metric("muster_bridge_connected") == 1, SECONDS)
                assert "has not answered yet" in bridge.get("/health/ready")[1]
                meter.say(*({"ts": base + 10 * part + k, "voltage_a": 230} for k in range(10)))
                assert wait_until(lambda: bridge.held() == 10 * (part + 1), SECONDS)  # noqa: B023
                assert bridge.stop() == 0
    with Bridge(database, broker).ready() as bridge:
        assert wait_until(lambda: bridge.held() == 0, SECONDS)
        assert bridge.metric("muster_bridge_drained_total") == 30
        assert bridge.fates() == {"stored": 30}

    assert stored(database) == [("M-1", base + k, 230.0) for k in range(30)]


async def test_a_forgotten_session_is_told(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """No alarm at the first start; one when the broker comes back without our session."""
    with Bridge(database, broker).ready() as bridge:
        assert bridge.metric("muster_bridge_session_lost_total") == 0
        broker.server.stop()
        for kept in (broker.server.directory / "data").iterdir():
            kept.unlink()
        broker.server.start()
        assert wait_until(lambda: bridge.metric("muster_bridge_session_lost_total") == 1, SECONDS)

    assert read(database, "select name, sessions_lost from telemetry.bridge") == [
        {"name": "bridge-1", "sessions_lost": 1}
    ]


@contextmanager
def closed(database: Database) -> Iterator[None]:
    """The database is closed to the bridge, and its connections are cut."""
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute("alter role muster_bridge nologin")
        try:
            conn.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                " where usename = 'muster_bridge' and datname = current_database()"
            )
            yield
        finally:
            conn.execute("alter role muster_bridge login")
