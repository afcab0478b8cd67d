"""Numbered messages for load: every (terminal, ts) is unique, every value noisy, all repeatable.

Message n of the whole load belongs to terminal n modulo the number of terminals, so that a count of
messages says exactly which rows must exist.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from deploy.simulator.chance import seed_of


@dataclass(frozen=True, slots=True)
class Gauge:
    """A metric of the load: its name and range, and how many decimals are sent."""

    name: str
    low: float
    high: float
    decimals: int = 2


GAUGES = (
    Gauge("voltage", 210.0, 245.0, 1),
    Gauge("current", 0.0, 60.0, 2),
    Gauge("power", 0.0, 13.0, 3),
    Gauge("temperature", -20.0, 60.0, 1),
)
"""Four metrics with the noise of real sensors; the profile `bench_meter` has the same."""


@dataclass(frozen=True, slots=True)
class Numbering:
    """Which messages a load is made of: `per_terminal` of each terminal, in order of time.

    The times of a terminal are `step_ms` apart from `base_ms` (Unix) on, each moved ahead by a
    random part of the step.
    """

    base_ms: int
    step_ms: int
    per_terminal: int
    gauges: Sequence[Gauge] = GAUGES
    seed: int = 1

    def payloads(self, terminal: str) -> Iterator[bytes]:
        """The payloads of one terminal, number 1 first (its `seq`)."""
        noise = np.random.default_rng(seed_of(self.seed, terminal))
        count = self.per_terminal
        times = self.base_ms + self.step_ms * np.arange(count)
        times += noise.integers(0, self.step_ms, count)
        columns = [
            np.round(noise.uniform(g.low, g.high, count), g.decimals).tolist() for g in self.gauges
        ]
        values = ",".join(f'"{g.name}":%.{g.decimals}f' for g in self.gauges)
        template = '{"ts":%d,"seq":%d,"values":{' + values + "}}"
        for number, (ts_ms, *row) in enumerate(zip(times.tolist(), *columns, strict=True), 1):
            yield (template % (ts_ms, number, *row)).encode()
