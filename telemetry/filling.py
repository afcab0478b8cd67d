"""What stands in the steps of a series in which nothing was measured; pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from telemetry.model import Fill, Value

Column = Sequence[Value | None]


def spread(places: Sequence[int], values: Column, steps: int, empty: Value | None) -> Column:
    """A column with a value for each of so many steps, `empty` where it has none."""
    whole: list[Value | None] = [empty] * steps
    for place, value in zip(places, values, strict=True):
        whole[place] = value
    return whole


def filled(times: Sequence[datetime], column: Column, fill: Fill) -> Column:
    """A column of all steps with its gaps filled; before its first value nothing can be said."""
    if fill is Fill.PREVIOUS:
        return _carried_on(column)
    return _on_a_line(times, column) if fill is Fill.LINEAR else column


def _carried_on(column: Column) -> Column:
    last: Value | None = None
    carried = []
    for value in column:
        last = last if value is None else value
        carried.append(last)
    return carried


def _on_a_line(times: Sequence[datetime], column: Column) -> Column:
    """Between two numbers their mean, weighted by how near in time each is; none after the last."""
    drawn = list(column)
    known = [k for k, value in enumerate(column) if value is not None]
    for left, right in pairwise(known):
        low, high = column[left], column[right]
        assert not isinstance(low, str | None)
        assert not isinstance(high, str | None)
        span: timedelta = times[right] - times[left]
        for k in range(left + 1, right):
            share = (times[k] - times[left]) / span
            drawn[k] = low * (1 - share) + high * share
    return drawn
