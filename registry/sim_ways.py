"""Ways to walk lists of SIMs: queries in the order that an index gives, one after the other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from foundation.database import Connection
from registry import keyset
from registry.model import Page
from registry.scope import Right, Scope

Item = TypeVar("Item")

LONG_AGO = "-infinity"


@dataclass(frozen=True, slots=True)
class Way:
    """A query in the order of `column` (None: of the ids alone) and `ids`; its cursors' letter.

    `first` is what a walk begins after: a text, a number, or LONG_AGO of instants.
    """

    letter: str
    query: str
    column: str | None = None
    first: str | int = ""
    ids: str = "id"

    def start(self, cursor: str | None) -> dict[str, str | int | datetime]:
        """The key after which a page begins."""
        if cursor is None:
            return {"after": self.first, "after_id": 0}
        text, _, last_id = cursor[1:].rpartition(".")
        after: str | int | datetime = text
        if isinstance(self.first, int):
            after = keyset.number(text)
        elif self.first == LONG_AGO:
            after = keyset.instant(text)
        return {"after": after, "after_id": keyset.number(last_id)}

    def cursor(self, row: Mapping[str, Any]) -> str:
        """The cursor that opens the page after this row."""
        key = row[self.column] if self.column else ""
        shown = keyset.of_instant(key) if isinstance(key, datetime) else key
        return f"{self.letter}{shown}.{row[self.ids]}"


async def walk(
    conn: Connection,
    scope: Scope,
    ways: Sequence[Way],
    wanted: Mapping[str, Any],
    after: str | None,
    limit: int,
    item: Callable[[dict[str, Any]], Item],
) -> Page[Item]:
    """One page of what the scope sees, from where the cursor `after` is.

    CursorInvalid where it is of none of the ways.
    """
    scope.require(Right.SIMS_READ)
    given = {**scope.parameters(), **wanted, "rows": keyset.rows_asked_for(limit)}
    rows: list[tuple[Way, dict[str, Any]]] = []
    for way in _left(ways, after):
        cursor = await conn.execute(way.query, given | way.start(after))
        rows += [(way, row) async for row in cursor]
        if len(rows) > limit:
            break
        after = None
    return keyset.page(
        rows, limit, lambda pair: item(pair[1]), lambda pair: pair[0].cursor(pair[1])
    )


def _left(ways: Sequence[Way], after: str | None) -> Sequence[Way]:
    """The ways that are left to walk: from the one that the cursor is of."""
    if after is None:
        return ways
    letters = [way.letter for way in ways]
    if after[:1] not in letters:
        raise keyset.CursorInvalid
    return ways[letters.index(after[0]) :]
