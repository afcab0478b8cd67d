"""Readings as columns: what the bridge gathers, the writer stores and the feed carries; no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from registry.model import DeviceProfile, Metric, MetricType

Int32s: TypeAlias = NDArray[np.int32]
Int64s: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Values: TypeAlias = NDArray[Any]

MOST_EXACT = 2**53
"""Integers up to here, either sign, are exact as double precision."""


def storage(metric: Metric) -> np.dtype[Any]:
    """How a metric's values are kept: a metric with decimals is a whole number of its last one."""
    if metric.decimals is not None:
        return np.dtype(np.int64)
    return _STORAGE[metric.type]


_STORAGE: dict[MetricType, np.dtype[Any]] = {
    MetricType.DOUBLE: np.dtype(np.float64),
    MetricType.BIGINT: np.dtype(np.int64),
    MetricType.BOOLEAN: np.dtype(np.bool_),
    MetricType.TEXT: np.dtype(np.object_),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One metric of some rows, as `storage` says; where not `present`, a value means nothing."""

    values: Values
    present: Flags

    @classmethod
    def absent(cls, kind: np.dtype[Any], rows: int) -> "Column":
        """A column to fill, of values of this storage."""
        return cls(np.zeros(rows, kind), np.zeros(rows, np.bool_))

    def take(self, chosen: Any) -> "Column":
        """The chosen rows (a mask, an index array or a slice)."""
        return Column(self.values[chosen], self.present[chosen])


@dataclass(frozen=True, slots=True)
class Rows:
    """Readings of one profile, sorted by (terminal, time) and each such key once.

    Row k is of `terminal_ids[k]` at `times_us[k]`, received at `received_us[k]` (Unix us). A metric
    that no row has may be left out of `columns`.
    """

    profile: DeviceProfile
    terminal_ids: Int32s
    times_us: Int64s
    received_us: Int64s
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.terminal_ids)

    def take(self, chosen: Any) -> "Rows":
        """The chosen rows (a mask, an ascending index array or a slice)."""
        return Rows(
            self.profile,
            self.terminal_ids[chosen],
            self.times_us[chosen],
            self.received_us[chosen],
            {name: column.take(chosen) for name, column in self.columns.items()},
        )

    def occupied(self) -> list[str]:
        """The metrics that at least one row has, in the profile's order."""
        return [
            m.name
            for m in self.profile.metrics
            if m.name in self.columns and self.columns[m.name].present.any()
        ]
