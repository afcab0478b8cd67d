"""What is wrong by not coming: data, one metric, a session; and when to look for it; pure."""

import heapq
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

import numpy as np

from telemetry.alarms.places import AS_WRITTEN
from telemetry.rows import Int32s, Int64s

SECOND_US = 1_000_000


class Missing(StrEnum):
    """Of which of the two facts of presence there is silence."""

    DATA = "data"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Absent:
    """No reading came, or none with `metric`, for `seconds` or so many expected `intervals`."""

    __pydantic_config__ = AS_WRITTEN

    metric: str | None = None
    seconds: int | None = None
    intervals: float | None = None
    kind: Literal["absent"] = "absent"

    def patience_us(self, interval_seconds: int) -> int:
        """For how long nothing may come from terminals that report so often."""
        if self.seconds is not None:
            return self.seconds * SECOND_US
        assert self.intervals is not None
        return round(self.intervals * interval_seconds * SECOND_US)


@dataclass(frozen=True, slots=True)
class Silence:
    """A terminal is silent, or without a session; over when that was not so for `back_seconds`.

    Silent is who sent nothing for as long as its tier is patient: see `telemetry.presence`.
    """

    __pydantic_config__ = AS_WRITTEN

    of: Missing
    back_seconds: int = 0
    kind: Literal["silence"] = "silence"


ByTime: TypeAlias = Absent | Silence
"""What no row shows: it is looked for when its time has come."""


class Dues:
    """Who is to be looked at when, by the second: nobody is looked at before their time.

    Who was put in twice is told twice.
    """

    def __init__(self) -> None:
        self._ids: dict[int, list[Int32s]] = defaultdict(list)
        self._seconds: list[int] = []

    def put(self, ids: Int32s, at_us: Int64s) -> None:
        """Look at these when their time (Unix us) has come, not before."""
        if not len(ids):
            return
        seconds = -(-at_us // SECOND_US)
        order = np.argsort(seconds, kind="stable")
        found, first = np.unique(seconds[order], return_index=True)
        for second, part in zip(found.tolist(), np.split(ids[order], first[1:]), strict=True):
            self._put(second, part)

    def take(self, until_us: int, most: int) -> Int32s:
        """Those whose time has come, the longest due first, so many at most; the rest stays."""
        found: list[Int32s] = [np.zeros(0, np.int32)]
        while self._seconds and self._seconds[0] * SECOND_US <= until_us and most > 0:
            second = heapq.heappop(self._seconds)
            ids = np.concatenate(self._ids.pop(second))
            found.append(ids[:most])
            if len(ids) > most:
                self._put(second, ids[most:])
            most -= len(found[-1])
        return np.unique(np.concatenate(found))

    def _put(self, second: int, ids: Int32s) -> None:
        if second not in self._ids:
            heapq.heappush(self._seconds, second)
        self._ids[second].append(ids.astype(np.int32, copy=False))
