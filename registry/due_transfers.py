"""What is agreed on, carried out when its time has come; for the jobs process.

Any number of processes may try: a transfer is held by one of them, and done in one transaction.
"""

from collections.abc import Sequence
from typing import Any

from foundation import queries
from foundation.database import Connection, attempt
from foundation.errors import Invalid, Refused
from registry import ownership
from registry.file_errors import FileNotVerified, TerminalQuotaReached
from registry.scope import Right, Scope
from registry.transfer_model import Failure, TransferState

sql = queries.load("registry", "transfers.sql")


async def execute_next(conn: Connection, scope: Scope) -> bool:
    """Carry out the transfer whose time came first, whole or not at all; False if none has come.

    What stands in its way by now (a terminal retired, another owner) is its end, with the reason.
    """
    scope.require(Right.TERMINALS_TRANSFER)
    due = await (await conn.execute(sql.take_due)).fetchone()
    if due is None:
        return False
    held = await (await conn.execute(sql.hold_terminals, due)).fetchall()
    ended = {"id": due["id"], "side": None, "group_client_id": None}
    failure = _failure(held)
    if failure is None:
        try:
            async with attempt(conn):
                done = {"state": TransferState.EXECUTED, "reason": None}
                await conn.execute(sql.end_transfer, ended | done)
                await ownership.hand_over(
                    conn,
                    scope,
                    [row["id"] for row in held],
                    due["receiving_id"],
                    due["effective_at"],
                    keep_description=due["keep_description"],
                )
        except (FileNotVerified, TerminalQuotaReached):  # of the receiver; the giver reads no more
            failure = Failure.RECEIVER
        except (Invalid, Refused):
            failure = Failure.REFUSED
    if failure is not None:
        failed = {"state": TransferState.FAILED, "reason": failure}
        await conn.execute(sql.end_transfer, ended | failed)
    return True


def _failure(held: Sequence[dict[str, Any]]) -> Failure | None:
    for failure, column in (
        (Failure.RETIRED, "retired"),
        (Failure.OWNER_CHANGED, "owner_changed"),
        (Failure.TOO_EARLY, "too_early"),
    ):
        if any(row[column] for row in held):
            return failure
    return None


async def expire(conn: Connection, scope: Scope) -> int:
    """End what nobody agreed on in time; returns how many."""
    scope.require(Right.TERMINALS_TRANSFER)
    return (await conn.execute(sql.expire)).rowcount
