"""People who sign in: appointed with one role, and a region or clients to go with it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import assignments, group_clients, keyset, passwords, regions
from registry.assignment_errors import StillServes
from registry.assignments import Order
from registry.errors import (
    LastAdmin,
    NotAPerson,
    OwnAccount,
    ReachExceeded,
    SignsInElsewhere,
    UserNameInvalid,
    UserNotFound,
)
from registry.model import GroupClientId, Page, RegionCode, RegionRange
from registry.rules import DEFAULT, Rules
from registry.scope import CLIENTS_ROLES, SERVING_ROLES, Right, Role, Scope

sql = queries.load("registry", "identity.sql")

# Stands in addresses, where "." and ".." would be something else.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person who may sign in while `disabled_at` is None.

    `created_by` is the actor who appointed them; `second_factor_at` None: no second factor;
    `group_client_codes` are those that the asker may see; `version` counts changes from 1. `issuer`
    is the identity provider that signs them in; None: they have a password of ours.
    """

    id: int
    name: str
    role: Role
    region_code: RegionCode | None
    group_client_ids: tuple[GroupClientId, ...]
    group_client_codes: tuple[str, ...]
    created_at: datetime
    created_by: str | None
    disabled_at: datetime | None
    password_changed_at: datetime
    must_change_password: bool
    second_factor_at: datetime | None
    version: int
    issuer: str | None


async def appoint(
    conn: Connection,
    scope: Scope,
    *,
    name: str,
    password: str,
    role: Role,
    region: RegionCode | None = None,
    group_clients: Sequence[str] = (),
    must_change: bool = False,
    rules: Rules = DEFAULT,
) -> User:
    """Give a person an account; ScopeInvalid where the role does not go with what it is given.

    ReachExceeded where they would see or do more than who appoints them. An account manager's or
    agent's clients are assigned to them from now on.
    """
    scope.require(Right.USERS_APPOINT)
    if not is_name(name):
        raise UserNameInvalid(field="name")
    _may_give(scope, role)
    client_ids = await reach_of(conn, scope, f"user:{name}", role, region, group_clients)
    await conn.execute(
        sql.insert_user,
        {
            "name": name,
            "password_hash": await passwords.hashed(password, rules, name),
            "role": role,
            "region": region,
            "group_client_ids": [] if role in SERVING_ROLES else client_ids,
            "must_change": must_change,
            "actor": scope.actor,
        },
    )
    if role in SERVING_ROLES and group_clients:
        await assignments.assign(conn, scope, name, Order(group_clients))
    return await find(conn, scope, name)


async def find(conn: Connection, scope: Scope, name: str) -> User:
    """The user of that name; UserNotFound when there is none in scope."""
    scope.require(Right.USERS_READ)
    rows = await _read(conn, scope, name=name)
    if not rows:
        raise UserNotFound(f"There is no user {name}.")
    return _user(rows[0])


async def find_own(conn: Connection, scope: Scope) -> User:
    """The account of who asks; NotAPerson for a key."""
    scope.require(Right.ACCOUNT_READ)
    row = await (await conn.execute(sql.find_own)).fetchone()
    if row is None:
        raise NotAPerson
    return _user(row)


async def require_own_password(conn: Connection, scope: Scope) -> None:
    """Return if the asker signs in with a password of ours; SignsInElsewhere, NotAPerson."""
    scope.require(Right.ACCOUNT_READ)
    if (await find_own(conn, scope)).issuer is not None:
        raise SignsInElsewhere


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    prefix: str | None = None,
    role: Role | None = None,
    group_client: str | None = None,
    disabled: bool | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[User]:
    """One page of the users in scope, by name; `group_client` keeps to it and those below."""
    scope.require(Right.USERS_READ)
    rows = await _read(
        conn,
        scope,
        **keyset.prefix_range(prefix),
        role=role,
        client_id=group_client and (await group_clients.find(conn, scope, group_client)).id,
        disabled=disabled,
        after=after or "",
        rows=keyset.rows_asked_for(limit),
    )
    return keyset.page(rows, limit, _user, lambda row: str(row["name"]))


async def change(
    conn: Connection,
    scope: Scope,
    name: str,
    *,
    role: Role | None = None,
    region: RegionCode | None = None,
    group_clients: Sequence[str] | None = None,
    disabled: bool | None = None,
    by_provider: bool = False,
) -> User:
    """Another role or reach, out of force or in again; what is None stays. Ends their sessions.

    With a role its whole reach is given. Raises OwnAccount, LastAdmin, ReachExceeded, ScopeInvalid.
    Clients can be added to those whom an account manager or agent serves; the others are handed
    over, by `assignments`: StillServes, too, where the role would change meanwhile. Roles and reach
    that an identity provider's groups decide change `by_provider` only: SignsInElsewhere.
    """
    scope.require(Right.USERS_APPOINT)
    user = await _others(conn, scope, name)
    if role is None and region is None and group_clients is None:
        new_role, new_region, client_ids = user.role, user.region_code, user.group_client_ids
    else:
        new_role, new_region = role or user.role, region
        is_only_served = new_role is user.role and new_role in SERVING_ROLES
        if user.issuer is not None and not (by_provider or is_only_served):
            raise SignsInElsewhere
        _may_give(scope, new_role)
        found = await reach_of(
            conn, scope, f"user:{name}", new_role, new_region, group_clients or ()
        )
        client_ids = tuple(found)
    if user.role in SERVING_ROLES and new_role is not user.role:
        await conn.execute(sql.hold_user, {"id": user.id})
        await assignments.refuse_while_serving(conn, scope, name)
    out = user.disabled_at is not None if disabled is None else disabled
    if user.role is Role.ADMIN and (new_role is not Role.ADMIN or out):
        await _keep_an_admin(conn, name)
    await conn.execute(
        sql.change_user,
        {
            "id": user.id,
            "role": new_role,
            "region": new_region,
            "group_client_ids": [] if new_role in SERVING_ROLES else list(client_ids),
            "disabled": out,
        },
    )
    if new_role in SERVING_ROLES and group_clients:
        await _serve(conn, scope, user, group_clients)
    await _end_sessions(conn, user)
    return await find(conn, scope, name)


async def set_password(
    conn: Connection,
    scope: Scope,
    name: str,
    password: str,
    *,
    must_change: bool = True,
    rules: Rules = DEFAULT,
) -> None:
    """Replace somebody's password; all sessions that were opened with the old one end."""
    scope.require(Right.USERS_APPOINT)
    user = await _others(conn, scope, name)
    if user.issuer is not None:
        raise SignsInElsewhere
    password_hash = await passwords.hashed(password, rules, name)
    await conn.execute(
        sql.set_password,
        {"id": user.id, "password_hash": password_hash, "must_change": must_change},
    )
    await _end_sessions(conn, user)


async def reset_second_factor(conn: Connection, scope: Scope, name: str) -> None:
    """Forget somebody's second factor, which was lost; all their sessions end."""
    scope.require(Right.USERS_APPOINT)
    user = await _others(conn, scope, name)
    await conn.execute(sql.reset_second_factor, {"id": user.id})
    await _end_sessions(conn, user)


async def any_there(conn: Connection, scope: Scope) -> bool:
    """Whether anybody was ever appointed."""
    scope.require(Right.USERS_READ)
    row = await (await conn.execute(sql.any_user)).fetchone()
    return row is not None and bool(row["there"])


def is_name(text: str) -> bool:
    """Whether a user may be called so."""
    return _NAME.fullmatch(text) is not None


def may_give(scope: Scope) -> tuple[Role, ...]:
    """The roles that the asker may give to users."""
    if Right.USERS_APPOINT not in scope.rights:
        return ()
    return tuple(Role) if scope.everything else CLIENTS_ROLES


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


async def _serve(conn: Connection, scope: Scope, user: User, codes: Sequence[str]) -> None:
    """Let somebody serve these clients, too, of whom those that they serve already are all."""
    served = await assignments.list_served(conn, scope, user.name)
    if not set(served) <= set(codes):
        raise StillServes(f"{user.name} serves {min(set(served) - set(codes))}.")
    if more := [code for code in codes if code not in served]:
        await assignments.assign(conn, scope, user.name, Order(more))


def _may_give(scope: Scope, role: Role) -> None:
    if role not in may_give(scope):
        raise ReachExceeded


async def _others(conn: Connection, scope: Scope, name: str) -> User:
    """A user in scope who is somebody else."""
    user = await find(conn, scope, name)
    if scope.actor == f"user:{name}":
        raise OwnAccount
    return user


async def _keep_an_admin(conn: Connection, name: str) -> None:
    admins = [row["name"] async for row in await conn.execute(sql.hold_admins)]
    if admins == [name]:
        raise LastAdmin


async def _end_sessions(conn: Connection, user: User) -> None:
    await conn.execute(sql.end_sessions, {"user_id": user.id, "id": None, "but_hash": None})


_ANY: dict[str, Any] = {"name": None, "prefix_low": None, "prefix_high": None, "role": None,
                        "client_id": None, "disabled": None, "after": "", "rows": 1}  # fmt: skip


async def _read(conn: Connection, scope: Scope, **wanted: Any) -> list[dict[str, Any]]:
    cursor = await conn.execute(sql.list_users, _ANY | wanted | scope.parameters())
    return await cursor.fetchall()


def _user(row: dict[str, Any]) -> User:
    """A user as the database keeps them."""
    return User(
        **row
        | {
            "role": Role(row["role"]),
            "group_client_ids": tuple(row["group_client_ids"]),
            "group_client_codes": tuple(row["group_client_codes"]),
        }
    )
