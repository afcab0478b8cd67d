"""The benchmark of the API asks of known rows, and finds out where one way gives other ones."""

from datetime import UTC, datetime

import pytest

from deploy.bench import api
from deploy.bench.api import TALKING, Plan, Question
from deploy.bench.processes import RoundFailed


@pytest.mark.timeout(900)
def test_a_run_asks_both_ways_at_each_size() -> None:
    """Every question of the window is answered alike by API and SQL, at both sizes."""
    day = 1440 * TALKING
    plan = Plan(sizes=((TALKING, day // 10), (TALKING + 500, day)), rounds=1, often=3, seconds=1)
    result = api.run(plan, lambda _: None)

    assert [(size["terminals"], size["rows"]) for size in result["sizes"]] == [
        (TALKING, day // 10),
        (TALKING + 500, day),
    ]
    small, large = (set(size["turns"]) for size in result["sizes"])
    assert "an hour, each value" in small
    assert large - small == {"a day by 15 minutes"}
    assert {crowd["title"] for crowd in result["sizes"][1]["at_once"]} == large
    assert all(crowd["answers"] > 0 for crowd in result["sizes"][1]["at_once"])
    assert len(result["figures"]) == len(large)


def test_other_rows_than_there_are_fail_the_round() -> None:
    """An answer that lacks a row is no answer."""
    [one] = [q for q in api.questions(datetime(2026, 11, 27, tzinfo=UTC), 60) if "hour" in q.title]

    assert isinstance(one, Question)
    with pytest.raises(RoundFailed, match="gave 59 rows, not 60"):
        api._expect(one, one.title, api._rows_in(one, b'{"times": [%s]}' % b",".join([b"0"] * 59)))
