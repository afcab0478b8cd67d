"""API keys of programs: 256 random bits, shown once, kept as a hash, no more than their issuer."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import group_clients as clients
from registry import keyset, users
from registry.errors import ApiKeyNotFound, KeyExpiryPast, NotSignedIn, ReachExceeded
from registry.keyset import CursorInvalid
from registry.model import GroupClientId, Page, RegionCode
from registry.scope import CLIENTS_ROLES, Right, Role, Scope
from registry.sessions import scope_of

sql = queries.load("registry", "identity.sql")

_SECRET_BYTES = 32
_PREFIX = "mk_"
_PREFIX_CHARACTERS = len(_PREFIX) + 8
_LARGEST_ID = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key on record, known by its `prefix`, the first characters of its secret.

    In force until `expires_at` or `revoked_at`; `created_by` is the actor who issued it.
    """

    id: int
    name: str
    prefix: str
    role: Role
    region_code: RegionCode | None
    group_client_ids: tuple[GroupClientId, ...]
    group_client_codes: tuple[str, ...]
    created_at: datetime
    created_by: str | None
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
    if role not in may_give(scope) or not (scope.everything or (group_clients and not region)):
        raise ReachExceeded
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise KeyExpiryPast(field="expires_at")
    secret = _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    prefix = secret[:_PREFIX_CHARACTERS]
    client_ids = await users.reach_of(conn, scope, f"key:{prefix}", role, region, group_clients)
    await conn.execute(
        sql.insert_key,
        {
            "name": name,
            "prefix": prefix,
            "hash": hash_of(secret),
            "role": role,
            "region": region,
            "group_client_ids": client_ids,
            "expires_at": expires_at,
            "actor": scope.actor,
        },
    )
    return Issued(await find(conn, scope, prefix), secret)


async def find(conn: Connection, scope: Scope, prefix: str) -> ApiKey:
    """The key of that prefix; ApiKeyNotFound when there is none in scope."""
    scope.require(Right.API_KEYS_READ)
    rows = await _read(conn, scope, prefix=prefix)
    if not rows:
        raise ApiKeyNotFound(f"There is no API key {prefix}.")
    return _key(rows[0])


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    role: Role | None = None,
    group_client: str | None = None,
    in_force: bool | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[ApiKey]:
    """One page of the keys in scope, newest first; `group_client` keeps to it and those below."""
    scope.require(Right.API_KEYS_READ)
    rows = await _read(
        conn,
        scope,
        role=role,
        client_id=group_client and (await clients.find(conn, scope, group_client)).id,
        in_force=in_force,
        before=_before(after),
        rows=keyset.rows_asked_for(limit),
    )
    return keyset.page(rows, limit, _key, lambda row: str(row["id"]))


async def revoke(conn: Connection, scope: Scope, prefix: str) -> None:
    """Take a key out of force at once; ApiKeyNotFound when it is not in scope."""
    scope.require(Right.API_KEYS_ISSUE)
    revoked = await conn.execute(sql.revoke_key, scope.parameters() | {"prefix": prefix})
    if not revoked.rowcount:
        raise ApiKeyNotFound(f"There is no API key {prefix}.")


def may_give(scope: Scope) -> tuple[Role, ...]:
    """The roles that the asker may give to keys."""
    if Right.API_KEYS_ISSUE not in scope.rights:
        return ()
    return tuple(Role) if scope.everything else (*CLIENTS_ROLES, Role.SCRAPER)


async def authenticate(conn: Connection, secret: str) -> Scope:
    """What the bearer of a key may do and see; NotSignedIn where it is not in force."""
    cursor = await conn.execute(sql.find_key, {"hash": hash_of(secret)})
    row = await cursor.fetchone()
    if row is None:
        raise NotSignedIn
    return scope_of(f"key:{row['prefix']}", row)


async def in_force(conn: Connection, hashes: Sequence[bytes]) -> dict[bytes, Scope]:
    """What the bearers of those of some keys may do and see that are in force; no use of them."""
    cursor = await conn.execute(sql.keys_in_force, {"hashes": list(hashes)})
    return {row["hash"]: scope_of(f"key:{row['prefix']}", row) async for row in cursor}


def hash_of(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).digest()


_ANY: dict[str, Any] = {"prefix": None, "before": None, "role": None, "client_id": None,
                        "in_force": None, "rows": 1}  # fmt: skip


async def _read(conn: Connection, scope: Scope, **wanted: Any) -> list[dict[str, Any]]:
    cursor = await conn.execute(sql.list_keys, _ANY | wanted | scope.parameters())
    return await cursor.fetchall()


def _before(after: str | None) -> int | None:
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and int(after) <= _LARGEST_ID):
        raise CursorInvalid
    return int(after)


def _key(row: dict[str, Any]) -> ApiKey:
    return ApiKey(
        **row
        | {
            "role": Role(row["role"]),
            "group_client_ids": tuple(row["group_client_ids"]),
            "group_client_codes": tuple(row["group_client_codes"]),
        }
    )
