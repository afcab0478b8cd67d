"""The SQL that rolls a profile's readings up: hours from raw readings, days from hours; pure.

Tables and views are made by `telemetry.ensure_rollups` (schema/routines), as the owner.
"""

from collections.abc import Mapping
from types import MappingProxyType

from psycopg import sql

from registry.model import DeviceProfile, Metric, MetricType

# Of larger doubles a sum may overflow: a bucket with one has none.
_RAW_SUMS: Mapping[MetricType, str] = MappingProxyType(
    {
        MetricType.DOUBLE: "case when min({m}) >= -1e298 and max({m}) <= 1e298"
        " then sum({m}) filter (where {m} between -1e298 and 1e298) end, min({m}), max({m}),",
        MetricType.BIGINT: "sum({m}), min({m}), max({m}),",
        MetricType.BOOLEAN: "count(*) filter (where {m}),",
        MetricType.TEXT: "",
    }
)
_OF_RAW = (
    "case when count({{m}}) > 0 then row(count({{m}}), {sums}"
    " public.first({{m}}, time) filter (where {{m}} is not null),"
    " min(time) filter (where {{m}} is not null),"
    " public.last({{m}}, time) filter (where {{m}} is not null),"
    " max(time) filter (where {{m}} is not null))::rolled.{kind} end as {{m}}"
)
_EXTREMES = "min(({m}).min), max(({m}).max),"
_HOUR_SUMS: Mapping[MetricType, str] = MappingProxyType(
    {
        MetricType.DOUBLE: "case when count(*) filter (where ({m}).count > 0 and ({m}).sum is null)"
        f" = 0 then sum(({{m}}).sum) end, {_EXTREMES}",
        MetricType.BIGINT: f"sum(({{m}}).sum), {_EXTREMES}",
        MetricType.BOOLEAN: 'sum(({m})."true"),',
        MetricType.TEXT: "",
    }
)
_OF_HOURS = (
    "case when sum(({{m}}).count) > 0 then row(sum(({{m}}).count), {sums}"
    " public.first(({{m}}).first, ({{m}}).first_at) filter (where ({{m}}).count > 0),"
    " min(({{m}}).first_at),"
    " public.last(({{m}}).last, ({{m}}).last_at) filter (where ({{m}}).count > 0),"
    " max(({{m}}).last_at))::rolled.{kind} end as {{m}}"
)

_KEPT = """insert into {into} as k (terminal_id, time, "#readings"{columns})
{chosen}
on conflict (terminal_id, time) do update set "#readings" = excluded."#readings"{changes}"""
# Each bucket is looked up by its key, however many there are.
_TOUCHED = """select t.terminal_id, t.time, b."#readings"{columns}
from unnest(%(terminal_ids)s::int4[], %(times)s::timestamptz[]) t(terminal_id, time)
cross join lateral (
    select {readings} as "#readings"{values} from {source} s
    where s.terminal_id = t.terminal_id and s.time >= t.time and s.time < t.time + interval {span}
        and s.time >= %(start)s and s.time < %(end)s) b
where b."#readings" > 0"""
_PIECE = """select terminal_id, date_bin({span}, time, timestamptz 'epoch'), {readings}{values}
from {source}
where time >= %(start)s and time < %(end)s and terminal_id > %(after)s and terminal_id <= %(upto)s
group by 1, 2"""
_PLACE = """select terminal_id from {source}
where time >= %(start)s and time < %(end)s and terminal_id > %(after)s
order by terminal_id offset %(rows)s limit 1"""


class Rolled:
    """How the readings of one profile, as it is now, are rolled up."""

    def __init__(self, profile: DeviceProfile) -> None:
        self._metrics = profile.metrics
        self._raw = sql.Identifier("telemetry", profile.code)
        self._hours = sql.Identifier("rolled", f"{profile.code}_hourly")
        self._days = sql.Identifier("rolled", f"{profile.code}_daily")

    def touched(self, *, daily: bool) -> sql.Composed:
        """Roll the days or hours `times` of `terminal_ids` up, all within `start` to `end`."""
        return self._kept(_TOUCHED, daily=daily)

    def piece(self, *, daily: bool) -> sql.Composed:
        """Roll all from `start` to `end` up, of terminals beyond `after` and as far as `upto`."""
        return self._kept(_PIECE, daily=daily)

    def place(self) -> sql.Composed:
        """The terminal so many `rows` beyond `after`, of a piece of time."""
        return sql.SQL(_PLACE).format(source=self._raw)

    def _kept(self, chosen: str, *, daily: bool) -> sql.Composed:
        names = [sql.Identifier(metric.name) for metric in self._metrics]
        of_metric = _of_hours if daily else _of_raw
        columns = sql.SQL("").join(sql.SQL(", {}").format(name) for name in names)
        return sql.SQL(_KEPT).format(
            into=self._days if daily else self._hours,
            columns=columns,
            changes=sql.SQL("").join(sql.SQL(", {0} = excluded.{0}").format(n) for n in names),
            chosen=sql.SQL(chosen).format(
                source=self._hours if daily else self._raw,
                span=sql.Literal("24 hours" if daily else "1 hour"),
                readings=sql.SQL('sum("#readings")' if daily else "count(*)"),
                columns=columns,
                values=sql.SQL("").join(
                    sql.SQL(", {}").format(of_metric(metric)) for metric in self._metrics
                ),
            ),
        )


def _of_raw(metric: Metric) -> sql.Composed:
    return _value(metric, _OF_RAW, _RAW_SUMS)


def _of_hours(metric: Metric) -> sql.Composed:
    return _value(metric, _OF_HOURS, _HOUR_SUMS)


def _value(metric: Metric, form: str, sums: Mapping[MetricType, str]) -> sql.Composed:
    kind = metric.type if metric.decimals is None else MetricType.BIGINT
    text = form.format(sums=sums[kind], kind=f"of_{kind}")
    return sql.SQL(text).format(m=sql.Identifier(metric.name))
