"""Series of a terminal's metrics: raw, or one value a bucket."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import sql

from foundation.database import Connection
from registry.model import MetricType
from registry.scope import Right, Scope
from telemetry.errors import AggregateImpossible, MetricUnknown, TooManyPoints
from telemetry.model import Aggregate, Series, Value
from telemetry.sight import check_window, find_seen, profiles_in_window

MOST_POINTS = 10_000
SHORTEST_STEP_SECONDS = 1

_NUMERIC = {
    Aggregate.AVERAGE: "avg({m})",
    Aggregate.MINIMUM: "min({m})",
    Aggregate.MAXIMUM: "max({m})",
    Aggregate.SUM: "sum({m})",
}
_BOOLEAN = {
    Aggregate.AVERAGE: "avg({m}::int)",
    Aggregate.MINIMUM: "bool_and({m})",
    Aggregate.MAXIMUM: "bool_or({m})",
    Aggregate.SUM: "sum({m}::int)",
}
_ANY = {
    Aggregate.COUNT: "count({m})",
    Aggregate.FIRST: "public.first({m}, time) filter (where {m} is not null)",
    Aggregate.LAST: "public.last({m}, time) filter (where {m} is not null)",
}


async def series(
    conn: Connection,
    scope: Scope,
    terminal_code: str,
    metrics: Sequence[str],
    start: datetime,
    end: datetime,
    *,
    step_seconds: int | None = None,
    aggregate: Aggregate = Aggregate.AVERAGE,
) -> Series:
    """Values from `start` on and before `end`; all metrics of the profile if none are named.

    Raw without `step_seconds`; else one value a bucket, buckets counted from the Unix epoch and
    empty ones left out. The average of a boolean is the share of true. Raises `MetricUnknown`,
    `AggregateImpossible`, `TimesInvalid`, and `TooManyPoints` beyond MOST_POINTS.
    """
    scope.require(Right.TELEMETRY_READ)
    terminal_id = await find_seen(conn, scope, terminal_code)
    check_window(start, end)
    if step_seconds is not None:
        _check_step(step_seconds, start, end)
    profiles = await profiles_in_window(conn, terminal_id, start, end)
    known = {name: kind for shown in profiles.values() for name, kind in shown.items()}
    wanted = list(dict.fromkeys(metrics)) or list(known)
    for name in wanted:
        if name not in known:
            raise MetricUnknown(f"The terminal has no metric {name[:80]}.", field="metric")
    times: list[datetime] = []
    columns: dict[str, list[Value | None]] = {name: [] for name in wanted}
    for code, shown in profiles.items():
        query = _query(code, shown, [n for n in wanted if n in shown], step_seconds, aggregate)
        cursor = await conn.execute(
            query,
            {
                "terminal_id": terminal_id,
                "start": start,
                "end": end,
                "step": step_seconds,
                "rows": MOST_POINTS + 1 - len(times),
            },
        )
        for row in await cursor.fetchall():
            times.append(row["time"])
            for name, column in columns.items():
                column.append(_plain(row.get(name)))
        if len(times) > MOST_POINTS:
            raise TooManyPoints(
                f"This window holds more than {MOST_POINTS} readings.", field="step"
            )
    return Series(terminal_code, step_seconds, times, columns)


def _check_step(step_seconds: int, start: datetime, end: datetime) -> None:
    if step_seconds < SHORTEST_STEP_SECONDS:
        raise TooManyPoints("A step is at least one second.", field="step")
    if (end - start).total_seconds() / step_seconds > MOST_POINTS:
        raise TooManyPoints(
            f"This window has more than {MOST_POINTS} steps of {step_seconds} s.", field="step"
        )


def _query(
    profile: str,
    shown: Mapping[str, MetricType],
    metrics: Sequence[str],
    step_seconds: int | None,
    aggregate: Aggregate,
) -> sql.Composed:
    """Names come from the registry, never from the caller."""
    view = sql.Identifier("visible", profile)
    where = sql.SQL(
        " from {view} where terminal_id = %(terminal_id)s and time >= %(start)s and time < %(end)s"
    ).format(view=view)
    if step_seconds is None:
        columns = [sql.Identifier(name) for name in metrics]
        head = sql.SQL("select {}").format(sql.SQL(", ").join([sql.Identifier("time"), *columns]))
        return head + where + sql.SQL(" order by time limit %(rows)s")
    chosen = [
        sql.SQL("{} as {}").format(_aggregated(name, shown[name], aggregate), sql.Identifier(name))
        for name in metrics
    ]
    bucket = sql.SQL(
        "date_bin(make_interval(secs => %(step)s), time, 'epoch'::timestamptz) as time"
    )
    head = sql.SQL("select {}").format(sql.SQL(", ").join([bucket, *chosen]))
    return head + where + sql.SQL(" group by 1 order by 1 limit %(rows)s")


def _aggregated(name: str, kind: MetricType, aggregate: Aggregate) -> sql.Composed:
    forms = {MetricType.BOOLEAN: _BOOLEAN, MetricType.TEXT: {}}.get(kind, _NUMERIC)
    form = _ANY.get(aggregate) or forms.get(aggregate)
    if form is None:
        raise AggregateImpossible(f"{name} is text: {aggregate} means nothing.", field="aggregate")
    return sql.SQL(form).format(m=sql.Identifier(name))


def _plain(value: Any) -> Value | None:
    """What PostgreSQL's sums and averages of whole numbers are in JSON's numbers."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value  # type: ignore[no-any-return]
