"""The rows of an export: terminal by terminal, in the order of time, some thousand at once.

Each batch is read in a transaction of its own, under the asker's policies; none is open while its
rows are written.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
from psycopg import sql as composed

from foundation import queries
from foundation.database import Connection
from registry import collections, group_clients, profiles, regions
from registry.model import DeviceProfile, MetricType
from registry.scope import Right
from registry.work import Work
from telemetry import many_series, members
from telemetry.errors import MetricUnknown
from telemetry.exports.model import MOST_TERMINALS, Content, ExportTooWide, Wanted
from telemetry.exports.writing import Rows
from telemetry.members import Member
from telemetry.parquet import Kinds
from telemetry.reader import without_cards
from telemetry.sight import Profiles, profiles_in_window
from telemetry.sources import Source

sql = queries.load("telemetry.exports")

_BATCH_ROWS = 5_000
_BATCH_TERMINALS = 200
_EVENT_COLUMNS: Kinds = {
    "terminal": MetricType.TEXT,
    "time": None,
    "delay_seconds": MetricType.BIGINT,
    "code": MetricType.TEXT,
    "severity": MetricType.TEXT,
    "text": MetricType.TEXT,
    "data": MetricType.TEXT,
}
_TICK = timedelta(microseconds=1)


@dataclass(slots=True)
class Plan:
    """What is to be read: the terminals with their times, and what each has."""

    wanted: Wanted
    members: Sequence[Member]
    codes: dict[int, str] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    kinds: dict[str, MetricType] = field(default_factory=dict)

    @property
    def columns(self) -> Kinds:
        """The columns of the file."""
        if self.wanted.content is Content.EVENTS:
            return _EVENT_COLUMNS
        return {"terminal": MetricType.TEXT, "time": None, **self.kinds}


@dataclass(slots=True)
class Place:
    """Up to where it is read: `member` is the next one, from `after` on."""

    member: int = 0
    after: tuple[Any, ...] | None = None


async def plan(work: Work, wanted: Wanted) -> Plan:
    """Find what is to be read; ExportTooWide beyond MOST_TERMINALS, MetricUnknown, NotFound."""
    async with work.transaction() as conn:
        profile = None
        if wanted.profile is not None:
            profile = await profiles.find(conn, work.scope, wanted.profile)
        listed = await _members(conn, work, wanted, profile)
    if members.count(listed) > MOST_TERMINALS:
        raise ExportTooWide(field="terminals")
    planned = Plan(wanted, listed)
    found: dict[str, Profiles] = {}
    for at in range(0, len(listed), _BATCH_TERMINALS):
        some = listed[at : at + _BATCH_TERMINALS]
        async with work.transaction() as conn:
            await conn.execute(sql.put_stretches, {"id": work.job.subject, **_as_columns(some)})
            cursor = await conn.execute(sql.list_codes, {"ids": [m.terminal_id for m in some]})
            async for row in cursor:
                planned.codes[row["terminal_id"]] = row["terminal_code"]
            if wanted.content is Content.READINGS:
                for member in some:
                    shown = await _profiles(conn, member, profile)
                    for code, metrics in shown.items():
                        found.setdefault(code, {code: metrics})
                    planned.sources.append(Source({code: found[code][code] for code in shown}))
    every = Source({code: shown[code] for code, shown in sorted(found.items())})
    for name in wanted.metrics:
        if name not in every.kinds and wanted.content is Content.READINGS:
            raise MetricUnknown(f"None of the terminals has a metric {name[:80]}.", field="metrics")
    planned.kinds = every.wanted(wanted.metrics)
    return planned


async def rows(work: Work, planned: Plan) -> AsyncIterator[tuple[Rows, int]]:
    """Some rows after the other, each time with how many terminals are read by then."""
    events = planned.wanted.content is Content.EVENTS
    take = _take_events if events else _take_readings
    place = Place()
    while place.member < len(planned.members):
        batch: list[Sequence[object]] = []
        last = place.member + _BATCH_TERMINALS
        async with work.transaction() as conn:
            while place.member < min(last, len(planned.members)) and len(batch) < _BATCH_ROWS:
                batch += await take(conn, work, planned, place)
        yield batch, place.member


async def _members(
    conn: Connection, work: Work, wanted: Wanted, profile: DeviceProfile | None
) -> list[Member]:
    scope, window = work.scope, (wanted.start, wanted.end)
    if wanted.terminals:
        found = await many_series.find_all(conn, scope, wanted.terminals, most=MOST_TERMINALS)
        return [Member(terminal_id, *window) for terminal_id in found.values()]
    owner, among = None, None
    if wanted.collection is not None:
        among = await collections.filters_of(conn, scope, wanted.collection)
        owner = among["group_client"]
    elif wanted.group_client is not None:
        owner = (await group_clients.find(conn, scope, wanted.group_client)).id
    elif wanted.region is not None:
        among = {"region": (await regions.find(conn, scope, wanted.region)).range}
    return await members.list_all(
        conn, scope, window, profile=profile, owned_by=owner, among=among, most=MOST_TERMINALS
    )


async def _profiles(conn: Connection, member: Member, profile: DeviceProfile | None) -> Profiles:
    shown = await profiles_in_window(conn, *member)
    if profile is None:
        return shown
    return {code: metrics for code, metrics in shown.items() if code == profile.code}


async def _take_readings(conn: Connection, _: Work, planned: Plan, place: Place) -> Rows:
    member, source = planned.members[place.member], planned.sources[place.member]
    names = [name for name in planned.kinds if name in source.kinds]
    found: list[dict[str, Any]] = []
    if names:
        query = composed.SQL("{rows} order by time limit %(most)s").format(rows=source.rows(names))
        start = member.since if place.after is None else place.after[0] + _TICK
        asked = {"terminal_id": member.terminal_id, "start": start, "end": member.until}
        found = await (await conn.execute(query, asked | {"most": _BATCH_ROWS})).fetchall()
    if len(found) == _BATCH_ROWS:
        cut = found[-1]["time"]  # of which another profile may have a row that did not fit
        while len(source.profiles) > 1 and found[-1]["time"] == cut:
            found.pop()
        _move(place, (found[-1]["time"],))
    else:
        _move(place, None)
    code = planned.codes.get(member.terminal_id)
    return [(code, row["time"], *(row.get(name) for name in planned.kinds)) for row in found]


async def _take_events(conn: Connection, work: Work, planned: Plan, place: Place) -> Rows:
    member = planned.members[place.member]
    start, digest = place.after or (member.since, None)
    asked = {"terminal_id": member.terminal_id, "start": start, "end": member.until}
    cursor = await conn.execute(sql.list_events, asked | {"digest": digest, "most": _BATCH_ROWS})
    found = await cursor.fetchall()
    full = len(found) == _BATCH_ROWS
    _move(place, (found[-1]["time"], found[-1]["digest"]) if full else None)
    if Right.SIMS_READ not in work.scope.rights:
        found = [row | {"data": without_cards(row["data"])} for row in found]
    return [
        (
            row["terminal"],
            row["time"],
            row["delay_seconds"],
            row["code"],
            row["severity"],
            row["text"],
            None if row["data"] is None else orjson.dumps(row["data"]).decode(),
        )
        for row in found
    ]


def _move(place: Place, after: tuple[Any, ...] | None) -> None:
    """On within the same terminal, after a row of it; or to the next one."""
    place.after = after
    if after is None:
        place.member += 1


def _as_columns(some: Sequence[Member]) -> dict[str, Any]:
    ids, since, until = zip(*some, strict=True)
    return {"ids": list(ids), "since": list(since), "until": list(until)}
