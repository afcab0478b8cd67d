"""How terminals call themselves in protocols: each name once behind one gateway, or behind none."""

from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import parts, terminals
from registry.errors import WireNameNotFound
from registry.identifiers import WireName
from registry.life_errors import WireNamesMany
from registry.model import Terminal, TerminalWireName
from registry.scope import Right, Scope

sql = queries.load("registry", "lives.sql")

MOST_NAMES = 16


async def give(conn: Connection, scope: Scope, code: str, name: WireName) -> TerminalWireName:
    """Let a terminal be known by a name, which nobody else behind its gateway may have."""
    scope.require(Right.TERMINALS_CHANGE)
    terminal_id = await parts.hold(conn, scope, code)
    counted = await conn.execute(sql.count_wire_names, {"terminal_id": terminal_id})
    row = await counted.fetchone()
    if row is None or row["names"] >= MOST_NAMES:
        raise WireNamesMany
    given = await conn.execute(
        sql.insert_wire_name,
        {"terminal_id": terminal_id, "kind": name.kind, "value": name.value},
    )
    row = await given.fetchone()
    assert row is not None
    return TerminalWireName(row["terminal_id"], row["gateway_id"], name)


async def take_away(conn: Connection, scope: Scope, code: str, name: WireName) -> None:
    """Let a terminal not be known by a name any more; it is free for another one."""
    scope.require(Right.TERMINALS_CHANGE)
    terminal_id = (await terminals.find(conn, scope, code)).id
    taken = await conn.execute(
        sql.delete_wire_name,
        {"terminal_id": terminal_id, "kind": name.kind, "value": name.value},
    )
    if not taken.rowcount:
        raise WireNameNotFound(f"The terminal {code} does not call itself {name}.")


async def list_of(conn: Connection, scope: Scope, code: str) -> list[TerminalWireName]:
    """A terminal's names, MOST_NAMES at most, by kind and value."""
    scope.require(Right.TERMINALS_READ)
    terminal_id = (await terminals.find(conn, scope, code)).id
    cursor = await conn.execute(sql.list_wire_names, {"terminal_id": terminal_id})
    return [_wire_name(row) async for row in cursor]


async def find(
    conn: Connection, scope: Scope, name: WireName, *, gateway: str | None = None
) -> Terminal:
    """The terminal that calls itself so behind that gateway (a code), or behind none."""
    scope.require(Right.TERMINALS_READ)
    gateway_id = (await terminals.find(conn, scope, gateway)).id if gateway else None
    cursor = await conn.execute(
        sql.find_wire_name,
        scope.parameters() | {"kind": name.kind, "value": name.value, "gateway_id": gateway_id},
    )
    row = await cursor.fetchone()
    if row is None:
        raise WireNameNotFound(f"No terminal there calls itself {name}.")
    return await terminals.find(conn, scope, row["code"])


def _wire_name(row: dict[str, Any]) -> TerminalWireName:
    name = WireName(row["kind"], row["value"])
    return TerminalWireName(row["terminal_id"], row["gateway_id"], name)
