"""Which moments of which terminals a scope sees: owners' intervals as arrays."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundation.database import Connection
from registry.scope import Right, Scope
from telemetry.many_series import sql
from telemetry.rows import Flags, Int32s, Int64s


@dataclass(frozen=True)
class Moments:
    """Of terminal `ids[k]`, by the code it had, everything from `since_us[k]` until `until_us[k]`.

    In the order of ids and times; a terminal has as many as it had owners whom the scope sees.
    """

    ids: Int32s
    codes: Sequence[str]
    since_us: Int64s
    until_us: Int64s

    @cached_property
    def terminals(self) -> Int32s:
        """The terminals of which there are any, ascending."""
        found: Int32s = np.unique(self.ids)
        return found

    def which(self, ids: Int32s, times_us: Int64s) -> NDArray[np.int64]:
        """For each, which is of a terminal and a time, the place of its moment; -1 for none."""
        first = np.searchsorted(self.ids, ids, "left")
        behind = np.searchsorted(self.ids, ids, "right")
        found = np.full(len(ids), -1, np.int64)
        for k in range(int((behind - first).max(initial=0))):
            place = np.minimum(first + k, len(self.ids) - 1)
            inside: Flags = (
                (first + k < behind)
                & (self.since_us[place] <= times_us)
                & (times_us < self.until_us[place])
            )
            found[inside] = place[inside]
        return found


NOTHING = Moments(np.zeros(0, np.int32), (), np.zeros(0, np.int64), np.zeros(0, np.int64))


async def find(conn: Connection, scope: Scope, terminal_ids: Sequence[int]) -> Moments:
    """The moments of these terminals that the scope sees, and that the transaction lets it see."""
    scope.require(Right.TELEMETRY_READ)
    asked: dict[str, Any] = scope.parameters() | {"ids": list(terminal_ids)}
    rows = await (await conn.execute(sql.list_moments, asked, binary=True)).fetchall()
    return Moments(
        np.array([row["terminal_id"] for row in rows], np.int32),
        [sys.intern(row["code"]) for row in rows],
        np.array([row["since_us"] for row in rows], np.int64),
        np.array([row["until_us"] for row in rows], np.int64),
    )
