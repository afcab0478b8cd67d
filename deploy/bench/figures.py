"""Ratios within rounds, their median and spread, against a goal."""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

_COMPARES = {">=": operator.ge, "<=": operator.le}
Row = tuple[str, str, str, float, Sequence[float], Sequence[float] | None]


@dataclass(frozen=True, slots=True)
class Figure:
    """A goal's figure: the median of its rounds, and between what they lie."""

    goal: str
    title: str
    median: float
    low: float
    high: float
    wanted: str
    met: bool


def figures(rows: Iterable[Row]) -> list[Figure]:
    """A figure for each (goal, title, comparison, bound, values, divisors) that has values.

    With divisors, the figure is of the ratios of values and divisors of the same round.
    """
    found: list[Figure] = []
    for goal, title, comparison, bound, values, divisors in rows:
        each = list(values)
        if divisors is not None:
            each = [v / d for v, d in zip(values, divisors, strict=False)]
        if each:
            middle = median(each)
            met = bool(_COMPARES[comparison](middle, bound))
            found.append(
                Figure(
                    goal,
                    title,
                    round(middle, 3),
                    round(min(each), 3),
                    round(max(each), 3),
                    f"{comparison} {bound:g}",
                    met,
                )
            )
    return found
