"""Where a terminal's readings stand: the views of the profiles that it had in a window.

Each view shows what is in the scope of the transaction. Names come from the registry, never from
the caller.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from registry.model import MetricType
from telemetry.errors import MetricUnknown
from telemetry.sight import Profiles

_NUMBERS = frozenset({MetricType.DOUBLE, MetricType.BIGINT})
_TYPES = {
    MetricType.DOUBLE: sql.SQL("double precision"),
    MetricType.BIGINT: sql.SQL("bigint"),
    MetricType.BOOLEAN: sql.SQL("boolean"),
    MetricType.TEXT: sql.SQL("text"),
}


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
                    sql.SQL(form).format(value, sql.Identifier(name), kind=_TYPES[kinds[name]])
                )
            parts.append(
                sql.SQL(
                    "select {} from {} where terminal_id = %(terminal_id)s"
                    " and time >= %(start)s and time < %(end)s"
                ).format(sql.SQL(", ").join(columns), sql.Identifier("visible", code))
            )
        return sql.SQL(" union all ").join(parts)
