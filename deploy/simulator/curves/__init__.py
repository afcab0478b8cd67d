"""What a terminal of a kind measures: pure functions of a seed and a moment, one file per kind.

A curve takes the terminal's seed and an aware moment in the terminal's own zone (days are shaped by
local hours) and returns plain values by metric name. The same arguments give the same values in
every process, so that a restarted simulator repeats itself instead of contradicting itself.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

Value = float | int | bool | str
Values = Mapping[str, Value]


class Curve(Protocol):
    """What a kind of terminal measures at a moment."""

    def __call__(self, seed: int, at: datetime) -> Values: ...
