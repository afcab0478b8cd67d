"""Mosquitto with TLS and certificates of terminals: who is let in, as whom, and who no more."""

import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.embedded.credentials import CredentialFollower
from deploy.embedded.mosquitto import verifier
from deploy.embedded.runtime import Runtime
from registry.authority import Authority, Revocation
from tests.conftest import Database
from tests.embedded import certified
from tests.embedded.certified import Ground, Session
from tests.embedded.mqtt import Client
from tests.embedded.test_credentials import HELD, execute, register

CUT_OFF_SECONDS = 5  # the promise


@pytest.fixture
def ground(servers: Runtime, server_directory: Path) -> Iterator[Ground]:
    """A broker that takes certificates."""
    with certified.ground(servers, server_directory) as standing:
        yield standing


@pytest.fixture
def following(ground: Ground, database: Database) -> Iterator[CredentialFollower]:
    """The registry's credentials and revocations, kept at the broker; a bridge has its session."""
    execute(database, HELD)
    own = {"bridge-1": verifier("bridge-1-secret")}
    follower = CredentialFollower(database.jobs, ground.server, own, ground.authority)
    follower.write()
    follower.start()
    yield follower
    follower.stop()


def ear_of(ground: Ground) -> Client:
    """The bridge, listening."""
    ear = Client(ground.server.port, "bridge-1", "bridge-1-secret")
    ear.subscribe("m2m/v1/+/telemetry")
    return ear


def record(database: Database, ground: Ground, code: str) -> str:
    """Put the newest certificate of a terminal on the roll."""
    serial = ground.serials[code]
    execute(
        database,
        "insert into registry.certificate (terminal_id, serial, fingerprint, not_before, not_after)"
        f" select id, '{serial}', repeat('0', 64), now(), now() + interval '1 day'"
        f" from registry.terminal where code = '{code}'",
    )
    return serial


def revoke(database: Database, serial: str) -> None:
    execute(
        database,
        "update registry.certificate set revoked_at = now(), reason = 'key_compromise'"
        f" where serial = '{serial}'",
    )


def test_a_certificate_lets_in_as_its_own_terminal_and_nobody_else(ground: Ground) -> None:
    """Whatever user name and client id it says: another's session stays, another's topics are
    closed, and the bridge hears what is its own."""
    ear = ear_of(ground)
    own, other = ground.certify("METER-1"), ground.certify("METER-2")
    victim = ground.enter(other)

    thief = ground.enter(own, says="METER-2")
    bridge_thief = ground.enter(ground.certify("METER-3"), says="bridge-1")

    assert [one.admitted for one in (victim, thief, bridge_thief)] == [True] * 3
    assert not victim.was_cut_off(0.5)
    thief.publish("m2m/v1/METER-1/telemetry", b"as itself")
    thief.publish("m2m/v1/METER-2/telemetry", b"as another")
    bridge_thief.publish("m2m/v1/METER-1/telemetry", b"as another, too")
    victim.publish("m2m/v1/METER-2/telemetry", b"as METER-2")
    heard = [ear.inbox.get(timeout=10) for _ in range(2)]
    assert heard == [
        ("m2m/v1/METER-1/telemetry", b"as itself"),
        ("m2m/v1/METER-2/telemetry", b"as METER-2"),
    ]
    assert ear.inbox.empty()
    for one in (victim, thief, bridge_thief, ear):
        one.close()


def test_nobody_enters_without_a_certificate_in_force(ground: Ground) -> None:
    """None, one of another authority, one that has ended, one that is not yet, one of a server,
    and a password alone; again at the next try."""
    now = datetime.now(UTC)
    stranger = Authority.make(ground.directory / "other", now - timedelta(days=2))
    refused: dict[str, ssl.SSLContext] = {
        "none": ground.shows(None, None),
        "wrong authority": ground.certify("METER-1", authority=stranger),
        "expired": ground.certify("METER-1", at=now - timedelta(days=1), lasting=timedelta(0, 60)),
        "not yet": ground.certify("METER-1", at=now + timedelta(hours=2)),
        "a server's": ground.shows(ground.tls.chain, ground.tls.key),
    }

    tried = {
        why: [ground.enter(context, says="METER-9").admitted for _ in range(2)]
        for why, context in refused.items()
    }

    assert tried == {why: [False, False] for why in refused}
    assert ground.enter(ground.certify("METER-1")).admitted


def test_a_revoked_certificate_stays_outside(ground: Ground) -> None:
    """After the reload, for every new connection; the one beside it is let in as before."""
    revoked, kept = ground.certify("METER-1"), ground.certify("METER-2")
    assert ground.enter(revoked).admitted
    line = Revocation(ground.serials["METER-1"], datetime.now(UTC), "key_compromise")

    crl = ground.authority.revoking([line], number=2, now=datetime.now(UTC))
    ground.server.write_revocations(crl)
    ground.server.reload()

    begun = time.monotonic()
    while ground.enter(revoked).admitted:
        assert time.monotonic() - begun < CUT_OFF_SECONDS
    assert not ground.enter(revoked).admitted
    assert ground.enter(kept).admitted


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_of_tls_outlives_its_certificate(
    ground: Ground, version: ssl.TLSVersion
) -> None:
    """Nobody takes up a session of TLS, which would show no certificate again."""
    context = ground.certify("METER-1")
    context.maximum_version = context.minimum_version = version
    first = ground.enter(context)
    first.publish("m2m/v1/METER-1/telemetry", b"so that a ticket would have come")
    kept = first.socket.session
    first.close()

    again = ground.enter(context, session=kept)

    assert again.admitted
    assert not again.socket.session_reused
    again.close()


def test_a_session_is_cut_when_its_certificate_is_revoked(
    ground: Ground, database: Database, following: CredentialFollower
) -> None:
    """Within five seconds, with the subscriptions and all that waited; others stay."""
    ear = ear_of(ground)
    sessions = {}
    for code in ("METER-1", "METER-2"):
        register(database, code)
        context = ground.certify(code)
        record(database, ground, code)
        sessions[code] = (context, _admitted(ground, context))
    context, session = sessions["METER-1"]
    session.publish("m2m/v1/METER-1/telemetry", b"before")

    revoke(database, ground.serials["METER-1"])
    begun = time.monotonic()

    assert session.was_cut_off(CUT_OFF_SECONDS)
    assert time.monotonic() - begun < CUT_OFF_SECONDS
    assert not ground.enter(context).admitted
    assert not sessions["METER-2"][1].was_cut_off(0.3)
    assert ear.inbox.get(timeout=10)[1] == b"before"
    ear.close()


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("update registry.terminal set state = 'retired'", False),
        ("update registry.terminal set state = 'registered'", False),
        ("update registry.terminal set state = 'isolated'", True),
    ],
)
def test_the_state_of_a_terminal_says_whether_its_certificate_counts(
    ground: Ground,
    database: Database,
    following: CredentialFollower,
    statement: str,
    allowed: bool,
) -> None:
    """Cut off within five seconds where it may not connect; an isolated one is heard."""
    register(database, "METER-1")
    context = ground.certify("METER-1")
    record(database, ground, "METER-1")
    session = _admitted(ground, context)

    execute(database, statement)

    assert session.was_cut_off(CUT_OFF_SECONDS if not allowed else 3) == (not allowed)
    assert ground.enter(context).admitted == allowed


def test_nobody_is_let_in_before_a_bridge_listens(ground: Ground, database: Database) -> None:
    """Else the broker would acknowledge what a terminal sends, and throw it away."""
    register(database, "METER-1")
    context = ground.certify("METER-1")
    record(database, ground, "METER-1")
    own = {"bridge-1": verifier("bridge-1-secret")}
    follower = CredentialFollower(database.jobs, ground.server, own, ground.authority)
    follower.write()
    ground.server.reload()
    follower.start()
    begun = time.monotonic()
    while ground.enter(context).admitted:  # until the reload is through
        assert time.monotonic() - begun < CUT_OFF_SECONDS

    execute(database, HELD)

    _admitted(ground, context)
    follower.stop()


def _admitted(ground: Ground, context: ssl.SSLContext) -> Session:
    """A session, as soon as the broker gives one."""
    begun = time.monotonic()
    while not (session := ground.enter(context)).admitted:
        assert time.monotonic() - begun < 10
        time.sleep(0.05)
    return session
