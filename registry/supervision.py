"""Which region supervises a group client, and below which other client it is: now and in the past.

A move holds from now on. All below a client that moves below another one go along.
"""

from dataclasses import dataclass
from datetime import datetime

from foundation import queries
from foundation.database import Connection, register_refusals
from foundation.errors import Refused
from registry import group_clients, regions
from registry.errors import ReachExceeded
from registry.model import GroupClient, RegionCode, RegionLevel
from registry.scope import Right, Scope

sql = queries.load("registry", "supervision.sql")

MOST_INTERVALS = 200


class StandsThereAlready(Refused):
    """The client stands there already."""

    code = "stands_there_already"
    remedy = "Read it again: somebody else may have moved it."


class ClientBelowItself(Refused):
    """A client cannot be below itself, or below one that is below it."""

    code = "client_below_itself"
    remedy = "Move the other one away first."


register_refusals({"client_is_not_below_itself": ClientBelowItself})


@dataclass(frozen=True, slots=True)
class Supervision:
    """From when to when a region supervised a client, at its level; `valid_to` None is still.

    `moved_by` is as the audit names them, None where the asker may not read it.
    """

    region_code: RegionCode
    level: RegionLevel
    valid_from: datetime
    valid_to: datetime | None
    moved_by: str | None


@dataclass(frozen=True, slots=True)
class Parentage:
    """From when to when a client was below another one, or not (`below_another`).

    `parent_code` is None, too, where the asker does not see the other one.
    """

    below_another: bool
    parent_code: str | None
    valid_from: datetime
    valid_to: datetime | None
    moved_by: str | None


async def move(conn: Connection, scope: Scope, code: str, region: RegionCode) -> GroupClient:
    """Let a region supervise a client from now on, at that region's level.

    ReachExceeded where it is not the asker's region: who gives a client away is above both.
    """
    scope.require(Right.GROUP_CLIENTS_MOVE)
    client = await group_clients.find(conn, scope, code)
    found = await regions.find(conn, scope, region)
    if not scope.everything and (
        scope.region is None or not scope.region.low <= found.code <= scope.region.high
    ):
        raise ReachExceeded
    moved = await conn.execute(sql.move_client, {"id": client.id, "region": found.code})
    if not moved.rowcount:
        raise StandsThereAlready(f"The client {code} is supervised there already.")
    return await group_clients.find(conn, scope, code)


async def put_below(conn: Connection, scope: Scope, code: str, parent: str | None) -> GroupClient:
    """Put a client, with all below it, below another one, or (None) below none, from now on."""
    scope.require(Right.GROUP_CLIENTS_MOVE)
    client = await group_clients.find(conn, scope, code)
    parent_id = (await group_clients.find(conn, scope, parent)).id if parent is not None else None
    moved = await conn.execute(sql.put_below, {"id": client.id, "parent_id": parent_id})
    if not moved.rowcount:
        raise StandsThereAlready(f"The client {code} is there already.")
    return await group_clients.find(conn, scope, code)


async def list_supervision(conn: Connection, scope: Scope, code: str) -> tuple[Supervision, ...]:
    """Who supervised a client, the latest first, at most MOST_INTERVALS."""
    scope.require(Right.GROUP_CLIENTS_READ)
    wanted = await _intervals_of(conn, scope, code)
    cursor = await conn.execute(sql.list_supervision, wanted)
    unnamed = _unnamed(scope)
    return tuple(
        [
            Supervision(**row | {"level": RegionLevel(row["level"])} | unnamed)
            async for row in cursor
        ]
    )


async def list_parents(conn: Connection, scope: Scope, code: str) -> tuple[Parentage, ...]:
    """Below whom a client was, the latest first, at most MOST_INTERVALS."""
    scope.require(Right.GROUP_CLIENTS_READ)
    wanted = await _intervals_of(conn, scope, code)
    cursor = await conn.execute(sql.list_parents, wanted)
    unnamed = _unnamed(scope)
    return tuple([Parentage(**row | unnamed) async for row in cursor])


async def _intervals_of(conn: Connection, scope: Scope, code: str) -> dict[str, object]:
    client = await group_clients.find(conn, scope, code)
    return {"id": client.id, "most": MOST_INTERVALS, **scope.parameters()}


def _unnamed(scope: Scope) -> dict[str, None]:
    return {} if Right.AUDIT_READ in scope.rights else {"moved_by": None}
