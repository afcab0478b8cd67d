"""When a rule acts: on which days of the week, from when until when, in a time zone; no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

from pydantic import TypeAdapter, ValidationError

from foundation.errors import Invalid
from telemetry.alarms.places import AS_WRITTEN

MOST_SPANS = 20


class ScheduleInvalid(Invalid):
    """A schedule that cannot be."""

    code = "schedule_invalid"
    remedy = "Name a time zone, such as Asia/Shanghai, and spans of days 1 (Monday) to 7."


@dataclass(frozen=True, slots=True)
class Span:
    """On these days (1 is Monday) from then until before then, perhaps in the next day."""

    __pydantic_config__ = AS_WRITTEN

    days: Sequence[int]
    begins: time
    ends: time


@dataclass(frozen=True, slots=True)
class Schedule:
    """Within any of these spans of a time zone."""

    __pydantic_config__ = AS_WRITTEN

    zone: str
    spans: Sequence[Span]


_SCHEDULE: TypeAdapter[Schedule] = TypeAdapter(Schedule)


def written(schedule: Schedule) -> dict[str, Any]:
    """As JSON has it."""
    said: dict[str, Any] = _SCHEDULE.dump_python(schedule, mode="json")
    return said


def read(said: Mapping[str, Any]) -> Schedule:
    """What JSON says; ScheduleInvalid tells what is wrong with it."""
    try:
        schedule = _SCHEDULE.validate_python(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, ("schedule", *first["loc"])))
        raise ScheduleInvalid(f"{where}: {first['msg']}.", field=where) from None
    if not 1 <= len(schedule.spans) <= MOST_SPANS:
        raise ScheduleInvalid(f"A schedule has 1 to {MOST_SPANS} spans.", field="schedule.spans")
    for span in schedule.spans:
        if not span.days or not set(span.days) <= set(range(1, 8)):
            raise ScheduleInvalid("A span has days from 1 to 7.", field="schedule.spans")
        if span.begins == span.ends or span.begins.tzinfo or span.ends.tzinfo:
            why = "A span begins and ends at two times of the day, in the schedule's zone."
            raise ScheduleInvalid(why, field="schedule.spans")
    return schedule
