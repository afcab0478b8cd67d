"""The broker's accounts follow the registry while both run."""

import time
from collections.abc import Iterator

import psycopg
import pytest

from deploy.embedded import processes
from deploy.embedded.credentials import RELOAD_SECONDS, CredentialFollower
from deploy.embedded.mosquitto import verifier
from tests.conftest import Database, TestBroker
from tests.embedded.mqtt import Client

CUT_OFF_SECONDS = 5  # the promise


def execute(database: Database, *statements: str) -> None:
    """Run statements as the owner of everything, each in its own transaction."""
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def register(database: Database, code: str) -> None:
    """A terminal in service whose password is its code."""
    execute(
        database,
        "insert into registry.region (code, last_code, level, name_zh, name_en)"
        " values (0, 999999, 'headquarters', '总部', 'Headquarters') on conflict do nothing",
        "insert into registry.profile (code, sector, title_zh, title_en, codec,"
        " expected_interval_seconds) values ('meter', 'power', '表', 'Meter', 'json', 60)"
        " on conflict do nothing",
        f"insert into registry.terminal (code, profile_id, region_code, state)"
        f" select '{code}', id, 0, 'in_service' from registry.profile",
        f"insert into registry.credential (terminal_id, verifier)"
        f" select id, '{verifier(code)}' from registry.terminal where code = '{code}'",
    )


HELD = (
    "insert into telemetry.bridge (name, session_established_at) values ('bridge-1', now())"
    " on conflict (name) do update set session_established_at = now()"
)


@pytest.fixture
def follower(database: Database, broker: TestBroker) -> Iterator[CredentialFollower]:
    """A follower that runs, beside the bridge's own account; the bridge has its session."""
    execute(database, HELD)
    own = {"bridge-1": verifier("bridge-1-secret")}
    following = CredentialFollower(database.jobs, broker.server, own)
    following.write()
    following.start()
    yield following
    following.stop()


def can_connect(broker: TestBroker, code: str) -> bool:
    """Whether this terminal is let in now."""
    client = Client(broker.server.port, code, code)
    client.close()
    return client.admitted


def connected(broker: TestBroker, code: str) -> Client:
    """A connection of this terminal, as soon as it is let in."""
    assert processes.wait_until(lambda: can_connect(broker, code), CUT_OFF_SECONDS)
    return Client(broker.server.port, code, code)


@pytest.mark.usefixtures("follower")
@pytest.mark.parametrize(
    "change",
    [
        "update registry.credential set revoked_at = now() where terminal_id = {one}",
        "update registry.terminal set state = 'retired' where id = {one}",
        "delete from registry.credential where terminal_id = {one}",
    ],
)
def test_who_loses_the_right_loses_the_connection(
    database: Database, broker: TestBroker, change: str
) -> None:
    """Revoked, retired or removed: cut off within 5 seconds, and not let in again."""
    register(database, "one")
    register(database, "two")
    cut, kept = connected(broker, "one"), connected(broker, "two")

    execute(database, change.format(one="(select id from registry.terminal where code = 'one')"))

    assert cut.was_cut_off(CUT_OFF_SECONDS)
    assert not kept.was_cut_off(0.2)
    assert not can_connect(broker, "one")
    assert can_connect(broker, "bridge-1") is False  # its password is not its name
    bridge = Client(broker.server.port, "bridge-1", "bridge-1-secret")
    assert bridge.admitted
    for client in (cut, kept, bridge):
        client.close()


@pytest.mark.usefixtures("follower")
def test_a_burst_of_changes_is_one_reload(
    database: Database, broker: TestBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many terminals change, the broker reads its accounts at most every 2 seconds."""
    reloads: list[float] = []
    reload = broker.server.reload

    def counted() -> None:
        reloads.append(0)
        reload()

    monkeypatch.setattr(broker.server, "reload", counted)
    begun = time.monotonic()
    for number in range(20):
        register(database, f"terminal-{number}")

    connected(broker, "terminal-19").close()

    assert len(reloads) <= 2 + (time.monotonic() - begun) / RELOAD_SECONDS
    assert can_connect(broker, "terminal-0")


@pytest.mark.usefixtures("follower")
def test_a_change_that_commits_late_is_seen(database: Database, broker: TestBroker) -> None:
    """A transaction that began before others, and commits after them, is not overlooked."""
    register(database, "early")
    connected(broker, "early").close()
    with psycopg.connect(database.superuser) as slow:
        slow.execute("update registry.terminal set state = 'retired' where code = 'early'")
        register(database, "late")
        connected(broker, "late").close()
        assert can_connect(broker, "early")
        slow.commit()

    assert processes.wait_until(lambda: not can_connect(broker, "early"), CUT_OFF_SECONDS)


def test_nobody_is_cut_off_because_the_database_is_away(
    database: Database, broker: TestBroker, follower: CredentialFollower
) -> None:
    """The accounts stay as they are until the registry answers again."""
    register(database, "one")
    client = connected(broker, "one")

    execute(
        database,
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name like 'muster accounts %' and datname = current_database()",
    )

    assert not client.was_cut_off(0.5)
    register(database, "two")
    connected(broker, "two").close()
    assert not client.was_cut_off(0)
    client.close()


def test_nobody_is_let_in_before_a_bridge_has_its_session(
    database: Database, broker: TestBroker, follower: CredentialFollower
) -> None:
    """A broker without the bridge's session would acknowledge messages and throw them away."""
    execute(database, "update telemetry.bridge set session_established_at = null")
    late = CredentialFollower(database.jobs, broker.server, {"bridge-1": verifier("x")})
    follower.stop()
    register(database, "early")
    late.write()
    broker.server.reload()
    late.start()
    try:
        assert not processes.wait_until(lambda: can_connect(broker, "early"), 1)
        execute(database, HELD)
        assert processes.wait_until(lambda: can_connect(broker, "early"), CUT_OFF_SECONDS)
    finally:
        late.stop()
