"""Series of a terminal's metrics: raw, thinned for a chart, or one value a step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
from psycopg import sql

from foundation.database import Connection
from registry.model import MetricType
from registry.scope import Right, Scope
from telemetry import cost, filling, grounds, thinning
from telemetry.cost import Stretch
from telemetry.errors import FillImpossible, TooManyPoints, TooManyReadings
from telemetry.grounds import may_be_rolled
from telemetry.model import Aggregate, Fill, Resolution, Series, Value, at
from telemetry.partials import Partial
from telemetry.resolution import resolution
from telemetry.sampling import MOST_POINTS, Sampling
from telemetry.sight import check_window, find_seen, profiles_in_window
from telemetry.sources import Source, beside
from telemetry.tables import POSTGRES_EPOCH_US

MOST_READ = 1_000_000

_COUNTED_BOOLEAN = frozenset({Aggregate.AVERAGE, Aggregate.SUM})

# Time and value of each row, packed: a million of them weigh 16 MB and are no objects.
_PACKED = """select coalesce(string_agg(timestamptz_send(time) || {send}, ''), '') as packed from
    (select time, {m} from ({rows}) r where {m} is not null order by time) ordered"""
_SENT = {
    MetricType.DOUBLE: ("float8send({m})", ">f8"),
    MetricType.BIGINT: ("int8send({m})", ">i8"),
}
# What is no number has no triangles: where it changes is kept, of that every so manieth.
_CHANGES = """select time, {m}, "#all" from (
    select time, {m}, "#n" as "#all",
        row_number() over (order by time) as "#k", count(*) over () as "#n" from (
        select time, {m}, lag({m}) over (order by time) as "#before",
            row_number() over (order by time) as "#k", count(*) over () as "#n"
        from ({rows}) r where {m} is not null) said
    where "#k" in (1, "#n") or {m} <> "#before") changed
where "#k" = 1 or "#n" <= %(points)s
    or ("#k" - 1) * (%(points)s - 1) / ("#n" - 1) > ("#k" - 2) * (%(points)s - 1) / ("#n" - 1)
order by time"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A series of a terminal that was found in scope, checked, and not yet read."""

    terminal: str
    source: Source
    wanted: Mapping[str, MetricType]
    window: Mapping[str, Any]
    sampling: Sampling

    @property
    def rows(self) -> sql.Composable:
        """The readings that it is made of."""
        return self.source.rows(list(self.wanted))

    @property
    def kinds(self) -> dict[str, MetricType]:
        """What the values of each column are: those of a step are not always as the metric's."""
        if self.sampling.step_seconds is None:
            return dict(self.wanted)
        aggregate = self.sampling.aggregate
        if aggregate is Aggregate.COUNT:
            return dict.fromkeys(self.wanted, MetricType.BIGINT)
        whole = aggregate in (Aggregate.AVERAGE, Aggregate.SUM) or self.sampling.fill is Fill.LINEAR
        return dict.fromkeys(self.wanted, MetricType.DOUBLE) if whole else dict(self.wanted)

    @property
    def stretches(self) -> list[Stretch]:
        """What would have to be read for its steps; the rest is counted before it is read."""
        if self.sampling.step_seconds is None:
            return []
        times = self.window["start"], self.window["end"]
        rolled = may_be_rolled(self.sampling)
        return [Stretch(profile, *times, rolled) for profile in self.source.profiles]


async def series(
    conn: Connection,
    scope: Scope,
    terminal_code: str,
    metrics: Sequence[str],
    start: datetime,
    end: datetime,
    sampling: Sampling = Sampling(),
) -> Series:
    """Values from `start` on and before `end`; all metrics of the profile if none are named.

    The average of a boolean is the share of true. Raises `MetricUnknown`, `AggregateImpossible`,
    `FillImpossible`, `TimesInvalid`, what `Sampling.check` does, `TooManyPoints` beyond
    MOST_POINTS, and `TooManyReadings` where more than MOST_READ values were to be thinned.
    """
    return await read(
        conn, scope, await prepare(conn, scope, terminal_code, metrics, start, end, sampling)
    )


async def prepare(
    conn: Connection,
    scope: Scope,
    terminal_code: str,
    metrics: Sequence[str],
    start: datetime,
    end: datetime,
    sampling: Sampling,
) -> Asked:
    """What `read` is then to read; nearly all refusals come now."""
    scope.require(Right.TELEMETRY_READ)
    terminal_id = await find_seen(conn, scope, terminal_code)
    check_window(start, end)
    source = Source(await profiles_in_window(conn, terminal_id, start, end))
    wanted = source.wanted(metrics)
    check(wanted, start, end, sampling)
    window = {"terminal_id": terminal_id, "start": start, "end": end}
    asked = Asked(terminal_code, source, wanted, window, sampling)
    await cost.check(conn, scope, asked.stretches)
    return asked


def check(
    wanted: Mapping[str, MetricType], start: datetime, end: datetime, sampling: Sampling
) -> None:
    """Refuse an aggregate or a fill that means nothing for one of these metrics, and the absurd."""
    sampling.check(start, end, len(wanted))
    if sampling.step_seconds is None:
        return
    for name, kind in wanted.items():
        Partial(name, kind, sampling.aggregate)
        if sampling.fill is Fill.LINEAR and not _is_number(kind, sampling.aggregate):
            raise FillImpossible(f"Between two values of {name} there is nothing.", field="fill")


def _is_number(kind: MetricType, aggregate: Aggregate) -> bool:
    if aggregate is Aggregate.COUNT or kind in _SENT:
        return True
    return kind is MetricType.BOOLEAN and aggregate in _COUNTED_BOOLEAN


_Columns = dict[str, Sequence[Value | None]]
_Points = tuple[Sequence[datetime], _Columns, int]
"""Times, columns, and of how many readings they are made."""


async def read(conn: Connection, scope: Scope, asked: Asked) -> Series:
    """What was asked for and found fit to be read."""
    scope.require(Right.TELEMETRY_READ)
    sampling = asked.sampling
    thinned, by_step = False, sampling.step_seconds is not None
    found: _Points = ([], {}, 0)
    made_of = Resolution.RAW
    if by_step and asked.wanted:
        found, made_of = await _by_step(conn, asked)
    elif sampling.points is not None and asked.wanted:
        found, thinned = await _thinned(conn, scope, asked, sampling.points)
    elif asked.wanted:
        found = await _raw(conn, asked)
    times, columns, readings = found
    return Series(
        terminal=asked.terminal,
        resolution=made_of,
        step_seconds=sampling.step_seconds,
        aggregate=sampling.aggregate if by_step else None,
        fill=sampling.fill,
        timezone=None if sampling.zone is None else sampling.zone.key,
        thinned=thinned,
        readings=readings,
        times=times,
        columns=columns,
    )


async def count(conn: Connection, scope: Scope, asked: Asked, most: int) -> int:
    """How many readings a series is made of, counted up to `most`."""
    scope.require(Right.TELEMETRY_READ)
    query = sql.SQL('select count(*) as "#n" from (select from ({rows}) r limit %(most)s) b')
    wanted = {**asked.window, "most": most}
    row = await (await conn.execute(query.format(rows=asked.rows), wanted)).fetchone()
    assert row is not None
    return int(row["#n"])


def too_many_readings(terminal_code: str) -> TooManyPoints:
    """What is said where more readings were to be answered as they came."""
    return TooManyPoints(
        f"This window holds more than {MOST_POINTS} readings of {terminal_code}.",
        field="step",
        remedy="Ask for a shorter time, for a step or points, or have it exported.",
    )


async def _raw(conn: Connection, asked: Asked) -> _Points:
    query = sql.SQL("{rows} order by time limit %(most)s").format(rows=asked.rows)
    rows = await (await conn.execute(query, {**asked.window, "most": MOST_POINTS + 1})).fetchall()
    if len(rows) > MOST_POINTS:
        raise too_many_readings(asked.terminal)
    columns: _Columns = {name: [row[name] for row in rows] for name in asked.wanted}
    return [row["time"] for row in rows], columns, len(rows)


async def _by_step(conn: Connection, asked: Asked) -> tuple[_Points, Resolution]:
    sampling = asked.sampling
    window = (asked.window["start"], asked.window["end"])
    terminal_ids = [asked.window["terminal_id"]]
    cuts = await grounds.cuts(conn, terminal_ids, window) if may_be_rolled(sampling) else []
    plans = {
        code: await grounds.plan_for(
            conn, code, terminal_ids, window, sampling, [c.at for c in cuts]
        )
        for code in asked.source.planned(asked.wanted)
    }
    partials = {
        name: Partial(name, kind, sampling.aggregate) for name, kind in asked.wanted.items()
    }
    values = [
        sql.SQL("{} as {}").format(
            partial.joined(sql.Identifier(name), sql.Identifier(beside(name))), sql.Identifier(name)
        )
        for name, partial in partials.items()
    ]
    query = sql.SQL(
        'select "#k", sum("#n")::bigint as "#n", {values} from ({parts}) p group by 1 order by 1'
    ).format(values=sql.SQL(", ").join(values), parts=asked.source.parts(partials, plans))
    edges = sampling.edges(*window)
    rows = await (await conn.execute(query, {**asked.window, "edges": edges})).fetchall()
    columns: _Columns = {name: [plain(row[name]) for row in rows] for name in asked.wanted}
    times, columns = complete(edges, [row["#k"] for row in rows], columns, sampling)
    return (times, columns, sum(row["#n"] for row in rows)), resolution(plans.values())


def complete(
    edges: Sequence[datetime], places: Sequence[int], columns: _Columns, sampling: Sampling
) -> tuple[Sequence[datetime], _Columns]:
    """The steps that are answered, with what is in them; where values are counted, 0 for none."""
    if sampling.fill is Fill.NONE:
        return [edges[k] for k in places], columns
    empty = 0 if sampling.aggregate is Aggregate.COUNT else None
    whole = {
        name: filling.spread(places, column, len(edges), empty) for name, column in columns.items()
    }
    return edges, {
        name: filling.filled(edges, column, sampling.fill) for name, column in whole.items()
    }


async def _thinned(
    conn: Connection, scope: Scope, asked: Asked, points: int
) -> tuple[_Points, bool]:
    """At most `points` values of each metric, and whether any is left out.

    A time is there as soon as one metric has a point at it; the others have None then.
    """
    most = MOST_READ // len(asked.wanted)
    readings = await count(conn, scope, asked, most + 1)
    if readings > most:
        raise TooManyReadings(
            f"This window holds more than {MOST_READ} values to choose from.", field="points"
        )
    kept: dict[str, dict[datetime, Value]] = {}
    thinned = False
    for name, kind in asked.wanted.items():
        choose = _triangles if kind in _SENT else _changes
        kept[name], of = await choose(conn, asked, name, points)
        thinned |= len(kept[name]) < of
    times = sorted({time for values in kept.values() for time in values})
    columns: _Columns = {
        name: [values.get(time) for time in times] for name, values in kept.items()
    }
    return (times, columns, readings), thinned


async def _triangles(
    conn: Connection, asked: Asked, name: str, points: int
) -> tuple[dict[datetime, Value], int]:
    send, layout = _SENT[asked.wanted[name]]
    metric = sql.Identifier(name)
    query = sql.SQL(_PACKED).format(
        send=sql.SQL(send).format(m=metric), m=metric, rows=asked.source.rows([name])
    )
    row = await (await conn.execute(query, asked.window, binary=True)).fetchone()
    assert row is not None
    packed = np.frombuffer(row["packed"], dtype=[("time", ">i8"), ("value", layout)])
    times = packed["time"].astype(np.int64) + POSTGRES_EPOCH_US
    places = thinning.chosen(times, packed["value"].astype(np.float64), points)
    return {at(int(times[k])): packed["value"][k].item() for k in places}, len(packed)


async def _changes(
    conn: Connection, asked: Asked, name: str, points: int
) -> tuple[dict[datetime, Value], int]:
    query = sql.SQL(_CHANGES).format(m=sql.Identifier(name), rows=asked.source.rows([name]))
    rows = await (await conn.execute(query, {**asked.window, "points": points})).fetchall()
    return {row["time"]: row[name] for row in rows}, rows[0]["#all"] if rows else 0


def plain(value: Any) -> Value | None:
    """What PostgreSQL's sums and averages of whole numbers are in JSON's numbers."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value  # type: ignore[no-any-return]
