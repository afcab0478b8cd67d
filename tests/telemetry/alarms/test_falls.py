"""Crowds among those who fell silent, against a plain count."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from telemetry.alarms.falls import Falls, Shared, Threshold

FELL = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 3), st.integers(0, 2)), max_size=40)


@given(FELL, st.integers(1, 6), st.integers(0, 60))
def test_crowds_are_all_that_are_large_enough(
    fell: list[tuple[int, int, int]], least: int, window: int
) -> None:
    """By city and by gateway; who shares nothing is in none."""
    falls, now = Falls(), 100
    none = np.zeros(len(fell), np.int64)
    keys = dict.fromkeys(Shared, none)
    keys[Shared.CITY] = np.array([city for _, city, _ in fell], np.int64)
    keys[Shared.GATEWAY] = np.array([gateway for _, _, gateway in fell], np.int64)
    falls.add(np.arange(len(fell), dtype=np.int32), np.array([at for at, _, _ in fell]), keys)
    falls.keep(falls.ids % 5 != 0)
    found = falls.crowds([Threshold(shared, least, 0.5, window) for shared in Shared], now)

    expected = {}
    for place, shared in ((1, Shared.CITY), (2, Shared.GATEWAY)):
        for key in range(1, 4):
            ids = [n for n, one in enumerate(fell)
                   if n % 5 and one[place] == key and one[0] >= now - window]  # fmt: skip
            if len(ids) >= least:
                expected[shared, key] = ids, min(fell[n][0] for n in ids)
    assert {(c.shared, c.key): (c.ids.tolist(), c.first_us) for c in found} == expected
