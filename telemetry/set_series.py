"""One series of many terminals together: each one's value of a step first, then one over all."""

from datetime import datetime

from psycopg import sql

from foundation.database import Connection
from registry import profiles
from registry.model import DeviceProfile, GroupClientId, MetricType
from registry.scope import Right, Scope
from registry.terminal_lists import Filters
from telemetry import cost, members
from telemetry.cost import Stretch
from telemetry.errors import AggregateImpossible, MetricUnknown, SetTooLarge, StepMissing
from telemetry.filling import spread
from telemetry.model import Across, Aggregate, Fill, SetSeries
from telemetry.sampling import Sampling
from telemetry.series import complete
from telemetry.sight import check_window

MOST_TERMINALS = 10_000
MOST_CELLS = 1_000_000

_FORMS = {
    Aggregate.COUNT: "count({m})",
    Aggregate.FIRST: "public.first({m}, v.time)",
    Aggregate.LAST: "public.last({m}, v.time)",
}
_NUMBERS = {
    MetricType.DOUBLE: "v.{m}",
    MetricType.BIGINT: "v.{m}",
    MetricType.BOOLEAN: "v.{m}::int",
}
_QUERY = """with said as (
    select v.terminal_id, width_bucket(v.time, %(edges)s::timestamptz[]) - 1 as k,
        {value}::double precision as value, count(*) as readings
    from {view} v join unnest(%(ids)s::int4[], %(since)s::timestamptz[], %(until)s::timestamptz[])
        w(terminal_id, since, until)
        on w.terminal_id = v.terminal_id and v.time >= w.since and v.time < w.until
    where v.terminal_id = any (%(ids)s::int4[]) and v.time >= %(start)s and v.time < %(end)s
        and v.{m} is not null
    group by 1, 2)
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
    query = _query(found, metric, sampling.aggregate, across)
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
    spans = [Stretch(found.code, member.since, member.until) for member in listed]
    await cost.check(conn, scope, spans)
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
        terminals=terminals,
        readings=sum(row["readings"] for row in rows),
        times=times,
        columns=columns,
    )


def _query(
    profile: DeviceProfile, metric: str, aggregate: Aggregate, across: Across
) -> sql.Composed:
    kinds = {m.name: m.type for m in profile.metrics if not m.hidden}
    if metric not in kinds:
        raise MetricUnknown(f"The profile has no metric {metric[:80]}.", field="metric")
    number = "v.{m}" if aggregate is Aggregate.COUNT else _NUMBERS.get(kinds[metric])
    if number is None:
        raise AggregateImpossible(
            f"{metric} is text, of which only count is a number.",
            field="aggregate",
            remedy="Ask for count, or for the series of each terminal.",
        )
    name = sql.Identifier(metric)
    form = _FORMS.get(aggregate, f"{aggregate}({{m}})")
    return sql.SQL(_QUERY).format(
        value=sql.SQL(form).format(m=sql.SQL(number).format(m=name)),
        view=sql.Identifier("visible", profile.code),
        m=name,
        across=sql.SQL(across),
    )
