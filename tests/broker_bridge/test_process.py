"""The bridge as a process: how it starts, refuses to, and stops."""

import psycopg

from deploy.embedded.processes import wait_until
from tests.broker_bridge.running import SECONDS, Bridge
from tests.conftest import Database, TestBroker


def test_settings_that_lack_end_with_exit_2(database: Database, broker: TestBroker) -> None:
    """The sentence names every variable at fault."""
    with Bridge(database, broker, MUSTER_BROKER_URL="http://x", MUSTER_FOO="1") as bridge:
        assert bridge.wait() == 2
        assert "MUSTER_BROKER_URL" in bridge.said()
        assert "MUSTER_FOO is not a setting" in bridge.said()


def test_an_account_that_the_broker_refuses_ends_with_exit_3(
    database: Database, broker: TestBroker
) -> None:
    """The sentence says who refuses whom."""
    with Bridge(database, broker, MUSTER_BROKER_PASSWORD="wrong") as bridge:
        assert bridge.wait() == 3
        assert "The broker refuses 'bridge-1'" in bridge.said()


def test_a_second_bridge_of_one_name_ends_with_exit_3(
    database: Database, broker: TestBroker
) -> None:
    """Two of one name would count the same batches; another name is welcome."""
    with Bridge(database, broker).ready() as first:
        with Bridge(database, broker, "bridge-2", MUSTER_BRIDGE_NAME="bridge-1") as second:
            assert second.wait() == 3
            assert "Another bridge named bridge-1 is at work" in second.said()
        with Bridge(database, broker, "bridge-2").ready() as other:
            assert other.stop() == 0
        assert first.stop() == 0


def test_a_bridge_waits_for_a_database_that_is_away(database: Database, broker: TestBroker) -> None:
    """It says what it waits for, and stops cleanly when told to."""
    nowhere = database.bridge.replace(f"/{database.name}", "/no_such_database")
    with Bridge(database, broker, MUSTER_DATABASE_URL=nowhere) as bridge:
        assert wait_until(lambda: bridge.get("/health/ready")[0] == 503, SECONDS)
        assert "The database has not answered yet" in bridge.get("/health/ready")[1]
        assert bridge.get("/health/live")[0] == 200
        assert bridge.stop() == 0


def test_every_known_figure_is_there_from_the_start(database: Database, broker: TestBroker) -> None:
    """A series that appears with its first event hides that event from a rate."""
    with Bridge(database, broker).ready() as bridge:
        names = (
            'messages_total{fate="stored",reason=""}',
            'messages_total{fate="duplicate",reason=""}',
            'messages_total{fate="quarantined",reason="clock"}',
            'messages_total{fate="quarantined",reason="refused_by_database"}',
            "commit_seconds_count",
            "oldest_unsettled_seconds",
            "session_lost_total",
            "held_total",
            "drained_total",
            "spool_messages",
            "spool_bytes",
            "spool_full",
            "unsettled",
            "received_total",
            "untimed_total",
            "tolerated_total",
        )
        assert {name: bridge.metric(f"muster_bridge_{name}") for name in names} == dict.fromkeys(
            names, 0.0
        )
        assert bridge.metric("muster_bridge_connected") == 1.0


def test_the_session_is_noted_though_no_message_comes(
    database: Database, broker: TestBroker
) -> None:
    """Terminals are let in after it: a bridge that waited for a message would wait for ever."""
    for _ in range(5):  # the grant may come at any moment of the bridge's round
        with Bridge(database, broker) as bridge:
            assert wait_until(lambda: session_is_noted(database), SECONDS)
            assert bridge.stop() == 0
        with psycopg.connect(database.superuser) as conn:
            conn.execute("update telemetry.bridge set session_established_at = null")


def session_is_noted(database: Database) -> bool:
    """Whether the bridge's row says that the broker holds its session."""
    with psycopg.connect(database.superuser) as conn:
        found = conn.execute("select session_established_at from telemetry.bridge").fetchone()
    return found is not None and found[0] is not None
