"""The life of an alarm, against one that is told of all readings at once."""

from hypothesis import given
from hypothesis import strategies as st

from telemetry.alarms.criteria import BAD, BETWEEN, GOOD
from telemetry.alarms.life import Standing, Step, Turn, follow

READINGS = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from([GOOD, BETWEEN, BAD])), max_size=40
)


def told(readings: list[tuple[int, int]], for_us: int) -> list[Step]:
    """What should be told, found from the beginning for each reading that is not late."""
    newest = -1
    kept: list[tuple[int, int]] = []
    for time, stand in readings:
        if time > newest:
            kept.append((time, stand))
            newest = time
    steps: list[Step] = []
    is_raised = False
    for k, (time, stand) in enumerate(kept):
        goods = [n for n in range(k) if kept[n][1] == GOOD]
        since = [t for t, s in kept[(goods[-1] + 1) if goods else 0 : k + 1] if s == BAD]
        if stand == GOOD and is_raised:
            steps.append(Step(Turn.CLEARED, time))
            is_raised = False
        elif stand == BAD and is_raised:
            steps.append(Step(Turn.SEEN, time))
        elif stand == BAD and time - since[0] >= for_us:
            steps.append(Step(Turn.RAISED, time))
            is_raised = True
    return steps


@given(READINGS, st.integers(0, 30), st.integers(1, 7))
def test_however_readings_are_parted_the_same_is_told(
    readings: list[tuple[int, int]], for_us: int, at_once: int
) -> None:
    """In pieces of any size, with late ones among them, after restarts in between."""
    standing, steps = Standing(), []
    for first in range(0, len(readings), at_once):
        standing, more = follow(standing, readings[first : first + at_once], for_us)
        steps += more

    assert steps == told(readings, for_us)


def test_a_late_reading_neither_raises_nor_clears() -> None:
    """What is older than the newest, or of the same moment, changes nothing."""
    standing, steps = follow(Standing(), [(10, BAD), (9, GOOD), (10, GOOD), (11, BAD)])

    assert steps == [Step(Turn.RAISED, 10), Step(Turn.SEEN, 11)]
    assert standing == Standing(11, 10, is_raised=True)
