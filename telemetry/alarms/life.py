"""When an alarm is raised, seen again and cleared, from how a terminal's readings stand; pure.

In the order of the terminal's own time. What is older than the newest that was judged changes
nothing: late readings raise no alarm and end none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from telemetry.alarms.criteria import BAD, GOOD


class Turn(StrEnum):
    """What a reading makes of an alarm."""

    RAISED = "raised"
    SEEN = "seen"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a terminal stands to a rule after all that was judged; times in Unix us.

    `bad_since_us` is the first of the readings that have been beyond the rule or between since.
    """

    newest_us: int | None = None
    bad_since_us: int | None = None
    is_raised: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What became of the alarm at a reading (Unix us)."""

    turn: Turn
    time_us: int


def follow(
    standing: Standing, judged: Iterable[tuple[int, int]], for_us: int = 0
) -> tuple[Standing, list[Step]]:
    """The standing after readings of a terminal (Unix us, and how each stands) as they came.

    An alarm is raised by the first that is beyond the rule `for_us` or more after the first that
    was, with none well within it between them.
    """
    newest, since, is_raised = standing.newest_us, standing.bad_since_us, standing.is_raised
    steps: list[Step] = []
    for time_us, stand in judged:
        if newest is not None and time_us <= newest:
            continue
        newest = time_us
        if stand == GOOD:
            if is_raised:
                steps.append(Step(Turn.CLEARED, time_us))
            since, is_raised = None, False
        elif stand == BAD:
            since = time_us if since is None else since
            if is_raised:
                steps.append(Step(Turn.SEEN, time_us))
            elif time_us - since >= for_us:
                steps.append(Step(Turn.RAISED, time_us))
                is_raised = True
    return Standing(newest, since, is_raised), steps
