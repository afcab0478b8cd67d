"""The benchmark of history counts every reading in the roll-ups."""

import pytest

from deploy.bench import history
from deploy.bench.history import Plan


@pytest.mark.timeout(900)
def test_every_reading_is_in_an_hour_and_in_a_day() -> None:
    """All parts are measured, and nothing is left out of the roll-ups."""
    result = history.run(Plan(terminals=20, hours=2), lambda _: None)

    assert result["wrong"] == []
    assert (result["rows"], result["buckets"]) == (2400, 40)
    assert list(result["seconds"]) == ["store", "follow", "hours", "days", "anew"]
