"""API keys of programs: 256 random bits, shown once, kept as a hash, no more than their issuer."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import users
from registry.errors import ApiKeyNotFound, NotSignedIn, ReachExceeded
from registry.model import GroupClientId, RegionCode
from registry.scope import Right, Role, Scope
from registry.sessions import scope_of

sql = queries.load("registry", "identity.sql")

_SECRET_BYTES = 32
_PREFIX = "mk_"
_PREFIX_CHARACTERS = len(_PREFIX) + 8
# What somebody who does not see everything may give away: never more than the own clients.
_CLIENTS_ROLES = frozenset({Role.CLIENT_ADMIN, Role.CLIENT_VIEWER, Role.SCRAPER})


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key on record, known by its `prefix`, the first characters of its secret."""

    id: int
    name: str
    prefix: str
    role: Role
    region_code: RegionCode | None
    group_client_ids: tuple[GroupClientId, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key and its secret, which cannot be shown again."""

    key: ApiKey
    secret: str = field(repr=False)


async def issue(
    conn: Connection,
    scope: Scope,
    *,
    name: str,
    role: Role,
    region: RegionCode | None = None,
    group_clients: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> Issued:
    """A key for a program; ReachExceeded where it would see or do more than who issues it."""
    scope.require(Right.API_KEYS_ISSUE)
    if not scope.everything and (role not in _CLIENTS_ROLES or region or not group_clients):
        raise ReachExceeded
    secret = _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    prefix = secret[:_PREFIX_CHARACTERS]
    client_ids = await users.reach_of(conn, scope, f"key:{prefix}", role, region, group_clients)
    inserted = await conn.execute(
        sql.insert_key,
        {
            "name": name,
            "prefix": prefix,
            "hash": _hash(secret),
            "role": role,
            "region": region,
            "group_client_ids": client_ids,
            "expires_at": expires_at,
        },
    )
    row = await inserted.fetchone()
    assert row is not None
    return Issued(_key(row), secret)


async def revoke(conn: Connection, scope: Scope, prefix: str) -> None:
    """Take a key out of force at once; ApiKeyNotFound when it is not in scope."""
    scope.require(Right.API_KEYS_ISSUE)
    revoked = await conn.execute(sql.revoke_key, scope.parameters() | {"prefix": prefix})
    if not revoked.rowcount:
        raise ApiKeyNotFound(f"There is no API key {prefix}.")


async def authenticate(conn: Connection, secret: str) -> Scope:
    """What the bearer of a key may do and see; NotSignedIn where it is not in force."""
    cursor = await conn.execute(sql.find_key, {"hash": _hash(secret)})
    row = await cursor.fetchone()
    if row is None:
        raise NotSignedIn
    return scope_of(f"key:{row['prefix']}", row)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _key(row: dict[str, Any]) -> ApiKey:
    return ApiKey(
        **row | {"role": Role(row["role"]), "group_client_ids": tuple(row["group_client_ids"])}
    )
