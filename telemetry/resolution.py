"""Of what a series by step is made: which parts of its window from raw readings, hours, days; pure.

A bucket is taken whole or not at all. It is not taken if a step, or what the asker sees, begins or
ends inside it, or if more may have come into it than was rolled up; then it is read raw. An hour
within a day is taken as an hour.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from telemetry.model import Resolution

MOST_SPANS = 16
"""Of one kind in a plan: each is a part of the query, and what is too short for its own is raw."""

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_HOURS = 24

Span = tuple[datetime, datetime]
"""From its first instant to before its second."""
_Hours = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is known of a profile's roll-ups for some terminals.

    All from `complete_from` on is rolled up, but for what is due and for what may have come since
    `unseen_from`; before `raw_from` there is nothing but roll-ups.
    """

    complete_from: datetime
    raw_from: datetime
    unseen_from: datetime
    due_hours: Sequence[datetime]
    due_days: Sequence[datetime]


@dataclass(frozen=True, slots=True)
class Plan:
    """Spans that do not overlap and make up a window."""

    raw: Sequence[Span]
    hourly: Sequence[Span] = ()
    daily: Sequence[Span] = ()

    @property
    def is_raw(self) -> bool:
        """Whether no roll-up is read."""
        return not self.hourly and not self.daily


def plan(window: Span, steps: Sequence[datetime], cuts: Iterable[datetime], ground: Ground) -> Plan:
    """How a window is read whose `steps` begin there; `cuts` are where what is seen ends."""
    start, end = window
    first, last = _up(start), _down(end)
    edges = [edge for edge in (*steps, *cuts) if start < edge < end]
    raw_from = _up(ground.raw_from)
    blocked = [(raw_from, _up(ground.complete_from)), (_down(ground.unseen_from), last)]
    blocked += [(hour, hour + 1) for hour in map(_down, ground.due_hours) if hour >= raw_from]
    blocked += [(_down(edge), _down(edge) + 1) for edge in edges if _up(edge) != _down(edge)]
    whole = _longest(_without((first, last), blocked), MOST_SPANS - 1)
    days = {_down(edge) // _DAY_HOURS for edge in edges if (edge - _EPOCH) % DAY}
    days |= {_down(day) // _DAY_HOURS for day in ground.due_days}
    no_days = [(day * _DAY_HOURS, (day + 1) * _DAY_HOURS) for day in days]
    daily = _longest(
        [
            span
            for begin, until in whole
            for span in _without(
                (-(-begin // _DAY_HOURS) * _DAY_HOURS, until // _DAY_HOURS * _DAY_HOURS), no_days
            )
        ],
        MOST_SPANS - 1,
    )
    hourly = [part for span in whole for part in _without(span, daily)]
    edges_of_raw = [start, *(at for span in _spans(whole) for at in span), end]
    raw = [
        (begin, until)
        for begin, until in zip(edges_of_raw[::2], edges_of_raw[1::2], strict=True)
        if begin < until
    ]
    return Plan(raw, _spans(hourly), _spans(daily))


def resolution(plans: Iterable[Plan]) -> Resolution:
    """What the parts of these plans are: of one kind, or mixed."""
    used = set()
    for one in plans:
        for spans, kind in (
            (one.raw, Resolution.RAW),
            (one.hourly, Resolution.HOURLY),
            (one.daily, Resolution.DAILY),
        ):
            if spans:
                used.add(kind)
    return used.pop() if len(used) == 1 else Resolution.MIXED if used else Resolution.RAW


def hour_of(time: datetime) -> datetime:
    """The beginning of its hour."""
    return _EPOCH + _down(time) * HOUR


def day_of(time: datetime) -> datetime:
    """The beginning of its UTC day."""
    return _EPOCH + (time - _EPOCH) // DAY * DAY


def _down(time: datetime) -> int:
    return (time - _EPOCH) // HOUR


def _up(time: datetime) -> int:
    return -((_EPOCH - time) // HOUR)


def _without(span: _Hours, blocked: Iterable[_Hours]) -> list[_Hours]:
    """What is left of a span."""
    at, end = span
    left = []
    for begin, until in sorted(blocked):
        if until <= at or begin >= until:
            continue
        if begin >= end:
            break
        if begin > at:
            left.append((at, begin))
        at = until
    if at < end:
        left.append((at, end))
    return left


def _longest(spans: list[_Hours], most: int) -> list[_Hours]:
    return sorted(sorted(spans, key=lambda span: span[0] - span[1])[:most])


def _spans(spans: Iterable[_Hours]) -> list[Span]:
    return [(_EPOCH + begin * HOUR, _EPOCH + until * HOUR) for begin, until in spans]
