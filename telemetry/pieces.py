"""What changes of hands cut out of the roll-ups of many terminals; pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from telemetry.members import Member
from telemetry.resolution import DAY, HOUR, Plan, Span, day_of, hour_of


class Piece(NamedTuple):
    """Of one terminal, a part of the time for which it counts."""

    terminal_id: int
    since: datetime
    until: datetime


class Pieces(NamedTuple):
    """What is read beside a plan's buckets: raw readings of cut hours, hours of cut days."""

    raw: Sequence[Piece]
    hourly: Sequence[Piece]


def pieces(plan: Plan, cuts: Iterable[tuple[int, datetime]], members: Iterable[Member]) -> Pieces:
    """Of buckets of a plan that `cuts` fall into, what lies in each member's time."""
    hours, days = set(), set()
    for terminal_id, at in cuts:
        daily = _within(at, plan.daily)
        if at != hour_of(at) and (daily or _within(at, plan.hourly)):
            hours.add((terminal_id, hour_of(at)))
        if at != day_of(at) and daily:
            days.add((terminal_id, day_of(at)))
    counted = defaultdict(list)
    for terminal_id, since, until in members:
        counted[terminal_id].append((since, until))
    raw = [
        Piece(terminal_id, max(hour, since), min(hour + HOUR, until))
        for terminal_id, hour in sorted(hours)
        for since, until in counted[terminal_id]
    ]
    hourly = [
        Piece(terminal_id, max(day, _next_hour(since)), min(day + DAY, hour_of(until)))
        for terminal_id, day in sorted(days)
        for since, until in counted[terminal_id]
    ]
    return Pieces(*([p for p in found if p.since < p.until] for found in (raw, hourly)))


def _next_hour(time: datetime) -> datetime:
    hour = hour_of(time)
    return hour if hour == time else hour + HOUR


def _within(time: datetime, spans: Iterable[Span]) -> bool:
    return any(start <= time < end for start, end in spans)
