"""Gateways: terminals that speak for others, which are behind at most one of them at a time.

They stand one deep: who is behind a gateway is none itself, so that no chain can loop. A terminal
takes its names along; where one of them is used behind the new gateway, it cannot go there.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import keyset, parts, terminal_lists, terminals
from registry.model import Page, Terminal, TerminalId
from registry.parts import Dated
from registry.scope import Right, Scope

sql = queries.load("registry", "lives.sql")


@dataclass(frozen=True, slots=True)
class GatewayInterval:
    """From when to when a terminal was behind a gateway.

    `gateway` is its code, None where the asker cannot see it.
    """

    terminal_id: TerminalId
    gateway: str | None
    valid_from: datetime
    valid_to: datetime | None


_GATEWAY = Dated(sql.present_gateway, sql.end_gateway, sql.begin_gateway)


async def put_behind(
    conn: Connection,
    scope: Scope,
    code: str,
    gateway: str | None,
    *,
    at: datetime | None = None,
) -> GatewayInterval:
    """Let a terminal speak through a gateway (a code) since `at` (now); None: for itself."""
    scope.require(Right.TERMINALS_CHANGE)
    terminal_id = await parts.hold(conn, scope, code)
    found = await terminals.find(conn, scope, gateway) if gateway else None
    number = found.id if found else None
    row = await _GATEWAY.replace(conn, terminal_id, number, at)
    change = {"terminal_id": terminal_id, "number": number}
    await conn.execute(sql.copy_gateway, change)
    await conn.execute(sql.copy_gateway_of_names, change)
    seen = await terminal_lists.list_these(conn, scope, [row["gateway_id"]])
    return _interval(row | {"gateway": seen[0].code if seen else None})


async def list_of(
    conn: Connection, scope: Scope, code: str, *, after: str | None = None, limit: int = 50
) -> Page[GatewayInterval]:
    """One page of the gateways that a terminal was behind, newest first."""
    scope.require(Right.TERMINALS_READ)
    rows = await parts.list_intervals(conn, scope, sql.list_gateways, code, after, limit)
    return keyset.page(rows, limit, _interval, parts.key)


async def list_behind(
    conn: Connection, scope: Scope, code: str, *, after: str | None = None, limit: int = 50
) -> Page[Terminal]:
    """One page of the terminals in scope that are behind a gateway now, by number."""
    scope.require(Right.TERMINALS_READ)
    terminal_id = (await terminals.find(conn, scope, code)).id
    wanted = scope.parameters() | {"terminal_id": terminal_id, "after": _number(after)}
    cursor = await conn.execute(sql.list_behind, wanted | {"rows": keyset.rows_asked_for(limit)})
    ids = [row["id"] async for row in cursor]
    named = {t.id: t for t in await terminal_lists.list_these(conn, scope, ids[:limit])}
    return keyset.page(ids, limit, named.__getitem__, str)


def _interval(row: dict[str, Any]) -> GatewayInterval:
    return GatewayInterval(row["terminal_id"], row["gateway"], row["valid_from"], row["valid_to"])


def _number(after: str | None) -> int:
    return -1 if after is None else keyset.number(after)
