"""The benchmarks of live streams and of open pages count what each of them gets."""

import pytest

from deploy.bench import live, tabs
from deploy.bench.live import Plan


def test_what_is_missing_or_comes_twice_is_told() -> None:
    """Each stream is held against its own readings."""
    wanted = [[1, 2, 3], [4, 5], [6]]

    assert live.compare(wanted, [[3, 1, 2], [5, 4], [6]]) == []
    assert live.compare(wanted, [[1, 2], [4, 5, 5], [7]]) == [
        "Stream 0 got 2 readings, 2 different ones, of 3.",
        "Stream 1 got 3 readings, 2 different ones, of 2.",
        "Stream 2 got 1 readings, 1 different ones, of 1.",
    ]


@pytest.mark.timeout(600)
def test_a_few_streams_get_all_of_theirs() -> None:
    """A small run: figures, memory, and as many readings as were committed."""
    plan = Plan(
        streams=6,
        terminals_each=3,
        readings_a_second=40,
        requests=40,
        requests_a_second=20,
        rounds=1,
    )
    result = live.run(plan, lambda _: None)

    [only] = result["rounds"]
    assert result["wrong"] == []
    assert (only["open"], only["readings"] >= 40) == (6, True)
    assert [figure["goal"] for figure in result["figures"]] == ["p99", "memory"]
    assert only["with"]["p99_ms"] > 0


@pytest.mark.timeout(600)
def test_a_few_tabs_are_answered() -> None:
    """Each terminal's page asks for its newest values as readings come, each overview by itself."""
    plan = tabs.Plan(tabs=6, requests=60, requests_a_second=20, rounds=1)
    result = tabs.run(plan, lambda _: None)

    [only] = result["rounds"]
    assert result["wrong"] == []
    assert (only["open"], only["readings"] >= 3) == (3, True)
    assert only["pages"]["terminal"] >= 3
    assert only["pages"]["overview"] >= 3
