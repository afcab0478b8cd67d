"""Packages: a tier and profiles under one name; the headquarters define what all others give."""

from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from foundation import queries
from foundation.database import Connection
from registry import profiles, tiers
from registry.package_model import (
    Package,
    PackageInvalid,
    PackageNotFound,
    PackagePlanned,
    PackageRetired,
)
from registry.scope import Right, Scope

sql = queries.load("registry", "packages.sql")

MOST_PROFILES = 50


class Change(TypedDict, total=False):
    """What can be changed of a package; what is not named stays."""

    title_zh: str
    title_en: str
    tier: str
    profiles: Sequence[str]


async def list_all(conn: Connection, scope: Scope, *, retired: bool = False) -> tuple[Package, ...]:
    """The packages that can be given, by code, or the `retired` ones too: there are few."""
    scope.require(Right.PACKAGES_READ)
    cursor = await conn.execute(sql.list_packages, {"code": None, "retired": retired})
    return tuple([Package(**row) async for row in cursor])


async def find(conn: Connection, scope: Scope, code: str) -> Package:
    """The package of that code, a retired one too; PackageNotFound when there is none."""
    scope.require(Right.PACKAGES_READ)
    cursor = await conn.execute(sql.list_packages, {"code": code, "retired": True})
    row = await cursor.fetchone()
    if row is None:
        raise PackageNotFound(f"There is no package {code}.")
    return Package(**row)


async def define(
    conn: Connection,
    scope: Scope,
    *,
    code: str,
    title_zh: str,
    title_en: str,
    tier: str,
    profiles: Sequence[str] = (),
) -> Package:
    """Make a package; PackageTaken where its code is."""
    scope.require(Right.PACKAGES_DEFINE)
    await _check(conn, scope, tier, profiles)
    given = {"code": code, "title_zh": title_zh, "title_en": title_en, "tier": tier}
    row = await (await conn.execute(sql.insert_package, given)).fetchone()
    assert row is not None
    await conn.execute(sql.insert_profiles, {"id": row["id"], "profiles": list(profiles)})
    return await find(conn, scope, code)


async def change(conn: Connection, scope: Scope, code: str, **changed: Unpack[Change]) -> Package:
    """Let a package be otherwise: its profiles for all who have it, its tier for who gets it."""
    scope.require(Right.PACKAGES_DEFINE)
    package = await _held(conn, scope, code)
    wanted: dict[str, Any] = {
        "id": package.id,
        "title_zh": changed.get("title_zh", package.title_zh),
        "title_en": changed.get("title_en", package.title_en),
        "tier": changed.get("tier", package.tier_code),
        "profiles": list(changed.get("profiles", package.profiles)),
    }
    await _check(conn, scope, wanted["tier"], wanted["profiles"])
    await conn.execute(sql.change_package, wanted)
    if wanted["profiles"] != list(package.profiles):
        await conn.execute(sql.delete_profiles, wanted)
        await conn.execute(sql.insert_profiles, wanted)
    return await find(conn, scope, code)


async def retire(conn: Connection, scope: Scope, code: str) -> Package:
    """Give a package to nobody any more, for good; who has it keeps it.

    PackagePlanned while somebody is to have it.
    """
    scope.require(Right.PACKAGES_DEFINE)
    package = await _held(conn, scope, code)
    planned = await (await conn.execute(sql.find_planned, {"id": package.id})).fetchone()
    if planned is not None:
        raise PackagePlanned(f"The client {planned['code']} is to have this package.")
    await conn.execute(sql.retire_package, {"id": package.id})
    return await find(conn, scope, code)


async def _held(conn: Connection, scope: Scope, code: str) -> Package:
    """A package that is not retired, held until the end of the transaction."""
    await conn.execute(sql.hold_package, {"code": code})
    package = await find(conn, scope, code)
    if package.retired_at is not None:
        raise PackageRetired
    return package


async def _check(conn: Connection, scope: Scope, tier: str, named: Sequence[str]) -> None:
    await tiers.find(conn, scope, tier)
    if len(set(named)) != len(named) or len(named) > MOST_PROFILES:
        why = f"A package has {MOST_PROFILES} profiles at most, each once."
        raise PackageInvalid(why, field="profiles")
    for profile in named:
        await profiles.find(conn, scope, profile)
