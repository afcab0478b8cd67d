"""Which client owns a terminal from when to when: exactly one at each moment, None the operator.

Telemetry is visible to the owner of its own moment, so a transfer cuts history where it says.
"""

from collections.abc import Sequence
from datetime import datetime

from foundation import queries
from foundation.database import Connection
from registry import group_clients, terminals
from registry.errors import MomentAhead, TransferRefused
from registry.model import Ownership, Terminal
from registry.scope import Right, Scope

sql = queries.load("registry", "ownership.sql")


async def transfer(
    conn: Connection,
    scope: Scope,
    code: str,
    to_client: str | None,
    *,
    effective_at: datetime | None = None,
    keep_description: bool = False,
) -> Terminal:
    """Let a client (a code; None is the operator) own a terminal since `effective_at` (now).

    The operator's own act, which asks neither side; `transfers` has the one by consent of both. A
    transfer may be put on record late, but not before the present owner's time began.
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
    if present["retired"]:
        raise TransferRefused(f"The terminal {code} is retired.")
    if present["group_client_id"] == client_id:
        raise TransferRefused(f"The terminal {code} is owned by that client already.")
    if present["too_early"]:
        raise TransferRefused(
            f"The present owner of {code} has it since a later time.",
            remedy="Give a time after the last transfer.",
        )
    await hand_over(
        conn, scope, [terminal.id], client_id, present["at"], keep_description=keep_description
    )
    return await terminals.find(conn, scope, code)


async def hand_over(
    conn: Connection,
    scope: Scope,
    terminal_ids: Sequence[int],
    to_client_id: int | None,
    at: datetime,
    *,
    keep_description: bool,
) -> None:
    """Cut the time of terminals, which the caller holds and has looked at, at an instant.

    The SIMs in them go along, their passwords and certificates are cut off within 5 seconds, what
    was asked for is void, and their ownership epoch is raised; what they are called, tagged with
    and where goes only if it is kept.
    """
    scope.require(Right.TERMINALS_TRANSFER)
    change = {
        "ids": list(terminal_ids),
        "group_client_id": to_client_id,
        "at": at,
        "keep_description": keep_description,
    }
    for statement in (
        sql.revoke_credentials,
        sql.end_ownerships,
        sql.begin_ownerships,
        sql.copy_owner_of_sims,
        sql.copy_owners,
    ):
        await conn.execute(statement, change)


async def list_intervals(conn: Connection, scope: Scope, code: str) -> tuple[Ownership, ...]:
    """A terminal's owners in order of time, as far as the scope may see them.

    A former owner is shown the own time of a terminal that `terminals.find` no longer shows.
    """
    scope.require(Right.TERMINALS_READ)
    cursor = await conn.execute(sql.list_ownerships, scope.parameters() | {"code": code})
    return tuple([Ownership(**row) async for row in cursor])
