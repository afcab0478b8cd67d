"""How complete a day is: what came of a terminal's readings, what became of it, what was expected.

Kept from the feed's messages by the follower `completeness`, a day and terminal in one row, in the
transaction that also keeps its place. Days are UTC's and those of what was measured; a refused
message, whose time may be anything, counts on the day on which it came.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

import numpy as np

from foundation import queries
from foundation.database import Connection
from registry.model import GroupClientId, Page, RegionRange
from registry.scope import Right, Scope
from telemetry import batches
from telemetry.errors import LimitInvalid, TimesInvalid
from telemetry.gaps import Gap, GapKind
from telemetry.messages import EVER_US, FATES, Messages
from telemetry.model import Fate
from telemetry.sight import find_seen, history_from

sql = queries.load("telemetry", "completeness.sql")

FOLLOWER = "completeness"
LATE_SECONDS = 300
"""A stored message is late that came so long after its newest reading was measured."""
MOST_DAYS = 366
MOST_ITEMS = 1000
MOST_GAPS = 200

MOST_BATCHES = 10
"""Of each bridge, in one transaction."""
MOST_FORGOTTEN_DAYS = 3
"""In one transaction: a day of a large country is some 230,000 rows."""
_DAY_US = 86_400_000_000
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Day:
    """A terminal's day; `missing` counts numbers that it gave up or that have not come.

    `expected` is by the profile's interval while in service, so far; None where the terminal is not
    in service or not the asker's any more.
    """

    day: date
    expected: int | None
    received: int
    stored: int
    duplicate: int
    quarantined: int
    late: int
    bytes: int
    missing: int


class By(StrEnum):
    """What sums are formed by."""

    DAY = "day"
    GROUP_CLIENT = "group_client"
    PROVINCE = "province"


@dataclass(frozen=True, slots=True)
class Sum:
    """Of a day, a group client (its code) or a province (its code), as `key` says.

    `expected` is of the terminals that are in service and were so when a day began.
    """

    key: str
    expected: int
    received: int
    stored: int
    duplicate: int
    quarantined: int
    late: int
    bytes: int


async def catch_up(conn: Connection) -> int:
    """Count the feed's next batches in, in the caller's transaction; returns how many came."""
    followed = await batches.follow(conn, FOLLOWER, MOST_BATCHES, columns_of=[batches.MESSAGES])
    if not followed:
        return 0
    told = [Messages.of(b) for b in followed if b.profile_id == batches.MESSAGES]
    counted = _count(Messages.joined(told)) if told else {"days": []}
    if counted["days"]:
        await conn.execute(sql.add_completeness, counted)
    await batches.advance(conn, FOLLOWER, followed)
    return len(followed)


def _count(all_messages: Messages) -> dict[str, list[object]]:
    """Messages with readings of known terminals, by terminal, day and ownership."""
    messages = all_messages.take(all_messages.readings & (all_messages.terminal_ids > 0))
    if not len(messages.fates):
        return {"days": []}
    stored, duplicate, quarantined = (
        messages.fates == FATES.index(fate)
        for fate in (Fate.STORED, Fate.DUPLICATE, Fate.QUARANTINED)
    )
    late = stored & (messages.received_us - messages.times_us > LATE_SECONDS * 1_000_000)
    days = np.where(quarantined, messages.received_us, messages.times_us) // _DAY_US
    keys = messages.owned_since_us, days, messages.terminal_ids
    order = np.lexsort(keys)
    owned, day, terminal = (key[order] for key in keys)
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (terminal[1:] != terminal[:-1]) | (day[1:] != day[:-1]) | (owned[1:] != owned[:-1])
    starts = np.flatnonzero(begins)

    def summed(of: np.ndarray) -> list[object]:
        counts: list[object] = np.add.reduceat(of[order].astype(np.int64), starts).tolist()
        return counts

    return {
        "days": [_EPOCH + timedelta(days=one) for one in day[starts].tolist()],
        "terminal_ids": terminal[starts].tolist(),
        "owned_since_us": [None if o == EVER_US else o for o in owned[starts].tolist()],
        "received": summed(np.ones(len(order))),
        "stored": summed(stored),
        "duplicate": summed(duplicate),
        "quarantined": summed(quarantined),
        "late": summed(late),
        "bytes": summed(messages.sizes),
    }


async def forget_sums(conn: Connection, today: date, days: int) -> int:
    """Forget sums older than so many days, the oldest first; returns of how many days at once.

    Those of a day whose roll-ups of supervision are kept are kept with them.
    """
    await conn.execute(sql.patience)
    given = {"before": today - timedelta(days=days), "rows": MOST_FORGOTTEN_DAYS}
    row = await (await conn.execute(sql.forget_sums, given)).fetchone()
    return 0 if row is None else int(row["days"])


async def days_of(
    conn: Connection, scope: Scope, terminal_code: str, first: date, last: date
) -> list[Day]:
    """Every day of a terminal from `first` to `last` (UTC), newest first, that the asker sees."""
    scope.require(Right.TELEMETRY_READ)
    terminal_id = await find_seen(conn, scope, terminal_code)
    window = await _seen(conn, scope, _window(first, last))
    cursor = await conn.execute(sql.list_days, {"terminal_id": terminal_id} | window)
    return [Day(**row) async for row in cursor]


async def gaps_of(
    conn: Connection, scope: Scope, terminal_code: str, first: date, last: date
) -> list[Gap]:
    """What is missing of a terminal from `first` to `last` (UTC), newest first, at most MOST_GAPS.

    With it what everybody behind a broker may have lost.
    """
    scope.require(Right.TELEMETRY_READ)
    terminal_id = await find_seen(conn, scope, terminal_code)
    given = {"terminal_id": terminal_id, "most": MOST_GAPS} | _window(first, last)
    cursor = await conn.execute(sql.list_gaps, given)
    return [Gap(**row | {"kind": GapKind(row["kind"])}) async for row in cursor]


async def sums(
    conn: Connection,
    scope: Scope,
    by: By,
    first: date,
    last: date,
    *,
    group_client: GroupClientId | None = None,
    region: RegionRange | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Sum]:
    """Completeness of the terminals in scope from `first` to `last` (UTC), summed, by key."""
    scope.require(Right.TELEMETRY_READ)
    if not 1 <= limit <= MOST_ITEMS:
        raise LimitInvalid(field="limit")
    window = await _seen(conn, scope, _window(first, last))
    cursor = await conn.execute(
        sql.sum_days,
        {
            "by": by.value,
            "group_client": group_client,
            "low": region.low if region else None,
            "high": region.high if region else None,
            "after": after or "",
            "rows": limit + 1,
        }
        | window,
    )
    found: Sequence[Sum] = [Sum(**row) async for row in cursor]
    return Page(found[:limit], found[limit - 1].key if len(found) > limit else None)


def today() -> date:
    """The present day, in UTC."""
    return datetime.now(UTC).date()


async def _seen(conn: Connection, scope: Scope, window: dict[str, datetime]) -> dict[str, datetime]:
    """The days of a window of which the asker sees any part: of others nothing is expected."""
    since = await history_from(conn, scope)
    if since is None:
        return window
    midnight = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return window | {"first": max(window["first"], midnight)}


def _window(first: date, last: date) -> dict[str, datetime]:
    if first > last:
        raise TimesInvalid("The first day is after the last.", field="from")
    if (last - first).days >= MOST_DAYS:
        raise TimesInvalid(f"These are more than {MOST_DAYS} days.", field="from")
    midnight = datetime.min.time()
    return {
        "first": datetime.combine(first, midnight, UTC),
        "last": datetime.combine(last, midnight, UTC),
    }
