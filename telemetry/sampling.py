"""How values become a series: as they came, thinned, or one a step; where steps begin; pure.

Steps are counted from the Unix epoch or, in a time zone, from the midnight of each local day: a day
of 23 or 25 hours is one day, and an hour is always an hour.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from telemetry.errors import (
    PointsInvalid,
    StepInvalid,
    StepMissing,
    TimesInvalid,
    TimeZoneUnknown,
    TooManyPoints,
)
from telemetry.model import Aggregate, Fill

MOST_POINTS = 10_000
FEWEST_POINTS = 3
LONGEST_STEP_SECONDS = 366 * 86_400

_DAY_SECONDS = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.date().toordinal()
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": _DAY_SECONDS}
_STEP = re.compile(r"([0-9]{1,9})([smhd]?)", re.ASCII)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", re.ASCII)


def step_seconds(text: str) -> int:
    """A step as people write it (`900`, `15m`, `1d`) in seconds; StepInvalid if it is none."""
    found = _STEP.fullmatch(text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 1 <= seconds <= LONGEST_STEP_SECONDS:
        raise StepInvalid(field="step")
    return seconds


def zone(name: str) -> ZoneInfo:
    """A zone of the IANA's database by its name; TimeZoneUnknown if there is none."""
    if not _ZONE.fullmatch(name):
        raise TimeZoneUnknown(field="timezone")
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise TimeZoneUnknown(f"There is no time zone {name[:80]}.", field="timezone") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """What is asked for beside metrics and a window.

    With `step_seconds` one `aggregate` for each step, gaps treated as `fill` says; else values as
    they came, with `points` at most so many of each metric.
    """

    step_seconds: int | None = None
    zone: ZoneInfo | None = None
    aggregate: Aggregate = Aggregate.AVERAGE
    fill: Fill = Fill.NONE
    points: int | None = None

    def check(self, start: datetime, end: datetime, metrics: int) -> None:
        """Refuse what does not go together, and what nobody can use, of so many metrics."""
        if self.step_seconds is None:
            if self.fill is not Fill.NONE:
                raise StepMissing(f"fill={self.fill} fills steps, and none is given.", field="fill")
            self._check_points(metrics)
            return
        if self.points is not None:
            raise PointsInvalid("Points are chosen of raw values, not of steps.", field="points")
        if not 1 <= self.step_seconds <= LONGEST_STEP_SECONDS:
            raise StepInvalid(field="step")
        if (
            self.zone is not None
            and self.step_seconds % _DAY_SECONDS
            and (_DAY_SECONDS % self.step_seconds)
        ):
            raise StepInvalid(
                "A step in a time zone is whole days, or goes into a day without a rest.",
                field="step",
            )
        if (end - start).total_seconds() / self.step_seconds > MOST_POINTS:
            raise TooManyPoints(
                f"This window has more than {MOST_POINTS} steps of {self.step_seconds} s.",
                field="step",
            )

    def _check_points(self, metrics: int) -> None:
        if self.points is None:
            return
        if not FEWEST_POINTS <= self.points <= MOST_POINTS:
            raise PointsInvalid(field="points")
        if self.points * metrics > MOST_POINTS:
            raise TooManyPoints(
                f"These are {metrics} metrics, and more than {MOST_POINTS} points in all.",
                field="points",
                remedy="Name fewer metrics, or ask for fewer points.",
            )

    def edges(self, start: datetime, end: datetime) -> list[datetime]:
        """Where the steps of a window begin: the first at or before `start`, all before `end`."""
        assert self.step_seconds is not None
        try:
            if self.zone is None:
                return _since_epoch(self.step_seconds, start, end)
            if self.step_seconds % _DAY_SECONDS == 0:
                days = _days(self.zone, self.step_seconds // _DAY_SECONDS, start, end)
                return _within(days, start, end)
            return _within(_of_days(self.zone, self.step_seconds, start, end), start, end)
        except OverflowError:
            raise TimesInvalid("These times are beyond any calendar.", field="from") from None


def _since_epoch(seconds: int, start: datetime, end: datetime) -> list[datetime]:
    step = timedelta(seconds=seconds)
    first, last = (start - _EPOCH) // step, -((_EPOCH - end) // step)
    return [_EPOCH + k * step for k in range(first, last)]


def _days(zone: ZoneInfo, days: int, start: datetime, end: datetime) -> Iterator[datetime]:
    """The midnights at which so many local days begin, from before `start` until after `end`."""
    last = end.astimezone(zone).date().toordinal() + days
    day = start.astimezone(zone).date().toordinal()
    for ordinal in range(day - (day - _EPOCH_DAY) % days, last + 1, days):
        # Where midnight is skipped or comes twice, the day begins with its first moment (fold 0).
        yield datetime.combine(date.fromordinal(ordinal), time(), zone).astimezone(UTC)


def _of_days(zone: ZoneInfo, seconds: int, start: datetime, end: datetime) -> Iterator[datetime]:
    step = timedelta(seconds=seconds)
    for midnight, next_midnight in pairwise(_days(zone, 1, start, end)):
        moment = midnight + max(0, (start - midnight) // step) * step
        while moment < next_midnight and moment < end:
            yield moment
            moment += step


def _within(moments: Iterator[datetime], start: datetime, end: datetime) -> list[datetime]:
    """Those in a window and the last one before it, each once: a zone can skip a whole day."""
    listed: list[datetime] = []
    for moment in moments:
        if moment <= start:
            listed = [moment]
        elif moment < end and moment != listed[-1]:
            listed.append(moment)
    return listed
