"""Readings and events as the API shows them."""

from pydantic import Field

from api.schemas.shapes import Answer, Utc
from telemetry.model import Across, Aggregate, Fill, Resolution

Value = bool | int | float | str

_MADE_OF = "Of what it is made: raw readings, roll-ups by hour or by day, or several of these."


class LatestAnswer(Answer):
    """The newest value of one metric, by the device's clock."""

    metric: str = Field(examples=["voltage_a"])
    time: Utc
    value: Value = Field(examples=[231.2])


class LatestValuesAnswer(Answer):
    """The newest value of each metric of a terminal."""

    terminal: str = Field(examples=["METER-1"])
    items: list[LatestAnswer]


class LatestOfManyAnswer(Answer):
    """The newest values of some terminals; `next` opens the page after them, null on the last."""

    next: str | None = Field(examples=["cMETER-50.50"])
    items: list[LatestValuesAnswer]


class SeriesAnswer(Answer):
    """Values by time: `columns[metric][i]` was measured at `times[i]`, null where it was not.

    With a step, `times` are the beginnings of its steps. `readings` is how many readings there are;
    where it is `thinned`, values are left out, and null stands for those, too.
    """

    terminal: str = Field(examples=["METER-1"])
    resolution: Resolution = Field(description=_MADE_OF)
    step_seconds: int | None = Field(examples=[None])
    aggregate: Aggregate | None = Field(description="Null where values are raw.")
    fill: Fill
    timezone: str | None = Field(examples=["Asia/Shanghai"])
    thinned: bool
    readings: int = Field(examples=[1])
    times: list[Utc]
    columns: dict[str, list[Value | None]] = Field(examples=[{"voltage_a": [231.2]}])


class SeriesOfManyAnswer(Answer):
    """The series of some terminals in one window, each as it would be by itself."""

    start: Utc = Field(alias="from")
    end: Utc = Field(alias="to")
    items: list[SeriesAnswer]


class SetColumns(Answer):
    """For each step a value, and of how many readings and terminals it is made."""

    value: list[float | None] = Field(examples=[[231.2]])
    readings: list[int] = Field(examples=[[360]])
    terminals: list[int] = Field(examples=[[6]])


class SetSeriesAnswer(Answer):
    """One metric over many terminals, by step; `terminals` are in the set, heard of or not."""

    profile: str = Field(examples=["smart_meter"])
    metric: str = Field(examples=["voltage_a"])
    step_seconds: int = Field(examples=[900])
    aggregate: Aggregate
    across: Across
    fill: Fill
    timezone: str | None = Field(examples=["Asia/Shanghai"])
    resolution: Resolution = Field(description=_MADE_OF)
    terminals: int = Field(examples=[7])
    readings: int = Field(examples=[360])
    times: list[Utc]
    columns: SetColumns


class EventAnswer(Answer):
    """Something that happened at a terminal; `delay_seconds` is our clock less the device's."""

    time: Utc
    terminal: str = Field(examples=["METER-1"])
    delay_seconds: int
    code: str = Field(examples=["last_gasp"])
    severity: str = Field(examples=["major"])
    text: str | None
    data: object | None
