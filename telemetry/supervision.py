"""Roll-ups of supervision by region, level, industry, class, sector, tier, manager or client.

Terminals, SIMs and messages count where the terminals are, clients where they are supervised. Now
is read from the sums that the roll call keeps; a day, from what was taken at its end.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import keyset, regions
from registry.model import IndustryClass, Page, Region, RegionLevel, Sector
from registry.scope import Right, Scope
from telemetry.errors import DayNotTaken
from telemetry.supervision_model import NOBODY, Counts, Day, RollUp, RollUpBy, Row

sql = queries.load("telemetry", "supervision.sql")

MOST_DAYS = 400
_DAY_SECONDS = 86_400
_OF_NO_CLIENT = ""
_WHOLE = (-(2**31), 2**31 - 1)
_NO_CLIENTS: dict[str, int | None] = dict.fromkeys(
    ("prospects", "customers", "verified", "files_due")
)
_WORDS: Mapping[RollUpBy, Sequence[str]] = {
    RollUpBy.LEVEL: [level.value for level in RegionLevel],
    RollUpBy.CLASS: [one.value for one in IndustryClass],
    RollUpBy.SECTOR: [sector.value for sector in Sector],
}
_TITLED = {RollUpBy.INDUSTRY: sql.list_industries, RollUpBy.TIER: sql.list_tiers}


@dataclass(frozen=True, slots=True)
class _Key:
    """A row to be: its key in the answer and in the query, and its titles."""

    key: str | None
    of_query: str
    title_zh: str | None = None
    title_en: str | None = None


async def roll_up(
    conn: Connection,
    scope: Scope,
    by: RollUpBy,
    *,
    within: Region | None = None,
    day: date | None = None,
    compared_with: date | None = None,
    after: str | None = None,
    limit: int = keyset.MOST_ROWS,
) -> RollUp:
    """One page of what the scope sees by key, now or as `day` had ended; what has none has 0.

    `within` keeps to what is in that region. By region the rows are it, or else what the scope is
    of, and the regions right below; what lies elsewhere is summed by province.
    """
    scope.require(Right.SUPERVISION_READ)
    taken = None if day is None else await find_day(conn, scope, day)
    if compared_with is not None:
        await find_day(conn, scope, compared_with, "compared_with")
    tree = await regions.list_all(conn, scope)
    root = within or _root(tree, scope)
    place: dict[str, Any] = {
        "narrowed": within is not None,
        "deep": root is not None and root.level is not RegionLevel.HEADQUARTERS,
    }
    place["low"], place["high"] = root.range if root else _WHOLE
    clients = await _clients(conn, scope, place, after, limit) if by is RollUpBy.CLIENT else None
    keys = await _keys(conn, by, tree, root) if clients is None else list(clients.items)
    ids = None if clients is None else [int(key.of_query) for key in keys]
    now = await _count(conn, scope, by, day, place, ids)
    then = await _count(conn, scope, by, compared_with, place, ids) if compared_with else None
    if clients is None:
        keys = _with_others(by, tree, keys, now.keys() | (then or {}).keys())
        keys, next_key = _page(keys, after, limit)
    else:
        next_key = clients.next_key
    rows = _rows(by, keys, now, then)
    if taken is not None:
        return RollUp(root, rows, next_key, taken.taken_at, taken.taken_at)
    clocks = await (await conn.execute(sql.read_clocks)).fetchone()
    assert clocks is not None
    return RollUp(root, rows, next_key, clocks["as_of"], clocks["bindings_at"])


def _rows(
    by: RollUpBy, keys: Iterable[_Key], now: Mapping[str, Counts], then: Mapping[str, Counts] | None
) -> list[Row]:
    nothing = _counts({}, by)
    return [
        Row(
            key.key,
            key.title_zh,
            key.title_en,
            now.get(key.of_query, nothing),
            None if then is None else then.get(key.of_query, nothing),
        )
        for key in keys
    ]


async def list_days(conn: Connection, scope: Scope, limit: int = MOST_DAYS) -> tuple[Day, ...]:
    """The days that were taken, newest first."""
    scope.require(Right.SUPERVISION_READ)
    cursor = await conn.execute(sql.list_days, {"rows": limit})
    return tuple([Day(**row) async for row in cursor])


async def find_day(conn: Connection, scope: Scope, day: date, field: str = "day") -> Day:
    """One of them; DayNotTaken where it is none."""
    scope.require(Right.SUPERVISION_READ)
    row = await (await conn.execute(sql.find_day, {"day": day})).fetchone()
    if row is None:
        raise DayNotTaken(f"No figures of {day} were taken.", field=field)
    return Day(**row)


def _root(tree: Sequence[Region], scope: Scope) -> Region | None:
    """What a scope is of: its region, or the headquarters."""
    own = (region for region in tree if region.range == scope.region)
    top = (region for region in tree if region.level is RegionLevel.HEADQUARTERS)
    return next(own, next(top, None))


async def _clients(
    conn: Connection, scope: Scope, place: Mapping[str, Any], after: str | None, limit: int
) -> Page[_Key]:
    wanted = {"after": after or "", "rows": keyset.rows_asked_for(limit)}
    cursor = await conn.execute(sql.list_clients, {**scope.parameters(), **place, **wanted})
    found = await cursor.fetchall()
    return keyset.page(
        found,
        limit,
        lambda row: _Key(row["code"], str(row["id"]), row["name"], row["name"]),
        lambda row: str(row["code"]),
    )


async def _keys(
    conn: Connection, by: RollUpBy, tree: Sequence[Region], root: Region | None
) -> list[_Key]:
    """What there is a row of, whether there is anything in it or not."""
    if by is RollUpBy.REGION:
        return [
            _of_region(region)
            for region in tree
            if root is not None and root.code in (region.code, region.parent_code)
        ]
    if by in _TITLED:
        cursor = await conn.execute(_TITLED[by])
        return [_Key(of_query=row["key"], **row) async for row in cursor]
    return [_Key(word, word) for word in _WORDS.get(by, ())]


def _of_region(region: Region) -> _Key:
    code = str(region.code)
    return _Key(code, code, region.name_zh, region.name_en)


def _with_others(
    by: RollUpBy, tree: Sequence[Region], keys: list[_Key], found: Iterable[str]
) -> list[_Key]:
    """The keys in order, with regions elsewhere and the managers there are; no client's last."""
    others = set(found) - {key.of_query for key in keys}
    if by is RollUpBy.REGION:
        keys += [_of_region(region) for region in tree if str(region.code) in others]
        return sorted(keys, key=lambda key: int(key.of_query))
    if by is RollUpBy.MANAGER:
        names = sorted(others - {_OF_NO_CLIENT}, key=lambda name: (name == NOBODY, name))
        keys = [_Key(name, name) for name in names]
    elif by not in _WORDS:
        keys = sorted(keys, key=lambda key: key.of_query)
    # By sector it would be messages that were counted before sectors were kept.
    if by is not RollUpBy.SECTOR and _OF_NO_CLIENT in others:
        keys = [*keys, _Key(None, _OF_NO_CLIENT)]
    return keys


def _page(keys: list[_Key], after: str | None, limit: int) -> tuple[list[_Key], str | None]:
    keyset.rows_asked_for(limit)
    places = [n for n, key in enumerate(keys, 1) if key.key == after]
    if after is not None and not places:
        raise keyset.CursorInvalid
    rest = keys[places[0] if after is not None else 0 :]
    return rest[:limit], rest[limit - 1].key if len(rest) > limit else None


async def _count(
    conn: Connection,
    scope: Scope,
    by: RollUpBy,
    day: date | None,
    place: Mapping[str, Any],
    ids: list[int] | None,
) -> dict[str, Counts]:
    """Counts by the query's key."""
    now = datetime.now(UTC)
    utc_day = day or now.date()
    begun = (now - datetime.combine(utc_day, time.min, UTC)).total_seconds()
    wanted = {
        "by": by.value,
        "nobody": NOBODY,
        "whole": by in (RollUpBy.REGION, RollUpBy.SECTOR),
        "ids": ids,
        "day": day,
        "utc_day": utc_day,
        "share_of_day": max(0.0, min(1.0, begun / _DAY_SECONDS)),
    }
    cursor = await conn.execute(sql.roll_up, {**scope.parameters(), **place, **wanted})
    return {row.pop("key"): _counts(row, by) async for row in cursor}


def _counts(row: Mapping[str, int | None], by: RollUpBy) -> Counts:
    counts = Counts(**row)  # type: ignore[arg-type]
    return replace(counts, **_NO_CLIENTS) if by is RollUpBy.SECTOR else counts  # type: ignore[arg-type]
