"""Signing in: sessions of people, keys of programs, and never more than was given."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from foundation.database import Pool, transaction
from registry import api_keys, group_clients, sessions, users
from registry.errors import (
    ApiKeyNotFound,
    GroupClientNotFound,
    KeyExpiryPast,
    NotSignedIn,
    PasswordTooShort,
    ReachExceeded,
    UserNameInvalid,
    UserNameTaken,
    UserNotFound,
)
from registry.model import RegionRange
from registry.scope import ROLES, Role, Scope, ScopeInvalid
from tests.conftest import Database
from tests.country import JIANGSU, everything

PASSWORD = "a long enough password"


async def appoint(pool: Pool, name: str = "li", role: Role = Role.SUPERVISOR) -> None:
    region = JIANGSU if role is Role.SUPERVISOR else None
    async with transaction(pool, everything.settings()) as conn:
        await users.appoint(
            conn, everything, name=name, password=PASSWORD, role=role, region=region
        )


async def test_a_session_is_what_its_user_may(pool: Pool) -> None:
    """From sign-in to sign-out the token stands for the user's role and region."""
    await appoint(pool)
    role = Scope.of_role("user:li", Role.SUPERVISOR, region=RegionRange(320000, 329999))
    expected = role.of_person(None)

    async with transaction(pool) as conn:
        opened = await sessions.open(conn, "li", PASSWORD)
    async with transaction(pool) as conn:
        scope = await sessions.authenticate(conn, opened.token)
        await sessions.close(conn, opened.token)
        with pytest.raises(NotSignedIn):
            await sessions.authenticate(conn, opened.token)

    assert opened.scope == scope == expected
    assert opened.token not in repr(opened)


@pytest.mark.parametrize(("name", "password"), [("li", "wrong"), ("wang", PASSWORD), ("li", "")])
async def test_a_wrong_name_is_answered_like_a_wrong_password(
    pool: Pool, name: str, password: str
) -> None:
    """Nothing tells which of the two was wrong."""
    await appoint(pool)

    async with transaction(pool) as conn:
        with pytest.raises(NotSignedIn, match=r"^The name or the password is wrong\.$"):
            await sessions.open(conn, name, password)


@pytest.mark.parametrize(
    "change",
    [
        "update registry.user_session set expires_at = now()",
        "update registry.user_session set last_seen_at = now() - interval '31 minutes'",
        "update registry.user_account set disabled_at = now()",
    ],
)
async def test_a_session_ends_with_its_time_or_its_user(
    pool: Pool, database: Database, change: str
) -> None:
    """Eight hours after sign-in, half an hour after its last use, at once with its user."""
    await appoint(pool)
    async with transaction(pool) as conn:
        opened = await sessions.open(conn, "li", PASSWORD)
    with psycopg.connect(database.superuser, autocommit=True) as owner:
        owner.execute(change.encode())

    async with transaction(pool) as conn:
        with pytest.raises(NotSignedIn):
            await sessions.authenticate(conn, opened.token)


async def test_a_used_session_does_not_idle_out(pool: Pool, database: Database) -> None:
    """Using a session starts its idle time anew."""
    await appoint(pool)
    async with transaction(pool) as conn:
        opened = await sessions.open(conn, "li", PASSWORD)
    with psycopg.connect(database.superuser, autocommit=True) as owner:
        owner.execute("update registry.user_session set last_seen_at = now() - interval '29 min'")

        async with transaction(pool) as conn:
            await sessions.authenticate(conn, opened.token)

        fresh = owner.execute(
            "select last_seen_at > now() - interval '1 minute' from registry.user_session"
        ).fetchone()
    assert fresh == (True,)


async def test_sessions_that_are_over_do_not_gather(pool: Pool, database: Database) -> None:
    """Whoever signs in next sweeps away what ended by its time, of anybody."""
    await appoint(pool)
    with psycopg.connect(database.superuser, autocommit=True) as owner:
        for change in ("expires_at = now() - interval '1 second'", "last_seen_at = now()"):
            async with transaction(pool) as conn:
                await sessions.open(conn, "li", PASSWORD)
            owner.execute(f"update registry.user_session set {change}".encode())

        kept = owner.execute("select count(*) from registry.user_session").fetchone()
    assert kept == (1,)


async def test_a_new_password_ends_all_sessions(pool: Pool) -> None:
    """Whoever was signed in with the old password is signed out."""
    await appoint(pool)
    async with transaction(pool) as conn:
        opened = await sessions.open(conn, "li", PASSWORD)
    async with transaction(pool, everything.settings()) as conn:
        await users.set_password(conn, everything, "li", "another long password")

    async with transaction(pool) as conn:
        with pytest.raises(NotSignedIn):
            await sessions.authenticate(conn, opened.token)
        with pytest.raises(NotSignedIn):
            await sessions.open(conn, "li", PASSWORD)
        await sessions.open(conn, "li", "another long password")


async def test_an_appointment_that_cannot_be_is_refused(pool: Pool) -> None:
    """A name twice, a short password, a role with the wrong reach, a client that is not there."""
    await appoint(pool)

    async with transaction(pool, everything.settings()) as conn:
        with pytest.raises(PasswordTooShort):
            await users.appoint(conn, everything, name="w", password="short", role=Role.ADMIN)
        for name in ("", "..", "a b", "a/b", "王", "-x", "x" * 65, "x\n", "x\0"):
            with pytest.raises(UserNameInvalid):
                await users.appoint(conn, everything, name=name, password=PASSWORD, role=Role.ADMIN)
        with pytest.raises(ScopeInvalid):
            await users.appoint(conn, everything, name="w", password=PASSWORD, role=Role.OPERATOR)
        with pytest.raises(GroupClientNotFound):
            await users.appoint(
                conn,
                everything,
                name="w",
                password=PASSWORD,
                role=Role.CLIENT_VIEWER,
                group_clients=["nobody"],
            )
        with pytest.raises(UserNotFound):
            await users.find(conn, everything, "w")
    with pytest.raises(UserNameTaken):
        await appoint(pool)


async def test_a_key_is_what_it_was_issued_for(pool: Pool) -> None:
    """A key authenticates to its role and clients until it is revoked; only its hash is kept."""
    async with transaction(pool, everything.settings()) as conn:
        issued = await api_keys.issue(
            conn, everything, name="grafana", role=Role.CLIENT_VIEWER, group_clients=["power-js"]
        )
        client = await group_clients.find(conn, everything, "power-js")
    async with transaction(pool) as conn:
        scope = await api_keys.authenticate(conn, issued.secret)
    async with transaction(pool, everything.settings()) as conn:
        await api_keys.revoke(conn, everything, issued.key.prefix)
        with pytest.raises(NotSignedIn):
            await api_keys.authenticate(conn, issued.secret)

    assert issued.secret.startswith("mk_")
    assert issued.secret.startswith(issued.key.prefix)
    assert issued.secret not in repr(issued)
    assert (scope.actor, scope.rights) == (f"key:{issued.key.prefix}", ROLES[Role.CLIENT_VIEWER])
    assert scope.group_clients == {client.id}


async def test_a_key_ends_when_it_was_to_end(pool: Pool, database: Database) -> None:
    """An expired key opens nothing, and neither does one that never was."""
    async with transaction(pool, everything.settings()) as conn:
        issued = await api_keys.issue(
            conn,
            everything,
            name="old",
            role=Role.ADMIN,
            expires_at=datetime.now(UTC) + timedelta(days=1),
        )
        with pytest.raises(KeyExpiryPast):
            await api_keys.issue(
                conn, everything, name="past", role=Role.ADMIN, expires_at=datetime.now(UTC)
            )
    with psycopg.connect(database.superuser, autocommit=True) as owner:
        owner.execute("update registry.api_key set expires_at = now() where name = 'old'")

    async with transaction(pool) as conn:
        for secret in (issued.secret, "mk_nothing", ""):
            with pytest.raises(NotSignedIn):
                await api_keys.authenticate(conn, secret)


async def test_nobody_waits_for_who_notes_the_use_of_a_key(pool: Pool, database: Database) -> None:
    """A request that takes long holds up no other one of the same key, or of the same session."""
    await appoint(pool)
    async with transaction(pool, everything.settings()) as conn:
        issued = await api_keys.issue(conn, everything, name="slow", role=Role.ADMIN)
        opened = await sessions.open(conn, "li", PASSWORD)
    with psycopg.connect(database.owner, autocommit=True) as owner:
        owner.execute(
            "update registry.user_session set last_seen_at = now() - interval '2 minutes'"
        )

    async with transaction(pool) as slow, transaction(pool) as quick:
        for conn in (slow, quick):
            await conn.execute("set local lock_timeout = '100ms'")
            await api_keys.authenticate(conn, issued.secret)
            await sessions.authenticate(conn, opened.token)

    with psycopg.connect(database.owner) as owner:
        noted = owner.execute("select last_used_at is not null from registry.api_key").fetchone()
    assert noted == (True,)


async def test_nobody_gives_away_more_than_the_own(pool: Pool) -> None:
    """A client's administrator issues and revokes keys of the own client, in its roles only."""
    async with transaction(pool, everything.settings()) as conn:
        own = await group_clients.find(conn, everything, "power-js")
        others = await api_keys.issue(
            conn, everything, name="zj", role=Role.CLIENT_VIEWER, group_clients=["power-zj"]
        )
    admin = Scope.of_role("user:c", Role.CLIENT_ADMIN, group_clients=frozenset({own.id}))

    async with transaction(pool, admin.settings()) as conn:
        issued = await api_keys.issue(
            conn, admin, name="own", role=Role.CLIENT_VIEWER, group_clients=["power-js"]
        )
        for role in (Role.ADMIN, Role.OPERATOR, Role.ACCOUNT_MANAGER):
            with pytest.raises(ReachExceeded):
                await api_keys.issue(
                    conn, admin, name="more", role=role, group_clients=["power-js"]
                )
        with pytest.raises(ReachExceeded):
            await api_keys.issue(conn, admin, name="all", role=Role.SCRAPER)
        with pytest.raises(GroupClientNotFound):
            await api_keys.issue(
                conn, admin, name="zj", role=Role.CLIENT_VIEWER, group_clients=["power-zj"]
            )
        with pytest.raises(ApiKeyNotFound):
            await api_keys.revoke(conn, admin, others.key.prefix)
        await api_keys.revoke(conn, admin, issued.key.prefix)
