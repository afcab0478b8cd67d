"""The first users, one of each role, and the first API keys: all random, none ever a default."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from foundation.database import Connection
from registry import api_keys, regions, users
from registry.errors import NotSignedIn, UserNotFound
from registry.model import RegionCode, RegionLevel
from registry.scope import REACHES, Reach, Role, Scope

_PASSWORD_BYTES = 12


@dataclass(frozen=True, slots=True)
class _Reach:
    """The region and clients that go with a role, and how to say it."""

    region: RegionCode | None = None
    clients: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.region is not None:
            return f"region {self.region}"
        return f"group clients {', '.join(self.clients)}" if self.clients else ""


async def ensure(
    conn: Connection, scope: Scope, kept: dict[str, Any], clients: Sequence[str]
) -> dict[str, Any]:
    """`admin`, `users`, `api_key` and `scraper_key` of the credentials file.

    `kept` is what that file holds already, `clients` are codes, those with the most to see first.
    """
    passwords = {user["name"]: user["password"] for user in kept.get("users", ())}
    found = []
    for role in Role:
        reach = await _reach(conn, scope, role, clients)
        password = await _user(conn, scope, role, reach, passwords.get(role.value))
        said = "everything" if REACHES[role] is Reach.EVERYTHING else str(reach)
        found.append({"role": role.value, "name": role.value, "password": password, "scope": said})
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


async def _user(conn: Connection, scope: Scope, role: Role, reach: _Reach, kept: str | None) -> str:
    """The password of the role's first user: as kept, or new where it or the user is missing."""
    name = role.value
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    try:
        await users.find(conn, scope, name)
    except UserNotFound:
        await users.appoint(
            conn,
            scope,
            name=name,
            password=password,
            role=role,
            region=reach.region,
            group_clients=reach.clients,
        )
        return password
    if kept is not None:
        return kept
    await users.set_password(conn, scope, name, password)
    return password


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
