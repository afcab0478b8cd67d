"""A likely-looking line for any metric of any profile, from its type and range alone."""

from datetime import datetime

from deploy.simulator.chance import chance, drift, seed_of
from deploy.simulator.curves import Value
from deploy.simulator.curves.day import local_seconds
from registry.model import Metric, MetricType

_PERIOD_SECONDS = 3600.0


def value(metric: Metric, seed: int, at: datetime) -> Value:
    """A value within the metric's range (0 to 100 where it names no end), wandering by the hour."""
    local = local_seconds(at)
    own = seed_of(seed, metric.name)
    low = metric.low if metric.low is not None else min(0.0, metric.high or 0.0)
    high = metric.high if metric.high is not None else max(low + 100.0, 100.0)
    match metric.type:
        case MetricType.BOOLEAN:
            return chance(own, 1, int(local // _PERIOD_SECONDS)) < 0.5
        case MetricType.TEXT:
            return f"state {int(4 * chance(own, 1, int(local // _PERIOD_SECONDS)))}"
    inside = low + (high - low) * (0.5 + 0.4 * drift(own, 1, local, _PERIOD_SECONDS))
    if metric.type is MetricType.BIGINT:
        return round(inside)
    return round(inside, 3 if metric.decimals is None else metric.decimals)
