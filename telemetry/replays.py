"""Taking refused messages again, once what was wrong with them has been put right.

Asked for here, done by a bridge: only that decodes and writes. What becomes of each item is kept.
"""

from collections.abc import Sequence

from foundation import queries
from foundation.database import Connection
from registry import keyset
from registry.model import Page
from registry.scope import Right, Scope
from telemetry import reader
from telemetry.errors import (
    LimitInvalid,
    NothingToReplay,
    QuarantineItemNotFound,
    ReplayNotFound,
)
from telemetry.model import Outcome, Reason, Replay, Search

sql = queries.load("telemetry", "reader.sql")

MOST_ITEMS = 10_000


async def request(
    conn: Connection, scope: Scope, which: Search | Sequence[int], *, most: int = MOST_ITEMS
) -> Replay:
    """Have refused messages taken again: those of these numbers, or the oldest of a search.

    At most `most`; QuarantineItemNotFound if a number is not to be seen, NothingToReplay if a
    search finds none.
    """
    scope.require(Right.QUARANTINE_REPLAY)
    if not 1 <= most <= MOST_ITEMS:
        raise LimitInvalid(f"A replay has 1 to {MOST_ITEMS} items.", field="most")
    ids = None if isinstance(which, Search) else sorted(set(which))
    if ids is not None and not 1 <= len(ids) <= MOST_ITEMS:
        raise LimitInvalid(f"A replay has 1 to {MOST_ITEMS} items.", field="items")
    search = which if isinstance(which, Search) else Search(resolved=True)
    wanted = await reader.searched(conn, scope, search) | {"ids": ids, "most": most}
    opened = await (await conn.execute(sql.open_replay)).fetchone()
    assert opened is not None
    added = await conn.execute(sql.add_to_replay, wanted | {"replay_id": opened["id"]})
    if ids is not None and added.rowcount < len(ids):
        raise QuarantineItemNotFound
    if not added.rowcount:
        raise NothingToReplay
    return await find(conn, scope, opened["id"])


async def find(conn: Connection, scope: Scope, replay_id: int) -> Replay:
    """How far a replay has come, for who asked for it and who sees everything."""
    scope.require(Right.QUARANTINE_REPLAY)
    row = await (await conn.execute(sql.find_replay, {"id": replay_id})).fetchone()
    if row is None:
        raise ReplayNotFound
    return Replay(**row)


async def list_outcomes(
    conn: Connection,
    scope: Scope,
    replay_id: int,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[Outcome]:
    """One page of what became of the items of a replay, by number."""
    await find(conn, scope, replay_id)
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise keyset.CursorInvalid
    given = {"id": replay_id, "after": int(after or 0), "rows": limit + 1}
    rows = await (await conn.execute(sql.list_outcomes, given)).fetchall()
    outcomes = [
        Outcome(**row | {"reason": row["reason"] and Reason(row["reason"])}) for row in rows[:limit]
    ]
    return Page(outcomes, str(outcomes[-1].item_id) if len(rows) > limit else None)
