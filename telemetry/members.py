"""Which terminals a set of them is, and in which time each counts.

A client stands for what it, or one below it, owned at the time; a region for the terminals that are
installed there now; a collection for those in it now, in its owner's time.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from foundation.database import Connection
from registry import terminal_lists
from registry.keyset import MOST_ROWS
from registry.model import DeviceProfile, GroupClientId
from registry.scope import Right, Scope
from registry.terminal_lists import Filters
from telemetry.many_series import sql


class Member(NamedTuple):
    """A terminal of a set, and from when to before when it counts."""

    terminal_id: int
    since: datetime
    until: datetime


async def list_all(
    conn: Connection,
    scope: Scope,
    window: tuple[datetime, datetime],
    *,
    profile: DeviceProfile | None,
    owned_by: GroupClientId | None,
    among: Filters | None,
    most: int,
) -> list[Member]:
    """The terminals (of a profile) that a client owns, or that are `among` these now.

    With both, of those among these in the client's time. A few more than `most` where they are
    more: whoever asks refuses then.
    """
    scope.require(Right.TELEMETRY_READ)
    ids = None
    if among is not None:
        kind = Filters() if profile is None else Filters(profile=profile.code)
        ids = await _listed(conn, scope, among | kind, most)
    if owned_by is None:
        return [Member(number, *window) for number in ids or ()]
    start, end = window
    asked = scope.parameters() | {"start": start, "end": end, "group_client": owned_by, "ids": ids}
    asked |= {"profile_id": None if profile is None else profile.id, "rows": 2 * most + 1}
    rows = await (await conn.execute(sql.list_owned, asked)).fetchall()
    return [Member(row["terminal_id"], row["since"], row["until"]) for row in rows]


def count(members: Sequence[Member]) -> int:
    """How many terminals they are: one that a client owned twice is one."""
    return len({member.terminal_id for member in members})


async def _listed(conn: Connection, scope: Scope, filters: Filters, most: int) -> list[int]:
    ids: list[int] = []
    after: str | None = None
    while len(ids) <= most:
        page = await terminal_lists.list_page(conn, scope, after=after, limit=MOST_ROWS, **filters)
        ids += [terminal.id for terminal in page.items]
        after = page.next_key
        if after is None:
            break
    return ids
