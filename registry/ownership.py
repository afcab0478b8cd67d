"""Which client owns a terminal from when to when: exactly one at each moment, None the operator.

Telemetry is visible to the owner of its own moment, so a transfer cuts history where it says.
"""

from datetime import datetime

from foundation import queries
from foundation.database import Connection
from registry import group_clients, terminals
from registry.errors import MomentAhead, TransferRefused
from registry.model import Ownership, Terminal
from registry.scope import Right, Scope

sql = queries.load("registry")


async def transfer(
    conn: Connection,
    scope: Scope,
    code: str,
    to_client: str | None,
    *,
    effective_at: datetime | None = None,
) -> Terminal:
    """Let a client (a code; None is the operator) own a terminal since `effective_at` (now).

    The SIM in it goes along. A transfer may be put on record late, but not before the present
    owner's time began.
    """
    scope.require(Right.TERMINALS_TRANSFER)
    terminal = await terminals.find(conn, scope, code)
    client = await group_clients.find(conn, scope, to_client) if to_client else None
    held = await conn.execute(sql.hold_owner, {"terminal_id": terminal.id, "at": effective_at})
    present = await held.fetchone()
    assert present is not None
    if present["ahead"]:
        raise MomentAhead(field="effective_at")
    client_id = client.id if client else None
    if present["group_client_id"] == client_id:
        raise TransferRefused(f"The terminal {code} is owned by that client already.")
    if present["too_early"]:
        raise TransferRefused(
            f"The present owner of {code} has it since a later time.",
            remedy="Give a time after the last transfer.",
        )
    change = {
        "terminal_id": terminal.id,
        "code": code,
        "group_client_id": client_id,
        "at": present["at"],
    }
    await conn.execute(sql.end_ownership, change)
    await conn.execute(sql.begin_ownership, change)
    await conn.execute(sql.copy_owner_of_sim, change)
    await conn.execute(sql.copy_owner, change)
    return await terminals.find(conn, scope, code)


async def list_intervals(conn: Connection, scope: Scope, code: str) -> tuple[Ownership, ...]:
    """A terminal's owners in order of time, as far as the scope may see them.

    A former owner is shown the own time of a terminal that `terminals.find` no longer shows.
    """
    scope.require(Right.TERMINALS_READ)
    cursor = await conn.execute(sql.list_ownerships, scope.parameters() | {"code": code})
    return tuple([Ownership(**row) async for row in cursor])
