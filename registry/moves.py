"""The moves of a terminal's life that were made: who, from where to where, why and when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import keyset, terminals
from registry.model import Page, TerminalState
from registry.scope import Right, Scope

sql = queries.load("registry", "lives.sql")


@dataclass(frozen=True, slots=True)
class Move:
    """One move; `actor` is as the audit names them, None where the asker may not read it."""

    at: datetime
    from_state: TerminalState
    to_state: TerminalState
    reason: str | None
    actor: str | None


async def list_of(
    conn: Connection, scope: Scope, code: str, *, after: str | None = None, limit: int = 50
) -> Page[Move]:
    """One page of a terminal's moves in moments of the scope, newest first."""
    scope.require(Right.TERMINALS_READ)
    terminal_id = (await terminals.find(conn, scope, code)).id
    before = None if after is None else keyset.number(after)
    wanted: dict[str, Any] = {"terminal_id": terminal_id, "after": before}
    wanted |= scope.parameters() | {"rows": keyset.rows_asked_for(limit)}
    rows = await (await conn.execute(sql.list_moves, wanted)).fetchall()
    names_actors = Right.AUDIT_READ in scope.rights
    return keyset.page(
        rows, limit, lambda row: _move(row, names_actors=names_actors), lambda row: str(row["id"])
    )


def _move(row: dict[str, Any], *, names_actors: bool) -> Move:
    return Move(
        row["at"],
        TerminalState(row["from_state"]),
        TerminalState(row["to_state"]),
        row["reason"],
        row["actor"] if names_actors else None,
    )
