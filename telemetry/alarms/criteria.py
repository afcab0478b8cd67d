"""How readings stand to a rule: beyond it, well within it, or between, where nothing changes; pure.

Between is the hysteresis: an alarm that lasts goes on, and one that does not is not raised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from telemetry.alarms import places
from telemetry.alarms.places import AS_WRITTEN, Fence
from telemetry.rows import Flags, Int64s, Values

Stands: TypeAlias = NDArray[np.int8]
"""Of each reading one of GOOD, BETWEEN, BAD."""

GOOD, BETWEEN, BAD = -1, 0, 1


class FenceSide(StrEnum):
    """On which side of a fence a terminal is where it should not be."""

    INSIDE = "inside"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Threshold:
    """Above `above` or below `below`; well within from `clear` on, which is on the good side."""

    __pydantic_config__ = AS_WRITTEN

    metric: str
    above: float | None = None
    below: float | None = None
    clear: float | None = None
    kind: Literal["threshold"] = "threshold"

    @property
    def metrics(self) -> tuple[str, ...]:
        return (self.metric,)

    def stand(self, values: Sequence[Values]) -> Stands:
        """Of each value; exactly at the threshold is not beyond it."""
        [of] = values
        if self.above is not None:
            clear = self.above if self.clear is None else self.clear
            return _stands(of > self.above, of <= clear)
        assert self.below is not None
        clear = self.below if self.clear is None else self.clear
        return _stands(of < self.below, of >= clear)


@dataclass(frozen=True, slots=True)
class Band:
    """Outside `low` to `high`; well within it is `margin` away from both."""

    __pydantic_config__ = AS_WRITTEN

    metric: str
    low: float
    high: float
    margin: float = 0.0
    kind: Literal["band"] = "band"

    @property
    def metrics(self) -> tuple[str, ...]:
        return (self.metric,)

    def stand(self, values: Sequence[Values]) -> Stands:
        """Of each value; the ends are within."""
        [of] = values
        within = (of >= self.low + self.margin) & (of <= self.high - self.margin)
        return _stands((of < self.low) | (of > self.high), within)


@dataclass(frozen=True, slots=True)
class Truth:
    """A yes or no that is what it should not be."""

    __pydantic_config__ = AS_WRITTEN

    metric: str
    wrong: bool = True
    kind: Literal["truth"] = "truth"

    @property
    def metrics(self) -> tuple[str, ...]:
        return (self.metric,)

    def stand(self, values: Sequence[Values]) -> Stands:
        """Of each value."""
        is_wrong = values[0].astype(np.bool_) == self.wrong
        return _stands(is_wrong, ~is_wrong)


@dataclass(frozen=True, slots=True)
class Place:
    """A position on the wrong side of a fence; `margin_metres` beyond it on the other is well.

    Of readings with both `latitude` and `longitude` (WGS-84 degrees).
    """

    __pydantic_config__ = AS_WRITTEN

    fence: Fence
    wrong: FenceSide
    margin_metres: float = 0.0
    latitude: str = "latitude"
    longitude: str = "longitude"
    kind: Literal["place"] = "place"

    @property
    def metrics(self) -> tuple[str, ...]:
        return (self.latitude, self.longitude)

    def stand(self, values: Sequence[Values]) -> Stands:
        """Of each position; the fence itself is inside."""
        beyond = places.metres_outside(self.fence, values[0], values[1])
        if self.wrong is FenceSide.OUTSIDE:
            return _stands(beyond > 0, beyond <= -self.margin_metres)
        return _stands(beyond <= 0, beyond > self.margin_metres)


Criterion: TypeAlias = Threshold | Band | Truth | Place


def _stands(bad: Flags, good: Flags) -> Stands:
    return np.where(bad, BAD, np.where(good, GOOD, BETWEEN)).astype(np.int8)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of more than `rise` or `fall` (both positive) in `seconds`, from one to the next.

    Nothing is said of a value whose predecessor is more than `longest_seconds` before it.
    """

    __pydantic_config__ = AS_WRITTEN

    metric: str
    seconds: float
    rise: float | None = None
    fall: float | None = None
    longest_seconds: float = 86_400.0
    kind: Literal["change"] = "change"

    def stand(self, times_us: Int64s, values: Values) -> Stands:
        """Of each value of one terminal but the first, which only is compared with."""
        apart = np.diff(times_us) / 1e6
        change = np.diff(values.astype(np.float64)) / apart * self.seconds
        bad = np.zeros(len(change), np.bool_)
        if self.rise is not None:
            bad |= change > self.rise
        if self.fall is not None:
            bad |= change < -self.fall
        found = _stands(bad, ~bad)
        found[apart > self.longest_seconds] = BETWEEN
        return found


@dataclass(frozen=True, slots=True)
class Stuck:
    """A value that stays exactly what it was; how long it may is the rule's `for_seconds`."""

    __pydantic_config__ = AS_WRITTEN

    metric: str
    kind: Literal["stuck"] = "stuck"

    def stand(self, times_us: Int64s, values: Values) -> Stands:
        """Of each value of one terminal but the first, which only is compared with."""
        same = values[1:] == values[:-1]
        return _stands(same, ~same)


Comparison: TypeAlias = Change | Stuck
