"""One series of many terminals together: each one's value of a step first, then one over all."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql

from foundation.database import Connection
from registry import profiles
from registry.model import DeviceProfile, GroupClientId, MetricType
from registry.scope import Right, Scope
from registry.terminal_lists import Filters
from telemetry import cost, grounds, members
from telemetry.cost import Stretch
from telemetry.errors import AggregateImpossible, MetricUnknown, SetTooLarge, StepMissing
from telemetry.filling import spread
from telemetry.grounds import may_be_rolled
from telemetry.model import Across, Aggregate, Fill, SetSeries
from telemetry.partials import Partial
from telemetry.pieces import Pieces, pieces
from telemetry.resolution import Plan, resolution
from telemetry.sampling import Sampling
from telemetry.series import complete
from telemetry.sight import check_window

MOST_TERMINALS = 10_000
MOST_CELLS = 1_000_000

_COUNTING = frozenset({Aggregate.COUNT, Aggregate.SUM, Aggregate.AVERAGE})

_NUMBERS = frozenset({MetricType.DOUBLE, MetricType.BIGINT, MetricType.BOOLEAN})
# Each window is of constants, so that chunks outside of it are not even looked at.
_OF_READINGS = """select v.terminal_id, width_bucket(v.time, %(edges)s::timestamptz[]) - 1 as k,
    count(*) as readings, {value} as p, {beside} as q
from {view} v join unnest(%(ids)s::int4[], %(since)s::timestamptz[], %(until)s::timestamptz[])
    w(terminal_id, since, until)
    on w.terminal_id = v.terminal_id and v.time >= w.since and v.time < w.until
where v.terminal_id = any (%(ids)s::int4[]) and v.time >= {start} and v.time < {end}
    and {m} is not null
group by 1, 2"""
_OF_BUCKETS = """select v.terminal_id, width_bucket(v.time, %(edges)s::timestamptz[]) - 1 as k,
    ({m}).count as readings, {value} as p, {beside} as q
from {view} v join unnest(%(ids)s::int4[], %(since)s::timestamptz[], %(until)s::timestamptz[])
    w(terminal_id, since, until) on w.terminal_id = v.terminal_id and v.time >= w.since
    and v.time + interval {span} <= w.until
where v.terminal_id = any (%(ids)s::int4[]) and v.time >= {start} and v.time < {end}
    and ({m}).count > 0"""
# What a change of hands cuts out of buckets, piece by piece.
_OF_PIECES = """select c.terminal_id, b.k, b.readings, b.p, b.q
from unnest({ids}::int4[], {since}::timestamptz[], {until}::timestamptz[])
    c(terminal_id, since, until)
cross join lateral (
    select width_bucket(v.time, %(edges)s::timestamptz[]) - 1 as k,
        count(*) as readings, {value} as p, {beside} as q
    from {view} v where v.terminal_id = c.terminal_id and v.time >= c.since and v.time < c.until
        and v.time >= %(start)s and v.time < %(end)s and {m} is not null
    group by 1) b"""
_OF_CUT_DAYS = """select c.terminal_id, b.k, b.readings, b.p, b.q
from unnest({ids}::int4[], {since}::timestamptz[], {until}::timestamptz[])
    c(terminal_id, since, until)
cross join lateral (
    select width_bucket(v.time, %(edges)s::timestamptz[]) - 1 as k,
        ({m}).count as readings, {value} as p, {beside} as q
    from {view} v where v.terminal_id = c.terminal_id and v.time >= c.since and v.time < c.until
        and v.time >= %(start)s and v.time < %(end)s and ({m}).count > 0 offset 0) b"""
_QUERY = """with part as ({parts}),
said as (
    select terminal_id, k, ({joined}){number}::double precision as value, sum(readings) as readings
    from part group by 1, 2)
select k, {across}(value) as value, sum(readings)::int8 as readings, count(*) as terminals
from said group by 1 order by 1"""


async def together(
    conn: Connection,
    scope: Scope,
    *,
    profile: str,
    metric: str,
    start: datetime,
    end: datetime,
    sampling: Sampling,
    across: Across = Across.AVERAGE,
    owned_by: GroupClientId | None = None,
    among: Filters | None = None,
) -> SetSeries:
    """A metric of the terminals of a profile that a client owns, or that are `among` these now.

    With both, of those among these in the client's time. Yes is 1 and no is 0. Raises
    `MetricUnknown`, `AggregateImpossible`, `StepMissing`, what `Sampling.check` does, and
    `SetTooLarge` beyond MOST_TERMINALS or, times steps, MOST_CELLS.
    """
    scope.require(Right.TELEMETRY_READ)
    check_window(start, end)
    if sampling.step_seconds is None:
        raise StepMissing("Many terminals together are answered by step.", field="step")
    sampling.check(start, end, 1)
    found = await profiles.find(conn, scope, profile)
    kind = _kind(found, metric, sampling.aggregate)
    edges = sampling.edges(start, end)
    window = {"start": start, "end": end}
    listed = await members.list_all(
        conn,
        scope,
        (start, end),
        profile=found,
        owned_by=owned_by,
        among=among,
        most=MOST_TERMINALS,
    )
    terminals = members.count(listed)
    if terminals > MOST_TERMINALS or terminals * len(edges) > MOST_CELLS:
        raise SetTooLarge(field="step")
    rolled = may_be_rolled(sampling)
    spans = [Stretch(found.code, member.since, member.until, rolled) for member in listed]
    await cost.check(conn, scope, spans)
    ids = list({member.terminal_id for member in listed})
    planned = await grounds.plan_for(conn, profile, ids, (start, end), sampling, ())
    cuts = [] if planned.is_raw else await grounds.cuts(conn, ids, (start, end))
    reading = _Reading(profile, metric, Partial(metric, kind, sampling.aggregate), kind)
    query = reading.query(planned, pieces(planned, cuts, listed), sampling.aggregate, across)
    asked = window | {
        "edges": edges,
        "ids": [member.terminal_id for member in listed],
        "since": [member.since for member in listed],
        "until": [member.until for member in listed],
    }
    rows = await (await conn.execute(query, asked)).fetchall()
    places = [row["k"] for row in rows]
    times, columns = complete(edges, places, {"value": [r["value"] for r in rows]}, sampling)
    for name in ("readings", "terminals"):
        counted = [row[name] for row in rows]
        all_steps = sampling.fill is not Fill.NONE
        columns[name] = spread(places, counted, len(edges), 0) if all_steps else counted
    return SetSeries(
        profile=profile,
        metric=metric,
        step_seconds=sampling.step_seconds,
        aggregate=sampling.aggregate,
        across=across,
        fill=sampling.fill,
        timezone=None if sampling.zone is None else sampling.zone.key,
        resolution=resolution([planned]),
        terminals=terminals,
        readings=sum(row["readings"] for row in rows),
        times=times,
        columns=columns,
    )


def _kind(profile: DeviceProfile, metric: str, aggregate: Aggregate) -> MetricType:
    kinds = {m.name: m.type for m in profile.metrics if not m.hidden}
    if metric not in kinds:
        raise MetricUnknown(f"The profile has no metric {metric[:80]}.", field="metric")
    if aggregate is not Aggregate.COUNT and kinds[metric] not in _NUMBERS:
        raise AggregateImpossible(
            f"{metric} is text, of which only count is a number.",
            field="aggregate",
            remedy="Ask for count, or for the series of each terminal.",
        )
    return kinds[metric]


@dataclass(frozen=True, slots=True)
class _Reading:
    """How one metric of a profile is read, of many terminals."""

    profile: str
    metric: str
    partial: Partial
    kind: MetricType

    def query(
        self, planned: Plan, cut: Pieces, aggregate: Aggregate, across: Across
    ) -> sql.Composed:
        """Of each step the value across terminals, with readings and terminals counted."""
        parts = [
            self._part(form, view, rolled, start=start, end=end, span=span)
            for form, view, rolled, span, spans in (
                (_OF_READINGS, "", False, None, planned.raw),
                (_OF_BUCKETS, "_hourly", True, "1 hour", planned.hourly),
                (_OF_BUCKETS, "_daily", True, "24 hours", planned.daily),
            )
            for start, end in spans
        ]
        for form, view, rolled, pieces_ in (
            (_OF_PIECES, "", False, cut.raw),
            (_OF_CUT_DAYS, "_hourly", True, cut.hourly),
        ):
            if pieces_:
                ids, since, until = map(list, zip(*pieces_, strict=True))
                parts.append(self._part(form, view, rolled, ids=ids, since=since, until=until))
        is_yes = self.kind is MetricType.BOOLEAN and aggregate not in _COUNTING
        return sql.SQL(_QUERY).format(
            parts=sql.SQL(" union all ").join(parts),
            joined=self.partial.joined(sql.SQL("p"), sql.SQL("q")),
            number=sql.SQL("::int" if is_yes else ""),
            across=sql.SQL(across),
        )

    def _part(self, form: str, view: str, rolled: bool, **given: Any) -> sql.Composed:
        metric = sql.SQL("v.{}").format(sql.Identifier(self.metric))
        value, beside = self.partial.part(metric, self.kind, rolled=rolled)
        return sql.SQL(form).format(
            m=metric,
            value=value,
            beside=beside,
            view=sql.Identifier("visible", self.profile + view),
            **{name: sql.Literal(one) for name, one in given.items()},
        )
