"""Where a terminal's readings stand: the views of the profiles that it had in a window.

Each view shows what is in the scope of the transaction. Names come from the registry, never from
the caller.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from registry.model import MetricType
from telemetry.errors import MetricUnknown
from telemetry.partials import TYPES, Partial
from telemetry.resolution import Plan
from telemetry.sight import Profiles

_NUMBERS = frozenset({MetricType.DOUBLE, MetricType.BIGINT})

_READINGS = """select width_bucket(time, %(edges)s::timestamptz[]) - 1 as "#k", count(*) as "#n",
    {columns}
from {view} where terminal_id = %(terminal_id)s and time >= {start} and time < {end} group by 1"""
_BUCKETS = """select width_bucket(time, %(edges)s::timestamptz[]) - 1 as "#k", "#readings" as "#n",
    {columns}
from {view} where terminal_id = %(terminal_id)s and time >= {start} and time < {end}"""


def wider(one: MetricType, other: MetricType) -> MetricType:
    """What both fit into: numbers are numbers, all else is text."""
    if one is other:
        return one
    return MetricType.DOUBLE if {one, other} <= _NUMBERS else MetricType.TEXT


@dataclass(frozen=True, slots=True)
class Source:
    """The raw readings of one terminal."""

    profiles: Profiles

    @property
    def kinds(self) -> dict[str, MetricType]:
        """The metrics that are shown, by name; one that two profiles take differently is text."""
        kinds: dict[str, MetricType] = {}
        for shown in self.profiles.values():
            for name, kind in shown.items():
                kinds[name] = wider(kinds.get(name, kind), kind)
        return kinds

    def wanted(self, metrics: Sequence[str]) -> dict[str, MetricType]:
        """The metrics that are named, in that order, or all; MetricUnknown if there is none."""
        kinds = self.kinds
        for name in metrics:
            if name not in kinds:
                raise MetricUnknown(f"The terminal has no metric {name[:80]}.", field="metric")
        return {name: kinds[name] for name in metrics} or kinds

    def rows(self, metrics: Sequence[str]) -> sql.Composable:
        """A query of time and these metrics of %(terminal_id)s, %(start)s to before %(end)s."""
        kinds = self.kinds
        parts = []
        for code, shown in self.profiles.items():
            if not any(name in shown for name in metrics):
                continue
            columns: list[sql.Composable] = [sql.Identifier("time")]
            for name in metrics:
                value = sql.Identifier(name) if name in shown else sql.SQL("null")
                form = "{} as {}" if shown.get(name) is kinds[name] else "{}::{kind} as {}"
                columns.append(
                    sql.SQL(form).format(value, sql.Identifier(name), kind=TYPES[kinds[name]])
                )
            parts.append(
                sql.SQL(
                    "select {} from {} where terminal_id = %(terminal_id)s"
                    " and time >= %(start)s and time < %(end)s"
                ).format(sql.SQL(", ").join(columns), sql.Identifier("visible", code))
            )
        return sql.SQL(" union all ").join(parts)

    def planned(self, metrics: Iterable[str]) -> list[str]:
        """The profiles that have any of these metrics."""
        wanted = set(metrics)
        return [code for code, shown in self.profiles.items() if wanted & shown.keys()]

    def parts(self, metrics: Mapping[str, Partial], plans: Mapping[str, Plan]) -> sql.Composable:
        """A query of parts of steps, as the plan of each profile says.

        Of %(terminal_id)s and the steps that begin at %(edges)s: number of the step, of how many
        readings, and of each metric its value and what goes with it.
        """
        branches = []
        for code, plan in plans.items():
            shown = self.profiles[code]
            for rolled, view, spans in (
                (False, code, plan.raw),
                (True, f"{code}_hourly", plan.hourly),
                (True, f"{code}_daily", plan.daily),
            ):
                columns: list[sql.Composable] = []
                for name, partial in metrics.items():
                    own = shown.get(name)
                    part = partial.part(sql.Identifier(name), own, rolled=rolled)
                    for value, alias in zip(part, (name, beside(name)), strict=True):
                        columns.append(sql.SQL("{} as {}").format(value, sql.Identifier(alias)))
                form = sql.SQL(_BUCKETS if rolled else _READINGS)
                listed = sql.SQL(", ").join(columns)
                branches += [
                    form.format(
                        columns=listed,
                        view=sql.Identifier("visible", view),
                        start=sql.Literal(start),
                        end=sql.Literal(end),
                    )
                    for start, end in spans
                ]
        return sql.SQL(" union all ").join(branches)


def beside(name: str) -> str:
    """The column beside a metric's value in `parts`."""
    return f"{name}#"
