"""A figure is the median of ratios formed within rounds."""

import pytest

from deploy.bench.figures import Figure, figures


def test_ratios_are_formed_within_rounds() -> None:
    """Not of the medians: 8/10, 9/9 and 4/8 give 0.8, though 8/9 is the ratio of the medians."""
    found = figures([("P1", "t", ">=", 0.8, [8.0, 9.0, 4.0], [10.0, 9.0, 8.0])])
    assert found == [Figure("P1", "t", 0.8, 0.5, 1.0, ">= 0.8", met=True)]


@pytest.mark.parametrize(
    ("comparison", "bound", "met"),
    [(">=", 5.0, True), (">=", 5.1, False), ("<=", 5.0, True), ("<=", 4.9, False)],
)
def test_a_goal_is_met_or_missed_by_the_median(comparison: str, bound: float, met: bool) -> None:
    """Without divisors the values themselves count."""
    (figure,) = figures([("P10", "t", comparison, bound, [1.0, 5.0, 9.0], None)])
    assert (figure.median, figure.low, figure.high, figure.met) == (5.0, 1.0, 9.0, met)


def test_what_was_not_measured_has_no_figure() -> None:
    """A run of one contender only says nothing of the others."""
    assert figures([("P1", "t", ">=", 0.95, [1.0], [])]) == []
