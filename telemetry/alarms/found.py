"""What those who judge by time find, and what they look at again."""

from dataclasses import dataclass, field

import numpy as np

from telemetry.rows import Int32s

MOST_AT_ONCE = 5_000
"""So many terminals whose time has come are asked after in a turn."""
MOST_AGAIN = 200
"""And so many of those that their rule was not of when their time came."""


@dataclass(slots=True)
class Found:
    """Alarms to raise, by rule and terminal: since when it is so, and when it is one (Unix us).

    And those that are over, or were seen again, and when.
    """

    raised: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    over: dict[tuple[int, int], int] = field(default_factory=dict)
    again: dict[tuple[int, int], int] = field(default_factory=dict)


class Turns:
    """Some terminals, of which so many come in turn."""

    def __init__(self, ids: Int32s) -> None:
        self._ids = ids
        self._at = 0

    def next(self, most: int = MOST_AGAIN) -> Int32s:
        """The next of them; after the last the first again."""
        if len(self._ids) <= most:
            return self._ids
        chosen: Int32s = np.take(self._ids, np.arange(self._at, self._at + most), mode="wrap")
        self._at = (self._at + most) % len(self._ids)
        return chosen
