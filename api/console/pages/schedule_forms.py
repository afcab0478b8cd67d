"""The part of a rule's form that says when the rule acts: spans of the week, a line for each."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Form
from pydantic import StringConstraints

from telemetry.alarms.schedules import MOST_SPANS, Schedule

_BLANK_LINES = 2
_Day = Annotated[str, StringConstraints(pattern=r"^\d{1,2}\.[1-7]$")]
_TimeOfDay = Annotated[str, StringConstraints(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")]
_Times = Annotated[list[_TimeOfDay] | None, Form(max_length=MOST_SPANS)]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: days of the week (1 is Monday), from when until when."""

    days: frozenset[int] = frozenset()
    begins: str = ""
    ends: str = ""

    @property
    def is_blank(self) -> bool:
        return not (self.days or self.begins or self.ends)


@dataclass(frozen=True, slots=True)
class Times:
    """What is filled in; a day says of which line it is. Nothing but blank lines is always."""

    zone: Annotated[str, Form(max_length=64)] = ""
    day: Annotated[list[_Day] | None, Form(max_length=7 * MOST_SPANS)] = None
    span_from: _Times = None
    span_to: _Times = None

    @classmethod
    def of(cls, schedule: Schedule | None) -> "Times":
        """As a schedule fills it in."""
        if schedule is None:
            return cls()
        numbered = enumerate(schedule.spans)
        return cls(
            zone=schedule.zone,
            day=[f"{n}.{day}" for n, span in numbered for day in span.days],
            span_from=[f"{span.begins:%H:%M}" for span in schedule.spans],
            span_to=[f"{span.ends:%H:%M}" for span in schedule.spans],
        )

    def lines(self) -> list[Line]:
        """Those that are filled in."""
        times = zip(self.span_from or [], self.span_to or [], strict=False)
        chosen = [tuple(map(int, day.split("."))) for day in self.day or []]
        lines = [
            Line(frozenset(day for line, day in chosen if line == n), begins, ends)
            for n, (begins, ends) in enumerate(times)
        ]
        return [line for line in lines if not line.is_blank]

    def offered(self) -> list[Line]:
        """Those, and blank ones to go on with."""
        return (self.lines() + [Line()] * _BLANK_LINES)[:MOST_SPANS]

    def schedule(self, zone: str) -> dict[str, Any] | None:
        """As the verbs take it, in `zone` where none is filled in."""
        spans = [{"days": sorted(line.days), "begins": line.begins, "ends": line.ends}
                 for line in self.lines()]  # fmt: skip
        return {"zone": self.zone.strip() or zone, "spans": spans} if spans else None
