"""Packages of clients: given in one step, in effect from a date, undone as long as they hold.

A plan is put on record with its time and comes into force then: at once where that is now, or by
the jobs process. Whoever gives or undoes one holds the client first, so that one comes after the
other.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import client_tiers, group_clients, keyset, packages
from registry.model import GroupClientId, Page
from registry.package_model import (
    ClientPackage,
    PackageDateInvalid,
    PackageNotFound,
    PackageOver,
    PackageOverlaid,
    PackagePlanned,
    PackageRetired,
    PackageState,
    PackageThere,
)
from registry.scope import Right, Scope

sql = queries.load("registry", "client_packages.sql")

MOST_AHEAD = timedelta(days=3653)


async def apply(
    conn: Connection,
    scope: Scope,
    client: str,
    package: str,
    *,
    valid_from: datetime | None = None,
    note: str | None = None,
) -> ClientPackage:
    """Give a client a package from now on or from a time to come, with its tier and profiles.

    It takes the place of the one that the client has then. PackagePlanned while another is to come.
    """
    scope.require(Right.TIERS_ASSIGN)
    wanted = await packages.find(conn, scope, package)
    now = datetime.now(UTC)
    if valid_from is not None and not now < valid_from <= now + MOST_AHEAD:
        raise PackageDateInvalid
    held = await client_tiers.hold(conn, scope, client)
    opened = await (await conn.execute(sql.find_open, held)).fetchall()
    if any(row["state"] == PackageState.PLANNED for row in opened):
        raise PackagePlanned(f"The client {client} is to have a package already.")
    has_it = any(row["package_id"] == wanted.id for row in opened)
    if has_it and held["tier_code"] == wanted.tier_code:
        raise PackageThere
    given = held | {"package_id": wanted.id, "at": valid_from}
    given |= {"note": (note and note.strip()) or None}
    row = await (await conn.execute(sql.plan, given)).fetchone()
    assert row is not None
    # Whoever retires a package holds it alone: it is looked at once it is planned.
    if (await packages.find(conn, scope, package)).retired_at is not None:
        raise PackageRetired
    if valid_from is not None:
        await conn.execute(sql.count, held)
    else:
        await _begin(conn, row["id"])
    return await find(conn, scope, client, row["id"])


async def undo(conn: Connection, scope: Scope, client: str, number: int) -> ClientPackage:
    """Call a plan off, or take back what is in force: tier and package are those before it.

    PackageOverlaid where the client's tier was changed since.
    """
    scope.require(Right.TIERS_ASSIGN)
    held = await client_tiers.hold(conn, scope, client)
    row = await _read(conn, scope, held["id"], number)
    if row["state"] == PackageState.PLANNED:
        await conn.execute(sql.call_off, row)
        await conn.execute(sql.count, held)
    elif row["state"] != PackageState.IN_FORCE:
        raise PackageOver
    elif (held["tier_code"], held["tier_until"]) != (row["tier_code"], row["tier_until"]):
        raise PackageOverlaid(
            f"The tier of {client} is not what the package made it: it was changed since."
        )
    else:
        await conn.execute(sql.undo, row)
        await conn.execute(sql.take_tier_back, row)
        if row["follows_id"] is not None:
            await conn.execute(sql.take_back, row)
    return await find(conn, scope, client, number)


async def find(conn: Connection, scope: Scope, client: str, number: int) -> ClientPackage:
    """One package of a client, past, present or planned."""
    scope.require(Right.PACKAGES_READ)
    owner = await group_clients.find(conn, scope, client)
    return _client_package(await _read(conn, scope, owner.id, number))


async def list_page(
    conn: Connection, scope: Scope, client: str, *, after: str | None = None, limit: int = 50
) -> Page[ClientPackage]:
    """One page of the packages that a client had, has and is to have, newest first."""
    scope.require(Right.PACKAGES_READ)
    owner = await group_clients.find(conn, scope, client)
    wanted = {"id": owner.id, "number": None, "rows": keyset.rows_asked_for(limit)}
    wanted |= {"before": None if after is None else keyset.number(after)}
    rows = await (await conn.execute(sql.list_of_client, scope.parameters() | wanted)).fetchall()
    return keyset.page(rows, limit, _client_package, lambda row: str(row["id"]))


async def list_profiles(
    conn: Connection, scope: Scope, client: GroupClientId | None
) -> tuple[str, ...]:
    """The codes of the profiles of a client's package, in order; none without one."""
    scope.require(Right.PACKAGES_READ)
    cursor = await conn.execute(sql.list_profiles, scope.parameters() | {"id": client})
    return tuple([row["code"] async for row in cursor])


async def begin_next(conn: Connection, scope: Scope) -> bool:
    """Bring the plan into force whose time came first; False if none has come."""
    scope.require(Right.TIERS_ASSIGN)
    due = await (await conn.execute(sql.take_due)).fetchone()
    if due is None:
        return False
    await _begin(conn, due["id"])
    return True


async def _begin(conn: Connection, number: int) -> None:
    former = await (await conn.execute(sql.end_former, {"id": number})).fetchone()
    given = {"id": number, "follows_id": former and former["id"]}
    for step in (sql.note_former, sql.put_on_tier, sql.begin):
        await conn.execute(step, given)


async def _read(
    conn: Connection, scope: Scope, client: GroupClientId, number: int
) -> dict[str, Any]:
    wanted = {"id": client, "number": number, "before": None, "rows": 1}
    cursor = await conn.execute(sql.list_of_client, scope.parameters() | wanted)
    row = await cursor.fetchone()
    if row is None:
        raise PackageNotFound(f"The client has no package {number}.")
    return row


def _client_package(row: dict[str, Any]) -> ClientPackage:
    shown = {name: row[name] for name in ClientPackage.__dataclass_fields__}
    return ClientPackage(**shown | {"state": PackageState(row["state"])})
