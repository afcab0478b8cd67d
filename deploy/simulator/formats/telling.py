"""What every format is told of a reading."""

from collections.abc import Mapping
from typing import NamedTuple

from deploy.simulator.curves import Value


class Told(NamedTuple):
    """Reading `number` of a terminal that calls itself `name`, at `ts_ms` (Unix), with units."""

    name: str
    number: int
    ts_ms: int
    values: Mapping[str, Value]
    units: Mapping[str, str | None]

    def figure(self, metric: str) -> float | None:
        """A numeric value; None where there is none."""
        value = self.values.get(metric)
        return float(value) if isinstance(value, int | float) else None
