"""Alarms that fit no more are over: their rule is held otherwise, or not of their terminal.

Of who has changed hands they begin anew for the new owner, from then.

Of terminals that changed at once, of all others in turn, so many at a time: what a turn costs does
not grow with the alarms that are open.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from foundation import queries
from foundation.database import Connection

sql = queries.load("telemetry", "alarms/fitting.sql")

MOST_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Fitted:
    """Whose alarms (rule, terminal) are over, and which terminals are to be looked at anew."""

    over: Sequence[tuple[int, int]]
    changed: Sequence[int]


class Fitting:
    """Looks after the alarms of rules that are judged by time, or of all others."""

    def __init__(self, *, by_time: bool) -> None:
        self._by_time = by_time
        self._position: str | None = None
        self._after = 0
        self._waiting: list[int] = []
        self._is_held_otherwise = False

    def forget(self) -> None:
        """A transaction failed: who changed in it is found in turn."""
        self._position, self._after, self._waiting = None, 0, []

    async def rules_as_of(self, conn: Connection) -> object:
        """Differs when rules have to be read again."""
        return await (await conn.execute(sql.rules_as_of, {"by_time": self._by_time})).fetchone()

    async def end_what_was_held_otherwise(self, conn: Connection) -> set[tuple[int, int]]:
        """End the alarms of rules that are not enabled, or watch for something else.

        What is left is for the next turns. Whose (rule, terminal) are over.
        """
        asked = {"by_time": self._by_time, "rows": MOST_AT_ONCE}
        ended = await (await conn.execute(sql.end_what_was_held_otherwise, asked)).fetchall()
        self._is_held_otherwise = len(ended) == MOST_AT_ONCE
        return {(row["rule_id"], row["terminal_id"]) for row in ended}

    async def turn(self, conn: Connection) -> Fitted:
        """End the alarms of terminals that their rule is not of."""
        over = await self.end_what_was_held_otherwise(conn) if self._is_held_otherwise else set()
        self._waiting += await self._changed(conn)
        changed, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
        asked = {"after": self._after, "rows": MOST_AT_ONCE}
        row = await (await conn.execute(sql.list_next_open, asked)).fetchone()
        assert row is not None
        ids = row["ids"]
        self._after = ids[-1] if len(ids) == MOST_AT_ONCE else 0
        if not ids and not changed:
            return Fitted(list(over), [])
        cursor = await conn.execute(
            sql.end_what_fits_no_more,
            {"ids": ids, "terminal_ids": changed, "by_time": self._by_time},
        )
        ended = await cursor.fetchall()
        over |= {(row["rule_id"], row["terminal_id"]) for row in ended}
        if self._by_time:  # which is judged anew without any reading
            return Fitted(list(over), [*changed, *(terminal_id for _, terminal_id in over)])
        moved = [(row["rule_id"], row["terminal_id"]) for row in ended if row["has_moved"]]
        return Fitted(list(over - await self._open_anew(conn, moved)), changed)

    async def keep_time(self, conn: Connection) -> None:
        """Tell what lasts after a maintenance window, and what nobody has taken note of in time."""
        await conn.execute(sql.end_windows, {"rows": MOST_AT_ONCE})
        await conn.execute(sql.mark_breaches, {"rows": MOST_AT_ONCE})

    async def _open_anew(
        self, conn: Connection, moved: Sequence[tuple[int, int]]
    ) -> set[tuple[int, int]]:
        """Of these alarms those that go on for another owner."""
        if not moved:
            return set()
        rules, terminals = zip(*moved, strict=True)
        asked = {"rules": list(rules), "terminals": list(terminals)}
        cursor = await conn.execute(sql.open_anew, asked)
        return {(row["rule_id"], row["terminal_id"]) async for row in cursor}

    async def _changed(self, conn: Connection) -> list[int]:
        """The terminals that changed since the last turn; none, where that is not known."""
        asked = {"position": self._position or str(2**63)}
        row = await (await conn.execute(sql.read_changed, asked)).fetchone()
        assert row is not None
        self._position = row["position"]
        changed: list[int] = row["ids"]
        return changed
