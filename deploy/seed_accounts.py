"""The first users, one of each role, and the first API keys: all random, none ever a default."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from foundation.database import Connection
from registry import api_keys, group_clients, regions, users
from registry.errors import NotSignedIn, UserNotFound
from registry.model import RegionCode, RegionLevel
from registry.scope import REACHES, Reach, Role, Scope
from registry.users import User

_PASSWORD_BYTES = 12


@dataclass(frozen=True, slots=True)
class _Reach:
    """The region and clients that go with a role."""

    region: RegionCode | None = None
    clients: tuple[str, ...] = ()


async def ensure(
    conn: Connection, scope: Scope, kept: dict[str, Any], clients: Sequence[str]
) -> dict[str, Any]:
    """`admin`, `users`, `api_key` and `scraper_key` of the credentials file.

    `kept` is what that file holds already, `clients` are codes, those with the most to see first.
    """
    passwords = {user["name"]: user["password"] for user in kept.get("users", ())}
    found = []
    for role in Role:
        user, password = await _user(conn, scope, role, clients, passwords.get(role.value))
        found.append(
            {
                "role": role.value,
                "name": user.name,
                "password": password,
                "scope": await _said(conn, scope, user),
            }
        )
    admin = next(user for user in found if user["role"] == Role.ADMIN)
    return {
        "admin": {"name": admin["name"], "password": admin["password"]},
        "users": found,
        "api_key": await _key(conn, scope, "first key", Role.ADMIN, kept.get("api_key")),
        "scraper_key": await _key(conn, scope, "scraper", Role.SCRAPER, kept.get("scraper_key")),
    }


async def _reach(conn: Connection, scope: Scope, role: Role, clients: Sequence[str]) -> _Reach:
    """An operator serves the country, a supervisor the first province, the rest some clients."""
    match role:
        case Role.OPERATOR:
            return _Reach(region=(await regions.list_all(conn, scope))[0].code)
        case Role.SUPERVISOR:
            return _Reach(region=await _province_of_the_first(conn, scope))
        case Role.ACCOUNT_MANAGER:
            return _Reach(clients=tuple(clients[:3]))
        case Role.AGENT:
            return _Reach(clients=tuple(clients[-2:]))
        case Role.CLIENT_ADMIN | Role.CLIENT_VIEWER:
            return _Reach(clients=tuple(clients[:1]))
        case _:
            return _Reach()


async def _province_of_the_first(conn: Connection, scope: Scope) -> RegionCode:
    tree = await regions.list_all(conn, scope)
    return next(region.code for region in tree if region.level is RegionLevel.PROVINCE)


async def _user(
    conn: Connection, scope: Scope, role: Role, clients: Sequence[str], kept: str | None
) -> tuple[User, str]:
    """The role's first user with the password as kept, or a new one where it or the user is not."""
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    try:
        user = await users.find(conn, scope, role.value)
    except UserNotFound:
        reach = await _reach(conn, scope, role, clients)
        user = await users.appoint(
            conn,
            scope,
            name=role.value,
            password=password,
            role=role,
            region=reach.region,
            group_clients=reach.clients,
        )
        return user, password
    if kept is not None:
        return user, kept
    await users.set_password(conn, scope, user.name, password, must_change=False)
    return user, password


async def _said(conn: Connection, scope: Scope, user: User) -> str:
    """What a user may see, in words."""
    if REACHES[user.role] is Reach.EVERYTHING:
        return "everything"
    if user.region_code is not None:
        return f"region {user.region_code}"
    codes = await group_clients.list_codes(conn, scope, user.group_client_ids)
    return f"group clients {', '.join(codes)}" if codes else "nothing"


async def _key(conn: Connection, scope: Scope, name: str, role: Role, kept: str | None) -> str:
    """The secret of a first key: as kept while it is in force, else of a new one."""
    if kept is not None:
        try:
            await api_keys.authenticate(conn, kept)
        except NotSignedIn:
            pass
        else:
            return kept
    return (await api_keys.issue(conn, scope, name=name, role=role)).secret
