"""Completeness as the API shows it."""

from datetime import date, datetime

from pydantic import Field

from api.schemas.shapes import Answer, Utc
from telemetry.gaps import GapKind


class CountsAnswer(Answer):
    """Messages with readings by their fate, counted on the day (UTC) that they are of."""

    received: int = Field(description="All of them.", examples=[1440])
    stored: int = Field(examples=[1438])
    duplicate: int = Field(examples=[2])
    quarantined: int = Field(examples=[0], description="Counted on the day on which they came.")
    late: int = Field(examples=[3], description="Stored ones that came after five minutes.")
    bytes: int = Field(examples=[120_960], description="Of their payloads.")


class DayAnswer(CountsAnswer):
    """One day of a terminal."""

    day: date
    expected: int | None = Field(
        examples=[1440],
        description="By its profile's interval, so far; null when it is not in service.",
    )
    missing: int = Field(
        examples=[0], description="Numbers that it gave up, or that have not come."
    )


class GapAnswer(Answer):
    """What is missing: numbers of a terminal, or whatever came while its broker lost it."""

    kind: GapKind
    begins_at: datetime | None = Field(examples=["2026-11-23T12:00:00Z"])
    ends_at: Utc
    boot: str | None = Field(examples=["a7"])
    first_seq: int | None = Field(examples=[41])
    last_seq: int | None = Field(examples=[43])
    messages: int | None = Field(examples=[3], description="How many, where anybody counted.")


class TerminalCompletenessAnswer(Answer):
    """Days, newest first, and gaps, newest first."""

    terminal: str = Field(examples=["METER-1"])
    items: list[DayAnswer]
    gaps: list[GapAnswer]


class SumAnswer(CountsAnswer):
    """A sum over terminals; `key` is a day, or the code of a group client or province."""

    key: str = Field(examples=["2026-11-23"])
    expected: int = Field(
        examples=[28_800],
        description="Of the terminals that are in service and were so when a day began.",
    )
