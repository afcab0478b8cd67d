"""Local time as the curves use it."""

from datetime import datetime, timedelta

DAY_SECONDS = 86_400.0


def local_seconds(at: datetime) -> float:
    """Seconds on the wall clock of `at`'s zone since 1970-01-01 00:00 on that clock."""
    return at.timestamp() + (at.utcoffset() or timedelta()).total_seconds()


def local_hour(at: datetime) -> float:
    """The hour of the local day with its fraction, 0 <= hour < 24."""
    return local_seconds(at) % DAY_SECONDS / 3600.0


def local_day(at: datetime) -> int:
    """The number of the local day since 1970-01-01."""
    return int(local_seconds(at) // DAY_SECONDS)


def ramp(hour: float, start: float, end: float) -> float:
    """0 before `start`, 1 after `end`, smooth in between; its slope is zero at both."""
    share = min(max((hour - start) / (end - start), 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)
