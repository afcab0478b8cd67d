"""Aggregates in two stages: what a part of a step says of a metric, and what all parts say; pure.

A part is of raw readings or one roll-up bucket. It has a value and, where that alone cannot be put
together with others', how many values it stands for, or when its value was measured.
"""

from collections.abc import Mapping
from typing import NamedTuple

from psycopg import sql

from registry.model import MetricType
from telemetry.errors import AggregateImpossible
from telemetry.model import Aggregate

TYPES: Mapping[MetricType, sql.SQL] = {
    MetricType.DOUBLE: sql.SQL("double precision"),
    MetricType.BIGINT: sql.SQL("bigint"),
    MetricType.BOOLEAN: sql.SQL("boolean"),
    MetricType.TEXT: sql.SQL("text"),
}


class _Form(NamedTuple):
    """How an aggregate is read of raw readings, and of a bucket, and put together."""

    raw: str
    rolled: str
    joined: str
    beside_raw: str = "null::bigint"
    beside_rolled: str = "null::bigint"


# Where a bucket has no sum, as its values are too large for one, a step with it has none either.
_WHOLE = "case when count(*) filter (where {q} > 0 and {p} is null) = 0 then "
_COUNTED = ("count({m})", "({m}).count::bigint")


def _summed(joined: str) -> Mapping[MetricType, _Form]:
    number = _Form("sum({m})", "({m}).sum", f"{_WHOLE}{joined} end", *_COUNTED)
    yes = _Form("sum({m}::int)", '({m})."true"', f"{_WHOLE}{joined} end", *_COUNTED)
    return {MetricType.DOUBLE: number, MetricType.BIGINT: number, MetricType.BOOLEAN: yes}


def _extreme(name: str, of_bool: str, rolled: str) -> Mapping[MetricType, _Form]:
    number = _Form(f"{name}({{m}})", f"({{m}}).{name}", f"{name}({{p}})")
    yes = _Form(f"{of_bool}({{m}})", rolled, f"{of_bool}({{p}})")
    return {MetricType.DOUBLE: number, MetricType.BIGINT: number, MetricType.BOOLEAN: yes}


def _outer(name: str, time: str) -> Mapping[MetricType, _Form]:
    form = _Form(
        f"public.{name}({{m}}, time) filter (where {{m}} is not null)",
        f"({{m}}).{name}",
        f"public.{name}({{p}}, {{q}}) filter (where {{q}} is not null)",
        f"{time}(time) filter (where {{m}} is not null)",
        f"({{m}}).{name}_at",
    )
    return dict.fromkeys(MetricType, form)


_FORMS: Mapping[Aggregate, Mapping[MetricType, _Form]] = {
    Aggregate.COUNT: dict.fromkeys(
        MetricType, _Form("count({m})", "({m}).count", "coalesce(sum({p}), 0)::bigint")
    ),
    Aggregate.SUM: _summed("sum({p})"),
    Aggregate.AVERAGE: _summed("sum({p}) / nullif(sum({q}), 0)"),
    Aggregate.MINIMUM: _extreme("min", "bool_and", '({m})."true" = ({m}).count'),
    Aggregate.MAXIMUM: _extreme("max", "bool_or", '({m})."true" > 0'),
    Aggregate.FIRST: _outer("first", "min"),
    Aggregate.LAST: _outer("last", "max"),
}
_OF_SUMS: Mapping[MetricType, str] = {
    MetricType.DOUBLE: "double precision",
    MetricType.BIGINT: "numeric",
    MetricType.BOOLEAN: "bigint",
}
_TIMED = frozenset({Aggregate.FIRST, Aggregate.LAST})


class Partial:
    """A metric's aggregate, where the metric is taken as `kind`."""

    def __init__(self, name: str, kind: MetricType, aggregate: Aggregate) -> None:
        """AggregateImpossible where that means nothing."""
        if kind not in _FORMS[aggregate]:
            raise AggregateImpossible(
                f"{name} is text: {aggregate} means nothing.", field="aggregate"
            )
        self._form = _FORMS[aggregate][kind]
        self._aggregate = aggregate
        self._type = TYPES[kind]
        if aggregate is Aggregate.COUNT:
            self._type = TYPES[MetricType.BIGINT]
        elif aggregate in (Aggregate.SUM, Aggregate.AVERAGE):
            self._type = sql.SQL(_OF_SUMS[kind])

    def part(
        self, metric: sql.Composable, own: MetricType | None, *, rolled: bool
    ) -> tuple[sql.Composed, sql.Composed]:
        """The value of a part and what goes with it; `own` is its own type, None if it has none."""
        if own is None:
            beside = "null::timestamptz" if self._aggregate in _TIMED else "null::bigint"
            return sql.SQL("null::{}").format(self._type), sql.SQL(beside).format()
        form = _FORMS[self._aggregate].get(own, self._form)
        value, beside = form.raw, form.beside_raw
        if rolled:
            value, beside = form.rolled, form.beside_rolled
        shown = sql.SQL(f"({value})::{{type}}").format(m=metric, type=self._type)
        return shown, sql.SQL(beside).format(m=metric)

    def joined(self, value: sql.Composable, beside: sql.Composable) -> sql.Composed:
        """What all parts say together."""
        return sql.SQL(self._form.joined).format(p=value, q=beside)
