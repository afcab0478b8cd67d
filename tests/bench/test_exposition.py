"""The benchmark of series compares every line, and counts those of each scrape."""

import pytest

from deploy.bench import exposition
from deploy.bench.exposition import Plan, by_the_library, held
from deploy.bench.processes import RoundFailed


def test_a_series_that_differs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """One value that the library writes otherwise ends the run."""
    other = held(100)
    other.newest[3].values[4] += 1
    monkeypatch.setattr(exposition, "by_the_library", lambda _: by_the_library(other))
    with pytest.raises(RoundFailed):
        exposition.run(Plan(series=100, sizes=(), rounds=1), lambda _: None)


@pytest.mark.timeout(600)
def test_everything_is_measured() -> None:
    """Both ways of writing, and a scrape of each size with its lines counted."""
    result = exposition.run(Plan(series=1000, sizes=(20, 50), rounds=1), lambda _: None)

    assert [figure["goal"] for figure in result["figures"]] == ["P9"]
    assert [(of["terminals"], of["series"]) for of in result["scraped"]] == [(20, 100), (50, 250)]
    assert all(of["ms"]["gzip"][0] > 0 for of in result["scraped"])
