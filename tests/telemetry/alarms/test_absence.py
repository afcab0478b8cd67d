"""When who is looked at: against one who looks at everybody, always."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from telemetry.alarms.absence import Dues

SECOND_US = 1_000_000
PUT = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 30 * SECOND_US)), max_size=40)


def put(dues: Dues, ones: list[tuple[int, int]]) -> set[tuple[int, int]]:
    """Put these in; who is to be taken from which second on."""
    ids, at_us = [n for n, _ in ones], [at for _, at in ones]
    dues.put(np.array(ids, np.int32), np.array(at_us, np.int64))
    return {(n, -(-at // SECOND_US)) for n, at in ones}


@given(st.lists(st.tuples(PUT, st.integers(0, 5)), max_size=8))
def test_everybody_is_taken_when_their_second_is_over(turns: list[tuple[Any, int]]) -> None:
    """Not before, not later, and not again."""
    dues, waiting, second = Dues(), set[tuple[int, int]](), 0
    for ones, waited in turns:
        waiting |= put(dues, ones)
        second += waited
        ready = {n for n, at in waiting if at <= second}
        waiting = {(n, at) for n, at in waiting if at > second}

        assert set(dues.take(second * SECOND_US, 1_000).tolist()) == ready


@given(PUT, st.integers(1, 7))
def test_who_has_to_wait_is_not_lost(ones: list[tuple[int, int]], most: int) -> None:
    """So many at a time; in the end everybody was taken."""
    dues, found = Dues(), set[int]()
    put(dues, ones)
    for _ in range(40):
        taken = dues.take(60 * SECOND_US, most).tolist()
        assert len(taken) <= most
        found |= set(taken)

    assert found == {n for n, _ in ones}
