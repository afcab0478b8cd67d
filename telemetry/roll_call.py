"""Keeps the sums of the fleet: calls every terminal that changed, or whose presence did.

Follows `registry.change`, in which the watch notes whose presence has changed. Where what is in
memory and what was committed do not agree, it goes back to the last position.
"""

from typing import Any

from foundation import queries
from foundation.database import Connection
from registry.directory import CHANGES_KEPT_SECONDS

sql = queries.load("telemetry", "tally.sql")

AT_ONCE = 20_000


class RollCall:
    """One caller; `turn` in a transaction of its own, again and again."""

    def __init__(self) -> None:
        self._turn: int | None = None
        self._due: list[int] = []
        self._walked: int | None = None  # of everybody, as far as this number
        self._reached: dict[str, Any] = {}  # once all of these are called

    async def turn(self, conn: Connection) -> bool:
        """Call the next terminals; returns whether some are left."""
        clock = await _one(conn, sql.hold_clock, {"kept_seconds": CHANGES_KEPT_SECONDS / 2})
        if clock["turn"] != self._turn:
            self._due, self._walked = [], None
        self._turn = None  # until this one is done
        if not self._due and self._walked is None:
            await self._look(conn, clock)
        if self._walked is not None:
            after = {"after": self._walked, "rows": AT_ONCE}
            called = (await _one(conn, sql.list_next, after))["ids"]
            self._walked = called[-1] if len(called) == AT_ONCE else None
        else:
            called, self._due = self._due[:AT_ONCE], self._due[AT_ONCE:]
        if called:
            await conn.execute(sql.call_roll, {"ids": called})
        done = not self._due and self._walked is None
        turn = clock["turn"] + 1
        reached = self._reached if done else {"position": None, "at": None}
        await conn.execute(sql.advance_clock, reached | {"turn": turn})
        self._turn = turn
        return not done

    async def _look(self, conn: Connection, clock: dict[str, Any]) -> None:
        """Who is to be called; everybody, where what changed is not known any more."""
        self._reached = await _one(conn, sql.read_position)
        if clock["position"] is None or not clock["known"]:
            self._walked = 0
        else:
            since = {"position": clock["position"]}
            self._due = (await _one(conn, sql.list_changed, since))["ids"]


async def _one(conn: Connection, query: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
    row = await (await conn.execute(query, given)).fetchone()
    assert row is not None
    return row
