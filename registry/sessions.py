"""Sessions of people at the console: opened with a password, known by a token, ended by time.

These verbs come before a scope and so take none; only definer functions of the database answer.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import passwords
from registry.errors import NotSignedIn
from registry.model import RegionRange
from registry.scope import Role, Scope

sql = queries.load("registry", "identity.sql")

LIFETIME_SECONDS = 8 * 3600
IDLE_SECONDS = 30 * 60
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session: the token its owner shows from now on, and what it may do and see."""

    scope: Scope
    token: str = field(repr=False)


async def open(conn: Connection, name: str, password: str) -> Opened:  # noqa: A001 - sessions.open
    """Sign in; NotSignedIn, after the same time, for a wrong password and an unknown name."""
    row = await (await conn.execute(sql.find_password, {"name": name})).fetchone()
    kept = row["password_hash"] if row else None
    if not await passwords.matches(password, kept) or row is None:
        raise NotSignedIn("The name or the password is wrong.", remedy="Type both again.")
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    await conn.execute(
        sql.open_session,
        {
            "user_id": row["id"],
            "token_hash": _hash(token),
            "lifetime_seconds": LIFETIME_SECONDS,
        },
    )
    return Opened(scope_of(f"user:{row['name']}", row), token)


async def authenticate(conn: Connection, token: str) -> Scope:
    """What the bearer of a token may do and see; NotSignedIn when it is over or idle too long."""
    cursor = await conn.execute(
        sql.find_session, {"token_hash": _hash(token), "idle_seconds": IDLE_SECONDS}
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotSignedIn("The session is over.")
    return scope_of(f"user:{row['name']}", row)


async def close(conn: Connection, token: str) -> None:
    """Sign out; does nothing where the session is over."""
    await conn.execute(sql.close_session, {"token_hash": _hash(token)})


def scope_of(actor: str, row: dict[str, Any]) -> Scope:
    """The scope of a user or key as the database keeps it."""
    region = None
    if row["region_low"] is not None:
        region = RegionRange(row["region_low"], row["region_high"])
    clients = frozenset[int](row["group_client_ids"])
    return Scope.of_role(actor, Role(row["role"]), region=region, group_clients=clients)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
