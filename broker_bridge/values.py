"""The values of one metric, as they came, held against its type and range; pure.

Vectorised: only a value that fails costs more than a few nanoseconds.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from broker_bridge.decoders import Scalar, shown
from registry.model import Metric, MetricType
from telemetry.model import Reason
from telemetry.rows import MOST_EXACT, Flags, Values, storage

MOST_TEXT = 1_000  # characters

_NUMBERS = frozenset({float, int})
_TAKEN: dict[MetricType, frozenset[type]] = {
    MetricType.DOUBLE: _NUMBERS,
    MetricType.BIGINT: _NUMBERS,
    MetricType.BOOLEAN: frozenset({bool}),
    MetricType.TEXT: frozenset({str}),
}
_MEANT = {
    MetricType.DOUBLE: "a number",
    MetricType.BIGINT: "an integer",
    MetricType.BOOLEAN: "true or false",
    MetricType.TEXT: "text",
}

Faults = dict[int, tuple[Reason, str]]
"""By position, why a value is refused, in words that name the metric."""


def check(metric: Metric, given: Sequence[Scalar]) -> tuple[Values, Faults]:
    """The values as they are stored, and the faults of those that are not.

    Nothing is coerced but what loses nothing: an integer for a double if the double is exact, an
    integral fraction such as 42.0 for a bigint. A metric with decimals is rounded to its last one
    (half to even) and must be exact there: less than 2^53 of it. Text has at most MOST_TEXT
    characters. `low` and `high` are inclusive.
    """
    faults: Faults = {}
    taken = _TAKEN[metric.type]
    kinds = set(map(type, given))
    if not kinds <= taken:
        given = list(given)
        blank = _BLANKS[metric.type]
        for k, value in enumerate(given):
            if type(value) not in taken:
                said = f"{metric.name} is {_shown(value)}, not {_MEANT[metric.type]}"
                faults[k] = (Reason.WRONG_TYPE, said)
                given[k] = blank
        kinds &= taken
    if metric.type is MetricType.BIGINT:
        values = _integers(metric, given, faults) if float in kinds else np.array(given, np.int64)
    elif metric.type is MetricType.DOUBLE:
        values = np.array(given, np.float64)
        if int in kinds:
            _refuse_inexact(metric, given, values, faults)
    else:
        values = np.array(given, storage(metric))
        if metric.type is MetricType.TEXT:
            _refuse_texts(metric, given, faults)
    outside = _outside(metric, values)
    if outside is not None:
        for k in np.flatnonzero(outside).tolist():
            faults.setdefault(k, (Reason.OUT_OF_RANGE, _outside_said(metric, given[k])))
    if metric.decimals is not None:
        values = _scaled(metric, values, faults)
    return values, faults


_BLANKS: dict[MetricType, Scalar] = {
    MetricType.DOUBLE: 0.0,
    MetricType.BIGINT: 0,
    MetricType.BOOLEAN: False,
    MetricType.TEXT: "",
}


def _integers(metric: Metric, given: Sequence[Any], faults: Faults) -> Values:
    """Integers, of which some came as fractions."""
    values = np.zeros(len(given), np.int64)
    for k, value in enumerate(given):
        if type(value) is int:
            values[k] = value
        elif not value.is_integer():
            faults[k] = (Reason.WRONG_TYPE, f"{metric.name} is {value}, not an integer")
        elif -(2.0**63) <= value < 2.0**63:
            values[k] = int(value)
        else:
            faults[k] = (Reason.OUT_OF_RANGE, f"{metric.name} {value} has more than 64 bits")
    return values


def _refuse_inexact(metric: Metric, given: Sequence[Any], values: Values, faults: Faults) -> None:
    """Refuse integers that a double would round."""
    for k in np.flatnonzero(np.abs(values) >= MOST_EXACT).tolist():
        if type(given[k]) is int and int(values[k]) != given[k]:
            said = f"{metric.name} {given[k]} has more digits than a double keeps"
            faults[k] = (Reason.OUT_OF_RANGE, said)


def _refuse_texts(metric: Metric, given: Sequence[Any], faults: Faults) -> None:
    """Refuse texts that are too long or that PostgreSQL cannot keep."""
    for k, text in enumerate(given):
        if len(text) > MOST_TEXT:
            said = f"{metric.name} has {len(text)} characters, more than {MOST_TEXT}"
            faults[k] = (Reason.OUT_OF_RANGE, said)
        elif "\0" in text:
            faults[k] = (Reason.MALFORMED, f"{metric.name} has a NUL")


def _outside(metric: Metric, values: Values) -> Flags | None:
    """Which values lie below `low` or above `high`; None where there is neither."""
    below = None if metric.low is None else values < metric.low
    above = None if metric.high is None else values > metric.high
    if below is None or above is None:
        return above if below is None else below
    either: Flags = below | above
    return either


def _outside_said(metric: Metric, value: Scalar) -> str:
    low = "-infinity" if metric.low is None else f"{metric.low:.15g}"
    high = "infinity" if metric.high is None else f"{metric.high:.15g}"
    unit = f" {metric.unit}" if metric.unit else ""
    return f"{metric.name} {value} is outside {low} to {high}{unit}"


def _scaled(metric: Metric, values: Values, faults: Faults) -> Values:
    """Whole numbers of the last decimal."""
    with np.errstate(over="ignore"):
        scaled = np.rint(values * 10.0 ** (metric.decimals or 0))
    excess = np.abs(scaled) >= MOST_EXACT
    if excess.any():
        for k in np.flatnonzero(excess).tolist():
            said = f"{metric.name} {values[k]} has no exact {metric.decimals} decimals"
            faults.setdefault(k, (Reason.OUT_OF_RANGE, said))
        scaled[excess] = 0
    return scaled.astype(np.int64)


def _shown(value: Scalar) -> str:
    return f"'{shown(value)}'" if isinstance(value, str) else str(value).lower()
