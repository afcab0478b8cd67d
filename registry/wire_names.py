"""How terminals call themselves in protocols, and behind which gateway they speak."""

from foundation import queries
from foundation.database import Connection
from registry import terminals
from registry.errors import WireNameNotFound
from registry.identifiers import WireName
from registry.model import Terminal, TerminalWireName
from registry.scope import Right, Scope

sql = queries.load("registry")


async def give(conn: Connection, scope: Scope, code: str, name: WireName) -> TerminalWireName:
    """Let a terminal be known by a name, which nobody else behind its gateway may have."""
    scope.require(Right.TERMINALS_CHANGE)
    terminal = await terminals.find(conn, scope, code)
    given = await conn.execute(
        sql.insert_wire_name,
        {"terminal_id": terminal.id, "kind": name.kind, "value": name.value},
    )
    row = await given.fetchone()
    assert row is not None
    return TerminalWireName(row["terminal_id"], row["gateway_id"], name)


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


async def put_behind(conn: Connection, scope: Scope, code: str, gateway: str | None) -> Terminal:
    """Let a terminal speak through a gateway (a code) from now on, or for itself, names and all."""
    scope.require(Right.TERMINALS_CHANGE)
    terminal = await terminals.find(conn, scope, code)
    gateway_id = (await terminals.find(conn, scope, gateway)).id if gateway else None
    if gateway_id == terminal.gateway_id:
        return terminal
    change = {"terminal_id": terminal.id, "gateway_id": gateway_id}
    await conn.execute(sql.copy_gateway, change)
    await conn.execute(sql.copy_gateway_of_names, change)
    await conn.execute(sql.end_gateway, {"terminal_id": terminal.id})
    if gateway_id is not None:
        await conn.execute(sql.begin_gateway, change)
    return await terminals.find(conn, scope, code)
