"""The import benchmark counts what it measures, also where it was broken off."""

import pytest

from deploy.bench import imports
from deploy.bench.imports import Plan


@pytest.mark.timeout(900)
def test_a_run_measures_a_file_and_counts_one_that_was_broken_off() -> None:
    """Every table has each row once; the yardstick took the same rows; a kill cost a second try."""
    result = imports.run(Plan(rows=11_000, rounds=1, kills=1), lambda _: None)

    [turn] = result["rounds"]
    assert turn["rows"] == 11_000
    assert turn["copy_rate"] > 0
    assert turn["peak_mb"] >= result["first"]["peak_mb"] > 0
    assert {figure["goal"] for figure in result["figures"]} == {"P7"}
    broken = result["broken_off"]
    assert broken["attempts"] >= 2
    assert broken["killed_at"][0] in range(1, 11_000)
    assert set(broken["counted"].values()) == {11_000}
    assert set(broken["counted"]) >= {"terminal", "sim", "ownership", "made", "linked", "told"}
