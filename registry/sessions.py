"""Sessions of people: opened with a password, known by a token, ended by time or by hand.

The first verbs come before a scope and so take none; only definer functions of the database answer.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from foundation import queries
from foundation.database import Connection, apply_settings
from registry import passwords, users
from registry.errors import NotAPerson, NotSignedIn, PasswordSame, PasswordWrong, SessionNotFound
from registry.model import RegionRange
from registry.rules import DEFAULT, Rules
from registry.scope import Right, Role, Scope

sql = queries.load("registry", "identity.sql")

LIFETIME_SECONDS = 8 * 3600
IDLE_SECONDS = 30 * 60
PENDING_SECONDS = 10 * 60
_TOKEN_BYTES = 32
_LONGEST_USER_AGENT = 200


@dataclass(frozen=True, slots=True)
class Opened:
    """A session: the token its owner shows from now on, and what it may do and see."""

    scope: Scope
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as its owner sees it: from which address (`source`) it was opened, and when.

    `second_factor_at`: when a code was given in it; `current`: it is the one that asks.
    """

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    source: str | None
    user_agent: str | None
    second_factor_at: datetime | None
    current: bool


async def open(  # noqa: A001 - sessions.open
    conn: Connection,
    name: str,
    password: str,
    *,
    source: str | None = None,
    user_agent: str | None = None,
    rules: Rules = DEFAULT,
) -> Opened:
    """Sign in; NotSignedIn, after the same time, for a wrong password and an unknown name.

    What else has to be done first is in the scope's `awaits`.
    """
    row = await (await conn.execute(sql.find_password, {"name": name})).fetchone()
    kept = row["password_hash"] if row else None
    matches, fresh = await passwords.check(password, kept)
    if not matches or row is None:
        raise NotSignedIn("The name or the password is wrong.", remedy="Type both again.")
    if fresh is not None:
        rehashed = {"user_id": row["id"], "old_hash": kept, "new_hash": fresh}
        await conn.execute(sql.rehash_password, rehashed)
    return await begin(conn, row["id"], source=source, user_agent=user_agent, rules=rules)


async def begin(
    conn: Connection,
    user_id: int,
    *,
    source: str | None = None,
    user_agent: str | None = None,
    rules: Rules = DEFAULT,
) -> Opened:
    """A session under a fresh token for a user who proved to be that one."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    await conn.execute(
        sql.open_session,
        {
            "user_id": user_id,
            "token_hash": hash_of(token),
            "lifetime_seconds": LIFETIME_SECONDS,
            "source": source,
            "user_agent": _printable(user_agent),
        },
    )
    return Opened(await authenticate(conn, token, rules), token)


async def authenticate(conn: Connection, token: str, rules: Rules = DEFAULT) -> Scope:
    """What the bearer of a token may do and see; NotSignedIn when it is over or idle too long."""
    cursor = await conn.execute(
        sql.find_session,
        {
            "token_hash": hash_of(token),
            "idle_seconds": IDLE_SECONDS,
            "pending_seconds": PENDING_SECONDS,
        },
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotSignedIn("The session is over.")
    return _of_person(row, rules)


async def in_force(
    conn: Connection, hashes: Sequence[bytes], rules: Rules = DEFAULT
) -> dict[bytes, Scope]:
    """What the bearers of those of some tokens may do and see that are not over; no use of them."""
    cursor = await conn.execute(
        sql.sessions_in_force,
        {
            "hashes": list(hashes),
            "idle_seconds": IDLE_SECONDS,
            "pending_seconds": PENDING_SECONDS,
        },
    )
    return {row["hash"]: _of_person(row, rules) async for row in cursor}


async def close(conn: Connection, token: str) -> str | None:
    """Sign out; the identity provider whose session it was, if any. Nothing where it is over."""
    cursor = await conn.execute(sql.close_session, {"token_hash": hash_of(token)})
    row = await cursor.fetchone()
    return row["issuer"] if row else None


async def change_password(
    conn: Connection, scope: Scope, token: str, current: str, new: str, rules: Rules = DEFAULT
) -> Opened:
    """Replace the own password; every other session ends, this one goes on under a new token.

    Raises PasswordWrong, PasswordSame, SignsInElsewhere, or what the rules say of the new one.
    """
    scope.require(Right.ACCOUNT_SET_PASSWORD)
    await users.require_own_password(conn, scope)
    row = await (await conn.execute(sql.own_password)).fetchone()
    matches, _ = await passwords.check(current, row["password_hash"] if row else None)
    if not matches:
        raise PasswordWrong(field="current")
    if new == current:
        raise PasswordSame(field="new")
    name = scope.actor.partition(":")[2]
    password_hash = await passwords.hashed(new, rules, name, "new")
    await conn.execute(sql.change_own_password, {"password_hash": password_hash})
    await end_others_of(conn, token)
    return await renew(conn, token, rules)


async def renew(
    conn: Connection, token: str, rules: Rules = DEFAULT, *, code_given: bool = False
) -> Opened:
    """Go on under a new token (OWASP ASVS 5, 7.2.4); NotSignedIn when the session is over."""
    fresh = secrets.token_urlsafe(_TOKEN_BYTES)
    cursor = await conn.execute(
        sql.renew_session,
        {"old_hash": hash_of(token), "new_hash": hash_of(fresh), "code_given": code_given},
    )
    row = await cursor.fetchone()
    if row is None or not row["renewed"]:
        raise NotSignedIn("The session is over.")
    scope = await authenticate(conn, fresh, rules)
    await apply_settings(conn, scope.settings())
    return Opened(scope, fresh)


async def list_own(conn: Connection, scope: Scope, token: str) -> tuple[Session, ...]:
    """The own sessions, the one used last first, 200 at most."""
    scope.require(Right.ACCOUNT_OVERSEE)
    return await _list(conn, await _own_id(conn), token)


async def end_own(conn: Connection, scope: Scope, session: UUID) -> None:
    """End one of the own sessions; SessionNotFound when it is not one."""
    scope.require(Right.ACCOUNT_OVERSEE)
    if not await _end(conn, await _own_id(conn), session):
        raise SessionNotFound(f"There is no session {session}.")


async def end_others(conn: Connection, scope: Scope, token: str) -> int:
    """End all own sessions but this one; how many there were."""
    scope.require(Right.ACCOUNT_OVERSEE)
    return await end_others_of(conn, token)


async def list_of(conn: Connection, scope: Scope, name: str) -> tuple[Session, ...]:
    """The sessions of a user in scope, the one used last first, 200 at most."""
    scope.require(Right.USERS_READ)
    return await _list(conn, (await users.find(conn, scope, name)).id, None)


async def end_of(conn: Connection, scope: Scope, name: str, session: UUID | None = None) -> int:
    """End a session of a user in scope, or all; how many. SessionNotFound for one not theirs."""
    scope.require(Right.USERS_APPOINT)
    ended = await _end(conn, (await users.find(conn, scope, name)).id, session)
    if session is not None and not ended:
        raise SessionNotFound(f"There is no session {session}.")
    return ended


async def end_others_of(conn: Connection, token: str) -> int:
    """End all sessions of the asker but the one of this token."""
    return await _end(conn, await _own_id(conn), None, hash_of(token))


def scope_of(actor: str, row: dict[str, Any]) -> Scope:
    """The scope of a user or key as the database keeps it."""
    region = None
    if row["region_low"] is not None:
        region = RegionRange(row["region_low"], row["region_high"])
    clients = frozenset[int](row["group_client_ids"])
    return Scope.of_role(actor, Role(row["role"]), region=region, group_clients=clients)


def hash_of(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


def _of_person(row: dict[str, Any], rules: Rules) -> Scope:
    awaits = rules.awaited(
        Role(row["role"]),
        has_second_factor=row["has_second_factor"],
        second_factor_given=row["second_factor_given"],
        must_change_password=row["must_change_password"],
        password_changed_at=row["password_changed_at"],
        signs_in_elsewhere=row["issuer"] is not None,
    )
    return scope_of(f"user:{row['name']}", row).of_person(awaits)


async def _own_id(conn: Connection) -> int:
    row = await (await conn.execute(sql.own_user_id)).fetchone()
    if row is None or row["id"] is None:
        raise NotAPerson
    return int(row["id"])


async def _list(conn: Connection, user_id: int, token: str | None) -> tuple[Session, ...]:
    own = None if token is None else hash_of(token)
    cursor = await conn.execute(sql.list_sessions, {"user_id": user_id, "token_hash": own})
    return tuple([Session(**row) async for row in cursor])


async def _end(
    conn: Connection, user_id: int, session: UUID | None, but_hash: bytes | None = None
) -> int:
    wanted = {"user_id": user_id, "id": session, "but_hash": but_hash}
    row = await (await conn.execute(sql.end_sessions, wanted)).fetchone()
    assert row is not None
    return int(row["ended"])


def _printable(user_agent: str | None) -> str | None:
    """A browser's name for itself, short, without what no log or page should hold."""
    if user_agent is None:
        return None
    return "".join(c for c in user_agent if c.isprintable())[:_LONGEST_USER_AGENT] or None
