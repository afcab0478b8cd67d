"""People who sign in: appointed with one role, and a region or clients to go with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import group_clients, passwords, regions
from registry.errors import UserNotFound
from registry.model import GroupClientId, RegionCode, RegionRange
from registry.scope import Right, Role, Scope

sql = queries.load("registry", "identity.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person who may sign in while `disabled_at` is None."""

    id: int
    name: str
    role: Role
    region_code: RegionCode | None
    group_client_ids: tuple[GroupClientId, ...]
    created_at: datetime
    disabled_at: datetime | None
    version: int


async def appoint(
    conn: Connection,
    scope: Scope,
    *,
    name: str,
    password: str,
    role: Role,
    region: RegionCode | None = None,
    group_clients: Sequence[str] = (),
) -> User:
    """Give a person an account; ScopeInvalid where the role does not go with what it is given."""
    scope.require(Right.USERS_APPOINT)
    client_ids = await reach_of(conn, scope, f"user:{name}", role, region, group_clients)
    inserted = await conn.execute(
        sql.insert_user,
        {
            "name": name,
            "password_hash": await passwords.hashed(password),
            "role": role,
            "region": region,
            "group_client_ids": client_ids,
        },
    )
    row = await inserted.fetchone()
    assert row is not None
    return _user(row)


async def find(conn: Connection, scope: Scope, name: str) -> User:
    """The user of that name; UserNotFound when there is none in scope."""
    scope.require(Right.USERS_READ)
    cursor = await conn.execute(sql.find_user_account, scope.parameters() | {"name": name})
    row = await cursor.fetchone()
    if row is None:
        raise UserNotFound(f"There is no user {name}.")
    return _user(row)


async def set_password(conn: Connection, scope: Scope, name: str, password: str) -> None:
    """Replace a user's password; all sessions that were opened with the old one end."""
    scope.require(Right.USERS_APPOINT)
    password_hash = await passwords.hashed(password)
    changed = await conn.execute(
        sql.set_password, scope.parameters() | {"name": name, "password_hash": password_hash}
    )
    row = await changed.fetchone()
    if row is None:
        raise UserNotFound(f"There is no user {name}.")
    await conn.execute(sql.close_sessions_of, {"user_id": row["id"]})


async def reach_of(
    conn: Connection,
    scope: Scope,
    actor: str,
    role: Role,
    region: RegionCode | None,
    client_codes: Sequence[str],
) -> list[GroupClientId]:
    """The ids of the clients that go with a role; ScopeInvalid where role and reach do not fit."""
    within: RegionRange | None = None
    if region is not None:
        within = (await regions.find(conn, scope, region)).range
    client_ids = [(await group_clients.find(conn, scope, code)).id for code in client_codes]
    Scope.of_role(actor, role, region=within, group_clients=frozenset(client_ids))
    return client_ids


def _user(row: dict[str, Any]) -> User:
    return User(
        **row | {"role": Role(row["role"]), "group_client_ids": tuple(row["group_client_ids"])}
    )
